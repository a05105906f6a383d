//! Golden arrays of `tests/golden`, and how far ours are from them.

use std::fs::File;

use auscult_stft_mel::Real;
use auscult_stft_mel::ndarray::{Array1, Array2, Array3, ArrayBase, Axis, Data, Dimension};
use auscult_stft_mel::num_complex::Complex;
use ndarray_npy::{ReadNpyExt, ReadableElement};

fn read<A: ReadNpyExt>(name: &str) -> A {
    let path = format!("{}/tests/golden/{name}.npy", env!("CARGO_MANIFEST_DIR"));
    let file = File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}; run generate.py there"));
    A::read_npy(file).unwrap_or_else(|e| panic!("{path}: {e}"))
}

pub(crate) fn vector<T: ReadableElement>(name: &str) -> Array1<T> {
    read(name)
}

pub(crate) fn matrix<T: ReadableElement>(name: &str) -> Array2<T> {
    read(name)
}

pub(crate) fn complex_matrix<T: Real + ReadableElement>(name: &str) -> Array2<Complex<T>> {
    read::<Array3<T>>(name).map_axis(Axis(2), |pair| Complex::new(pair[0], pair[1]))
}

/// Largest deviation from the golden array, absolute and relative to the golden array's largest magnitude.
pub(crate) fn deviation<A: Magnitude, D: Dimension>(
    ours: &ArrayBase<impl Data<Elem = A>, D>,
    golden: &ArrayBase<impl Data<Elem = A>, D>,
) -> (f64, f64) {
    assert_eq!(ours.shape(), golden.shape());
    let worst = ours.iter().zip(golden).map(|(a, b)| a.distance(b)).fold(0.0, f64::max);
    assert!(ours.iter().all(|a| a.size().is_finite()));
    (worst, worst / golden.iter().map(Magnitude::size).fold(f64::MIN_POSITIVE, f64::max))
}

pub(crate) trait Magnitude {
    fn size(&self) -> f64;
    fn distance(&self, other: &Self) -> f64;
}

macro_rules! real_magnitude {
    ($($t:ty),*) => {$(
        impl Magnitude for $t {
            fn size(&self) -> f64 {
                self.wide().abs()
            }
            fn distance(&self, other: &Self) -> f64 {
                (self.wide() - other.wide()).abs()
            }
        }
    )*};
}
real_magnitude!(f32, f64);

impl<T: Real> Magnitude for Complex<T> {
    fn size(&self) -> f64 {
        self.re.wide().hypot(self.im.wide())
    }
    fn distance(&self, other: &Self) -> f64 {
        (self.re.wide() - other.re.wide()).hypot(self.im.wide() - other.im.wide())
    }
}
