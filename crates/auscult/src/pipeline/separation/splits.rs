//! Which songs teach, which choose, which test; no group is on two sides.

use super::songs::{Song, Split};
use crate::random::Random;
use crate::{Error, Result};

/// One way to part the songs, as indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Fit weights.
    pub train: Vec<usize>,
    /// Choose among weights.
    pub valid: Vec<usize>,
    /// Are scored.
    pub test: Vec<usize>,
}

/// The parts of every tested fold: the songs' own split where they have one, else groups dealt into `folds`, part `k` being
/// tested, part `k + 1` validating and the others teaching.
///
/// A collection that marks its tests but no validation songs lends a `folds`-th of its other groups for that.
///
/// # Errors
/// [`Error::Data`] where a side would be empty.
pub fn parts(songs: &[Song], folds: usize, tested: usize, deal: u64) -> Result<Vec<Parts>> {
    let of = |wanted: Option<Split>| -> Vec<usize> {
        (0..songs.len()).filter(|&index| songs[index].split == wanted).collect()
    };
    let test = of(Some(Split::Test));
    if !test.is_empty() {
        let mut train: Vec<usize> = of(None).into_iter().chain(of(Some(Split::Train))).collect();
        train.sort_unstable();
        let mut valid = of(Some(Split::Valid));
        if valid.is_empty() {
            let folds = dealt(songs, &train, folds, deal);
            valid = folds.into_iter().next().unwrap_or_default();
            train.retain(|index| !valid.contains(index));
        }
        return checked(vec![Parts { train, valid, test }]);
    }
    let all: Vec<usize> = (0..songs.len()).collect();
    let parts = dealt(songs, &all, folds, deal);
    let tested = (0..tested).map(|k| {
        let valid = (k + 1) % folds;
        let mut train: Vec<usize> = (0..folds)
            .filter(|part| *part != k && *part != valid)
            .flat_map(|part| parts[part].clone())
            .collect();
        train.sort_unstable();
        Parts { train, valid: parts[valid].clone(), test: parts[k].clone() }
    });
    checked(tested.collect())
}

fn checked(parts: Vec<Parts>) -> Result<Vec<Parts>> {
    for Parts { train, valid, test } in &parts {
        if train.is_empty() || valid.is_empty() || test.is_empty() {
            return Err(Error::Data(format!(
                "{} songs would teach, {} validate and {} test; each needs some: there are too few groups (singers, songs)",
                train.len(),
                valid.len(),
                test.len()
            )));
        }
    }
    Ok(parts)
}

/// The groups of `members`, shuffled by `seed` and dealt out like cards; each part's songs in order.
fn dealt(songs: &[Song], members: &[usize], folds: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut groups: Vec<&str> = members.iter().map(|&index| songs[index].group.as_str()).collect();
    groups.sort_unstable();
    groups.dedup();
    Random::keyed(&[seed]).shuffle(&mut groups);
    let mut parts = vec![Vec::new(); folds];
    for &index in members {
        let place = groups.iter().position(|group| *group == songs[index].group).unwrap_or_default();
        parts[place % folds].push(index);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn songs(groups: &[(&str, Option<Split>)]) -> Vec<Song> {
        let song = |(index, (group, split)): (usize, &(&str, Option<Split>))| {
            let mut song = Song::new(index.to_string(), Vec::new(), Vec::new());
            song.group = (*group).to_owned();
            song.split = *split;
            song
        };
        groups.iter().enumerate().map(song).collect()
    }

    #[test]
    fn groups_are_never_on_two_sides() {
        let groups: Vec<(&str, Option<Split>)> =
            ["a", "a", "b", "c", "c", "d", "e"].map(|g| (g, None)).into();
        let songs = songs(&groups);
        let all = parts(&songs, 4, 4, 9).unwrap();
        let mut tested: Vec<usize> = all.iter().flat_map(|parts| parts.test.clone()).collect();
        tested.sort_unstable();
        assert!(tested.into_iter().eq(0..7), "every song is tested once");
        for Parts { train, valid, test } in &all {
            assert_eq!(train.len() + valid.len() + test.len(), 7);
            for (one, other) in [(train, valid), (train, test), (valid, test)] {
                assert!(one.iter().all(|&i| other.iter().all(|&j| songs[i].group != songs[j].group)));
            }
        }
        assert!(parts(&songs[..3], 4, 1, 9).is_err());
    }

    #[test]
    fn a_collections_own_split_is_kept() {
        let own = [("a", Some(Split::Train)), ("b", Some(Split::Valid)), ("c", Some(Split::Test))];
        let expected = Parts { train: vec![0], valid: vec![1], test: vec![2] };
        assert_eq!(parts(&songs(&own), 4, 4, 0).unwrap(), [expected]);
        let marked = [("a", None), ("b", None), ("c", Some(Split::Test)), ("d", None), ("e", None)];
        let lent = &parts(&songs(&marked), 4, 1, 0).unwrap()[0];
        assert_eq!((lent.test.clone(), lent.valid.len(), lent.train.len()), (vec![2], 1, 3));
    }
}
