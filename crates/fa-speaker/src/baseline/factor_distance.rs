//! Distances between the eigenvoice coefficients of two utterances (Faltlhauser and Ruske, 2001).

use serde::{Deserialize, Serialize};

use crate::error::check_shape;
use crate::factors::MAXIMUM_LIKELIHOOD_RIDGE;
use crate::{Result, SpeakerStat};

/// Which distance between which estimates of y.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactorDistance {
    /// Euclidean, of maximum-likelihood estimates (with the ridge of 1e-3 that short utterances need): the slides' "EV".
    #[default]
    MaximumLikelihood,
    /// Euclidean, of posterior means.
    PosteriorMean,
    /// 1 - cosine of the angle between posterior means; 1 where one of them is 0.
    Cosine,
    /// √(Δᵀ (J_A + J_B)⁻¹ Δ): differences of posterior means in units of their uncertainty.
    Mahalanobis,
}

impl FactorDistance {
    /// The distance of two utterances.
    ///
    /// # Errors
    /// Different numbers of factors.
    pub fn distance(self, first: &SpeakerStat, second: &SpeakerStat) -> Result<f64> {
        check_shape("speaker factors", &[second.factors()], &[first.factors()])?;
        let ridge = if self == Self::MaximumLikelihood { MAXIMUM_LIKELIHOOD_RIDGE } else { 1.0 };
        let (a, b) = (first.estimate(ridge), second.estimate(ridge));
        let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        let difference: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        Ok(match self {
            Self::MaximumLikelihood | Self::PosteriorMean => dot(&difference, &difference).sqrt(),
            Self::Cosine => {
                let lengths = (dot(&a, &a) * dot(&b, &b)).sqrt();
                if lengths > 0.0 { 1.0 - dot(&a, &b) / lengths } else { 1.0 }
            }
            Self::Mahalanobis => {
                let covariance: Vec<f64> = first
                    .posterior_covariance()
                    .iter()
                    .zip(second.posterior_covariance())
                    .map(|(a, b)| a + b)
                    .collect();
                let whitened =
                    crate::linear::Cholesky::new(&covariance, first.factors(), 0.0).map(|cholesky| {
                        let mut whitened = difference.clone();
                        cholesky.forward(&mut whitened);
                        whitened
                    });
                whitened.map_or(0.0, |whitened| dot(&whitened, &whitened).sqrt())
            }
        })
    }
}
