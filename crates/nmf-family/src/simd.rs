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

pub(crate) mod sealed {
    use bytemuck::Pod;
    use pulp::Simd;

    /// How a scalar type maps to the vector registers of an instruction set.
    pub trait Vectorised: Pod {
        type Lanes<S: Simd>: Copy;
        fn splat<S: Simd>(simd: S, value: Self) -> Self::Lanes<S>;
        fn lanes<S: Simd>(values: &[Self]) -> (&[Self::Lanes<S>], &[Self]);
        fn lanes_mut<S: Simd>(values: &mut [Self]) -> (&mut [Self::Lanes<S>], &mut [Self]);
        fn fused<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>, c: Self::Lanes<S>)
        -> Self::Lanes<S>;
        fn sum_lanes<S: Simd>(simd: S, a: Self::Lanes<S>) -> Self;
        fn product<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
        fn plus<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
        fn minus<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
        fn larger<S: Simd>(simd: S, a: Self::Lanes<S>, b: Self::Lanes<S>) -> Self::Lanes<S>;
        /// 1 / a, to a bit or two, for normal a > 0.
        fn reciprocal<S: Simd>(simd: S, a: Self::Lanes<S>) -> Self::Lanes<S>;
    }
}
use sealed::Vectorised;

macro_rules! real {
    ($t:ident, $lanes:ident, $splat:ident, $as:ident, $as_mut:ident, $mul_add:ident, $sum:ident, $mul:ident, $max:ident,
     $add:ident, $sub:ident, $neg:ident, $bits:ident, $back:ident, $splat_bits:ident, $sub_bits:ident, $min:ident, $magic:literal, $squarings:literal) => {
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
            #[inline(always)]
            fn product<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$mul(a, b)
            }
            #[inline(always)]
            fn plus<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn minus<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$sub(a, b)
            }
            #[inline(always)]
            fn larger<S: Simd>(simd: S, a: S::$lanes, b: S::$lanes) -> S::$lanes {
                simd.$max(a, b)
            }
            // Subtracting the bits from a constant negates the exponent and is off by 5 % at most; each of Newton's
            // steps r <- r + r (1 - a r) squares that. Division is exact to the last bit, and takes three times as long.
            #[inline(always)]
            fn reciprocal<S: Simd>(simd: S, a: S::$lanes) -> S::$lanes {
                // beyond, the inverse would not be normal
                let a = simd.$min(a, simd.$splat($t::MAX / 16.0));
                let mut r = simd.$back(simd.$sub_bits(simd.$splat_bits($magic), simd.$bits(a)));
                let minus = simd.$neg(a);
                for _ in 0..$squarings {
                    r = simd.$mul_add(r, simd.$mul_add(minus, r, simd.$splat(1.0)), r);
                }
                r
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
#[rustfmt::skip]
real!(
    f32, f32s, splat_f32s, as_simd_f32s, as_mut_simd_f32s, mul_add_e_f32s, reduce_sum_f32s, mul_f32s, max_f32s,
    add_f32s, sub_f32s, neg_f32s, transmute_u32s_f32s, transmute_f32s_u32s, splat_u32s, sub_u32s, min_f32s, 0x7ef3_11c7, 3
);
#[rustfmt::skip]
real!(
    f64, f64s, splat_f64s, as_simd_f64s, as_mut_simd_f64s, mul_add_e_f64s, reduce_sum_f64s, mul_f64s, max_f64s,
    add_f64s, sub_f64s, neg_f64s, transmute_u64s_f64s, transmute_f64s_u64s, splat_u64s, sub_u64s, min_f64s, 0x7fde_6238_da3c_2118, 4
);

/// Runs `work` with the widest vectors of this processor; rows are padded for those of 64 bytes.
#[inline(always)]
pub(crate) fn dispatch<Work: WithSimd>(work: Work) -> Work::Output {
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

/// A row-major operand: rows `width` apart. See [`crate::rows::Rows`] for the padding.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) width: usize,
}

/// What becomes of the sums of a tile.
pub(crate) trait Sink<T: Real> {
    /// Whether A is [depth, row] instead of [row, depth].
    const TRANSPOSED: bool = false;
    /// Sets the sums at `start` to what they begin with, if it is not zero.
    #[inline(always)]
    fn begin<S: Simd, const VECTORS: usize>(&self, _start: usize, _sums: &mut [T::Lanes<S>; VECTORS]) {}
    /// Takes the sums that belong at `start`.
    fn end<S: Simd, const VECTORS: usize>(&mut self, simd: S, start: usize, sums: [T::Lanes<S>; VECTORS]);
}

/// C = A B
pub(crate) struct Store<'a, T>(pub(crate) &'a mut [T]);

/// C += Aᵀ B
pub(crate) struct AddTransposed<'a, T>(pub(crate) &'a mut [T]);

/// X / Y for the model Y = A B held above `floor`: Kullback-Leibler. Y never leaves the registers.
pub(crate) struct Ratio<'a, T> {
    pub(crate) x: &'a [T],
    pub(crate) floor: T,
    pub(crate) ratio: &'a mut [T],
}

/// 1 / Y and X / Y²: Itakura-Saito.
pub(crate) struct InverseAndRatio<'a, T> {
    pub(crate) x: &'a [T],
    pub(crate) floor: T,
    pub(crate) inverse: &'a mut [T],
    pub(crate) ratio: &'a mut [T],
}

/// `VECTORS` vectors from `start` on.
#[inline(always)]
fn vectors<T: Real, S: Simd, const VECTORS: usize>(values: &[T], start: usize) -> [T::Lanes<S>; VECTORS] {
    let lanes = size_of::<T::Lanes<S>>() / size_of::<T>();
    let from = T::lanes::<S>(&values[start..start + VECTORS * lanes]).0;
    let mut vectors = [from[0]; VECTORS];
    vectors[1..].copy_from_slice(&from[1..VECTORS]);
    vectors
}

#[inline(always)]
fn put<T: Real, S: Simd, const VECTORS: usize>(
    values: &mut [T],
    start: usize,
    vectors: [T::Lanes<S>; VECTORS],
) {
    let lanes = size_of::<T::Lanes<S>>() / size_of::<T>();
    let to = T::lanes_mut::<S>(&mut values[start..start + VECTORS * lanes]).0;
    to[..VECTORS].copy_from_slice(&vectors);
}

impl<T: Real> Sink<T> for Store<'_, T> {
    #[inline(always)]
    fn end<S: Simd, const VECTORS: usize>(&mut self, _: S, start: usize, sums: [T::Lanes<S>; VECTORS]) {
        put::<T, S, VECTORS>(self.0, start, sums);
    }
}

impl<T: Real> Sink<T> for AddTransposed<'_, T> {
    const TRANSPOSED: bool = true;
    #[inline(always)]
    fn begin<S: Simd, const VECTORS: usize>(&self, start: usize, sums: &mut [T::Lanes<S>; VECTORS]) {
        *sums = vectors::<T, S, VECTORS>(self.0, start);
    }
    #[inline(always)]
    fn end<S: Simd, const VECTORS: usize>(&mut self, _: S, start: usize, sums: [T::Lanes<S>; VECTORS]) {
        put::<T, S, VECTORS>(self.0, start, sums);
    }
}

impl<T: Real> Sink<T> for Ratio<'_, T> {
    #[inline(always)]
    fn end<S: Simd, const VECTORS: usize>(&mut self, simd: S, start: usize, sums: [T::Lanes<S>; VECTORS]) {
        let floor = T::splat(simd, self.floor);
        let mut ratios = vectors::<T, S, VECTORS>(self.x, start);
        for v in 0..VECTORS {
            let inverse = T::reciprocal(simd, T::larger(simd, sums[v], floor));
            ratios[v] = T::product(simd, ratios[v], inverse);
        }
        put::<T, S, VECTORS>(self.ratio, start, ratios);
    }
}

impl<T: Real> Sink<T> for InverseAndRatio<'_, T> {
    #[inline(always)]
    fn end<S: Simd, const VECTORS: usize>(&mut self, simd: S, start: usize, sums: [T::Lanes<S>; VECTORS]) {
        let floor = T::splat(simd, self.floor);
        let mut ratios = vectors::<T, S, VECTORS>(self.x, start);
        let mut inverses = sums;
        for v in 0..VECTORS {
            inverses[v] = T::reciprocal(simd, T::larger(simd, sums[v], floor));
            ratios[v] = T::product(simd, ratios[v], T::product(simd, inverses[v], inverses[v]));
        }
        put::<T, S, VECTORS>(self.inverse, start, inverses);
        put::<T, S, VECTORS>(self.ratio, start, ratios);
    }
}

/// A B, or Aᵀ B where `out` asks for it. Results are laid out as B: rows as far apart, and whole vectors behind the
/// first `columns` are left as they were.
pub(crate) struct Product<'a, T, Out> {
    pub(crate) a: Operand<'a, T>,
    pub(crate) b: Operand<'a, T>,
    pub(crate) rows: usize,
    pub(crate) depth: usize,
    pub(crate) columns: usize,
    pub(crate) out: Out,
}

/// Numbers of rows are padded to multiples of this.
pub(crate) const TILE_ROWS: usize = 4;

impl<T: Real, Out: Sink<T>> Product<'_, T, Out> {
    pub(crate) fn run(self) {
        dispatch(self);
    }
}

impl<T: Real, Out: Sink<T>> WithSimd for Product<'_, T, Out> {
    type Output = ();

    /// Tiles that fill the registers: with 32 of them 8 x 3 or 4 x 5 sums, with 16 of them 4 x 3.
    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let vectors = self.columns.div_ceil(size_of::<T::Lanes<S>>() / size_of::<T>());
        match (S::REGISTER_COUNT >= 32, vectors > 3) {
            (true, true) => self.panels::<S, TILE_ROWS, 5>(simd, vectors),
            (true, false) => self.panels::<S, { 2 * TILE_ROWS }, 3>(simd, vectors),
            _ => self.panels::<S, TILE_ROWS, 3>(simd, vectors),
        }
    }
}

impl<T: Real, Out: Sink<T>> Product<'_, T, Out> {
    /// Columns outside: the narrow panel of B stays in the first-level cache while the rows of A go by.
    #[inline(always)]
    fn panels<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S, vectors: usize) {
        for first in (0..vectors).step_by(VECTORS) {
            match (vectors - first).min(VECTORS) {
                1 => self.panel::<S, ROWS, 1>(simd, first),
                2 => self.panel::<S, ROWS, 2>(simd, first),
                3 => self.panel::<S, ROWS, 3>(simd, first),
                4 => self.panel::<S, ROWS, 4>(simd, first),
                _ => self.panel::<S, ROWS, 5>(simd, first),
            }
        }
    }

    #[inline(always)]
    fn panel<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S, first: usize) {
        let start = first * (size_of::<T::Lanes<S>>() / size_of::<T>());
        let mut row = 0;
        while row + ROWS <= self.rows {
            self.tile::<S, ROWS, VECTORS>(simd, row, start);
            row += ROWS;
        }
        while row < self.rows {
            self.tile::<S, TILE_ROWS, VECTORS>(simd, row, start);
            row += TILE_ROWS;
        }
    }

    /// `ROWS` rows by `VECTORS` vectors of the product, held in registers over the whole depth.
    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S, row: usize, start: usize) {
        let Self { a, b, ref mut out, depth, .. } = *self;
        let mut sums = [[T::splat(simd, T::zero()); VECTORS]; ROWS];
        for r in 0..ROWS {
            out.begin::<S, VECTORS>((row + r) * b.width + start, &mut sums[r]);
        }
        // Slices as long as the loops run, so that nothing is checked inside.
        if Out::TRANSPOSED {
            let rows = a.data.chunks_exact(a.width).zip(b.data.chunks_exact(b.width)).take(depth);
            for (a_row, b_row) in rows {
                let (a_row, b_row) = (&a_row[row..row + ROWS], vectors::<T, S, VECTORS>(b_row, start));
                for r in 0..ROWS {
                    let factor = T::splat(simd, a_row[r]);
                    for v in 0..VECTORS {
                        sums[r][v] = T::fused(simd, factor, b_row[v], sums[r][v]);
                    }
                }
            }
        } else {
            let mut a_rows = [a.data; ROWS];
            for r in 0..ROWS {
                a_rows[r] = &a.data[(row + r) * a.width..][..depth];
            }
            let mut b_rows = b.data.chunks_exact(b.width);
            for d in 0..depth {
                let Some(b_row) = b_rows.next() else { break };
                let b_row = vectors::<T, S, VECTORS>(b_row, start);
                for r in 0..ROWS {
                    let factor = T::splat(simd, a_rows[r][d]);
                    for v in 0..VECTORS {
                        sums[r][v] = T::fused(simd, factor, b_row[v], sums[r][v]);
                    }
                }
            }
        }
        for r in 0..ROWS {
            out.end::<S, VECTORS>(simd, (row + r) * b.width + start, sums[r]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        (0..count as u64).map(|i| ((i * 2654435761 + seed) % 1000) as f64 / 500.0 - 1.0).collect()
    }

    /// Each kind of output, on tiles of every shape, against the definition.
    #[test]
    fn products_match_the_definition() {
        for (rows, depth, columns) in
            [(4_usize, 1_usize, 4_usize), (8, 7, 20), (12, 33, 8), (4, 0, 12), (20, 64, 61), (36, 20, 257)]
        {
            let width = columns.next_multiple_of(8);
            let (a, b) = (numbers(rows * depth, 1), numbers(depth * width, 2));
            let (x, start) = (numbers(rows * width, 3), numbers(rows * width, 4));
            let flipped: Vec<f64> = (0..depth * rows).map(|i| a[(i % rows) * depth + i / rows]).collect();
            let (plain, by_depth) =
                (Operand { data: &a, width: depth }, Operand { data: &flipped, width: rows });
            let b_side = Operand { data: &b, width };
            let [mut stored, mut ratio, mut inverse, mut divided] = [(); 4].map(|()| vec![0.0; rows * width]);
            let mut added = start.clone();
            let (x_side, floor) = (x.as_slice(), 0.5);
            if depth > 0 {
                let (a, b) = (plain, b_side);
                Product { a, b, rows, depth, columns, out: Store(&mut stored) }.run();
                let out = Ratio { x: x_side, floor, ratio: &mut ratio };
                Product { a, b, rows, depth, columns, out }.run();
                let out = InverseAndRatio { x: x_side, floor, inverse: &mut inverse, ratio: &mut divided };
                Product { a, b, rows, depth, columns, out }.run();
            }
            Product { a: by_depth, b: b_side, rows, depth, columns, out: AddTransposed(&mut added) }.run();
            for (i, c) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r * width + c, c))) {
                let sum: f64 = (0..depth).map(|d| a[i / width * depth + d] * b[d * width + c]).sum();
                assert!((added[i] - start[i] - sum).abs() < 1e-12);
                if depth > 0 {
                    let y = sum.max(floor);
                    assert!((stored[i] - sum).abs() < 1e-12);
                    assert!((ratio[i] - x[i] / y).abs() < 1e-12);
                    assert!((inverse[i] - 1.0 / y).abs() < 1e-12);
                    assert!((divided[i] - x[i] / y / y).abs() < 1e-12);
                }
            }
        }
    }

    /// From the floor to the largest number, within a few units in the last place.
    #[test]
    fn reciprocals_are_exact_to_a_few_bits() {
        fn worst<T: Real>() -> f64 {
            struct Inverses<'a, T>(&'a [T], &'a mut [T]);
            impl<T: Real> WithSimd for Inverses<'_, T> {
                type Output = ();
                #[inline(always)]
                fn with_simd<S: Simd>(self, simd: S) {
                    let (from, to) = (T::lanes::<S>(self.0).0, T::lanes_mut::<S>(self.1).0);
                    from.iter().zip(to).for_each(|(&from, to)| *to = T::reciprocal(simd, from));
                }
            }
            let largest = T::max_value().wide().log2() - 5.0;
            let exponents = (0..4096).map(|i| -23.0 + (largest + 23.0) * f64::from(i) / 4096.0);
            let values: Vec<T> = exponents.map(|e| T::of(e.exp2())).collect();
            let mut inverses = values.clone();
            dispatch(Inverses(&values, &mut inverses));
            let errors = values.iter().zip(&inverses).map(|(a, r)| (a.wide() * r.wide() - 1.0).abs());
            errors.fold(0.0, f64::max) / T::epsilon().wide()
        }
        assert!(worst::<f32>() < 2.0 && worst::<f64>() < 2.0, "{} {}", worst::<f32>(), worst::<f64>());
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
