//! Agglomerative clustering: the two closest clusters become one, again and again.

mod dendrogram;
mod linkage;

use rayon::prelude::*;

pub use dendrogram::{Dendrogram, Merge};
pub use linkage::{Linkage, agglomerate_distances};

use crate::error::check_parameter;
use crate::{Result, SpeakerStat, llr_all_pairs, llr_with_each};

/// Clusters that can be compared and made one: their statistics are added and the distances computed anew.
pub trait ClusterModel: Sync {
    /// What is kept of a cluster.
    type Item: Clone + Send + Sync;

    /// Distances of one cluster from others; lower is closer, and it must not matter which one is `one`.
    ///
    /// # Errors
    /// Items that do not fit together.
    fn distances(&self, one: &Self::Item, others: &[&Self::Item]) -> Result<Vec<f64>>;

    /// Both as one cluster.
    ///
    /// # Errors
    /// Items that do not fit together.
    fn merged(&self, first: &Self::Item, second: &Self::Item) -> Result<Self::Item>;

    /// Distances of all pairs: entry `i (i - 1) / 2 + j` is that of i and j < i.
    ///
    /// # Errors
    /// As [`distances`](Self::distances).
    fn all_distances(&self, items: &[Self::Item]) -> Result<Vec<f32>> {
        let rows: Vec<Vec<f64>> = (0..items.len())
            .into_par_iter()
            .map(|i| self.distances(&items[i], &items[..i].iter().collect::<Vec<_>>()))
            .collect::<Result<_>>()?;
        Ok(rows.into_iter().flatten().map(|distance| distance as f32).collect())
    }
}

/// The comparison of paper 002: the distance is the negative log-likelihood ratio. Merging greedily by it maximises the
/// total evidence Σ φ(cluster); 0 is the natural threshold.
#[derive(Clone, Copy, Debug, Default)]
pub struct EvidenceRatio;

impl ClusterModel for EvidenceRatio {
    type Item = SpeakerStat;

    fn distances(&self, one: &SpeakerStat, others: &[&SpeakerStat]) -> Result<Vec<f64>> {
        Ok(llr_with_each(one, others)?.into_iter().map(|llr| -llr).collect())
    }

    fn merged(&self, first: &SpeakerStat, second: &SpeakerStat) -> Result<SpeakerStat> {
        first.merged(second)
    }

    fn all_distances(&self, items: &[SpeakerStat]) -> Result<Vec<f32>> {
        Ok(llr_all_pairs(items)?.into_iter().map(|llr| -llr).collect())
    }
}

/// [`EvidenceRatio`] for clusters that grow large: each speaks as if it had at most `most_frames` frames.
///
/// The model takes all of a speaker's frames for draws from one mixture. What it does not know, such as the room, the
/// mood, the words, does not average out, so that between two minutes of one voice every small difference becomes certain:
/// without a bound, long recordings fall into many more clusters than speakers.
#[derive(Clone, Copy, Debug)]
pub struct BoundedEvidenceRatio {
    most_frames: f64,
}

/// A cluster of [`BoundedEvidenceRatio`].
#[derive(Clone, Debug)]
pub struct BoundedStat {
    sum: SpeakerStat,
    frames: f64,
    /// What is compared: `sum`, scaled to the bound.
    heard: SpeakerStat,
}

impl BoundedEvidenceRatio {
    /// With the frames a cluster counts for at most; infinity gives [`EvidenceRatio`].
    ///
    /// # Errors
    /// A bound that is not positive.
    pub fn new(most_frames: f64) -> Result<Self> {
        check_parameter(most_frames > 0.0, "most_frames", most_frames, "a number > 0")?;
        Ok(Self { most_frames })
    }

    /// An item of `frames` frames with these statistics.
    ///
    /// # Errors
    /// A number of frames that is negative or not finite.
    pub fn item(&self, sum: SpeakerStat, frames: f64) -> Result<BoundedStat> {
        check_parameter(frames >= 0.0 && frames.is_finite(), "frames", frames, "a number of at least 0")?;
        let heard =
            if frames > self.most_frames { sum.scaled(self.most_frames / frames)? } else { sum.clone() };
        Ok(BoundedStat { sum, frames, heard })
    }
}

impl ClusterModel for BoundedEvidenceRatio {
    type Item = BoundedStat;

    fn distances(&self, one: &BoundedStat, others: &[&BoundedStat]) -> Result<Vec<f64>> {
        let others: Vec<&SpeakerStat> = others.iter().map(|other| &other.heard).collect();
        EvidenceRatio.distances(&one.heard, &others)
    }

    fn merged(&self, first: &BoundedStat, second: &BoundedStat) -> Result<BoundedStat> {
        self.item(first.sum.merged(&second.sum)?, first.frames + second.frames)
    }

    fn all_distances(&self, items: &[BoundedStat]) -> Result<Vec<f32>> {
        let heard: Vec<SpeakerStat> = items.iter().map(|item| item.heard.clone()).collect();
        EvidenceRatio.all_distances(&heard)
    }
}

/// Merges items until one cluster is left.
///
/// `max_matrix_bytes` bounds the matrix of distances (2 bytes times the square of the number of items). Where it would be
/// larger, items are first clustered in groups, in their order, each down to its share of what fits; then what is left.
/// Equal distances go to the pair of lowest indices. Time: n²/2 distances before the first merge and as many again.
///
/// # Errors
/// What the model refuses; room for less than two items.
pub fn agglomerate<M: ClusterModel>(
    model: &M,
    items: &[M::Item],
    max_matrix_bytes: usize,
) -> Result<Dendrogram> {
    let fits = ((max_matrix_bytes / 2) as f64).sqrt() as usize;
    check_parameter(fits >= 2, "max_matrix_bytes", max_matrix_bytes, "at least 8: room for two items")?;
    let mut merges = Vec::new();
    let mut nodes: Vec<Node<M::Item>> =
        items.iter().enumerate().map(|(id, item)| Node { id, size: 1, item: item.clone() }).collect();
    while nodes.len() > fits {
        let groups = nodes.len().div_ceil(fits);
        let keep = (fits / groups).clamp(1, fits / 2);
        let mut left = Vec::new();
        while !nodes.is_empty() {
            let rest = nodes.split_off(fits.min(nodes.len()));
            left.extend(reduce(model, std::mem::replace(&mut nodes, rest), keep, items.len(), &mut merges)?);
        }
        nodes = left;
    }
    reduce(model, nodes, 1, items.len(), &mut merges)?;
    Ok(Dendrogram::new(items.len(), merges))
}

/// A cluster: its number in the dendrogram, how many items it holds, what is kept of it.
struct Node<I> {
    id: usize,
    size: usize,
    item: I,
}

/// Merges nodes until `keep` are left.
fn reduce<M: ClusterModel>(
    model: &M,
    nodes: Vec<Node<M::Item>>,
    keep: usize,
    leaves: usize,
    merges: &mut Vec<Merge>,
) -> Result<Vec<Node<M::Item>>> {
    let items: Vec<M::Item> = nodes.iter().map(|node| node.item.clone()).collect();
    let mut distances = Distances::new(model.all_distances(&items)?, nodes.len());
    let mut slots: Vec<Option<Node<M::Item>>> = nodes.into_iter().map(Some).collect();
    while distances.live.len() > keep {
        let Some((a, b, distance)) = distances.closest() else { break };
        let (Some(first), Some(second)) = (slots[a].take(), slots[b].take()) else { break };
        let item = model.merged(&first.item, &second.item)?;
        let size = first.size + second.size;
        merges.push(Merge { first: first.id, second: second.id, distance, size });
        let id = leaves + merges.len() - 1;
        distances.remove(b);
        let others: Vec<usize> = distances.live.iter().copied().filter(|&x| x != a).collect();
        let compared: Vec<&M::Item> =
            others.iter().filter_map(|&x| slots[x].as_ref()).map(|n| &n.item).collect();
        let new = if compared.len() > PARALLEL {
            let parts: Vec<Vec<f64>> = compared
                .par_chunks(PARALLEL)
                .map(|part| model.distances(&item, part))
                .collect::<Result<_>>()?;
            parts.concat()
        } else {
            model.distances(&item, &compared)?
        };
        distances.update(a, &others, new.into_iter().map(|distance| distance as f32));
        slots[a] = Some(Node { id, size, item });
    }
    Ok(slots.into_iter().flatten().collect())
}

/// Comparisons worth a thread of their own.
const PARALLEL: usize = 128;

/// The lower triangle of distances, and for each row the closest of the columns before it.
pub(crate) struct Distances {
    values: Vec<f32>,
    /// Indices still in the game, rising.
    pub(crate) live: Vec<usize>,
    nearest: Vec<Option<usize>>,
}

impl Distances {
    pub(crate) fn new(values: Vec<f32>, n: usize) -> Self {
        let mut distances = Self { values, live: (0..n).collect(), nearest: vec![None; n] };
        for i in 0..n {
            distances.scan(i);
        }
        distances
    }

    pub(crate) fn get(&self, i: usize, j: usize) -> f32 {
        let (high, low) = (i.max(j), i.min(j));
        self.values[high * (high - 1) / 2 + low]
    }

    fn scan(&mut self, row: usize) {
        let mut nearest: Option<usize> = None;
        for &j in self.live.iter().take_while(|&&j| j < row) {
            if nearest.is_none_or(|best| self.get(row, j) < self.get(row, best)) {
                nearest = Some(j);
            }
        }
        self.nearest[row] = nearest;
    }

    /// The closest pair (a, b) with a < b, the first of equals.
    pub(crate) fn closest(&self) -> Option<(usize, usize, f64)> {
        let pairs = self.live.iter().filter_map(|&b| Some((self.nearest[b]?, b)));
        let best = pairs.min_by(|&(a, b), &(c, d)| {
            self.get(a, b).total_cmp(&self.get(c, d)).then_with(|| (a, b).cmp(&(c, d)))
        });
        best.map(|(a, b)| (a, b, f64::from(self.get(a, b))))
    }

    pub(crate) fn remove(&mut self, index: usize) {
        self.live.retain(|&x| x != index);
        // Rows that pointed here look again.
        let rows: Vec<usize> =
            self.live.iter().copied().filter(|&x| self.nearest[x] == Some(index)).collect();
        rows.into_iter().for_each(|row| self.scan(row));
    }

    /// New distances of `a` from `others`.
    pub(crate) fn update(&mut self, a: usize, others: &[usize], new: impl Iterator<Item = f32>) {
        for (&x, distance) in others.iter().zip(new) {
            let (high, low) = (x.max(a), x.min(a));
            let before = self.get(high, low);
            self.values[high * (high - 1) / 2 + low] = distance;
            if x > a {
                match self.nearest[x] {
                    Some(best) if best == a && distance > before => self.scan(x),
                    Some(best) if best != a => {
                        let rival = self.get(x, best);
                        if distance < rival || (distance == rival && a < best) {
                            self.nearest[x] = Some(a);
                        }
                    }
                    _ => {}
                }
            }
        }
        self.scan(a);
    }
}
