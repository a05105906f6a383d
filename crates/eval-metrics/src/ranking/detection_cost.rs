//! The detection costs of the NIST evaluations.

use super::roc_curve;
use crate::{Error, Result, check};

/// The detection cost function of the NIST evaluations,
/// `C_miss P_target P_miss + C_fa (1 - P_target) P_fa`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct DetectionCost {
    /// Cost of a miss, `C_miss`.
    pub miss: f64,
    /// Cost of a false alarm, `C_fa`.
    pub false_alarm: f64,
    /// Prior probability of a target, `P_target`, in (0, 1).
    pub target_prior: f64,
}

/// The least detection cost over all thresholds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MinimumCost {
    /// The cost over that of the better constant decision (the normalised minDCF), in `[0, 1]`.
    pub min_dcf: f64,
    /// Where it is reached; +inf when rejecting everything is best.
    pub threshold: f64,
}

impl DetectionCost {
    /// Costs of 1 and the given target prior (0.01 and 0.05 are usual).
    #[must_use]
    pub fn with_target_prior(target_prior: f64) -> Self {
        Self { miss: 1.0, false_alarm: 1.0, target_prior }
    }

    /// NIST SRE 2008: `C_miss` 10, `C_fa` 1, `P_target` 0.01.
    #[must_use]
    pub fn sre08() -> Self {
        Self { miss: 10.0, false_alarm: 1.0, target_prior: 0.01 }
    }

    /// Sets both costs.
    #[must_use]
    pub fn costs(mut self, miss: f64, false_alarm: f64) -> Self {
        self.miss = miss;
        self.false_alarm = false_alarm;
        self
    }

    /// minDCF.
    ///
    /// # Errors
    /// Empty or mismatched input, a NaN score, one class only, a prior outside (0, 1) or a cost that is not positive.
    pub fn minimum(&self, truth: &[bool], scores: &[f64]) -> Result<MinimumCost> {
        self.check()?;
        let curve = roc_curve(truth, scores)?;
        let mut best = MinimumCost { min_dcf: f64::INFINITY, threshold: f64::INFINITY };
        for (i, &threshold) in curve.thresholds.iter().enumerate() {
            let min_dcf = self.normalised(1.0 - curve.true_positive_rate[i], curve.false_positive_rate[i]);
            if min_dcf < best.min_dcf {
                best = MinimumCost { min_dcf, threshold };
            }
        }
        Ok(best)
    }

    /// actDCF: the normalised cost of accepting scores at or above `threshold`.
    ///
    /// # Errors
    /// As [`DetectionCost::minimum`].
    pub fn actual(&self, truth: &[bool], scores: &[f64], threshold: f64) -> Result<f64> {
        self.check()?;
        let point = super::operating_point(truth, scores, threshold)?;
        Ok(self.normalised(1.0 - point.true_positive_rate, point.false_positive_rate))
    }

    /// The threshold that is best for calibrated log-likelihood ratios (natural logarithm).
    ///
    /// # Errors
    /// A prior outside (0, 1) or a cost that is not positive.
    pub fn bayes_threshold(&self) -> Result<f64> {
        self.check()?;
        Ok((self.false_alarm * (1.0 - self.target_prior) / (self.miss * self.target_prior)).ln())
    }

    fn normalised(&self, miss_rate: f64, false_alarm_rate: f64) -> f64 {
        let miss = self.miss * self.target_prior;
        let false_alarm = self.false_alarm * (1.0 - self.target_prior);
        (miss * miss_rate + false_alarm * false_alarm_rate) / miss.min(false_alarm)
    }

    fn check(&self) -> Result<()> {
        check::open_unit("target_prior", self.target_prior)?;
        for (name, value) in [("miss", self.miss), ("false_alarm", self.false_alarm)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::Parameter { name, value: value.to_string(), expected: "a positive cost" });
            }
        }
        Ok(())
    }
}
