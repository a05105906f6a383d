//! Small dense linear algebra on packed symmetric matrices: row i of the lower triangle begins at i (i + 1) / 2.

/// Entries of the lower triangle of an n x n matrix.
pub(crate) const fn triangle(n: usize) -> usize {
    n * (n + 1) / 2
}

/// A = L Lᵀ, L lower triangular and packed.
#[derive(Clone, Debug)]
pub(crate) struct Cholesky {
    n: usize,
    l: Vec<f64>,
}

impl Cholesky {
    /// Factors the packed matrix plus `ridge` I; `None` where that is not positive definite.
    pub(crate) fn new(packed: &[f64], n: usize, ridge: f64) -> Option<Self> {
        let mut l = packed.to_vec();
        for i in 0..n {
            let (above, row) = l.split_at_mut(triangle(i));
            for j in 0..i {
                let other = &above[triangle(j)..];
                let sum: f64 = (0..j).map(|k| row[k] * other[k]).sum();
                row[j] = (row[j] - sum) / other[j];
            }
            let pivot = row[i] + ridge - row[..i].iter().map(|x| x * x).sum::<f64>();
            if pivot <= 0.0 || !pivot.is_finite() {
                return None;
            }
            row[i] = pivot.sqrt();
        }
        Some(Self { n, l })
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.l[triangle(i)..][..=i]
    }

    /// ln |A|
    pub(crate) fn log_determinant(&self) -> f64 {
        (0..self.n).map(|i| 2.0 * self.row(i)[i].ln()).sum()
    }

    /// b becomes L⁻¹ b.
    pub(crate) fn forward(&self, b: &mut [f64]) {
        for i in 0..self.n {
            let row = self.row(i);
            let sum: f64 = row[..i].iter().zip(&*b).map(|(l, b)| l * b).sum();
            b[i] = (b[i] - sum) / row[i];
        }
    }

    /// b becomes A⁻¹ b.
    pub(crate) fn solve(&self, b: &mut [f64]) {
        self.forward(b);
        for i in (0..self.n).rev() {
            let sum: f64 = (i + 1..self.n).map(|k| self.row(k)[i] * b[k]).sum();
            b[i] = (b[i] - sum) / self.row(i)[i];
        }
    }

    /// A⁻¹, packed.
    pub(crate) fn inverse(&self) -> Vec<f64> {
        let mut inverse = vec![0.0; triangle(self.n)];
        let mut column = vec![0.0; self.n];
        for j in 0..self.n {
            column.fill(0.0);
            column[j] = 1.0;
            self.solve(&mut column);
            for i in j..self.n {
                inverse[triangle(i) + j] = column[i];
            }
        }
        inverse
    }

    /// L[i, j]
    pub(crate) fn factor(&self, i: usize, j: usize) -> f64 {
        if j <= i { self.row(i)[j] } else { 0.0 }
    }
}

/// Eigenvalues in falling order and their eigenvectors (columns) of a symmetric matrix [row, column].
pub(crate) fn eigen(matrix: &ndarray::Array2<f64>) -> (Vec<f64>, ndarray::Array2<f64>) {
    let n = matrix.nrows();
    let eigen = nalgebra::DMatrix::from_fn(n, n, |i, j| matrix[[i, j]]).symmetric_eigen();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let values = order.iter().map(|&i| eigen.eigenvalues[i]).collect();
    // The sign of an eigenvector is free: the largest entry is positive, so that all platforms agree.
    let vectors = ndarray::Array2::from_shape_fn((n, n), |(row, column)| {
        let vector = eigen.eigenvectors.column(order[column]);
        vector[row] * vector[vector.icamax()].signum()
    });
    (values, vectors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_inverts_and_gives_the_determinant() {
        let packed = [4.0, 2.0, 5.0, 0.6, 1.0, 3.0];
        let dense = |i: usize, j: usize| packed[triangle(i.max(j)) + i.min(j)];
        let cholesky = Cholesky::new(&packed, 3, 0.0).unwrap();
        let mut x = [1.0, -2.0, 0.5];
        cholesky.solve(&mut x);
        for (i, expected) in [1.0, -2.0, 0.5].into_iter().enumerate() {
            let back: f64 = (0..3).map(|j| dense(i, j) * x[j]).sum();
            assert!((back - expected).abs() < 1e-12);
        }
        let inverse = cholesky.inverse();
        let product: f64 = (0..3).map(|j| dense(0, j) * inverse[triangle(j)]).sum();
        assert!((product - 1.0).abs() < 1e-12);
        let determinant: f64 = 4.0 * (5.0 * 3.0 - 1.0) - 2.0 * (2.0 * 3.0 - 0.6) + 0.6 * (2.0 - 5.0 * 0.6);
        assert!((cholesky.log_determinant() - determinant.ln()).abs() < 1e-12);
        assert!(Cholesky::new(&[1.0, 2.0, 1.0], 2, 0.0).is_none());
    }

    #[test]
    fn eigenvalues_fall_and_vectors_fit() {
        let matrix = ndarray::arr2(&[[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 1.0]]);
        let (values, vectors) = eigen(&matrix);
        assert!(values.is_sorted_by(|a, b| a >= b));
        for k in 0..3 {
            let v = vectors.column(k);
            assert!((&matrix.dot(&v) - &(&v * values[k])).iter().all(|x| x.abs() < 1e-12));
        }
    }
}
