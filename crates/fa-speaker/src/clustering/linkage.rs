//! Clustering by a fixed matrix of distances.

use serde::{Deserialize, Serialize};

use super::{Dendrogram, Distances, Merge};
use crate::Result;
use crate::error::{check_parameter, check_shape};

/// How far two clusters are apart, given the distances of their items.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Linkage {
    /// The least distance.
    Single,
    /// The greatest.
    Complete,
    /// The mean.
    #[default]
    Average,
}

/// Merges `items` items until one cluster is left, by distances as [`ClusterModel::all_distances`](super::ClusterModel::all_distances)
/// gives them: entry `i (i - 1) / 2 + j` is that of i and j < i.
///
/// # Errors
/// Another number of distances; NaN.
pub fn agglomerate_distances(distances: Vec<f32>, items: usize, linkage: Linkage) -> Result<Dendrogram> {
    let pairs = items * items.saturating_sub(1) / 2;
    check_shape("distances [pair]", &[distances.len()], &[pairs])?;
    check_parameter(distances.iter().all(|d| !d.is_nan()), "distances", "NaN", "numbers")?;
    let mut distances = Distances::new(distances, items);
    let mut nodes: Vec<(usize, usize)> = (0..items).map(|id| (id, 1)).collect();
    let mut merges = Vec::new();
    while let Some((a, b, distance)) = distances.closest() {
        let ((first, of_a), (second, of_b)) = (nodes[a], nodes[b]);
        let others: Vec<usize> = distances.live.iter().copied().filter(|&x| x != a && x != b).collect();
        let joined: Vec<f32> = others
            .iter()
            .map(|&x| {
                let (from_a, from_b) = (distances.get(a, x), distances.get(b, x));
                match linkage {
                    Linkage::Single => from_a.min(from_b),
                    Linkage::Complete => from_a.max(from_b),
                    Linkage::Average => (from_a * of_a as f32 + from_b * of_b as f32) / (of_a + of_b) as f32,
                }
            })
            .collect();
        merges.push(Merge { first, second, distance, size: of_a + of_b });
        nodes[a] = (items + merges.len() - 1, of_a + of_b);
        distances.remove(b);
        distances.update(a, &others, joined.into_iter());
    }
    Ok(Dendrogram::new(items, merges))
}
