//! Correlations of the references with each other and with the estimates, at the few lags a distortion filter spans.
//!
//! Only lags below the filter length `L` are needed, so a transform of the whole signal is a waste. The signal goes
//! by in blocks of `N - L + 1` samples: the spectrum of a block (zero-padded) against the spectrum of the same block
//! with its `L - 1` followers gives the block's share of lags `0..L` without wrap-around. Cross-spectra are summed
//! over blocks, and inverted once. Everything stays in cache.

use std::sync::Arc;

use rayon::prelude::*;
use realfft::num_complex::Complex64;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use super::signals::{Signals, dot};

/// A real transform of one size with its inverse.
#[derive(Clone)]
pub(crate) struct Transform {
    pub(crate) size: usize,
    pub(crate) forward: Arc<dyn RealToComplex<f64>>,
    pub(crate) inverse: Arc<dyn ComplexToReal<f64>>,
}

impl Transform {
    /// Large enough that most of a block is new samples, small enough for the first cache levels.
    pub(crate) fn for_filter(length: usize) -> Self {
        let size = (8 * length).next_power_of_two().max(1024);
        let mut planner = RealFftPlanner::new();
        Self { size, forward: planner.plan_fft_forward(size), inverse: planner.plan_fft_inverse(size) }
    }

    /// Spectrum of `samples`, zero-padded to `size`.
    pub(crate) fn spectrum(&self, samples: &[f64], buffer: &mut [f64], spectrum: &mut [Complex64]) {
        buffer[..samples.len()].copy_from_slice(samples);
        buffer[samples.len()..].fill(0.0);
        // Lengths are those of the plan, so the transform cannot fail.
        let done = self.forward.process(buffer, spectrum);
        debug_assert!(done.is_ok());
    }

    /// Inverse, scaled by `1 / size`.
    pub(crate) fn signal(&self, spectrum: &mut [Complex64], buffer: &mut [f64]) {
        let last = spectrum.len() - 1;
        spectrum[0].im = 0.0;
        spectrum[last].im = 0.0;
        let done = self.inverse.process(spectrum, buffer);
        debug_assert!(done.is_ok());
        let scale = 1.0 / self.size as f64;
        buffer.iter_mut().for_each(|sample| *sample *= scale);
    }
}

/// `lags[a][x][k] = sum_t r_a(t) x(t + k)` for `0 <= k < L`.
///
/// `a` runs over the reference tracks, `x` over the reference tracks and then the estimate tracks.
pub(crate) struct Correlations {
    pub(crate) filter_length: usize,
    /// Number of reference tracks.
    pub(crate) references: usize,
    lags: Vec<Vec<Vec<f64>>>,
    /// Energy of each reference track, then of each estimate track.
    energy: Vec<f64>,
}

/// Blocks summed by one task: fixed, so that the sum does not depend on the number of threads.
const BLOCKS_PER_TASK: usize = 64;

impl Correlations {
    pub(crate) fn new(reference: &Signals, estimate: &Signals, filter_length: usize) -> Self {
        let references = reference.tracks.len();
        let tracks: Vec<&[f64]> =
            reference.tracks.iter().chain(&estimate.tracks).map(|track| track.as_slice()).collect();
        let energy = tracks.iter().map(|track| dot(track, track)).collect();
        let lags = if filter_length == 1 {
            (0..references).map(|a| tracks.iter().map(|x| vec![dot(tracks[a], x)]).collect()).collect()
        } else {
            by_blocks(references, &tracks, filter_length)
        };
        Self { filter_length, references, lags, energy }
    }

    /// `sum_t r_a(t) r_b(t + k)`.
    pub(crate) fn of_references(&self, a: usize, b: usize) -> &[f64] {
        &self.lags[a][b]
    }

    /// `sum_t r_a(t) e(t + k)` for estimate track `e`.
    pub(crate) fn with_estimate(&self, a: usize, e: usize) -> &[f64] {
        &self.lags[a][self.references + e]
    }

    pub(crate) fn reference_energy(&self, a: usize) -> f64 {
        self.energy[a]
    }

    pub(crate) fn estimate_energy(&self, e: usize) -> f64 {
        self.energy[self.references + e]
    }
}

fn by_blocks(references: usize, tracks: &[&[f64]], filter_length: usize) -> Vec<Vec<Vec<f64>>> {
    let transform = Transform::for_filter(filter_length);
    let (size, bins) = (transform.size, transform.size / 2 + 1);
    let step = size - filter_length + 1;
    let samples = tracks[0].len();
    let pairs = references * tracks.len();

    let share = |task: usize| {
        let mut sums = vec![Complex64::default(); pairs * bins];
        let mut buffer = vec![0.0; size];
        let mut block = vec![Complex64::default(); bins];
        let mut extended = vec![Complex64::default(); tracks.len() * bins];
        for start in (0..samples).step_by(step).skip(task * BLOCKS_PER_TASK).take(BLOCKS_PER_TASK) {
            for (track, spectrum) in tracks.iter().zip(extended.chunks_exact_mut(bins)) {
                transform.spectrum(&track[start..samples.min(start + size)], &mut buffer, spectrum);
            }
            for (a, sums) in sums.chunks_exact_mut(tracks.len() * bins).enumerate() {
                transform.spectrum(&tracks[a][start..samples.min(start + step)], &mut buffer, &mut block);
                for (sum, x) in sums.chunks_exact_mut(bins).zip(extended.chunks_exact(bins)) {
                    for ((sum, r), x) in sum.iter_mut().zip(&block).zip(x) {
                        sum.re += r.re * x.re + r.im * x.im;
                        sum.im += r.re * x.im - r.im * x.re;
                    }
                }
            }
        }
        sums
    };

    let tasks = samples.div_ceil(step).div_ceil(BLOCKS_PER_TASK);
    let shares: Vec<Vec<Complex64>> = (0..tasks).into_par_iter().map(share).collect();
    let mut total = vec![Complex64::default(); pairs * bins];
    for share in shares {
        total.iter_mut().zip(share).for_each(|(sum, part)| *sum += part);
    }
    let mut buffer = vec![0.0; size];
    let mut lags = total.chunks_exact_mut(bins).map(|spectrum| {
        transform.signal(spectrum, &mut buffer);
        buffer[..filter_length].to_vec()
    });
    (0..references).map(|_| lags.by_ref().take(tracks.len()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn blocks_agree_with_the_sums() {
        // Whole numbers, so that the sums are exact; more than one block, the last one short.
        let signal = |seed: usize| {
            let sample = move |(j, c, t): (usize, usize, usize)| {
                ((t * t * 7919 + t * (31 + seed) + 104_729 * (2 * j + c)) % 2001) as f64 - 1000.0
            };
            Signals::new("test", Array3::from_shape_fn((2, 2, 9000), sample).view()).unwrap()
        };
        let (reference, estimate) = (signal(0), signal(5));
        let correlations = Correlations::new(&reference, &estimate, 512);
        for (a, r) in reference.tracks.iter().enumerate() {
            for (x, other) in reference.tracks.iter().chain(&estimate.tracks).enumerate() {
                for k in [0, 1, 300, 511] {
                    let sum: f64 = r.iter().zip(&other[k..]).map(|(r, x)| r * x).sum();
                    assert!((correlations.lags[a][x][k] - sum).abs() < 1e-5, "{a} {x} {k}");
                }
            }
        }
    }
}
