//! From images to impulse responses: every image adds a sinc at its fractional delay, in a Hann window of 81 taps.

use std::f64::consts::PI;

use ndarray::{Array2, Axis};
use pulp::Arch;
use rayon::prelude::*;

use super::Point;
use super::images::Images;

/// Impulse responses begin this many samples before the sound leaves the source: half an interpolation filter.
pub const LEAD: usize = 40;

/// Length of the interpolation filter.
const TAPS: usize = 2 * LEAD + 1;

/// Images handed to a thread at once. Fixed, so that sums do not depend on the number of threads.
const BLOCK: usize = 1 << 14;

/// Impulse responses [microphone, sample].
pub(super) fn superpose(images: &Images, microphones: &[Point], samples_per_metre: f64) -> Array2<f64> {
    let blocks = images.len().div_ceil(BLOCK);
    let parts: Vec<Vec<f64>> = (0..microphones.len() * blocks)
        .into_par_iter()
        .map(|task| block_response(images, task % blocks, microphones[task / blocks], samples_per_metre))
        .collect();
    let length = parts.iter().map(Vec::len).max().unwrap_or(0);
    let mut responses = Array2::zeros((microphones.len(), length));
    for (mut response, parts) in responses.axis_iter_mut(Axis(0)).zip(parts.chunks(blocks)) {
        for part in parts {
            for (sum, value) in response.iter_mut().zip(part) {
                *sum += value;
            }
        }
    }
    responses
}

/// What one block of images adds to the response at one microphone.
fn block_response(images: &Images, block: usize, microphone: Point, samples_per_metre: f64) -> Vec<f64> {
    let range = block * BLOCK..images.len().min((block + 1) * BLOCK);
    let (x, y, z) = (&images.x[range.clone()], &images.y[range.clone()], &images.z[range.clone()]);
    let distances: Vec<f64> = (0..range.len())
        .map(|n| {
            let (dx, dy, dz) = (x[n] - microphone[0], y[n] - microphone[1], z[n] - microphone[2]);
            (dx * dx + dy * dy + dz * dz).sqrt()
        })
        .collect();
    let farthest = distances.iter().copied().fold(0.0, f64::max);
    let mut response = vec![0.0; (farthest * samples_per_metre) as usize + TAPS];
    let filter = SincFilter::new();
    Arch::new().dispatch(|| {
        for (&distance, &gain) in distances.iter().zip(&images.gain[range.clone()]) {
            let delay = distance * samples_per_metre;
            let whole = delay.floor();
            let taps = &mut response[whole as usize..][..TAPS];
            filter.add(gain / distance, delay - whole, taps);
        }
    });
    response
}

/// w(k) sinc(k - LEAD - f), for taps k and a delay of 0 <= f < 1 samples.
struct SincFilter {
    /// (-1)^(k - LEAD) w(k) / π
    window: [f64; TAPS],
    /// k - LEAD
    position: [f64; TAPS],
}

impl SincFilter {
    fn new() -> Self {
        let position = std::array::from_fn(|k| k as f64 - LEAD as f64);
        let window = std::array::from_fn(|k| {
            let hann = 0.5 - 0.5 * (2.0 * PI * k as f64 / (TAPS - 1) as f64).cos();
            if k % 2 == LEAD % 2 { hann / PI } else { -hann / PI }
        });
        Self { window, position }
    }

    /// sin π(k - f) = -(-1)^k sin πf: one sine serves all taps.
    #[inline(always)]
    fn add(&self, gain: f64, fraction: f64, taps: &mut [f64]) {
        if fraction == 0.0 {
            taps[LEAD] += gain;
            return;
        }
        // the nearer zero of the sine keeps all digits
        let sine = (PI * fraction.min(1.0 - fraction)).sin();
        let scale = -gain * sine;
        for ((tap, window), position) in taps.iter_mut().zip(&self.window).zip(&self.position) {
            *tap += scale * window / (position - fraction);
        }
    }
}
