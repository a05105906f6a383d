//! What the comparison keeps of an utterance, and the comparison.

use crate::error::{check_parameter, check_shape};
use crate::linear::{Cholesky, triangle};
use crate::{Error, Result};

/// All that the model knows of an utterance, or of a cluster of utterances: the prior-free precision P and the linear term d of
/// its likelihood as a function of the speaker factor y, p(utterance | y) ∝ exp(dᵀ y - ½ yᵀ P y).
///
/// With or without eigenchannels the algebra is the same. Statistics of utterances of one speaker add up.
#[derive(Clone, Debug, PartialEq)]
pub struct SpeakerStat {
    /// Lower triangle of P by rows, then d. One allocation: clusterings hold many.
    values: Vec<f64>,
    factors: usize,
    evidence: f64,
}

impl SpeakerStat {
    /// From the lower triangle of P, row by row, and d.
    ///
    /// # Errors
    /// Lengths that do not fit, NaN or infinity, a P that is not positive semidefinite.
    pub fn new(precision: Vec<f64>, linear: Vec<f64>) -> Result<Self> {
        let factors = linear.len();
        check_parameter(factors > 0, "factors", factors, "at least 1")?;
        check_shape("precision [triangle]", &[precision.len()], &[triangle(factors)])?;
        let mut values = precision;
        values.extend(linear);
        if let Some(column) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite { what: "precision and linear term", row: 0, column });
        }
        Self { values, factors, evidence: 0.0 }.with_evidence()
    }

    /// Statistics of no frame: its LLR with everything is 0.
    #[must_use]
    pub fn empty(factors: usize) -> Self {
        Self { values: vec![0.0; triangle(factors) + factors], factors, evidence: 0.0 }
    }

    fn with_evidence(mut self) -> Result<Self> {
        let factored = Cholesky::new(self.precision(), self.factors, 1.0);
        let cholesky = factored.ok_or(Error::Singular {
            what: "I + P",
            remedy: "P must be positive semidefinite: compute it from frames",
        })?;
        let mut w = self.linear().to_vec();
        cholesky.forward(&mut w);
        let quadratic: f64 = w.iter().map(|w| w * w).sum();
        self.evidence = 0.5 * (quadratic - cholesky.log_determinant());
        Ok(self)
    }

    /// Number of speaker factors.
    #[must_use]
    pub fn factors(&self) -> usize {
        self.factors
    }

    /// Lower triangle of P, row by row.
    #[must_use]
    pub fn precision(&self) -> &[f64] {
        &self.values[..triangle(self.factors)]
    }

    /// d
    #[must_use]
    pub fn linear(&self) -> &[f64] {
        &self.values[triangle(self.factors)..]
    }

    /// φ = ½ ln|J| + ½ dᵀ J d with J⁻¹ = I + P: the logarithm of the utterance's likelihood with y integrated out, relative
    /// to that at y = 0.
    #[must_use]
    pub fn evidence(&self) -> f64 {
        self.evidence
    }

    /// The two as one speaker's: P and d add up.
    ///
    /// # Errors
    /// Another number of factors.
    pub fn merged(&self, other: &Self) -> Result<Self> {
        check_shape("speaker factors", &[other.factors], &[self.factors])?;
        let values = self.values.iter().zip(&other.values).map(|(a, b)| a + b).collect();
        Self { values, factors: self.factors, evidence: 0.0 }.with_evidence()
    }

    /// P and d times `scale`.
    ///
    /// # Errors
    /// A scale that is negative or not finite.
    pub fn scaled(&self, scale: f64) -> Result<Self> {
        check_parameter(scale >= 0.0 && scale.is_finite(), "scale", scale, "a number of at least 0")?;
        let values = self.values.iter().map(|value| value * scale).collect();
        Self { values, factors: self.factors, evidence: 0.0 }.with_evidence()
    }

    /// Log-likelihood ratio (natural) of "one speaker" to "two speakers": ln W P(H₁) of the slides, which is
    /// φ(A ∪ B) - φ(A) - φ(B). Symmetric to the last bit.
    ///
    /// # Errors
    /// Another number of factors.
    pub fn llr(&self, other: &Self) -> Result<f64> {
        Ok(self.merged(other)?.evidence - (self.evidence + other.evidence))
    }

    /// (P + ridge I)⁻¹ d: 1 for the posterior mean (the i-vector), small values for maximum likelihood.
    pub(crate) fn estimate(&self, ridge: f64) -> Vec<f64> {
        let mut y = self.linear().to_vec();
        // P is positive semidefinite, as checked when the value was made.
        if let Some(cholesky) = Cholesky::new(self.precision(), self.factors, ridge) {
            cholesky.solve(&mut y);
        }
        y
    }

    /// J d, the posterior mean of y: an i-vector where the loadings are a total-variability matrix.
    #[must_use]
    pub fn posterior_mean(&self) -> Vec<f64> {
        self.estimate(1.0)
    }

    /// Lower triangle of J = (I + P)⁻¹, the posterior covariance of y.
    #[must_use]
    pub fn posterior_covariance(&self) -> Vec<f64> {
        Cholesky::new(self.precision(), self.factors, 1.0)
            .map_or_else(Vec::new, |cholesky| cholesky.inverse())
    }
}
