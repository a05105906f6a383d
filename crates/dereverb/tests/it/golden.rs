//! Arrays made by tests/golden/generate.py.
use auscult_dereverb::{
    Complex,
    ndarray::{Array, Array3, Array4, Axis, Dimension},
};
use ndarray_npy::read_npy;

fn path(name: &str) -> String {
    format!("{}/tests/golden/{name}.npy", env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn golden_spectrum(name: &str) -> Array3<Complex<f64>> {
    let parts: Array4<f64> = read_npy(path(name))
        .unwrap_or_else(|error| panic!("{name}: {error}; run cargo xtask parity dereverb"));
    parts.map_axis(Axis(3), |part| Complex::new(part[0], part[1]))
}

/// ‖a - b‖∞ / ‖b‖∞
pub(crate) fn relative<D: Dimension>(a: &Array<Complex<f64>, D>, b: &Array<Complex<f64>, D>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let largest = b.iter().map(|b| b.norm()).fold(0.0, f64::max);
    let difference = a.iter().zip(b).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
    assert!(difference.is_finite() && largest.is_finite());
    difference / largest
}
