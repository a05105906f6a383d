//! The kernel of the crate: four rows of a complex matrix product A Bᴴ.
//!
//! The Gram matrix, the cross-correlation, the filtering and the Cholesky factorisation are all calls of it; they
//! differ only in what the operands are. Operands are read in place, through a table of offsets, so that the
//! stacked past of the signal (which overlaps itself from frame to frame) never has to be copied.

use num_complex::Complex;
use pulp::{Arch, Simd, WithSimd};

use crate::Real;
use crate::planar::Planar;

/// Rows computed together: 4 x 2 accumulators leave room for the operands in 16 registers.
pub(crate) const ROWS: usize = 4;

/// C[r, j] += Σₖ a[k, r] conj(b[k, j]) for r in 0..4 and j in 0..columns.
///
/// Columns are computed by the register: up to [`MAX_LANES`](crate::real::MAX_LANES) - 1 more of them are read
/// from b and written to C. What they hold means nothing.
pub(crate) struct Product<'a, T> {
    pub(crate) a: &'a Rows<T>,
    /// b[k, j] is `b[offsets[k] + j]`.
    pub(crate) b: &'a Planar<T>,
    pub(crate) offsets: &'a [usize],
    pub(crate) columns: usize,
    /// C[r, j] is `c[start + r * width + j]`.
    pub(crate) c: &'a mut Planar<T>,
    pub(crate) start: usize,
    pub(crate) width: usize,
}

/// The operand A: for each k four real parts, then four imaginary parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows<T>(Vec<T>);

impl<T: Real> Rows<T> {
    /// Replaces the operand by `value(k, r)`, for k in 0..depth; rows from `rows` on are zero.
    #[inline]
    pub(crate) fn pack(
        &mut self,
        depth: usize,
        rows: usize,
        mut value: impl FnMut(usize, usize) -> Complex<T>,
    ) {
        self.0.clear();
        self.0.resize(depth * 2 * ROWS, T::zero());
        for (k, packed) in self.0.chunks_exact_mut(2 * ROWS).enumerate() {
            for r in 0..rows.min(ROWS) {
                let value = value(k, r);
                packed[r] = value.re;
                packed[ROWS + r] = value.im;
            }
        }
    }
}

impl<T: Real> Rows<T> {
    /// Replaces the operand by weights[k] `values`[offsets[k] + first + r]: all four rows, without a branch.
    pub(crate) fn pack_weighted(
        &mut self,
        values: &Planar<T>,
        offsets: &[usize],
        first: usize,
        weights: &[T],
    ) {
        self.0.resize(weights.len() * 2 * ROWS, T::zero());
        for ((packed, &offset), &weight) in self.0.chunks_exact_mut(2 * ROWS).zip(offsets).zip(weights) {
            let (re, im) = packed.split_at_mut(ROWS);
            let at = offset + first..offset + first + ROWS;
            re.iter_mut().zip(&values.re[at.clone()]).for_each(|(packed, &value)| *packed = weight * value);
            im.iter_mut().zip(&values.im[at]).for_each(|(packed, &value)| *packed = weight * value);
        }
    }
}

impl<T: Real> Product<'_, T> {
    pub(crate) fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl<T: Real> WithSimd for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { a, b, offsets, columns, c, start, width } = self;
        for j in (0..columns).step_by(T::lanes::<S>()) {
            let mut re = [T::splat(simd, T::zero()); ROWS];
            let mut im = re;
            for r in 0..ROWS {
                re[r] = T::load::<S>(&c.re[start + r * width + j..]);
                im[r] = T::load::<S>(&c.im[start + r * width + j..]);
            }
            let (b_re, b_im) = (&b.re[j..], &b.im[j..]);
            for (a, &offset) in a.0.chunks_exact(2 * ROWS).zip(offsets) {
                let b_re = T::load::<S>(&b_re[offset..]);
                let b_im = T::load::<S>(&b_im[offset..]);
                let minus_b_im = T::negate(simd, b_im);
                for r in 0..ROWS {
                    let (a_re, a_im) = (T::splat(simd, a[r]), T::splat(simd, a[ROWS + r]));
                    re[r] = T::fused(simd, a_re, b_re, re[r]);
                    im[r] = T::fused(simd, a_im, b_re, im[r]);
                    re[r] = T::fused(simd, a_im, b_im, re[r]);
                    im[r] = T::fused(simd, a_re, minus_b_im, im[r]);
                }
            }
            for r in 0..ROWS {
                T::store::<S>(re[r], &mut c.re[start + r * width + j..]);
                T::store::<S>(im[r], &mut c.im[start + r * width + j..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Noise, assert_close};

    fn against_the_definition<T: Real>(tolerance: f64) {
        let mut noise = Noise::new(1);
        for (depth, columns, rows) in [(1, 1, 1), (5, 3, 2), (64, 17, 4), (33, 80, 3), (0, 4, 4)] {
            let (width, step) = (columns + 16, 3);
            let b = noise.planar::<T>(step * depth + width);
            let a = noise.planar::<T>(depth * ROWS);
            let offsets: Vec<usize> = (0..depth).map(|k| k * step).collect();
            let mut c = noise.planar::<T>(ROWS * width);
            let before = c.clone();
            let mut packed = Rows::default();
            packed.pack(depth, rows, |k, r| a.get(k * ROWS + r));
            Product { a: &packed, b: &b, offsets: &offsets, columns, c: &mut c, start: 0, width }.run();
            for r in 0..ROWS {
                for j in 0..columns {
                    let mut expected = before.get(r * width + j);
                    if r < rows {
                        for k in 0..depth {
                            expected += a.get(k * ROWS + r) * b.get(offsets[k] + j).conj();
                        }
                    }
                    assert_close(c.get(r * width + j), expected, tolerance);
                }
            }
        }
    }

    #[test]
    fn equals_the_naive_product() {
        against_the_definition::<f64>(1e-13);
        against_the_definition::<f32>(1e-5);
    }
}
