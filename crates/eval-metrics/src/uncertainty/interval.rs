//! Scores with intervals.

use super::normal;
use crate::{Error, Result, check};

/// A score with its confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Interval {
    /// The score on all the data.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How a bootstrap distribution becomes an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum IntervalMethod {
    /// The plain quantiles of the resampled scores.
    #[default]
    Percentile,
    /// Bias-corrected and accelerated (Efron 1987): second-order correct, at the price of one evaluation per
    /// example (or group) for the jackknife.
    Bca,
}

impl Interval {
    /// The quantiles of `draws` around `value`, with linear interpolation (numpy's `percentile`).
    ///
    /// # Errors
    /// No draws, a draw that is not finite, or a confidence outside (0, 1).
    pub fn percentile(value: f64, draws: &[f64], confidence: f64) -> Result<Self> {
        let tail = (1.0 - confidence) / 2.0;
        Self::between(value, draws, confidence, tail, 1.0 - tail)
    }

    /// The bias-corrected and accelerated interval; same as `scipy.stats.bootstrap(method="BCa")`.
    ///
    /// `jackknife` holds the leave-one-out values of each independent sample: one slice for a plain bootstrap, one
    /// per stratum for a stratified one. Where scipy returns NaN (all draws on one side of `value`, or a constant
    /// jackknife) the bias is limited to half a draw and the acceleration is 0.
    ///
    /// # Errors
    /// As [`Interval::percentile`], and for a jackknife value that is not finite.
    pub fn bca(value: f64, draws: &[f64], jackknife: &[Vec<f64>], confidence: f64) -> Result<Self> {
        check::open_unit("confidence", confidence)?;
        check::not_empty("draws", draws)?;
        let below = draws.iter().filter(|&&draw| draw < value).count() as f64;
        let not_above = draws.iter().filter(|&&draw| draw <= value).count() as f64;
        let n = draws.len() as f64;
        let proportion = ((below + not_above) / (2.0 * n)).clamp(0.5 / n, 1.0 - 0.5 / n);
        let acceleration = acceleration(jackknife)?;
        let level = |z: f64, bias: f64| normal::cdf(bias + (bias + z) / (1.0 - acceleration * (bias + z)));
        let z = normal::quantile((1.0 - confidence) / 2.0);
        let bias = normal::quantile(proportion);
        Self::between(value, draws, confidence, level(z, bias), level(-z, bias))
    }

    fn between(value: f64, draws: &[f64], confidence: f64, low: f64, high: f64) -> Result<Self> {
        check::open_unit("confidence", confidence)?;
        check::not_empty("draws", draws)?;
        check::finite("draws", draws)?;
        let mut sorted = draws.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Ok(Self { value, low: quantile(&sorted, low), high: quantile(&sorted, high) })
    }
}

/// Skewness of the jackknife influence values over 6 (Efron and Tibshirani 1993, eq 14.15), summed over samples.
fn acceleration(jackknife: &[Vec<f64>]) -> Result<f64> {
    let (mut cubes, mut squares) = (0.0, 0.0);
    for values in jackknife {
        if let Some((index, &value)) = values.iter().enumerate().find(|(_, v)| !v.is_finite()) {
            return Err(Error::NotFinite { what: "jackknife", index, value });
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let influence = values.iter().map(|value| (n - 1.0) * (mean - value) / n);
        cubes += influence.clone().map(|u| u.powi(3)).sum::<f64>();
        squares += influence.map(|u| u * u).sum::<f64>();
    }
    Ok(if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 })
}

fn quantile(sorted: &[f64], level: f64) -> f64 {
    let position = level.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}
