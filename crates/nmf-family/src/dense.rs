//! The little dense linear algebra the solvers need on [atom, atom] matrices, in double precision.

use crate::Real;
use crate::rows::Rows;
use ndarray::Array2;

/// Wᵀ W + shift I, plus a ridge of 1e-10 of its mean diagonal that keeps dependent or all-zero atoms solvable.
pub(crate) fn regularised_gram<T: Real>(by_atom: &Rows<T>, shift: f64) -> Array2<f64> {
    let w = by_atom.to_array().mapv(Real::wide);
    let mut gram = w.dot(&w.t());
    let ridge = 1e-10 * gram.diag().sum() / gram.nrows() as f64;
    gram.diag_mut().mapv_inplace(|value| value + shift + ridge.max(f64::MIN_POSITIVE));
    gram
}

/// The inverse of [`regularised_gram`].
pub(crate) fn regularised_inverse<T: Real>(by_atom: &Rows<T>, shift: f64) -> Array2<f64> {
    let inverse = inverse_lower(&cholesky(regularised_gram(by_atom, shift)));
    inverse.t().dot(&inverse)
}

/// The lower triangle L with L Lᵀ = A, for A positive definite.
pub(crate) fn cholesky(mut a: Array2<f64>) -> Array2<f64> {
    let n = a.nrows();
    for j in 0..n {
        for i in j..n {
            let sum: f64 = (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum();
            a[[i, j]] -= sum;
        }
        // Rounding can push a dependent direction to zero; the floor is far below any ridge.
        let pivot = a[[j, j]].max(f64::MIN_POSITIVE).sqrt();
        for i in j..n {
            a[[i, j]] /= pivot;
        }
        for k in j + 1..n {
            a[[j, k]] = 0.0;
        }
        a[[j, j]] = pivot;
    }
    a
}

/// L⁻¹ by forward substitution.
pub(crate) fn inverse_lower(l: &Array2<f64>) -> Array2<f64> {
    let n = l.nrows();
    let mut inverse = Array2::zeros((n, n));
    for column in 0..n {
        inverse[[column, column]] = 1.0 / l[[column, column]];
        for i in column + 1..n {
            let sum: f64 = (column..i).map(|k| l[[i, k]] * inverse[[k, column]]).sum();
            inverse[[i, column]] = -sum / l[[i, i]];
        }
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_inverse_inverts() {
        let by_atom = Rows::from_view(array![[1.0, 2.0, 0.5], [0.0, 1.0, 3.0]].view());
        let product = regularised_gram(&by_atom, 0.3).dot(&regularised_inverse(&by_atom, 0.3));
        for ((i, j), &value) in product.indexed_iter() {
            assert!((value - if i == j { 1.0 } else { 0.0 }).abs() < 1e-12);
        }
    }
}
