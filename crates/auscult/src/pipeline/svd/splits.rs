//! Who trains, who validates, who tests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::manifest::{Part, Song};
use super::recipe::Protocol;
use crate::random::Random;
use crate::{Error, Result};

/// How songs come to be tested.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// The manifest's own parts.
    Official,
    /// Songs of artists who are not heard in training.
    NewArtists,
    /// Songs that are not heard in training; their artists may be.
    NewSongs,
}

impl Scheme {
    /// Name in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Official => "official",
            Self::NewArtists => "new-artists",
            Self::NewSongs => "new-songs",
        }
    }
}

/// Indices of songs; no song is in two parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) train: Vec<usize>,
    pub(crate) valid: Vec<usize>,
    pub(crate) test: Vec<usize>,
}

/// Every split of the protocol for one seed.
///
/// # Errors
/// [`Error::Data`] where the songs do not allow it.
pub(crate) fn splits(songs: &[Song], protocol: &Protocol, seed: u64) -> Result<Vec<(Scheme, Split)>> {
    let part = |part| (0..songs.len()).filter(|&index| songs[index].part == Some(part)).collect::<Vec<_>>();
    let test = part(Part::Test);
    let mut splits = Vec::new();
    if !test.is_empty() {
        splits.push((Scheme::Official, with_validation(songs, protocol, test, seed)?));
        return Ok(splits);
    }
    let artists = test_artists(songs);
    if protocol.artist_folds > 0 {
        if artists.len() < protocol.artist_folds.max(1) {
            return Err(Error::Data(format!(
                "protocol.artist_folds is {}, but there are songs of only {} artists to test on (who sings most songs \
                 always trains); lower it, or set it to 0",
                protocol.artist_folds,
                artists.len()
            )));
        }
        for fold in deal(artists, protocol.artist_folds, seed) {
            let test = fold.into_iter().flatten().collect();
            splits.push((Scheme::NewArtists, with_validation(songs, protocol, test, seed)?));
        }
    }
    if protocol.song_folds > 0 {
        let songs_alone = (0..songs.len()).map(|index| vec![index]).collect();
        for fold in deal(songs_alone, protocol.song_folds, seed) {
            let test = fold.into_iter().flatten().collect();
            splits.push((Scheme::NewSongs, with_validation(songs, protocol, test, seed)?));
        }
    }
    Ok(splits)
}

/// The split of the final fit: all songs but the `test` ones, some of them to validate.
pub(crate) fn final_split(songs: &[Song], protocol: &Protocol, seed: u64) -> Result<Split> {
    let test = (0..songs.len()).filter(|&index| songs[index].part == Some(Part::Test)).collect();
    let split = with_validation(songs, protocol, test, seed)?;
    Ok(Split { test: Vec::new(), ..split })
}

/// The songs of each artist that may be tested; a song without one is its own artist's.
fn test_artists(songs: &[Song]) -> Vec<Vec<usize>> {
    let mut by_artist: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, song) in songs.iter().enumerate() {
        let artist = song.artist.clone().unwrap_or_else(|| format!("\u{0}{index}"));
        by_artist.entry(artist).or_default().push(index);
    }
    by_artist.into_values().filter(|of_artist| 2 * of_artist.len() <= songs.len()).collect()
}

/// Deals shuffled groups to folds, each to the fold with the fewest songs so far.
fn deal(mut groups: Vec<Vec<usize>>, folds: usize, seed: u64) -> Vec<Vec<Vec<usize>>> {
    Random::keyed(&[seed, 11]).shuffle(&mut groups);
    let mut dealt: Vec<Vec<Vec<usize>>> = vec![Vec::new(); folds];
    for group in groups {
        let size = |fold: &Vec<Vec<usize>>| fold.iter().map(Vec::len).sum::<usize>();
        if let Some(fold) = dealt.iter_mut().min_by_key(|fold| size(fold)) {
            fold.push(group);
        }
    }
    dealt.iter_mut().for_each(|fold| fold.sort());
    dealt.retain(|fold| !fold.is_empty());
    dealt
}

/// Validation songs are the manifest's, or drawn from what is not tested.
fn with_validation(songs: &[Song], protocol: &Protocol, mut test: Vec<usize>, seed: u64) -> Result<Split> {
    test.sort_unstable();
    let mut rest: Vec<usize> = (0..songs.len()).filter(|index| !test.contains(index)).collect();
    let official: Vec<usize> =
        rest.iter().copied().filter(|&index| songs[index].part == Some(Part::Valid)).collect();
    let valid = if official.is_empty() {
        Random::keyed(&[seed, 12, test.len() as u64]).shuffle(&mut rest);
        rest.iter().copied().take(protocol.validation_songs).collect()
    } else {
        official
    };
    let mut split = Split { train: Vec::new(), valid, test };
    rest.sort_unstable();
    split.train = rest.into_iter().filter(|index| !split.valid.contains(index)).collect();
    split.valid.sort_unstable();
    if split.train.is_empty() {
        return Err(Error::Data(format!(
            "of {} songs {} test and {} validate: none is left to train on; add songs, or change protocol.artist_folds, \
             song_folds or validation_songs",
            songs.len(),
            split.test.len(),
            split.valid.len()
        )));
    }
    Ok(split)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::svd::labels::{Interval, Labels};
    use std::path::Path;

    fn songs(list: &[(Option<&str>, Option<Part>)]) -> Vec<Song> {
        let interval = Interval::parse("0", "1", "sing", 1).unwrap();
        let labels = Labels::new(Path::new("x.lab"), vec![interval]).unwrap();
        let song = |(index, (artist, part)): (usize, &(Option<&str>, Option<Part>))| Song {
            path: format!("{index}.ogg").into(),
            name: format!("{index}.ogg"),
            artist: artist.map(str::to_owned),
            part: *part,
            labels: labels.clone(),
            line: index as u64 + 2,
        };
        list.iter().enumerate().map(song).collect()
    }

    fn shipped() -> Vec<Song> {
        let mut list = vec![(Some("C"), None); 11];
        list.extend([(Some("R"), None), (Some("M"), None)]);
        songs(&list)
    }

    fn disjoint(split: &Split, count: usize) {
        let mut all = [split.train.clone(), split.valid.clone(), split.test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..count).collect::<Vec<_>>());
    }

    #[test]
    fn the_artist_of_most_songs_always_trains() {
        let songs = shipped();
        let one = splits(&songs, &Protocol::default(), 0).unwrap();
        assert_eq!(one.len(), 1);
        assert_eq!((one[0].0, &one[0].1.test), (Scheme::NewArtists, &vec![11, 12]));
        assert_eq!(one[0].1.valid.len(), 2);
        disjoint(&one[0].1, 13);
        let other = splits(&songs, &Protocol::default(), 1).unwrap();
        assert_ne!(one[0].1.valid, other[0].1.valid, "another seed validates on other songs");
        let protocol = Protocol { artist_folds: 2, song_folds: 4, ..Protocol::default() };
        let all = splits(&songs, &protocol, 0).unwrap();
        assert_eq!(all.len(), 6);
        for (_, split) in &all {
            disjoint(split, 13);
        }
        let mut tested: Vec<usize> = all[2..].iter().flat_map(|(_, split)| split.test.clone()).collect();
        tested.sort_unstable();
        assert_eq!(tested, (0..13).collect::<Vec<_>>(), "every song is tested once");
        for (_, split) in &all[..2] {
            assert_eq!(split.test.len(), 1);
        }
    }

    #[test]
    fn official_parts_are_kept() {
        let songs = songs(&[
            (None, Some(Part::Train)),
            (None, Some(Part::Valid)),
            (None, Some(Part::Test)),
            (None, Some(Part::Train)),
        ]);
        let protocol = Protocol::default();
        let split = Split { train: vec![0, 3], valid: vec![1], test: vec![2] };
        assert_eq!(splits(&songs, &protocol, 0).unwrap(), [(Scheme::Official, split)]);
        let last = final_split(&songs, &protocol, 0).unwrap();
        assert_eq!((last.train, last.valid, last.test), (vec![0, 3], vec![1], vec![]));
    }

    #[test]
    fn too_few_songs_are_refused() {
        let few = songs(&[(Some("A"), None), (Some("B"), None)]);
        let error = splits(&few, &Protocol::default(), 0).unwrap_err().to_string();
        assert!(error.contains("none is left to train on"), "{error}");
        let protocol = Protocol { artist_folds: 3, ..Protocol::default() };
        let error = splits(&shipped(), &protocol, 0).unwrap_err().to_string();
        assert!(error.contains("only 2 artists"), "{error}");
    }
}
