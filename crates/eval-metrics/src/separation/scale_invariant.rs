//! The scale-invariant measures: SI-SDR, SI-SIR, SI-SAR.

use ndarray::{ArrayView1, ArrayView2};

use super::bss_eval;
use super::ratio::decibels;
use super::signals::{self, Signals, dot, samples_of};
use crate::{Error, Result, check};

/// Scale-invariant SDR in dB (Le Roux et al. 2019): the target is the multiple of the reference nearest the estimate.
///
/// `10 log10(|a s|^2 / |e - a s|^2)` with `a = <e, s> / <s, s>`. With `zero_mean` both signals lose their mean first, as
/// asteroid and torchmetrics have it; fast_bss_eval's default does not. +inf for a perfect estimate.
///
/// # Errors
/// Empty or mismatched signals, a sample that is not finite, or a silent signal.
pub fn si_sdr<T: Copy + Into<f64>>(
    reference: ArrayView1<T>,
    estimate: ArrayView1<T>,
    zero_mean: bool,
) -> Result<f64> {
    check::same_shape("reference", reference.shape(), "estimate", estimate.shape())?;
    let mut reference = samples_of("reference", 0, reference)?;
    let mut estimate = samples_of("estimate", 0, estimate)?;
    if zero_mean {
        remove_mean(&mut reference);
        remove_mean(&mut estimate);
    }
    let energy = dot(&reference, &reference);
    for (what, energy) in [("reference", energy), ("estimate", dot(&estimate, &estimate))] {
        if energy == 0.0 {
            return Err(Error::SilentSource { what, index: 0 });
        }
    }
    let scale = dot(&reference, &estimate) / energy;
    let error: Vec<f64> = reference.iter().zip(&estimate).map(|(s, e)| e - scale * s).collect();
    Ok(decibels(scale * scale * energy, dot(&error, &error)))
}

/// Scale-invariant ratios in dB per reference source; fields as in [`SourceScores`](crate::SourceScores).
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ScaleInvariantScores {
    /// SI-SDR.
    pub si_sdr: Vec<f64>,
    /// SI-SIR.
    pub si_sir: Vec<f64>,
    /// SI-SAR.
    pub si_sar: Vec<f64>,
    /// The estimate that was scored against each reference.
    pub permutation: Vec<usize>,
}

/// SI-SDR, SI-SIR and SI-SAR: BSS Eval with distortion filters of one tap, a gain.
///
/// Arrays are `[source, sample]`. With `permute`, estimates are matched to references by the greatest mean SI-SIR. Exact
/// to `fast_bss_eval.si_bss_eval_sources`.
///
/// # Errors
/// Empty or mismatched arrays, a sample that is not finite, or a silent source.
pub fn scale_invariant_bss_eval<T: Copy + Into<f64>>(
    reference: ArrayView2<T>,
    estimate: ArrayView2<T>,
    zero_mean: bool,
    permute: bool,
) -> Result<ScaleInvariantScores> {
    let (mut reference, mut estimate) = signals::pair(signals::mono(reference), signals::mono(estimate))?;
    if zero_mean {
        for signals in [&mut reference, &mut estimate] {
            let Signals { tracks, .. } = &mut *signals;
            tracks.iter_mut().for_each(|track| remove_mean(track));
            signals.check_not_silent()?;
        }
    }
    let scores = bss_eval::sources(&reference, &estimate, 1, permute)?;
    let bss_eval::SourceScores { sdr, sir, sar, permutation } = scores;
    Ok(ScaleInvariantScores { si_sdr: sdr, si_sir: sir, si_sar: sar, permutation })
}

fn remove_mean(signal: &mut [f64]) {
    let mean = signal.iter().sum::<f64>() / signal.len() as f64;
    signal.iter_mut().for_each(|sample| *sample -= mean);
}
