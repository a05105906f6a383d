//! Purity, coverage, and the squared purity of the speaker-clustering literature.

use ndarray::{ArrayView1, Axis};

use super::Contingency;

impl Contingency {
    /// The fraction of items that belong to the largest class of their cluster, in `(0, 1]`. At least one over the
    /// number of classes.
    pub fn purity(&self) -> f64 {
        self.largest(Axis(0))
    }

    /// Purity the other way round: the fraction of items in the largest cluster of their class.
    pub fn coverage(&self) -> f64 {
        self.largest(Axis(1))
    }

    /// Average cluster purity in its squared form, `(1/N) sum_k sum_s n_sk^2 / n_k` (Solomonoff et al. 1998): the
    /// chance that two items drawn from one cluster share their class. In `(0, 1]`; used here for the `I_PUR` of Jeon,
    /// Ma and Macho (2011), who do not define it.
    pub fn squared_purity(&self) -> f64 {
        self.squared(Axis(0))
    }

    /// Average speaker purity in its squared form: classes and clusters exchanged.
    pub fn squared_coverage(&self) -> f64 {
        self.squared(Axis(1))
    }

    /// The geometric mean of both squared purities, `K` (Ajmera et al. 2002).
    pub fn k_measure(&self) -> f64 {
        (self.squared_purity() * self.squared_coverage()).sqrt()
    }

    fn largest(&self, axis: Axis) -> f64 {
        let largest = |lane: ArrayView1<f64>| lane.iter().copied().fold(0.0, f64::max);
        self.table.lanes(axis).into_iter().map(largest).sum::<f64>() / self.total
    }

    fn squared(&self, axis: Axis) -> f64 {
        let squared = |lane: ArrayView1<f64>| lane.iter().map(|n| n * n).sum::<f64>() / lane.sum();
        self.table.lanes(axis).into_iter().map(squared).sum::<f64>() / self.total
    }
}
