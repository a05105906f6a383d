//! Signals the tests are run on.
use auscult_dereverb::{
    Complex,
    ndarray::{Array2, Array3},
};

/// A source of varying power, through a random filter, at every channel.
pub(crate) fn scene(channels: usize, frames: usize, bins: usize, seed: u64) -> Array3<Complex<f64>> {
    let mut state = seed;
    let mut noise = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0
    };
    let source = Array2::from_shape_simple_fn((frames, bins), || {
        Complex::new(noise(), noise()) * (3.0 * noise()).exp()
    });
    let filters = Array3::from_shape_fn((channels, 8, bins), |(_, lag, _)| {
        Complex::new(noise(), noise()) * (-0.3 * lag as f64).exp()
    });
    Array3::from_shape_fn((channels, frames, bins), |(m, t, f)| {
        let reverberant: Complex<f64> =
            (0..8.min(t + 1)).map(|lag| filters[[m, lag, f]] * source[[t - lag, f]]).sum();
        reverberant + Complex::new(noise(), noise()) * 0.05
    })
}
