//! Partial AUC in its two conventions.

use super::order::Ranked;
use super::roc_curve;
use crate::{Error, Result};

/// The two numbers called partial AUC. They are not comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum PartialAuc {
    /// The area left of the limit, scaled so that chance is 0.5 and perfection 1 (McClish 1989). What
    /// `sklearn.metrics.roc_auc_score(max_fpr=p)` computes and the DCASE baselines report.
    McClish,
    /// The AUC of all positives against the `floor(p N-)` highest-scored negatives, ties losing: the formula of the
    /// DCASE task 2 rules. Chance is about `p / 2`.
    Raw,
}

/// Area under the ROC curve up to the false-positive rate `limit`, in `[0, 1]`.
///
/// # Errors
/// Empty or mismatched input, a NaN score, one class only, a limit outside (0, 1], or (raw) a limit so low that no
/// negative is left.
pub fn partial_auc(truth: &[bool], scores: &[f64], limit: f64, convention: PartialAuc) -> Result<f64> {
    if !(limit > 0.0 && limit <= 1.0) {
        return Err(Error::Parameter {
            name: "limit",
            value: limit.to_string(),
            expected: "a false-positive rate above 0, at most 1",
        });
    }
    match convention {
        PartialAuc::McClish => mcclish(truth, scores, limit),
        PartialAuc::Raw => raw(truth, scores, limit),
    }
}

fn mcclish(truth: &[bool], scores: &[f64], limit: f64) -> Result<f64> {
    let curve = roc_curve(truth, scores)?;
    let points = || curve.false_positive_rate.iter().copied().zip(curve.true_positive_rate.iter().copied());
    let mut area = 0.0;
    for ((x0, y0), (x1, y1)) in points().zip(points().skip(1)) {
        if x1 <= limit {
            area += (x1 - x0) * (y0 + y1) / 2.0;
        } else {
            let y = y0 + (y1 - y0) * (limit - x0) / (x1 - x0);
            area += (limit - x0) * (y0 + y) / 2.0;
            break;
        }
    }
    if limit == 1.0 {
        return Ok(area);
    }
    let (chance, perfect) = (limit * limit / 2.0, limit);
    Ok(0.5 * (1.0 + (area - chance) / (perfect - chance)))
}

fn raw(truth: &[bool], scores: &[f64], limit: f64) -> Result<f64> {
    let Ranked { positives, negatives } = Ranked::new("partial AUC", truth, scores)?;
    let kept = (limit * negatives.len() as f64).floor() as usize;
    if kept == 0 {
        return Err(Error::Parameter {
            name: "limit",
            value: limit.to_string(),
            expected: "at least one negative example's share (1 / number of negatives)",
        });
    }
    let hardest = &negatives[negatives.len() - kept..];
    let won: usize = positives.iter().map(|p| hardest.partition_point(|n| n < p)).sum();
    Ok(won as f64 / (kept as f64 * positives.len() as f64))
}
