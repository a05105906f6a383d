//! The arithmetic every solver spends its time in: small matrix products with a tall, thin factor.
//!
//! A spectrogram block is [64 frames, 257 bins] and the atoms [257 bins, 20 atoms]: packing, which general
//! matrix products need, would cost as much as the product. The tile below reads both operands in place.

use num_traits::{Float, FromPrimitive, NumAssign};
use pulp::{Simd, WithSimd};
use std::fmt::Debug;
use std::iter::Sum;

/// The sample types the crate works on: `f32` and `f64`. Sealed.
pub trait Real:
    Float + FromPrimitive + NumAssign + Sum + Default + Debug + Send + Sync + sealed::Vectorised + 'static
{
    /// Converts a constant; exact for `f64`, rounded for `f32`.
    fn of(value: f64) -> Self;
    /// Widens to `f64`, exactly.
    fn wide(self) -> f64;
}

mod sealed {
    use pulp::Simd;

    /// How a scalar type maps to the vector registers of an instruction set.
    pub trait Vectorised: Sized {
        type Lanes<S: Simd>: Copy;
        fn splat<S: Simd>(simd: S, value: Self) -> Self::Lanes<S>;
        fn lanes<S: Simd>(values: &[Self]) -> (&[Self::Lanes<S>], &[Self]);
        fn lanes_mut<S: Simd>(values: &mut [Self]) -> (&mut [Self::Lanes<S>], &mut [Self]);
        fn fused<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>, c: Self::Lanes<S>)
        -> Self::Lanes<S>;
        fn sum_lanes<S: Simd>(simd: S, a: Self::Lanes<S>) -> Self;
    }
}
use sealed::Vectorised;

macro_rules! real {
    ($t:ident, $lanes:ident, $splat:ident, $as:ident, $as_mut:ident, $mul_add:ident, $sum:ident) => {
        impl Vectorised for $t {
            type Lanes<S: Simd> = S::$lanes;
            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: $t) -> S::$lanes {
                simd.$splat(value)
            }
            #[inline(always)]
            fn lanes<S: Simd>(values: &[$t]) -> (&[S::$lanes], &[$t]) {
                S::$as(values)
            }
            #[inline(always)]
            fn lanes_mut<S: Simd>(values: &mut [$t]) -> (&mut [S::$lanes], &mut [$t]) {
                S::$as_mut(values)
            }
            #[inline(always)]
            fn fused<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes, c: S::$lanes) -> S::$lanes {
                simd.$mul_add(a, b, c)
            }
            #[inline(always)]
            fn sum_lanes<S: Simd>(simd: S, a: S::$lanes) -> $t {
                simd.$sum(a)
            }
        }
        impl Real for $t {
            #[inline(always)]
            fn of(value: f64) -> $t {
                value as $t
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                self.into()
            }
        }
    };
}
real!(f32, f32s, splat_f32s, as_simd_f32s, as_mut_simd_f32s, mul_add_e_f32s, reduce_sum_f32s);
real!(f64, f64s, splat_f64s, as_simd_f64s, as_mut_simd_f64s, mul_add_e_f64s, reduce_sum_f64s);

/// Runs `work` with vectors of at most 32 bytes, for which the rows are padded. Wider ones could exist: which
/// instruction sets pulp knows is decided by every crate of a build together.
#[inline(always)]
fn dispatch<Work: WithSimd>(work: Work) -> Work::Output {
    #[cfg(target_arch = "x86_64")]
    {
        match pulp::x86::V3::try_new() {
            Some(simd) => Simd::vectorize(simd, work),
            None => Simd::vectorize(pulp::Scalar, work),
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    pulp::Arch::new().dispatch(work)
}

/// Runs `work` compiled for the vectors of this processor, so that plain loops vectorise.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    dispatch(work)
}

/// Σ aₙ bₙ over the shorter length.
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    dispatch(Dot { a, b })
}

struct Dot<'a, T> {
    a: &'a [T],
    b: &'a [T],
}

impl<T: Real> WithSimd for Dot<'_, T> {
    type Output = T;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> T {
        dot_with(simd, self.a, self.b)
    }
}

/// [`dot`] inside code that already runs on `simd`. Four sums in flight hide the latency of the addition.
#[inline(always)]
pub(crate) fn dot_with<T: Real, S: Simd>(simd: S, a: &[T], b: &[T]) -> T {
    let length = a.len().min(b.len());
    let ((a, a_rest), (b, b_rest)) = (T::lanes::<S>(&a[..length]), T::lanes::<S>(&b[..length]));
    let mut sums = [T::splat(simd, T::zero()); 4];
    let (a_quads, b_quads) = (a.chunks_exact(4), b.chunks_exact(4));
    let tail = a_quads.remainder().iter().zip(b_quads.remainder());
    for (a, b) in a_quads.zip(b_quads) {
        for q in 0..4 {
            sums[q] = T::fused(simd, a[q], b[q], sums[q]);
        }
    }
    for (&a, &b) in tail {
        sums[0] = T::fused(simd, a, b, sums[0]);
    }
    let rest: T = a_rest.iter().zip(b_rest).map(|(&a, &b)| a * b).sum();
    (T::sum_lanes(simd, sums[0]) + T::sum_lanes(simd, sums[1]))
        + (T::sum_lanes(simd, sums[2]) + T::sum_lanes(simd, sums[3]))
        + rest
}

/// Reads a block once from front to back, one value a cache line. The processor prefetches such a stream, but not
/// the four interleaved rows of a tile: asked for in this order, a product with a block from main memory takes
/// three quarters of the time.
pub(crate) fn warm<T: Real>(block: &[T]) {
    let line = 64 / size_of::<T>();
    let mut sums = [T::zero(); 4];
    for lines in block.chunks_exact(4 * line) {
        for (sum, line) in sums.iter_mut().zip(lines.chunks_exact(line)) {
            *sum += line[0];
        }
    }
    std::hint::black_box(sums);
}

/// A row-major operand: `rows` x `width` values, rows `width` apart. See [`crate::rows::Rows`] for the padding.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) width: usize,
}

/// C = A B, with A `rows` x `depth`.
pub(crate) fn product<T: Real>(a: Operand<T>, b: Operand<T>, depth: usize, c: &mut [T]) {
    let rows = c.len() / b.width;
    dispatch(Product::<T, false> { a, b, c, rows, depth });
}

/// C += Aᵀ B, with A `depth` x `rows`.
pub(crate) fn add_transposed_product<T: Real>(a: Operand<T>, b: Operand<T>, depth: usize, c: &mut [T]) {
    let rows = c.len() / b.width;
    dispatch(Product::<T, true> { a, b, c, rows, depth });
}

/// C = A B, or with A transposed C += Aᵀ B.
struct Product<'a, T, const TRANSPOSED: bool> {
    a: Operand<'a, T>,
    b: Operand<'a, T>,
    c: &'a mut [T],
    rows: usize,
    depth: usize,
}

/// Rows of C per tile: 4 x 3 sums, 3 lanes of B and a broadcast of A fill the 16 registers of AVX2.
/// (AVX-512 would waste half a register on 20 atoms, and brings this shape no more multiply-adds a cycle.)
pub(crate) const TILE_ROWS: usize = 4;

impl<T: Real, const TRANSPOSED: bool> WithSimd for Product<'_, T, TRANSPOSED> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let lanes = size_of::<T::Lanes<S>>() / size_of::<T>();
        let columns = self.b.width / lanes;
        debug_assert!(self.b.width.is_multiple_of(lanes) && self.rows.is_multiple_of(TILE_ROWS));
        // Columns outside: the narrow panel of B stays in the first-level cache while the rows of A go by.
        let mut column = 0;
        while column < columns {
            let step = (columns - column).min(3);
            for row in (0..self.rows).step_by(TILE_ROWS) {
                match step {
                    3 => self.tile::<S, 3>(simd, row, column * lanes, lanes),
                    2 => self.tile::<S, 2>(simd, row, column * lanes, lanes),
                    _ => self.tile::<S, 1>(simd, row, column * lanes, lanes),
                }
            }
            column += step;
        }
    }
}

impl<T: Real, const TRANSPOSED: bool> Product<'_, T, TRANSPOSED> {
    /// Adds to `TILE_ROWS` rows by `COLUMNS` vectors of C, held in registers over the whole depth.
    #[inline(always)]
    fn tile<S: Simd, const COLUMNS: usize>(&mut self, simd: S, row: usize, start: usize, lanes: usize) {
        let Self { a, b, ref mut c, depth, .. } = *self;
        let end = start + COLUMNS * lanes;
        let mut sums: [[T::Lanes<S>; COLUMNS]; TILE_ROWS] = std::array::from_fn(|r| {
            let tile = T::lanes::<S>(&c[(row + r) * b.width..][start..end]).0;
            std::array::from_fn(|v| if TRANSPOSED { tile[v] } else { T::splat(simd, T::zero()) })
        });
        let mut accumulate = |factors: [T; TILE_ROWS], b_row: &[T]| {
            let b_lanes = T::lanes::<S>(&b_row[start..end]).0;
            let b_lanes: [T::Lanes<S>; COLUMNS] = std::array::from_fn(|v| b_lanes[v]);
            for r in 0..TILE_ROWS {
                let factor = T::splat(simd, factors[r]);
                for v in 0..COLUMNS {
                    sums[r][v] = T::fused(simd, factor, b_lanes[v], sums[r][v]);
                }
            }
        };
        let b_rows = b.data.chunks_exact(b.width);
        if TRANSPOSED {
            for (a_row, b_row) in a.data.chunks_exact(a.width).take(depth).zip(b_rows) {
                let factors = &a_row[row..row + TILE_ROWS];
                accumulate(std::array::from_fn(|r| factors[r]), b_row);
            }
        } else {
            let a_rows: [&[T]; TILE_ROWS] = std::array::from_fn(|r| &a.data[(row + r) * a.width..][..depth]);
            for (d, b_row) in b_rows.take(depth).enumerate() {
                accumulate(std::array::from_fn(|r| a_rows[r][d]), b_row);
            }
        }
        for r in 0..TILE_ROWS {
            let tile = T::lanes_mut::<S>(&mut c[(row + r) * b.width..][start..end]).0;
            tile.copy_from_slice(&sums[r]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        (0..count as u64).map(|i| ((i * 2654435761 + seed) % 1000) as f64 / 500.0 - 1.0).collect()
    }

    /// Rows are padded to 32 bytes; a wider vector would leave out what does not fill it.
    #[test]
    fn vectors_fit_the_padding_whatever_pulp_may_use() {
        struct Width;
        impl WithSimd for Width {
            type Output = usize;
            fn with_simd<S: Simd>(self, _: S) -> usize {
                size_of::<S::f64s>()
            }
        }
        assert_eq!(32 % dispatch(Width), 0);
    }

    #[test]
    fn products_match_the_definition() {
        for (rows, depth, width) in [(4, 1, 4), (8, 7, 20), (12, 33, 8), (4, 0, 12), (20, 64, 28)] {
            let (a, b) = (numbers(rows * depth, 1), numbers(depth * width, 2));
            let start = numbers(rows * width, 3);
            let transposed: Vec<f64> = (0..depth * rows).map(|i| a[(i % rows) * depth + i / rows]).collect();
            let b_side = Operand { data: &b, width };
            let mut plain = start.clone();
            if depth == 0 {
                plain.fill(0.0);
            } else {
                product(Operand { data: &a, width: depth }, b_side, depth, &mut plain);
            }
            let mut flipped = start.clone();
            add_transposed_product(Operand { data: &transposed, width: rows }, b_side, depth, &mut flipped);
            for i in 0..rows * width {
                let sum: f64 = (0..depth).map(|d| a[i / width * depth + d] * b[d * width + i % width]).sum();
                assert!((plain[i] - sum).abs() < 1e-12);
                assert!((flipped[i] - start[i] - sum).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn dot_matches_the_definition() {
        for length in [0, 1, 3, 4, 16, 37, 257] {
            let (a, b) = (numbers(length, 5), numbers(length, 9));
            let expected: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
            assert!((dot(&a, &b) - expected).abs() < 1e-12);
        }
    }
}
