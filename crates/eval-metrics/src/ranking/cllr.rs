//! Cllr, the cost of log-likelihood ratios.

use crate::{Error, Result, check};

/// The cost of log-likelihood ratios in bits (Brummer and du Preez 2006): 0 is perfect, 1 is what a system that
/// always says "ratio 1" gets, and bad calibration has no upper bound.
///
/// `log_ratios` are natural logarithms of `p(score | target) / p(score | non-target)`.
///
/// # Errors
/// Empty or mismatched input, a NaN, or one class only.
pub fn cllr(truth: &[bool], log_ratios: &[f64]) -> Result<f64> {
    check::same_length("truth", truth, "log_ratios", log_ratios)?;
    check::no_nan("log_ratios", log_ratios)?;
    let (mut targets, mut target_cost, mut other_cost) = (0usize, 0.0, 0.0);
    for (&target, &ratio) in truth.iter().zip(log_ratios) {
        if target {
            targets += 1;
            target_cost += softplus(-ratio);
        } else {
            other_cost += softplus(ratio);
        }
    }
    let others = truth.len() - targets;
    for (count, missing) in [(targets, "positive"), (others, "negative")] {
        if count == 0 {
            return Err(Error::OneClass { score: "Cllr", missing, n: truth.len() });
        }
    }
    Ok((target_cost / targets as f64 + other_cost / others as f64) / (2.0 * std::f64::consts::LN_2))
}

/// `ln(1 + e^x)` without overflow.
fn softplus(x: f64) -> f64 {
    if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }
}
