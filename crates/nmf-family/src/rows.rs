//! Padded row-major storage, the one layout the kernels see.
//!
//! Inside the crate everything is frame-major, as a stream delivers it: X is kept as [frame, bin] and H as
//! [frame, atom], so a block of frames is one contiguous slice. Rows are padded with zeros to whole vector
//! registers and their number to whole tiles; zeros stay zeros under every update rule, so no kernel has a tail.

use crate::simd::{AddTransposed, InverseAndRatio, Operand, Product, Ratio, Real, Sink, Store, TILE_ROWS};
use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};
use ndarray::{Array2, ArrayView2};
use std::marker::PhantomData;

/// Frames per block: 64 x 257 `f64` and its reconstruction stay in a 1 MB second-level cache.
pub(crate) const BLOCK: usize = 64;

/// Chunks into which a matrix is cut for the threads and for sums over frames. Their number depends on the
/// matrix alone and their partial sums are added in order, so any number of threads gives the same bits.
const CHUNKS: usize = 64;

#[derive(Clone, Debug)]
pub(crate) struct Rows<T> {
    lines: Vec<Line>,
    rows: usize,
    columns: usize,
    /// Distance between rows: `columns` rounded up to whole lines.
    width: usize,
    values: PhantomData<T>,
}

/// A line of the cache. A vector of 64 bytes that lies across two of them is read, and worse, written twice.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

impl<T: Real> Rows<T> {
    pub(crate) fn zeros(rows: usize, columns: usize) -> Self {
        let lines = columns.div_ceil(64 / size_of::<T>());
        Self {
            lines: vec![Line::zeroed(); rows.next_multiple_of(TILE_ROWS) * lines],
            rows,
            columns,
            width: lines * (64 / size_of::<T>()),
            values: PhantomData,
        }
    }

    pub(crate) fn from_view(view: ArrayView2<T>) -> Self {
        let mut rows = Self::zeros(view.nrows(), view.ncols());
        for (r, source) in view.rows().into_iter().enumerate() {
            for (to, &from) in rows.row_mut(r).iter_mut().zip(source) {
                *to = from;
            }
        }
        rows
    }

    pub(crate) fn to_array(&self) -> Array2<T> {
        Array2::from_shape_fn((self.rows, self.columns), |(r, c)| self.row(r)[c])
    }

    /// The array [columns, rows], in memory still row by row: the public [bin, frame] from our [frame, bin].
    pub(crate) fn to_transposed_array(&self) -> Array2<T> {
        self.to_array().reversed_axes()
    }

    pub(crate) fn transposed(&self) -> Self {
        let mut flipped = Self::zeros(self.columns, self.rows);
        for r in 0..self.rows {
            for c in 0..self.columns {
                flipped.row_mut(c)[r] = self.row(r)[c];
            }
        }
        flipped
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The row without its padding.
    pub(crate) fn row(&self, r: usize) -> &[T] {
        &self.data()[r * self.width..][..self.columns]
    }

    /// The row with its padding: whole vectors.
    pub(crate) fn padded_row(&self, r: usize) -> &[T] {
        &self.data()[r * self.width..][..self.width]
    }

    pub(crate) fn row_mut(&mut self, r: usize) -> &mut [T] {
        let Self { columns, width, .. } = *self;
        &mut self.data_mut()[r * width..][..columns]
    }

    pub(crate) fn view(&self) -> Block<'_, T> {
        Block { data: self.data(), columns: self.columns, width: self.width }
    }

    pub(crate) fn view_mut(&mut self) -> BlockMut<'_, T> {
        let Self { columns, width, .. } = *self;
        BlockMut { data: self.data_mut(), columns, width }
    }

    /// The first rows of a work space, as many as the block at hand has.
    pub(crate) fn first(&mut self, rows: usize) -> BlockMut<'_, T> {
        let Self { columns, width, .. } = *self;
        BlockMut { data: &mut self.data_mut()[..rows * width], columns, width }
    }

    /// The values with their padding, for element-wise loops over matrices of one shape.
    pub(crate) fn data(&self) -> &[T] {
        cast_slice(&self.lines)
    }

    pub(crate) fn data_mut(&mut self) -> &mut [T] {
        cast_slice_mut(&mut self.lines)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, &term) in self.data_mut().iter_mut().zip(other.data()) {
            *sum += term;
        }
    }
}

/// Some consecutive rows of [`Rows`], a whole number of tiles.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) columns: usize,
    pub(crate) width: usize,
}

pub(crate) struct BlockMut<'a, T> {
    pub(crate) data: &'a mut [T],
    pub(crate) columns: usize,
    pub(crate) width: usize,
}

impl<'a, T: Real> Block<'a, T> {
    /// Rows, padding included.
    pub(crate) fn rows(&self) -> usize {
        self.data.len() / self.width
    }

    /// self · b into `c`; both have as many columns.
    pub(crate) fn times(self, b: Block<T>, c: BlockMut<T>) {
        self.product(b, Store(c.data));
    }

    /// c += selfᵀ · b.
    pub(crate) fn add_transposed_times(self, b: Block<T>, c: BlockMut<T>) {
        let (rows, depth) = (c.data.len() / c.width, self.rows());
        let out = AddTransposed(c.data);
        Product { a: self.operand(), b: b.operand(), rows, depth, columns: b.columns, out }.run();
    }

    /// x / y for y = self · b, held above `floor`.
    pub(crate) fn ratio(self, b: Block<T>, x: Block<T>, floor: T, ratio: BlockMut<T>) {
        self.product(b, Ratio { x: x.data, floor, ratio: ratio.data });
    }

    /// 1 / y and x / y² for y = self · b, held above `floor`.
    pub(crate) fn inverse_and_ratio(
        self,
        b: Block<T>,
        x: Block<T>,
        floor: T,
        inverse: BlockMut<T>,
        ratio: BlockMut<T>,
    ) {
        self.product(b, InverseAndRatio { x: x.data, floor, inverse: inverse.data, ratio: ratio.data });
    }

    fn product(self, b: Block<T>, out: impl Sink<T>) {
        let (rows, depth) = (self.rows(), self.columns);
        Product { a: self.operand(), b: b.operand(), rows, depth, columns: b.columns, out }.run();
    }

    fn operand(self) -> Operand<'a, T> {
        Operand { data: self.data, width: self.width }
    }

    pub(crate) fn blocks(self, rows: usize) -> impl Iterator<Item = Block<'a, T>> {
        let Self { columns, width, .. } = self;
        self.data.chunks(rows * width).map(move |data| Block { data, columns, width })
    }
}

impl<'a, T: Real> BlockMut<'a, T> {
    pub(crate) fn blocks(self, rows: usize) -> impl Iterator<Item = BlockMut<'a, T>> {
        let Self { columns, width, .. } = self;
        self.data.chunks_mut(rows * width).map(move |data| BlockMut { data, columns, width })
    }

    pub(crate) fn view(&self) -> Block<'_, T> {
        Block { data: self.data, columns: self.columns, width: self.width }
    }

    pub(crate) fn reborrow(&mut self) -> BlockMut<'_, T> {
        BlockMut { data: self.data, columns: self.columns, width: self.width }
    }
}

/// Rows per chunk for a matrix of `rows` rows.
pub(crate) fn chunk_rows(rows: usize) -> usize {
    rows.div_ceil(CHUNKS).max(4 * BLOCK).next_multiple_of(BLOCK)
}
