//! Examples in order of falling score: what every ranking score walks through.

use crate::{Error, Result, check};

/// Cumulative counts at one distinct threshold: the examples with score >= `threshold`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) threshold: f64,
    pub(crate) true_positives: usize,
    pub(crate) false_positives: usize,
}

/// Number of positives and negatives, after the checks every ranking score shares.
pub(crate) fn count_classes(
    score: &'static str,
    truth: &[bool],
    scores: &[f64],
    needs_negatives: bool,
) -> Result<(usize, usize)> {
    check::same_length("truth", truth, "scores", scores)?;
    check::no_nan("scores", scores)?;
    let positives = truth.iter().filter(|&&positive| positive).count();
    let negatives = truth.len() - positives;
    let n = truth.len();
    if positives == 0 {
        return Err(Error::OneClass { score, missing: "positive", n });
    }
    if needs_negatives && negatives == 0 {
        return Err(Error::OneClass { score, missing: "negative", n });
    }
    Ok((positives, negatives))
}

/// Visits the distinct thresholds from the highest down. Scores must not be NaN.
pub(crate) fn steps(truth: &[bool], scores: &[f64]) -> Vec<Step> {
    let sorted = descending(truth, scores);
    let mut steps = Vec::new();
    let (mut true_positives, mut false_positives) = (0, 0);
    for (position, &(threshold, positive)) in sorted.iter().enumerate() {
        if positive {
            true_positives += 1
        } else {
            false_positives += 1
        }
        if sorted.get(position + 1).is_none_or(|next| next.0 != threshold) {
            steps.push(Step { threshold, true_positives, false_positives });
        }
    }
    steps
}

fn descending(truth: &[bool], scores: &[f64]) -> Vec<(f64, bool)> {
    let mut pairs: Vec<(f64, bool)> = scores.iter().copied().zip(truth.iter().copied()).collect();
    pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    pairs
}
