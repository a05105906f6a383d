//! The sample type: `f32` or `f64`.

use num_traits::{Float, FloatConst, NumAssign};
use realfft::FftNum;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`. Tables (windows, filters, DCT) are computed in `f64` and rounded once.
pub trait Real: FftNum + Float + FloatConst + NumAssign + Default + std::iter::Sum + sealed::Sealed {
    /// Rounds an `f64` to this type.
    fn of(x: f64) -> Self;
    /// Widens to `f64`.
    fn wide(self) -> f64;
}

impl Real for f32 {
    fn of(x: f64) -> Self {
        x as f32
    }
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn of(x: f64) -> Self {
        x
    }
    fn wide(self) -> f64 {
        self
    }
}
