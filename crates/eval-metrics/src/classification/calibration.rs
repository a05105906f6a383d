//! Are probabilities what they say? Reliability diagram, expected calibration error, Brier score.

use crate::{Error, Result, check};

/// One bin of a reliability diagram.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CalibrationBin {
    /// Examples in the bin.
    pub count: usize,
    /// Their mean predicted probability.
    pub confidence: f64,
    /// The fraction of them that came true.
    pub accuracy: f64,
}

/// How far predicted probabilities are from what happens.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Calibration {
    /// The bins that hold an example, by rising probability; the points of `sklearn.calibration.calibration_curve`.
    pub bins: Vec<CalibrationBin>,
    /// ECE: the mean gap between accuracy and confidence, weighted by count (Naeini et al. 2015), in `[0, 1]`.
    pub expected_error: f64,
    /// MCE: the widest gap.
    pub maximum_error: f64,
}

/// Calibration in `n_bins` bins of equal width over `[0, 1]`.
///
/// `happened[i]` says whether what was predicted with `probability[i]` came true: for a detector, whether the example is
/// positive; for a classifier, whether the label it chose (with that probability) is the right one.
///
/// # Errors
/// Empty or mismatched input, a probability outside `[0, 1]`, or no bins.
pub fn calibration(happened: &[bool], probability: &[f64], n_bins: usize) -> Result<Calibration> {
    check_probabilities(happened, probability)?;
    if n_bins == 0 {
        return Err(Error::Parameter { name: "n_bins", value: "0".into(), expected: "at least 1" });
    }
    let mut sums = vec![(0usize, 0.0, 0usize); n_bins];
    for (&happened, &p) in happened.iter().zip(probability) {
        // Bins are closed on the right, the first on both sides: the edges of sklearn's searchsorted.
        let bin = (1..n_bins).filter(|&edge| p > edge as f64 / n_bins as f64).count();
        let (count, confidence, hits) = &mut sums[bin];
        *count += 1;
        *confidence += p;
        *hits += usize::from(happened);
    }
    let filled = sums.into_iter().filter(|&(count, ..)| count > 0);
    let bins: Vec<CalibrationBin> = filled
        .map(|(count, confidence, hits)| CalibrationBin {
            count,
            confidence: confidence / count as f64,
            accuracy: hits as f64 / count as f64,
        })
        .collect();
    let gap = |bin: &CalibrationBin| (bin.accuracy - bin.confidence).abs();
    let expected_error =
        bins.iter().map(|bin| bin.count as f64 * gap(bin)).sum::<f64>() / happened.len() as f64;
    let maximum_error = bins.iter().map(gap).fold(0.0, f64::max);
    Ok(Calibration { bins, expected_error, maximum_error })
}

/// The Brier score: mean squared difference of predicted probability and outcome (0 or 1), in `[0, 1]`, 0 best.
///
/// Same as `sklearn.metrics.brier_score_loss`.
///
/// # Errors
/// Empty or mismatched input, or a probability outside `[0, 1]`.
pub fn brier_score(happened: &[bool], probability: &[f64]) -> Result<f64> {
    check_probabilities(happened, probability)?;
    let squares = happened.iter().zip(probability).map(|(&h, p)| (p - f64::from(u8::from(h))).powi(2));
    Ok(squares.sum::<f64>() / happened.len() as f64)
}

fn check_probabilities(happened: &[bool], probability: &[f64]) -> Result<()> {
    check::same_length("happened", happened, "probability", probability)?;
    check::finite("probability", probability)?;
    match probability.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        None => Ok(()),
        Some(p) => Err(Error::Parameter {
            name: "probability",
            value: p.to_string(),
            expected: "probabilities from 0 to 1",
        }),
    }
}
