//! The likelihood ratio of mixtures: the BIC of Ajmera and Wooters (2003), whose two sides have as many parameters.

use ndarray::{ArrayView2, Axis, concatenate};

use crate::{Error, Feature, GmmParams, Result};

/// Compares a mixture of 2 K Gaussians for both utterances with two of K Gaussians for one each. As many parameters on both
/// sides, so BIC has no penalty, and two are one speaker where the distance is negative. Slow: three mixtures a pair.
#[derive(Clone, Debug)]
pub struct GmmGlr {
    /// How the mixtures are fitted; `components` is K (8).
    pub mixture: GmmParams,
}

impl Default for GmmGlr {
    fn default() -> Self {
        Self { mixture: GmmParams { components: 8, iterations: 10, ..GmmParams::default() } }
    }
}

impl GmmGlr {
    /// ln p(A|λ_A) + ln p(B|λ_B) - ln p(A ∪ B|λ).
    ///
    /// # Errors
    /// Fewer frames than Gaussians, different numbers of features, NaN or infinity.
    pub fn distance<T: Feature>(&self, first: ArrayView2<T>, second: ArrayView2<T>) -> Result<f64> {
        let both = concatenate(Axis(0), &[first, second]).map_err(|_| Error::Shape {
            what: "features [frame, feature]",
            expected: vec![second.nrows(), first.ncols()],
            found: second.shape().to_vec(),
        })?;
        let double = GmmParams { components: 2 * self.mixture.components, ..self.mixture.clone() };
        let fit = |params: &GmmParams, frames: ArrayView2<T>| -> Result<f64> {
            Ok(params.fit(frames)?.gmm.log_likelihoods(frames)?.sum())
        };
        Ok(fit(&self.mixture, first)? + fit(&self.mixture, second)? - fit(&double, both.view())?)
    }
}
