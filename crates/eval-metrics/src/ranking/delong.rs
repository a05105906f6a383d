//! DeLong's interval of an AUC, and his test of two.

use super::order::Ranked;
use crate::uncertainty::{Interval, normal};
use crate::{Error, Result, check};

/// AUC with the confidence interval of DeLong, DeLong and Clarke-Pearson (1988), clipped to `[0, 1]`.
///
/// # Errors
/// Empty or mismatched input, a NaN score, fewer than two examples of a class, or a confidence outside (0, 1).
pub fn delong_interval(truth: &[bool], scores: &[f64], confidence: f64) -> Result<Interval> {
    check::open_unit("confidence", confidence)?;
    let components = Components::new(truth, scores)?;
    let half = -normal::quantile((1.0 - confidence) / 2.0) * components.covariance(&components).sqrt();
    let value = components.auc;
    Ok(Interval { value, low: (value - half).max(0.0), high: (value + half).min(1.0) })
}

/// Result of [`delong_test`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DelongTest {
    /// First AUC minus second.
    pub difference: f64,
    /// Difference over its standard error; 0 when both rank alike.
    pub z: f64,
    /// Two-sided p-value, in `[0, 1]`.
    pub p_value: f64,
}

/// Do two detectors, scored on the same examples, differ in AUC? (DeLong et al. 1988)
///
/// # Errors
/// As [`delong_interval`].
pub fn delong_test(truth: &[bool], first: &[f64], second: &[f64]) -> Result<DelongTest> {
    let (a, b) = (Components::new(truth, first)?, Components::new(truth, second)?);
    let variance = a.covariance(&a) + b.covariance(&b) - 2.0 * a.covariance(&b);
    let difference = a.auc - b.auc;
    let z = match (difference == 0.0, variance > 0.0) {
        (true, _) => 0.0,
        (false, true) => difference / variance.sqrt(),
        (false, false) => difference.signum() * f64::INFINITY,
    };
    Ok(DelongTest { difference, z, p_value: 2.0 * normal::cdf(-z.abs()) })
}

/// How often each example wins: a positive against the negatives (`V10`), a negative against the positives (`V01`).
struct Components {
    auc: f64,
    positives: Vec<f64>,
    negatives: Vec<f64>,
}

impl Components {
    fn new(truth: &[bool], scores: &[f64]) -> Result<Self> {
        let ranked = Ranked::new("DeLong's variance", truth, scores)?;
        for (count, missing) in [(ranked.positives.len(), "positive"), (ranked.negatives.len(), "negative")] {
            if count < 2 {
                return Err(Error::OneClass { score: "DeLong's variance", missing, n: truth.len() });
            }
        }
        // In the order of the examples, so that two detectors' components belong together.
        let of_class = |class: bool| -> Vec<f64> {
            let own = truth.iter().zip(scores).filter(move |&(&t, _)| t == class).map(|(_, &score)| score);
            own.collect()
        };
        let (positive, negative) = (of_class(true), of_class(false));
        let positives = shares_below(&positive, &negative);
        let negatives: Vec<f64> =
            shares_below(&negative, &positive).iter().map(|share| 1.0 - share).collect();
        let auc = positives.iter().sum::<f64>() / positives.len() as f64;
        Ok(Self { auc, positives, negatives })
    }

    /// `S10 / m + S01 / n`.
    fn covariance(&self, other: &Self) -> f64 {
        let of = |a: &[f64], b: &[f64]| {
            let n = a.len() as f64;
            let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
            a.iter().zip(b).map(|(x, y)| (x - mean_a) * (y - mean_b)).sum::<f64>() / (n - 1.0) / n
        };
        of(&self.positives, &other.positives) + of(&self.negatives, &other.negatives)
    }
}

/// For each value the share of `others` below it, ties counting half.
fn shares_below(values: &[f64], others: &[f64]) -> Vec<f64> {
    let mut sorted = others.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len() as f64;
    values
        .iter()
        .map(|value| {
            let below = sorted.partition_point(|other| other < value);
            let not_above = sorted.partition_point(|other| other <= value);
            (below + not_above) as f64 / (2.0 * n)
        })
        .collect()
}
