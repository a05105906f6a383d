//! What an impulse response tells about a room, simulated or measured.

use ndarray::{Array2, ArrayView2, Axis};

use crate::error::{Error, Result, check_parameter, check_samples};

/// The decay is fitted between these levels (T30), in dB below the whole energy.
const FITTED: std::ops::RangeInclusive<f64> = 5.0..=35.0;

/// Impulse responses in two parts that add up to the whole. Made by [`split_early`].
#[derive(Clone, Debug, PartialEq)]
pub struct EarlyLate {
    /// Direct sound and early reflections; then zeros. [microphone, sample]
    pub early: Array2<f64>,
    /// Zeros; then the late reverberation. [microphone, sample]
    pub late: Array2<f64>,
}

impl EarlyLate {
    /// Early over late energy at one microphone, in dB: the direct-to-reverberant ratio if the early part is some
    /// 2.5 ms, the clarity C50 if it is 50 ms. Infinite without late sound.
    pub fn ratio_db(&self, microphone: usize) -> f64 {
        let energy = |part: &Array2<f64>| part.row(microphone).iter().map(|value| value * value).sum::<f64>();
        10.0 * (energy(&self.early) / energy(&self.late)).log10()
    }
}

/// Splits impulse responses [microphone, sample] `early` samples after the direct sound, which is taken to be the
/// strongest sample of each.
///
/// A signal through the early part is the early image: the target that dereverberation is measured against.
///
/// # Errors
/// If the responses are empty or not finite.
pub fn split_early(responses: ArrayView2<f64>, early: usize) -> Result<EarlyLate> {
    check_parameter(!responses.is_empty(), "values of the responses", 0.0, "at least 1")?;
    check_samples(responses)?;
    let mut parts = EarlyLate { early: responses.to_owned(), late: responses.to_owned() };
    let rows = parts.early.axis_iter_mut(Axis(0)).zip(parts.late.axis_iter_mut(Axis(0)));
    for ((mut early_part, mut late_part), response) in rows.zip(responses.axis_iter(Axis(0))) {
        let boundary = strongest(response.iter()).saturating_add(early).saturating_add(1).min(response.len());
        early_part.iter_mut().skip(boundary).for_each(|value| *value = 0.0);
        late_part.iter_mut().take(boundary).for_each(|value| *value = 0.0);
    }
    Ok(parts)
}

/// The reverberation time of an impulse response in seconds: Schroeder's backward integral falls by 60 dB in it, by
/// the line fitted between -5 and -35 dB.
///
/// # Errors
/// [`Error::NoDecay`] if the response is too short, or its noise too strong, to fall by 35 dB.
pub fn measured_reverberation_time(response: &[f64], sample_rate: f64) -> Result<f64> {
    check_parameter(sample_rate > 0.0 && sample_rate.is_finite(), "sample_rate", sample_rate, "> 0")?;
    check_samples(response)?;
    let mut remaining = 0.0;
    let mut energies: Vec<f64> = response
        .iter()
        .rev()
        .map(|value| {
            remaining += value * value;
            remaining
        })
        .collect();
    energies.reverse();
    let below = |energy: f64| 10.0 * (remaining / energy).log10();
    if !energies.last().is_some_and(|&energy| below(energy) > *FITTED.end()) {
        return Err(Error::NoDecay { decibels: *FITTED.end() });
    }
    let points: Vec<(f64, f64)> = energies
        .iter()
        .enumerate()
        .map(|(sample, &energy)| (sample as f64 / sample_rate, below(energy)))
        .filter(|(_, level)| FITTED.contains(level))
        .collect();
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (time, level) = (mean(|point| point.0), mean(|point| point.1));
    let covariance: f64 = points.iter().map(|point| (point.0 - time) * (point.1 - level)).sum();
    let variance: f64 = points.iter().map(|point| (point.0 - time).powi(2)).sum();
    let rate = covariance / variance;
    if rate > 0.0 { Ok(60.0 / rate) } else { Err(Error::NoDecay { decibels: *FITTED.end() }) }
}

/// The first of the samples with the largest magnitude.
fn strongest<'a>(response: impl Iterator<Item = &'a f64>) -> usize {
    let mut best = (0, 0.0);
    for (sample, value) in response.enumerate() {
        if value.abs() > best.1 {
            best = (sample, value.abs());
        }
    }
    best.0
}
