//! Hermitian matrices as small as the number of channels: inverse, eigenvalues, and the equation S N S = A.
//!
//! All is done on one matrix at a time and in plain loops: there are as many of them as frequency bins, not as frames.

use ndarray::{Array2, ArrayView2};
use num_complex::Complex;

use crate::Real;

pub(crate) type Matrix<T> = Array2<Complex<T>>;

pub(crate) fn adjoint<T: Real>(a: &Matrix<T>) -> Matrix<T> {
    a.t().mapv(|value| value.conj())
}

/// c I
pub(crate) fn identity<T: Real>(order: usize, c: T) -> Matrix<T> {
    Matrix::from_diag_elem(order, c.into())
}

pub(crate) fn trace<T: Real>(a: &Matrix<T>) -> T {
    a.diag().iter().map(|value| value.re).sum()
}

/// (A + Aᴴ) / 2
pub(crate) fn hermitian_part<T: Real>(a: &Matrix<T>) -> Matrix<T> {
    (a + &adjoint(a)).mapv(|value| value * T::of(0.5))
}

/// The lower triangular L with A = L Lᴴ; pivots are held above `floor` times the largest diagonal entry.
pub(crate) fn cholesky<T: Real>(a: &Matrix<T>, floor: T) -> Matrix<T> {
    let n = a.nrows();
    let largest = a.diag().iter().map(|value| value.re).fold(T::min_positive_value(), T::max);
    let mut l = Matrix::zeros((n, n));
    for i in 0..n {
        for j in 0..=i {
            let sum = a[[i, j]] - (0..j).map(|p| l[[i, p]] * l[[j, p]].conj()).sum::<Complex<T>>();
            l[[i, j]] = if i == j { sum.re.max(floor * largest).sqrt().into() } else { sum / l[[j, j]].re };
        }
    }
    l
}

/// L⁻¹ of a lower triangular L
pub(crate) fn inverse_lower<T: Real>(l: &Matrix<T>) -> Matrix<T> {
    let n = l.nrows();
    let mut x = Matrix::zeros((n, n));
    for j in 0..n {
        x[[j, j]] = l[[j, j]].re.recip().into();
        for i in j + 1..n {
            let sum: Complex<T> = (j..i).map(|p| l[[i, p]] * x[[p, j]]).sum();
            x[[i, j]] = -sum / l[[i, i]].re;
        }
    }
    x
}

/// A⁻¹ of a positive definite A, as [`cholesky`] sees it.
pub(crate) fn inverse<T: Real>(a: &Matrix<T>, floor: T) -> Matrix<T> {
    let x = inverse_lower(&cholesky(a, floor));
    adjoint(&x).dot(&x)
}

/// Eigenvalues, and eigenvectors as columns, by complex Jacobi rotations. In no order.
pub(crate) fn eigen<T: Real>(a: ArrayView2<Complex<T>>) -> (Vec<T>, Matrix<T>) {
    let n = a.nrows();
    let (mut a, mut vectors) = (a.to_owned(), identity(n, T::one()));
    let size = a.iter().map(|value| value.norm_sqr()).sum::<T>();
    // each sweep about squares the rest; 30 are never needed
    for _ in 0..30 {
        let rest: T = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|at| a[at].norm_sqr()).sum();
        if rest <= size * T::epsilon() * T::epsilon() {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, &mut vectors, p, q);
            }
        }
    }
    (a.diag().iter().map(|value| value.re).collect(), vectors)
}

/// Makes entry (p, q) zero: A <- Jᴴ A J, V <- V J.
fn rotate<T: Real>(a: &mut Matrix<T>, vectors: &mut Matrix<T>, p: usize, q: usize) {
    let modulus = a[[p, q]].norm();
    if modulus <= T::min_positive_value() {
        return;
    }
    let phase = a[[p, q]] / modulus;
    let tau = (a[[q, q]].re - a[[p, p]].re) / (modulus + modulus);
    let tangent = tau.signum() / (tau.abs() + (T::one() + tau * tau).sqrt());
    let cosine = (T::one() + tangent * tangent).sqrt().recip();
    let sine = tangent * cosine;
    let n = a.nrows();
    for matrix in [&mut *a, vectors] {
        for i in 0..n {
            let (left, right) = (matrix[[i, p]], matrix[[i, q]] * phase.conj());
            matrix[[i, p]] = left * cosine - right * sine;
            matrix[[i, q]] = left * sine + right * cosine;
        }
    }
    for j in 0..n {
        let (upper, below) = (a[[p, j]], a[[q, j]] * phase);
        a[[p, j]] = upper * cosine - below * sine;
        a[[q, j]] = upper * sine + below * cosine;
    }
}

/// The positive semidefinite root of a positive semidefinite A.
fn root<T: Real>(a: &Matrix<T>) -> Matrix<T> {
    let (values, vectors) = eigen(a.view());
    let mut scaled = vectors.clone();
    for (mut column, value) in scaled.columns_mut().into_iter().zip(values) {
        let root = value.max(T::zero()).sqrt();
        column.mapv_inplace(|entry| entry * root);
    }
    scaled.dot(&adjoint(&vectors))
}

/// The positive semidefinite S with S N S = A: with N = L Lᴴ, S = L⁻ᴴ (Lᴴ A L)^½ L⁻¹.
pub(crate) fn solve_riccati<T: Real>(n: &Matrix<T>, a: &Matrix<T>) -> Matrix<T> {
    let l = cholesky(n, T::epsilon());
    let inner = root(&hermitian_part(&adjoint(&l).dot(a).dot(&l)));
    let x = inverse_lower(&l);
    hermitian_part(&adjoint(&x).dot(&inner).dot(&x))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Noise;

    fn positive(noise: &mut Noise, n: usize) -> Matrix<f64> {
        let a = Matrix::from_shape_simple_fn((n, n), || Complex::new(noise.uniform(), noise.uniform()));
        a.dot(&adjoint(&a)) + identity(n, 0.1)
    }

    fn apart(a: &Matrix<f64>, b: &Matrix<f64>) -> f64 {
        (a - b).iter().map(|value| value.norm()).fold(0.0, f64::max)
    }

    proptest! {
        #[test]
        fn factors_and_inverses_multiply_back(n in 1..9_usize, seed: u64) {
            let a = positive(&mut Noise::new(seed), n);
            let l = cholesky(&a, 0.0);
            prop_assert!(apart(&l.dot(&adjoint(&l)), &a) < 1e-11);
            prop_assert!(apart(&a.dot(&inverse(&a, 0.0)), &identity(n, 1.0)) < 1e-9);
        }

        #[test]
        fn eigenvectors_are_unitary_and_diagonalise(n in 1..9_usize, seed: u64) {
            // indefinite too
            let mut noise = Noise::new(seed);
            let a = positive(&mut noise, n) - identity(n, 1.0);
            let (values, vectors) = eigen(a.view());
            prop_assert!(apart(&adjoint(&vectors).dot(&vectors), &identity(n, 1.0)) < 1e-12);
            let mut scaled = vectors.clone();
            for (mut column, value) in scaled.columns_mut().into_iter().zip(&values) {
                column.mapv_inplace(|entry| entry * value);
            }
            prop_assert!(apart(&a.dot(&vectors), &scaled) < 1e-11);
        }

        #[test]
        fn the_riccati_equation_holds(n in 1..9_usize, seed: u64) {
            let mut noise = Noise::new(seed);
            let (m, a) = (positive(&mut noise, n), positive(&mut noise, n));
            let s = solve_riccati(&m, &a);
            prop_assert!(apart(&s.dot(&m).dot(&s), &a) < 1e-8);
            prop_assert!(eigen(s.view()).0.iter().all(|&value| value > -1e-12));
        }
    }

    #[test]
    fn eigenvalues_of_known_matrices() {
        let i = Complex::<f64>::i();
        let one = Complex::new(1.0, 0.0);
        let sorted = |a: Matrix<f64>| {
            let mut values = eigen(a.view()).0;
            values.sort_by(f64::total_cmp);
            values
        };
        let pauli = ndarray::array![[one * 0.0, -i], [i, one * 0.0]];
        assert!(sorted(pauli).iter().zip([-1.0, 1.0]).all(|(a, b)| (a - b).abs() < 1e-15));
        assert_eq!(sorted(Matrix::zeros((3, 3))), [0.0; 3]);
        assert!(
            sorted(Matrix::from_elem((3, 3), one))
                .iter()
                .zip([0.0, 0.0, 3.0])
                .all(|(a, b)| (a - b).abs() < 1e-14)
        );
    }
}
