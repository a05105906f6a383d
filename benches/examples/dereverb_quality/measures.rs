//! How near to the early image a signal is.

use auscult_dereverb::ndarray::Array2;
use auscult_eval_metrics::si_sdr;

use crate::methods::Transform;
use crate::scenes::Scene;
use crate::{Failure, RATE};

/// In decibels, means over the microphones.
pub struct Scores {
    /// SI-SDR to the early image
    pub si_sdr: f64,
    /// Power of the early image over that of the difference to it
    pub snr: f64,
    /// Log-spectral distance to the early image
    pub distance: f64,
    /// Energy up to 32 ms after the direct sound (or the beginning, where it is known) over the rest, of the response
    /// that takes the dry speech to the signal; NaN where the speaker moves and there is none
    pub early_to_late: f64,
}

pub const NAMES: [&str; 4] = ["SI-SDR", "SNR", "log-spectral distance", "early to late"];

impl Scores {
    pub fn values(&self) -> [f64; 4] {
        [self.si_sdr, self.snr, self.distance, self.early_to_late]
    }
}

pub fn scores(scene: &Scene, output: &Array2<f64>, transform: &Transform) -> Result<Scores, Failure> {
    let channels = output.nrows();
    let mut si = 0.0;
    for (early, output) in scene.early.rows().into_iter().zip(output.rows()) {
        si += si_sdr(early, output, false)? / channels as f64;
    }
    let power = |x: &Array2<f64>| x.iter().map(|x| x * x).sum::<f64>();
    let snr = 10.0 * (power(&scene.early) / power(&(output - &scene.early))).log10();
    let (e, y) = (transform.spectrum(&scene.early)?, transform.spectrum(output)?);
    // 40 dB below the mean is the end of the scale
    let floor = 1e-4 * e.iter().map(|e| e.norm_sqr()).sum::<f64>() / e.len() as f64;
    let level = |power: f64| 10.0 * (power + floor).log10();
    let squares = e.iter().zip(&y).map(|(e, y)| (level(e.norm_sqr()) - level(y.norm_sqr())).powi(2));
    let distance = (squares.sum::<f64>() / e.len() as f64).sqrt();
    let early_to_late = if scene.moving { f64::NAN } else { early_to_late(scene, &output.row(0).to_vec()) };
    Ok(Scores { si_sdr: si, snr, distance, early_to_late })
}

fn early_to_late(scene: &Scene, wet: &[f64]) -> f64 {
    let response = response(&scene.dry, wet);
    let energy = |part: &[f64]| part.iter().map(|x| x * x).sum::<f64>();
    let peak = (0..response.len()).max_by(|&a, &b| response[a].abs().total_cmp(&response[b].abs()));
    let begin = scene.begin.or(peak).unwrap_or(0);
    let end = (begin + (0.032 * f64::from(RATE)) as usize).min(response.len());
    10.0 * (energy(&response[..end]) / energy(&response[end..])).log10()
}

/// The least-squares response of 0.4 s from `dry` to `wet`.
pub fn response(dry: &[f64], wet: &[f64]) -> Vec<f64> {
    let length = (0.4 * f64::from(RATE)) as usize;
    let correlation = |a: &[f64], lag: usize| a[lag..].iter().zip(dry).map(|(a, b)| a * b).sum::<f64>();
    let mut auto: Vec<f64> = (0..length).map(|lag| correlation(dry, lag)).collect();
    auto[0] *= 1.0 + 1e-6;
    let cross: Vec<f64> = (0..length).map(|lag| correlation(wet, lag)).collect();
    levinson(&auto, &cross)
}

/// The solution of a symmetric Toeplitz system.
fn levinson(first_row: &[f64], rhs: &[f64]) -> Vec<f64> {
    let mut backward = vec![1.0 / first_row[0]];
    let mut solution = vec![rhs[0] / first_row[0]];
    for n in 1..rhs.len() {
        let mismatch: f64 = (0..n).map(|i| first_row[n - i] * backward[n - 1 - i]).sum();
        let scale = 1.0 / (1.0 - mismatch * mismatch);
        // forward vectors are the backward ones reversed
        let next: Vec<f64> = (0..=n)
            .map(|i| {
                let shifted = if i > 0 { backward[i - 1] } else { 0.0 };
                let forward = if i < n { backward[n - 1 - i] } else { 0.0 };
                scale * (shifted - mismatch * forward)
            })
            .collect();
        backward = next;
        let error: f64 = rhs[n] - (0..n).map(|i| first_row[n - i] * solution[i]).sum::<f64>();
        solution.push(0.0);
        solution.iter_mut().zip(&backward).for_each(|(x, b)| *x += error * b);
    }
    solution
}

/// Level of the frames of 32 ms: the 90th percentile less the 10th, decibels. Reverberation fills the gaps.
pub fn dynamic_range(samples: &[f64]) -> f64 {
    let mut levels = envelope(samples);
    levels.sort_by(f64::total_cmp);
    levels[levels.len() * 9 / 10] - levels[levels.len() / 10]
}

/// Level of the frames of 32 ms, decibels.
pub fn envelope(samples: &[f64]) -> Vec<f64> {
    samples
        .chunks_exact(32 * RATE as usize / 1000)
        .map(|frame| 10.0 * (frame.iter().map(|x| x * x).sum::<f64>() / frame.len() as f64 + 1e-12).log10())
        .collect()
}
