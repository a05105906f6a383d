//! Window functions, periodic and symmetric, as in `scipy.signal.get_window`.

use std::f64::consts::PI;

use ndarray::Array1;

use crate::Real;

/// The shape of an analysis window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Window {
    /// `0.5 - 0.5 cos(2πn/N)`.
    #[default]
    Hann,
    /// `0.54 - 0.46 cos(2πn/N)`.
    Hamming,
    /// `0.42 - 0.5 cos(2πn/N) + 0.08 cos(4πn/N)`.
    Blackman,
    /// All ones.
    Rectangular,
    /// Hann to the power 0.85 (Kaldi).
    Povey,
    /// Square root of Hann: analysis and synthesis windows multiply to Hann.
    SqrtHann,
}

impl Window {
    /// `length` samples of the DFT-even window of period `length`: what spectral analysis wants, and what
    /// `scipy.signal.get_window` and librosa return by default.
    pub fn periodic<T: Real>(self, length: usize) -> Array1<T> {
        self.sampled(length, length)
    }

    /// `length` samples, first equal to last: `numpy.hanning`, HTK and Kaldi.
    pub fn symmetric<T: Real>(self, length: usize) -> Array1<T> {
        self.sampled(length, length.saturating_sub(1))
    }

    fn sampled<T: Real>(self, length: usize, period: usize) -> Array1<T> {
        if length == 1 {
            return Array1::from_elem(1, T::one());
        }
        Array1::from_shape_fn(length, |n| {
            let phase = 2.0 * PI * n as f64 / period as f64;
            let hann = 0.5 - 0.5 * phase.cos();
            T::of(match self {
                Window::Hann => hann,
                Window::Hamming => 0.54 - 0.46 * phase.cos(),
                Window::Blackman => 0.42 - 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos(),
                Window::Rectangular => 1.0,
                Window::Povey => hann.powf(0.85),
                Window::SqrtHann => hann.sqrt(),
            })
        })
    }
}
