//! Arrays made by tests/golden/generate.py.
use auscult_dereverb::{
    Complex,
    ndarray::{Array, Dimension},
};
use ndarray_npy::{ReadableElement, read_npy};

pub(crate) fn golden<A: ReadableElement, D: Dimension>(name: &str) -> Array<A, D> {
    let path = format!("{}/tests/golden/{name}.npy", env!("CARGO_MANIFEST_DIR"));
    read_npy(&path).unwrap_or_else(|error| panic!("{path}: {error}; run cargo xtask parity dereverb"))
}

/// ‖a - b‖∞ / ‖b‖∞
pub(crate) fn relative<D: Dimension>(a: &Array<Complex<f64>, D>, b: &Array<Complex<f64>, D>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let largest = b.iter().map(|b| b.norm()).fold(0.0, f64::max);
    let difference = a.iter().zip(b).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
    assert!(difference.is_finite() && largest.is_finite());
    difference / largest
}
