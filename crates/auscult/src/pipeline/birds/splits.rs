//! Which recordings train and which test: stratified shuffle splits (paper 001, 3.2) and recordist-disjoint
//! folds.

use std::collections::BTreeMap;

use crate::random::Random;
use crate::{Error, Result};

/// Indices of the training and the test recordings; recordings that may be in neither are left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Split {
    /// Training recordings, ascending.
    pub train: Vec<usize>,
    /// Test recordings, ascending.
    pub test: Vec<usize>,
}

/// `count` independent splits that hold out the share `held_out` of every species (at least one recording,
/// and at least one stays), as scikit-learn's `StratifiedShuffleSplit` does. Test parts may overlap between
/// splits.
///
/// # Errors
/// [`Error::Data`] where a species has fewer than two recordings.
pub fn stratified_shuffle_splits(
    species: &[usize],
    count: usize,
    held_out: f64,
    seed: u64,
) -> Result<Vec<Split>> {
    let mut by_species: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, &species) in species.iter().enumerate() {
        by_species.entry(species).or_default().push(index);
    }
    if count > 0 && by_species.values().any(|members| members.len() < 2) {
        return Err(Error::Data(
            "a species has only one recording, so that it cannot be in both parts of a split; \
             give it a second one or leave it out"
                .into(),
        ));
    }
    let splits = (0..count as u64).map(|split| {
        let mut random = Random::keyed(&[seed, 1, split]);
        // Shares that are no whole numbers are dealt out so that the total comes right, as scikit-learn does.
        let total = (species.len() as f64 * held_out).round() as usize;
        let mut quotas: Vec<(usize, f64)> = by_species
            .values()
            .map(|members| {
                let share = members.len() as f64 * held_out;
                (share.floor() as usize, share.fract())
            })
            .collect();
        let mut order: Vec<usize> = (0..quotas.len()).collect();
        random.shuffle(&mut order);
        order.sort_by(|&a, &b| quotas[b].1.total_cmp(&quotas[a].1));
        let missing = total.saturating_sub(quotas.iter().map(|quota| quota.0).sum());
        order.iter().take(missing).for_each(|&species| quotas[species].0 += 1);
        let mut split = Split { train: Vec::new(), test: Vec::new() };
        for (members, (quota, _)) in by_species.values().zip(quotas) {
            let mut members = members.clone();
            random.shuffle(&mut members);
            let (test, train) = members.split_at(quota.clamp(1, members.len() - 1));
            split.test.extend(test);
            split.train.extend(train);
        }
        split.train.sort_unstable();
        split.test.sort_unstable();
        split
    });
    Ok(splits.collect())
}

/// `folds` splits in which no recordist is in both parts: recordists are dealt to folds, each fold tests
/// once. Recordings without a recordist count as a recordist each. Recordings whose species nobody else
/// recorded cannot be recognised from the other folds and are not tested (they still train elsewhere).
/// Of 200 random deals the one is taken that tests most and spreads the species most evenly.
///
/// # Errors
/// [`Error::Data`] where there are fewer recordists than folds, or no species has two.
pub fn recordist_disjoint_folds(
    species: &[usize],
    recordists: &[Option<String>],
    folds: usize,
    seed: u64,
) -> Result<Vec<Split>> {
    let mut groups: BTreeMap<(bool, &str), Vec<usize>> = BTreeMap::new();
    let names: Vec<String> = (0..species.len()).map(|index| index.to_string()).collect();
    for (index, recordist) in recordists.iter().enumerate() {
        let key = recordist.as_deref().map_or((true, names[index].as_str()), |name| (false, name));
        groups.entry(key).or_default().push(index);
    }
    if groups.len() < folds {
        return Err(Error::Data(format!(
            "{folds} recordist-disjoint folds need at least as many recordists, and there are {}; \
             set protocol.disjoint_folds to 0 to go without",
            groups.len()
        )));
    }
    let groups: Vec<Vec<usize>> = groups.into_values().collect();
    let mut random = Random::keyed(&[seed, 2]);
    let best = (0..200)
        .map(|_| deal(&groups, species, folds, &mut random))
        .min_by(|a, b| cost(a, species).total_cmp(&cost(b, species)));
    let best = best.unwrap_or_default();
    if best.iter().all(|split| split.test.is_empty()) {
        return Err(Error::Data(
            "recordist-disjoint folds can test nothing: each species has but one recordist; set \
             protocol.disjoint_folds to 0 to go without"
                .into(),
        ));
    }
    Ok(best)
}

/// Deals groups, largest first with ties at random, each to the fold with the fewest of its species so far.
fn deal(groups: &[Vec<usize>], species: &[usize], folds: usize, random: &mut Random) -> Vec<Split> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    random.shuffle(&mut order);
    order.sort_by_key(|&group| {
        std::cmp::Reverse((groups[group].len() as f64 * random.between(0.7, 1.3)) as usize)
    });
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); folds];
    for group in order {
        let crowding = |fold: &Vec<usize>| {
            let same = fold
                .iter()
                .filter(|&&other| groups[group].iter().any(|&index| species[index] == species[other]))
                .count();
            (same, fold.len())
        };
        let fold = (0..folds).min_by_key(|&fold| crowding(&members[fold])).unwrap_or(0);
        members[fold].extend(&groups[group]);
    }
    (0..folds)
        .map(|fold| {
            let mut train: Vec<usize> = (0..folds)
                .filter(|&other| other != fold)
                .flat_map(|other| members[other].iter().copied())
                .collect();
            train.sort_unstable();
            let known = |index: &usize| train.iter().any(|&trained| species[trained] == species[*index]);
            let mut test: Vec<usize> = members[fold].iter().copied().filter(known).collect();
            test.sort_unstable();
            Split { train, test }
        })
        .collect()
}

/// Untested recordings weigh most, then uneven fold sizes.
fn cost(splits: &[Split], species: &[usize]) -> f64 {
    let tested: usize = splits.iter().map(|split| split.test.len()).sum();
    let even = species.len() as f64 / splits.len().max(1) as f64;
    let unevenness: f64 = splits.iter().map(|split| (split.test.len() as f64 - even).powi(2)).sum();
    10.0 * (species.len() - tested) as f64 + unevenness / even
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn shuffle_splits_are_stratified_partitions(sizes in prop::collection::vec(2usize..12, 1..8), seed: u64) {
            let species: Vec<usize> = sizes.iter().enumerate().flat_map(|(s, &n)| vec![s; n]).collect();
            for split in stratified_shuffle_splits(&species, 3, 0.25, seed).unwrap() {
                let mut all = [split.train.clone(), split.test.clone()].concat();
                all.sort_unstable();
                prop_assert_eq!(all, (0..species.len()).collect::<Vec<_>>());
                for (s, &size) in sizes.iter().enumerate() {
                    let tested = split.test.iter().filter(|&&i| species[i] == s).count();
                    let share = size as f64 * 0.25;
                    prop_assert!(tested >= 1 && tested < size);
                    prop_assert!((tested as f64 - share).abs() < 1.0 || tested == 1);
                }
            }
        }

        #[test]
        fn folds_keep_recordists_apart(
            recordings in prop::collection::vec((0usize..4, prop::option::weighted(0.9, 0u8..9)), 12..60),
            seed: u64,
        ) {
            let species: Vec<usize> = recordings.iter().map(|r| r.0).collect();
            let recordists: Vec<Option<String>> = recordings.iter().map(|r| r.1.map(|n| format!("r{n}"))).collect();
            let Ok(folds) = recordist_disjoint_folds(&species, &recordists, 3, seed) else { return Ok(()) };
            let mut tested = vec![0; species.len()];
            for fold in &folds {
                for &test in &fold.test {
                    tested[test] += 1;
                    prop_assert!(fold.train.iter().any(|&train| species[train] == species[test]));
                    for &train in &fold.train {
                        prop_assert!(train != test);
                        prop_assert!(recordists[test].is_none() || recordists[train] != recordists[test]);
                    }
                }
            }
            prop_assert!(tested.iter().all(|&times| times <= 1));
        }
    }

    #[test]
    fn same_seed_same_splits_and_others_differ() {
        let species: Vec<usize> = (0..40).map(|i| i % 4).collect();
        let splits = |seed| stratified_shuffle_splits(&species, 2, 0.25, seed).unwrap();
        assert_eq!(splits(1), splits(1));
        assert_ne!(splits(1), splits(2));
        assert_ne!(splits(1)[0], splits(1)[1]);
    }

    #[test]
    fn what_cannot_be_split_is_said() {
        assert!(
            stratified_shuffle_splits(&[0, 0, 1], 1, 0.25, 0)
                .unwrap_err()
                .to_string()
                .contains("only one recording")
        );
        assert_eq!(stratified_shuffle_splits(&[0, 0, 1], 0, 0.25, 0).unwrap(), []);
        let own = ["x", "x", "y", "y"].map(|name| Some(name.to_owned()));
        let error = recordist_disjoint_folds(&[0, 0, 1, 1], &own, 2, 0).unwrap_err().to_string();
        assert!(error.contains("each species has but one recordist"), "{error}");
        let one = vec![Some("x".to_owned()); 4];
        let error = recordist_disjoint_folds(&[0, 0, 1, 1], &one, 3, 0).unwrap_err().to_string();
        assert!(error.contains("there are 1"), "{error}");
    }
}
