//! Scores from information theory: NMI, homogeneity, completeness, V-measure.

use ndarray::Array1;

use super::Contingency;

impl Contingency {
    /// Mutual information of class and cluster, in nats; `sklearn.metrics.mutual_info_score`.
    pub fn mutual_information(&self) -> f64 {
        let mut information = 0.0;
        for ((i, j), &n) in self.table.indexed_iter() {
            if n > 0.0 {
                information += n / self.total * (n * self.total / (self.classes[i] * self.clusters[j])).ln();
            }
        }
        information.max(0.0)
    }

    /// Mutual information over the arithmetic mean of both entropies, in `[0, 1]`; 1 when there is one class and one
    /// cluster. `sklearn.metrics.normalized_mutual_info_score`.
    pub fn normalized_mutual_information(&self) -> f64 {
        if self.n_classes() == 1 && self.n_clusters() == 1 {
            return 1.0;
        }
        let mean = (self.entropy(&self.classes) + self.entropy(&self.clusters)) / 2.0;
        self.mutual_information() / mean
    }

    /// 1 minus the conditional entropy of the class given the cluster over that of the class, in `[0, 1]`;
    /// `sklearn.metrics.homogeneity_score`.
    pub fn homogeneity(&self) -> f64 {
        if self.n_classes() == 1 { 1.0 } else { self.mutual_information() / self.entropy(&self.classes) }
    }

    /// Homogeneity with classes and clusters exchanged; `sklearn.metrics.completeness_score`.
    pub fn completeness(&self) -> f64 {
        if self.n_clusters() == 1 { 1.0 } else { self.mutual_information() / self.entropy(&self.clusters) }
    }

    /// Harmonic mean of homogeneity and completeness (Rosenberg and Hirschberg 2007); `sklearn.metrics.v_measure_score`.
    pub fn v_measure(&self) -> f64 {
        let (homogeneity, completeness) = (self.homogeneity(), self.completeness());
        let sum = homogeneity + completeness;
        if sum == 0.0 { 0.0 } else { 2.0 * homogeneity * completeness / sum }
    }

    fn entropy(&self, sizes: &Array1<f64>) -> f64 {
        -sizes.iter().map(|n| n / self.total * (n / self.total).ln()).sum::<f64>()
    }
}
