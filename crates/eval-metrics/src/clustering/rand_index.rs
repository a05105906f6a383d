//! The adjusted Rand index.

use super::Contingency;

impl Contingency {
    /// Rand index adjusted for chance (Hubert and Arabie 1985), 1 for identical partitions, about 0 for independent
    /// ones; `sklearn.metrics.adjusted_rand_score`. It counts pairs of items, so the table must hold counts.
    pub fn adjusted_rand_index(&self) -> f64 {
        let sum_of_squares = |values: &mut dyn Iterator<Item = &f64>| values.map(|n| n * n).sum::<f64>();
        let n = self.total;
        let together = sum_of_squares(&mut self.table.iter());
        let classes = sum_of_squares(&mut self.classes.iter());
        let clusters = sum_of_squares(&mut self.clusters.iter());
        // Ordered pairs: together in both, in the cluster only, in the class only, in neither.
        let both = together - n;
        let (cluster_only, class_only) = (clusters - together, classes - together);
        let neither = n * n - classes - clusters + together;
        if cluster_only == 0.0 && class_only == 0.0 {
            return 1.0;
        }
        2.0 * (both * neither - cluster_only * class_only)
            / ((both + cluster_only) * (cluster_only + neither)
                + (both + class_only) * (class_only + neither))
    }
}
