//! R = L Lᴴ for Hermitian positive definite R, and the solution of R G = B from it.

use crate::Real;
use crate::planar::Planar;
use crate::product::{Product, ROWS, Rows};
use crate::real::MAX_LANES;

/// Columns factored together before the rest of the matrix is updated.
const BLOCK: usize = 8;

/// Scratch of the factorisation, and the layout of the matrices it takes: row-major, rows `width` apart, only the
/// lower triangle read. Both matrix and right-hand side have room for the excess of [`Product`].
#[derive(Clone, Debug)]
pub(crate) struct Cholesky<T> {
    order: usize,
    pub(crate) width: usize,
    /// the factored columns, [column][row]
    panel: Planar<T>,
    offsets: [usize; BLOCK],
    rows: Rows<T>,
}

impl<T: Real> Cholesky<T> {
    pub(crate) fn new(order: usize) -> Self {
        let width = order + MAX_LANES;
        Self {
            order,
            width,
            panel: Planar::zeros(BLOCK * width),
            offsets: std::array::from_fn(|k| k * width),
            rows: Rows::default(),
        }
    }

    /// A matrix of zeros in the layout of [`Self::factor`].
    pub(crate) fn matrix(&self) -> Planar<T> {
        Planar::zeros((self.order + ROWS) * self.width)
    }

    /// Overwrites the lower triangle of R by L. False if R is not positive definite to working precision; the
    /// matrix is then spoilt.
    pub(crate) fn factor(&mut self, matrix: &mut Planar<T>) -> bool {
        let (n, width) = (self.order, self.width);
        let largest = (0..n).map(|i| matrix.re[i * width + i]).fold(T::zero(), T::max);
        let smallest_pivot = T::epsilon() * T::of(n as f64) * largest;
        for start in (0..n).step_by(BLOCK) {
            let end = (start + BLOCK).min(n);
            for k in start..end {
                let norm: T = (start..k).map(|p| matrix.get(k * width + p).norm_sqr()).sum();
                let pivot = matrix.re[k * width + k] - norm;
                if pivot.is_nan() || pivot <= smallest_pivot {
                    return false;
                }
                let root = pivot.sqrt();
                matrix.set(k * width + k, root.into());
                for i in k + 1..n {
                    let mut entry = matrix.get(i * width + k);
                    for p in start..k {
                        entry -= matrix.get(i * width + p) * matrix.get(k * width + p).conj();
                    }
                    matrix.set(i * width + k, entry / root);
                }
            }
            self.update_rest(matrix, start, end);
        }
        true
    }

    /// Leaves the factor of R + l I in `factor`, l being `loading` times the mean of R's diagonal, or, where that is
    /// not positive definite to working precision, a little more. False where nothing helps.
    pub(crate) fn factor_loaded(&mut self, matrix: &Planar<T>, factor: &mut Planar<T>, loading: T) -> bool {
        let (n, width) = (self.order, self.width);
        let mean = (0..n).map(|i| matrix.re[i * width + i]).sum::<T>() / T::of(n as f64);
        let least = if T::epsilon() > T::of(1e-10) { 1e-6 } else { 1e-10 };
        [0.0, least, 1e2 * least, 1e4 * least, 1e6 * least].into_iter().any(|more| {
            factor.copy_from(matrix);
            let loading = loading.max(T::of(more)) * mean;
            (0..n).for_each(|i| factor.re[i * width + i] += loading);
            self.factor(factor)
        })
    }

    /// R[end.., end..] -= L[end.., start..end] L[end.., start..end]ᴴ, lower triangle.
    fn update_rest(&mut self, matrix: &mut Planar<T>, start: usize, end: usize) {
        let (n, width, depth) = (self.order, self.width, end - start);
        for i in end..n {
            for k in 0..depth {
                self.panel.set(k * width + i - end, matrix.get(i * width + start + k));
            }
        }
        for i in (end..n).step_by(ROWS) {
            self.rows.pack(depth, n - i, |k, r| -matrix.get((i + r) * width + start + k));
            Product {
                a: &self.rows,
                b: &self.panel,
                offsets: &self.offsets[..depth],
                columns: (i + ROWS).min(n) - end,
                c: matrix,
                start: i * width + end,
                width,
            }
            .run();
        }
    }

    /// Overwrites B, `columns` wide, by the solution of L Lᴴ G = B. `factor` comes from [`Self::factor`].
    pub(crate) fn solve(&self, factor: &Planar<T>, b: &mut Planar<T>, columns: usize) {
        let (n, width) = (self.order, self.width);
        for i in 0..n {
            for j in 0..i {
                let l = factor.get(i * width + j);
                subtract_multiple(b, i * columns, j * columns, columns, l.re, l.im);
            }
            divide(b, i * columns, columns, factor.re[i * width + i]);
        }
        for i in (0..n).rev() {
            divide(b, i * columns, columns, factor.re[i * width + i]);
            for j in 0..i {
                let l = factor.get(i * width + j);
                subtract_multiple(b, j * columns, i * columns, columns, l.re, -l.im);
            }
        }
    }
}

/// b[target..] -= (re + i im) b[source..], over `len` entries.
#[inline(always)]
fn subtract_multiple<T: Real>(b: &mut Planar<T>, target: usize, source: usize, len: usize, re: T, im: T) {
    for c in 0..len {
        let (b_re, b_im) = (b.re[source + c], b.im[source + c]);
        b.re[target + c] -= re * b_re - im * b_im;
        b.im[target + c] -= re * b_im + im * b_re;
    }
}

fn divide<T: Real>(b: &mut Planar<T>, start: usize, len: usize, divisor: T) {
    for c in start..start + len {
        b.re[c] /= divisor;
        b.im[c] /= divisor;
    }
}

#[cfg(test)]
mod tests {
    use num_complex::Complex;

    use super::*;
    use crate::testing::{Noise, assert_close};

    /// R = A Aᴴ + n I
    fn positive_definite<T: Real>(noise: &mut Noise, n: usize) -> Vec<Complex<T>> {
        let a = noise.planar::<T>(n * n);
        let mut r = vec![Complex::default(); n * n];
        for i in 0..n {
            for j in 0..n {
                r[i * n + j] = (0..n).map(|k| a.get(i * n + k) * a.get(j * n + k).conj()).sum();
            }
            r[i * n + i] += T::of(n as f64);
        }
        r
    }

    fn solves<T: Real>(tolerance: f64) {
        let mut noise = Noise::new(3);
        for (n, columns) in [(1, 1), (2, 3), (7, 2), (8, 8), (9, 1), (40, 4), (83, 8)] {
            let r = positive_definite::<T>(&mut noise, n);
            let mut cholesky = Cholesky::new(n);
            let mut matrix = cholesky.matrix();
            for i in 0..n {
                for j in 0..=i {
                    matrix.set(i * cholesky.width + j, r[i * n + j]);
                }
            }
            assert!(cholesky.factor(&mut matrix));
            for i in 0..n {
                for j in 0..=i {
                    let entry = |a, k| matrix.get(a * cholesky.width + k);
                    assert_close(
                        (0..=j).map(|k| entry(i, k) * entry(j, k).conj()).sum(),
                        r[i * n + j],
                        tolerance,
                    );
                }
            }
            let b = noise.planar::<T>(n * columns);
            let mut g = b.clone();
            cholesky.solve(&matrix, &mut g, columns);
            for i in 0..n {
                for c in 0..columns {
                    let product = (0..n).map(|j| r[i * n + j] * g.get(j * columns + c)).sum();
                    assert_close(product, b.get(i * columns + c), tolerance);
                }
            }
        }
    }

    #[test]
    fn factor_and_solution_multiply_back() {
        solves::<f64>(1e-12);
        solves::<f32>(1e-4);
    }

    #[test]
    fn refuses_what_is_not_positive_definite() {
        let mut cholesky = Cholesky::<f64>::new(2);
        for lower in [[1.0, 1.0, 1.0], [1.0, 2.0, 1.0], [0.0, 0.0, 1.0], [1.0, f64::NAN, 1.0]] {
            let mut matrix = cholesky.matrix();
            matrix.re[0] = lower[0];
            matrix.re[cholesky.width] = lower[1];
            matrix.re[cholesky.width + 1] = lower[2];
            assert!(!cholesky.factor(&mut matrix), "{lower:?}");
        }
    }
}
