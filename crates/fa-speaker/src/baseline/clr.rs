//! Cross likelihood ratio (CLR) between adapted mixtures.

use ndarray::Zip;
use serde::{Deserialize, Serialize};

use crate::{ClusterModel, Gmm, Result, Statistics};

/// Which cross likelihood ratio.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClrForm {
    /// The slides': ln p(A|λ_B)/p(A|λ_A) + ln p(B|λ_A)/p(B|λ_B), sums over frames.
    #[default]
    Slides,
    /// The same, each term a mean over its frames.
    Normalised,
    /// 1/n_A ln p(A|λ_B)/p(A|UBM) + 1/n_B ln p(B|λ_A)/p(B|UBM) (Barras et al., 2006).
    AgainstUbm,
}

/// Clustering by a cross likelihood ratio; the distance is its negative. λ are MAP-adapted means of the background model.
///
/// Likelihoods come from statistics, with the alignment of the background model: to that order exact, and they add up.
#[derive(Clone, Copy, Debug)]
pub struct Clr<'a> {
    /// The background model.
    pub gmm: &'a Gmm,
    /// Relevance factor, frames; 16 is usual.
    pub relevance: f64,
    /// Which ratio.
    pub form: ClrForm,
}

impl Clr<'_> {
    /// ln p(utterance | means moved by the MAP offsets of `model`) - ln p(utterance | background):
    /// Σₖ Δₖᵀ Cₖ⁻¹ (Fₖ - ½ Nₖ Δₖ).
    fn gain(&self, utterance: &Statistics, model: &Statistics) -> f64 {
        let mut gain = 0.0;
        for (k, &count) in utterance.occupation.iter().enumerate() {
            let scale = 1.0 / (model.occupation[k] + self.relevance);
            Zip::from(model.first_order.row(k))
                .and(utterance.first_order.row(k))
                .and(self.gmm.variances().row(k))
                .for_each(|&model, &f, &variance| {
                    let offset = model * scale;
                    gain += offset / variance * (f - 0.5 * count * offset);
                });
        }
        gain
    }

    /// The distance of two utterances.
    ///
    /// # Errors
    /// Statistics of another mixture.
    pub fn distance(&self, first: &Statistics, second: &Statistics) -> Result<f64> {
        first.check(self.gmm)?;
        second.check(self.gmm)?;
        let crossed = (self.gain(first, second), self.gain(second, first));
        let own = || (self.gain(first, first), self.gain(second, second));
        // Utterances without frames have nothing to say.
        let (n, m) = (first.frames().max(1.0), second.frames().max(1.0));
        let ratio = match self.form {
            ClrForm::Slides => (crossed.0 + crossed.1) - (own().0 + own().1),
            ClrForm::Normalised => (crossed.0 - own().0) / n + (crossed.1 - own().1) / m,
            ClrForm::AgainstUbm => crossed.0 / n + crossed.1 / m,
        };
        Ok(-ratio)
    }
}

impl ClusterModel for Clr<'_> {
    type Item = Statistics;

    fn distances(&self, one: &Statistics, others: &[&Statistics]) -> Result<Vec<f64>> {
        others.iter().map(|other| self.distance(one, other)).collect()
    }

    fn merged(&self, first: &Statistics, second: &Statistics) -> Result<Statistics> {
        first.check(self.gmm)?;
        second.check(self.gmm)?;
        let mut merged = first.clone();
        merged.add(second);
        Ok(merged)
    }
}
