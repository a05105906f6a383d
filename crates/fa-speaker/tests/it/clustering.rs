//! Clusterings of speakers drawn from the model.

use auscult_fa_speaker::{
    BoundedEvidenceRatio, EvidenceRatio, FullGaussian, GaussianGlr, Linkage, SpeakerStat, agglomerate,
    agglomerate_distances, llr_all_pairs,
};

use crate::support::{Noise, Toy, same_partition};

const ROOM: usize = 1 << 20;

fn speakers(count: usize, utterances: usize, seed: u64) -> (Vec<SpeakerStat>, Vec<usize>) {
    let mut toy = Toy::new(10, 5, 6, 1, seed);
    let corpus = toy.corpus(count, utterances, 150, false);
    Toy::stats(&toy.model(), &corpus)
}

/// Frames of the toy's utterances.
const FRAMES: f64 = 150.0;

#[test]
fn a_bound_matters_where_clusters_outgrow_it_only() {
    let (stats, _) = speakers(3, 6, 41);
    let free = agglomerate(&EvidenceRatio, &stats, ROOM).unwrap();
    let bounded = |most: f64| {
        let model = BoundedEvidenceRatio::new(most).unwrap();
        let items: Vec<_> = stats.iter().map(|stat| model.item(stat.clone(), FRAMES).unwrap()).collect();
        agglomerate(&model, &items, ROOM).unwrap()
    };
    assert_eq!(bounded(f64::INFINITY), free);
    assert_eq!(bounded(18.0 * FRAMES), free);
    // Two utterances already speak no louder than one.
    let quiet = bounded(FRAMES);
    assert_eq!(quiet.merges()[0], free.merges()[0]);
    let last = |tree: &auscult_fa_speaker::Dendrogram| tree.merges().last().unwrap().distance;
    assert!(last(&quiet) < last(&free) / 2.0, "{} {}", last(&quiet), last(&free));
    assert!(BoundedEvidenceRatio::new(0.0).is_err());
}

#[test]
fn three_speakers_are_counted_and_told_apart() {
    let (stats, truth) = speakers(3, 6, 41);
    let tree = agglomerate(&EvidenceRatio, &stats, ROOM).unwrap();
    let found = tree.cut_at_distance(0.0, 1, usize::MAX);
    assert!(same_partition(&found, &truth));
    assert!(same_partition(&tree.cut_at_count(3), &truth));
    let pairs = llr_all_pairs(&stats).unwrap().iter().map(|llr| -llr).collect();
    let average = agglomerate_distances(pairs, stats.len(), Linkage::Average).unwrap();
    assert!(same_partition(&average.cut_at_count(3), &truth));
}

#[test]
fn merging_maximises_what_a_naive_search_maximises() {
    let (stats, _) = speakers(4, 4, 42);
    let tree = agglomerate(&EvidenceRatio, &stats, ROOM).unwrap();
    let mut clusters: Vec<(usize, SpeakerStat)> = stats.iter().cloned().enumerate().collect();
    for (step, merge) in tree.merges().iter().enumerate() {
        let mut best = (f64::INFINITY, 0, 0);
        for j in 0..clusters.len() {
            for i in 0..j {
                let distance = -clusters[i].1.llr(&clusters[j].1).unwrap();
                if distance < best.0 {
                    best = (distance, i, j);
                }
            }
        }
        let (distance, i, j) = best;
        assert!((merge.distance - distance).abs() < 1e-4 * distance.abs().max(1.0));
        let mut pair = [clusters[i].0, clusters[j].0];
        pair.sort_unstable();
        let mut ours = [merge.first, merge.second];
        ours.sort_unstable();
        assert_eq!(ours, pair, "merge {step}");
        let merged = clusters[i].1.merged(&clusters[j].1).unwrap();
        clusters.remove(j);
        clusters[i] = (stats.len() + step, merged);
    }
}

#[test]
fn the_order_of_utterances_does_not_matter() {
    let (stats, _) = speakers(5, 5, 43);
    let mut order: Vec<usize> = (0..stats.len()).collect();
    let mut noise = Noise(44);
    for last in (1..order.len()).rev() {
        order.swap(last, noise.below(last + 1));
    }
    let shuffled: Vec<SpeakerStat> = order.iter().map(|&i| stats[i].clone()).collect();
    let here = agglomerate(&EvidenceRatio, &stats, ROOM).unwrap().cut_at_count(5);
    let there = agglomerate(&EvidenceRatio, &shuffled, ROOM).unwrap().cut_at_count(5);
    let back: Vec<usize> = order.iter().map(|&i| here[i]).collect();
    assert!(same_partition(&back, &there));
}

#[test]
fn little_memory_clusters_in_groups() {
    let (stats, truth) = speakers(4, 10, 45);
    // Room for a matrix of 16 of the 40 utterances.
    let tree = agglomerate(&EvidenceRatio, &stats, 16 * 16 * 2).unwrap();
    assert_eq!(tree.merges().len(), stats.len() - 1);
    assert!(same_partition(&tree.cut_at_count(4), &truth));
    assert!(agglomerate(&EvidenceRatio, &stats, 7).is_err());
}

#[test]
fn few_items_and_odd_wishes() {
    let (stats, _) = speakers(2, 1, 46);
    let none = agglomerate(&EvidenceRatio, &[], ROOM).unwrap();
    assert!(none.cut_at_count(3).is_empty());
    let one = agglomerate(&EvidenceRatio, &stats[..1], ROOM).unwrap();
    assert_eq!(one.cut_at_count(5), [0]);
    assert_eq!(one.cut_at_distance(0.0, 2, 4), [0]);
    let two = agglomerate(&EvidenceRatio, &stats, ROOM).unwrap();
    assert_eq!(two.cut_at_count(9), [0, 1]);
    assert_eq!(two.cut_at_count(0), [0, 0]);
    assert_eq!(two.cut_at_distance(f64::NEG_INFINITY, 1, 1), [0, 0]);
    assert_eq!(two.cut_at_distance(f64::INFINITY, 2, 2), [0, 1]);
    let empty = vec![SpeakerStat::empty(6); 4];
    assert_eq!(agglomerate(&EvidenceRatio, &empty, ROOM).unwrap().cut_at_distance(0.0, 1, 9), [0; 4]);
    assert!(agglomerate_distances(vec![f32::NAN], 2, Linkage::Average).is_err());
    assert!(agglomerate_distances(vec![1.0; 2], 2, Linkage::Average).is_err());
}

#[test]
fn gaussians_cluster_by_their_moments() {
    let mut noise = Noise(47);
    let mut of = |centre: f64| {
        let x = auscult_fa_speaker::ndarray::Array2::from_shape_fn((80, 2), |_| centre + noise.normal());
        FullGaussian::new(x.view()).unwrap()
    };
    let items = [of(0.0), of(6.0), of(0.0), of(6.0), of(6.0)];
    let tree = agglomerate(&GaussianGlr, &items, ROOM).unwrap();
    assert_eq!(tree.cut_at_count(2), [0, 1, 0, 1, 1]);
}
