//! Mean, deviation, extremes and median of per-recording scores.

use crate::{Error, Result, check};

/// The spread of per-recording scores, as the tables of the MIREX separation task give it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Summary {
    /// Number of scores.
    pub n: usize,
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the sample (over `n - 1`), 0 for a single score.
    pub standard_deviation: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// Median.
    pub median: f64,
}

impl Summary {
    /// Summarises scores.
    ///
    /// # Errors
    /// No scores, or one that is not finite.
    pub fn new(scores: &[f64]) -> Result<Self> {
        check::not_empty("scores", scores)?;
        check::finite("scores", scores)?;
        let mut sorted = scores.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let n = sorted.len();
        let mean = scores.iter().sum::<f64>() / n as f64;
        let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
        Ok(Self {
            n,
            mean,
            standard_deviation: (squares / (n.max(2) - 1) as f64).sqrt(),
            min: sorted[0],
            max: sorted[n - 1],
            median: (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0,
        })
    }
}

/// Mean of scores weighted by, say, the length of each recording: the GNSDR of separation is that of NSDR.
///
/// # Errors
/// Empty or mismatched input, a value that is not finite, or weights that are negative or all 0.
pub fn weighted_mean(scores: &[f64], weights: &[f64]) -> Result<f64> {
    check::same_length("scores", scores, "weights", weights)?;
    check::finite("scores", scores)?;
    check::finite("weights", weights)?;
    let total: f64 = weights.iter().sum();
    if total <= 0.0 || weights.iter().any(|&weight| weight < 0.0) {
        return Err(Error::Parameter {
            name: "weights",
            value: format!("sum {total}"),
            expected: "weights of at least 0, not all 0",
        });
    }
    Ok(scores.iter().zip(weights).map(|(score, weight)| score * weight).sum::<f64>() / total)
}
