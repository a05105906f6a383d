//! The history of a clustering, which can be cut anywhere afterwards.

/// Two clusters became one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Merge {
    /// Number of one of them: below the number of leaves it is a leaf, else the cluster of merge `first - leaves`.
    pub first: usize,
    /// Number of the other.
    pub second: usize,
    /// How far apart they were.
    pub distance: f64,
    /// Leaves in the new cluster.
    pub size: usize,
}

/// All merges in their order, numbered as by `scipy.cluster.hierarchy.linkage`. Where distances are computed anew from merged
/// statistics they may fall from one merge to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Dendrogram {
    leaves: usize,
    merges: Vec<Merge>,
}

impl Dendrogram {
    pub(super) fn new(leaves: usize, merges: Vec<Merge>) -> Self {
        Self { leaves, merges }
    }

    /// Number of items that were clustered.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.leaves
    }

    /// The merges.
    #[must_use]
    pub fn merges(&self) -> &[Merge] {
        &self.merges
    }

    /// Cluster of each item where `count` clusters are left; all their own where there are no more items than that.
    /// Clusters are numbered in the order of their first items.
    #[must_use]
    pub fn cut_at_count(&self, count: usize) -> Vec<usize> {
        self.after(self.leaves.saturating_sub(count.max(1)))
    }

    /// Cluster of each item where merging stopped before the first merge farther than `threshold`, but with no fewer clusters
    /// than `least` and no more than `most`.
    #[must_use]
    pub fn cut_at_distance(&self, threshold: f64, least: usize, most: usize) -> Vec<usize> {
        let close = self.merges.iter().take_while(|merge| merge.distance <= threshold).count();
        let needed = self.leaves.saturating_sub(most.max(1));
        self.after(close.min(self.leaves.saturating_sub(least.max(1))).max(needed))
    }

    fn after(&self, merges: usize) -> Vec<usize> {
        let merges = &self.merges[..merges.min(self.merges.len())];
        // The cluster each number went into, from the last merge down.
        let mut into: Vec<usize> = (0..self.leaves + merges.len()).collect();
        for (step, merge) in merges.iter().enumerate().rev() {
            let top = into[self.leaves + step];
            into[merge.first] = top;
            into[merge.second] = top;
        }
        let mut seen = std::collections::HashMap::new();
        into[..self.leaves]
            .iter()
            .map(|top| {
                let next = seen.len();
                *seen.entry(*top).or_insert(next)
            })
            .collect()
    }
}
