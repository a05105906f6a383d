//! B-cubed precision and recall.

use super::Contingency;

/// B-cubed scores (Bagga and Baldwin 1998).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BCubed {
    /// Mean over items of the share of their cluster that has their class.
    pub precision: f64,
    /// Mean over items of the share of their class that is in their cluster.
    pub recall: f64,
    /// Harmonic mean.
    pub f1: f64,
}

impl Contingency {
    /// B-cubed precision, recall and F1, each in `(0, 1]`. Precision and recall equal the squared purities.
    pub fn b_cubed(&self) -> BCubed {
        let (precision, recall) = (self.squared_purity(), self.squared_coverage());
        BCubed { precision, recall, f1: 2.0 * precision * recall / (precision + recall) }
    }
}
