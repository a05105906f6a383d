//! The DCT-II of log spectra, and cepstral lifters.

use std::f64::consts::PI;

use ndarray::{Array1, Array2};

use crate::Real;

/// The first `n_out` rows of the DCT-II of `n_in` points as `[n_out, n_in]`, orthonormal:
/// `sqrt(2/N) cos(π k (n + 1/2) / N)`, row 0 divided by √2.
pub fn dct_matrix<T: Real>(n_out: usize, n_in: usize) -> Array2<T> {
    let scale = (2.0 / n_in as f64).sqrt();
    Array2::from_shape_fn((n_out, n_in), |(k, n)| {
        let row = if k == 0 { scale * 0.5_f64.sqrt() } else { scale };
        T::of(row * (PI * k as f64 * (n as f64 + 0.5) / n_in as f64).cos())
    })
}

/// Cepstral lifter `1 + L/2 sin(π k / L)` of coefficients `first .. first + n` (HTK book, ch. 5); all ones when
/// `lifter` is 0.
pub(crate) fn lifter_weights<T: Real>(lifter: f64, first: usize, n: usize) -> Array1<T> {
    Array1::from_shape_fn(n, |i| match lifter {
        0.0 => T::one(),
        l => T::of(1.0 + l / 2.0 * (PI * (first + i) as f64 / l).sin()),
    })
}
