//! Choosing a threshold, and what it gives.

use super::order::{Ranked, Step};
use crate::{Error, Result};

/// What a detector does at one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OperatingPoint {
    /// Scores at or above it count as positive.
    pub threshold: f64,
    /// Hits over positives (recall).
    pub true_positive_rate: f64,
    /// False alarms over negatives.
    pub false_positive_rate: f64,
    /// Hits over predicted positives, 0 without any.
    pub precision: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
}

/// The rates at a given threshold.
///
/// # Errors
/// Empty or mismatched input, a NaN score, or one class only.
pub fn operating_point(truth: &[bool], scores: &[f64], threshold: f64) -> Result<OperatingPoint> {
    let ranked = Ranked::new("an operating point", truth, scores)?;
    let at_or_above = |positive: bool| {
        truth.iter().zip(scores).filter(|&(&t, &score)| t == positive && score >= threshold).count()
    };
    let step = Step { threshold, true_positives: at_or_above(true), false_positives: at_or_above(false) };
    Ok(point(&ranked, &step))
}

/// The threshold with the greatest F1, the highest of equally good ones.
///
/// # Errors
/// Empty or mismatched input, a NaN score, or one class only.
pub fn best_f1_threshold(truth: &[bool], scores: &[f64]) -> Result<OperatingPoint> {
    best(truth, scores, |step, ranked| {
        2.0 * step.true_positives as f64
            / (step.true_positives + step.false_positives + ranked.positives.len()) as f64
    })
}

/// The threshold with the greatest Youden index, true minus false positive rate; the highest of equally good ones.
///
/// # Errors
/// Empty or mismatched input, a NaN score, or one class only.
pub fn best_youden_threshold(truth: &[bool], scores: &[f64]) -> Result<OperatingPoint> {
    // The index times both class sizes: a whole number, so that ties are ties.
    best(truth, scores, |step, ranked| {
        (step.true_positives * ranked.negatives.len()) as f64
            - (step.false_positives * ranked.positives.len()) as f64
    })
}

/// The lowest threshold whose false-positive rate is at most `limit`; +inf when even the highest score exceeds it.
///
/// # Errors
/// Empty or mismatched input, a NaN score, one class only, or a limit outside `[0, 1]`.
pub fn threshold_at_false_positive_rate(
    truth: &[bool],
    scores: &[f64],
    limit: f64,
) -> Result<OperatingPoint> {
    if !(0.0..=1.0).contains(&limit) {
        return Err(Error::Parameter {
            name: "limit",
            value: limit.to_string(),
            expected: "a false-positive rate from 0 to 1",
        });
    }
    let ranked = Ranked::new("a threshold", truth, scores)?;
    let allowed = |step: &Step| step.false_positives as f64 / ranked.negatives.len() as f64 <= limit;
    let none = Step { threshold: f64::INFINITY, true_positives: 0, false_positives: 0 };
    let last = ranked.steps().into_iter().take_while(allowed).last().unwrap_or(none);
    Ok(point(&ranked, &last))
}

fn best(truth: &[bool], scores: &[f64], merit: impl Fn(&Step, &Ranked) -> f64) -> Result<OperatingPoint> {
    let ranked = Ranked::new("a threshold", truth, scores)?;
    let steps = ranked.steps();
    let mut best = &steps[0];
    for step in &steps {
        if merit(step, &ranked) > merit(best, &ranked) {
            best = step;
        }
    }
    Ok(point(&ranked, best))
}

fn point(ranked: &Ranked, step: &Step) -> OperatingPoint {
    let (positives, negatives) = (ranked.positives.len() as f64, ranked.negatives.len() as f64);
    let (hits, false_alarms) = (step.true_positives as f64, step.false_positives as f64);
    let predicted = hits + false_alarms;
    OperatingPoint {
        threshold: step.threshold,
        true_positive_rate: hits / positives,
        false_positive_rate: false_alarms / negatives,
        precision: if predicted > 0.0 { hits / predicted } else { 0.0 },
        f1: 2.0 * hits / (predicted + positives),
    }
}
