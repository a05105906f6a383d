//! What the unit tests share.

use num_complex::Complex;

use crate::Real;
use crate::planar::Planar;

/// A small generator of uniform noise (64-bit linear congruential), the same on every machine.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0
    }

    pub(crate) fn planar<T: Real>(&mut self, len: usize) -> Planar<T> {
        let mut values = Planar::zeros(len);
        for index in 0..len {
            values.set(index, Complex::new(T::of(self.uniform()), T::of(self.uniform())));
        }
        values
    }
}

pub(crate) fn assert_close<T: Real>(found: Complex<T>, expected: Complex<T>, tolerance: f64) {
    let difference = (found - expected).norm().wide();
    assert!(difference <= tolerance * (1.0 + expected.norm().wide()), "{found:?}, expected {expected:?}");
}
