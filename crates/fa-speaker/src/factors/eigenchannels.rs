//! Eigenchannels: how one speaker's utterances differ.

use ndarray::Axis;
use serde::{Deserialize, Serialize};

use super::{EigenvoiceParams, FittedLoadings, Loadings};
use crate::{Gmm, Result, Statistics};

/// How eigenchannels are trained: decoupled from the eigenvoices, whose estimate of the speaker is taken off first.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EigenchannelParams {
    /// Number of eigenchannels (10).
    pub factors: usize,
    /// EM steps (10).
    pub iterations: usize,
    /// Relevance factor of the start, frames (4).
    pub relevance: f64,
}

impl Default for EigenchannelParams {
    fn default() -> Self {
        Self { factors: 10, iterations: 10, relevance: 4.0 }
    }
}

impl EigenchannelParams {
    /// Trains on the utterances of each speaker, aligned to `gmm`: y of a speaker is estimated from all of them, and what
    /// it leaves of each, F - N V y, is modelled.
    ///
    /// # Errors
    /// No more utterances than factors, statistics of another mixture.
    pub fn fit(
        &self,
        gmm: &Gmm,
        eigenvoices: &Loadings,
        speakers: &[Vec<Statistics>],
    ) -> Result<FittedLoadings> {
        let mut left = Vec::new();
        for utterances in speakers {
            let mut all = Statistics::empty(gmm);
            for utterance in utterances {
                utterance.check(gmm)?;
                all.add(utterance);
            }
            let offsets = eigenvoices.offsets(&eigenvoices.project(&all)?.posterior_mean());
            for utterance in utterances {
                let counts = utterance.occupation.view().insert_axis(Axis(1));
                let first_order = &utterance.first_order - &(&offsets * &counts);
                left.push(Statistics { first_order, ..utterance.clone() });
            }
        }
        let params = EigenvoiceParams {
            factors: self.factors,
            iterations: self.iterations,
            relevance: self.relevance,
            ..EigenvoiceParams::default()
        };
        params.fit(gmm, &left)
    }
}
