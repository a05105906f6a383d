//! Which songs there are, who sings in them, and when.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::labels::{Interval, Labels};
use crate::table::{Row, Table};
use crate::{Error, Result};

/// The part of a corpus' official split that a song belongs to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Networks learn from it.
    Train,
    /// Threshold, smoothing and epoch are chosen on it.
    Valid,
    /// It is scored, and nothing else.
    Test,
}

impl Part {
    /// Name in manifests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }
}

/// A song with its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Song {
    /// The sound file.
    pub path: PathBuf,
    /// As the manifest writes the path: the song's name in tables.
    pub name: String,
    /// Who sings, where known.
    pub artist: Option<String>,
    /// Part of an official split, where there is one.
    pub part: Option<Part>,
    /// When there is singing.
    pub labels: Labels,
    /// Line in the manifest, for messages.
    pub line: u64,
}

/// Reads a manifest, of either kind:
///
/// * a table of songs: `path` (relative to `root`), and where known `artist`, `split` (`train`, `valid`, `test`). The
///   labels are in the `.lab` file that a column `labels` names (relative to `root`), or else in `labels.csv` beside
///   the manifest;
/// * a table of intervals: `path`, `start_s`, `end_s`, `label` (`sing` or `nosing`).
///
/// # Errors
/// [`Error::Table`] with file and line for missing columns, empty fields, songs listed twice or without labels,
/// intervals that overlap, end before they start or are no numbers.
pub fn read_manifest(manifest: &Path, root: &Path) -> Result<Vec<Song>> {
    let table = Table::read(manifest, &["path"])?;
    if table.has("start_s") {
        return Ok(intervals(manifest)?
            .into_iter()
            .map(|(name, (line, labels))| Song {
                path: root.join(&name),
                name,
                artist: None,
                part: None,
                labels,
                line,
            })
            .collect());
    }
    let beside = manifest.with_file_name("labels.csv");
    let tabled = if table.has("labels") { BTreeMap::new() } else { intervals(&beside)? };
    let mut seen = HashMap::new();
    let mut songs = Vec::new();
    for row in table.rows() {
        let name = row.require("path")?;
        if let Some(first) = seen.insert(name, row.line()) {
            return Err(
                row.problem(format!("`{name}` is listed on line {first} already; list each song once"))
            );
        }
        let labels = match row.get("labels") {
            Some(file) => Labels::read_lab(&root.join(file)),
            None => tabled.get(name).map(|(_, labels)| labels.clone()).ok_or_else(|| {
                let place =
                    if table.has("labels") { "column `labels`".into() } else { beside.display().to_string() };
                row.problem(format!("`{name}` has no labels in {place}; add them, or leave the song out"))
            }),
        };
        songs.push(Song {
            path: root.join(name),
            name: name.to_owned(),
            artist: row.get("artist").map(str::to_owned),
            part: part(row)?,
            labels: labels?,
            line: row.line(),
        });
    }
    Ok(songs)
}

fn part(row: Row) -> Result<Option<Part>> {
    let Some(name) = row.get("split") else { return Ok(None) };
    let part = [Part::Train, Part::Valid, Part::Test].into_iter().find(|part| part.name() == name);
    part.map(Some).ok_or_else(|| row.problem(format!("split is `{name}`; write `train`, `valid` or `test`")))
}

/// The labels in a table of intervals by the song's path, with the line each song begins on.
fn intervals(path: &Path) -> Result<BTreeMap<String, (u64, Labels)>> {
    let table = Table::read(path, &["path", "start_s", "end_s", "label"])?;
    let mut by_song: BTreeMap<String, Vec<Interval>> = BTreeMap::new();
    for row in table.rows() {
        let [start, end, label] = [row.require("start_s")?, row.require("end_s")?, row.require("label")?];
        let interval =
            Interval::parse(start, end, label, row.line()).map_err(|problem| row.problem(problem))?;
        by_song.entry(row.require("path")?.to_owned()).or_default().push(interval);
    }
    by_song
        .into_iter()
        .map(|(name, intervals)| {
            let first = intervals.iter().map(|interval| interval.line).min().unwrap_or(1);
            Ok((name, (first, Labels::new(path, intervals)?)))
        })
        .collect()
}

/// Reads several manifests as one: the union of corpora.
///
/// # Errors
/// As [`read_manifest`]; [`Error::Data`] where two list the same file.
pub(crate) fn read_manifests(manifests: &[PathBuf], root: Option<&Path>) -> Result<Vec<Song>> {
    let mut songs: Vec<Song> = Vec::new();
    let mut seen = HashMap::new();
    for manifest in manifests {
        let beside = manifest.parent().unwrap_or(Path::new(""));
        for song in read_manifest(manifest, root.unwrap_or(beside))? {
            if let Some(first) = seen.insert(song.path.clone(), manifest) {
                let (song, second) = (song.path.display(), manifest.display());
                return Err(Error::Data(format!("{song} is listed in {} and in {second}", first.display())));
            }
            songs.push(song);
        }
    }
    Ok(songs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn read(files: &[(&str, &str)], manifest: &str) -> Result<Vec<Song>> {
        let folder = place(files);
        read_manifest(&folder.path().join(manifest), Path::new("root"))
    }

    const INTERVALS: &str = "path,start_s,end_s,label\nb.ogg,0,1,sing\na.ogg,0,2,nosing\nb.ogg,1,3,nosing\n";

    #[test]
    fn songs_and_intervals_are_both_manifests() {
        let songs = read(
            &[("songs.csv", "path,artist,split\na.ogg,Ann,test\nb.ogg,,\n"), ("labels.csv", INTERVALS)],
            "songs.csv",
        )
        .unwrap();
        assert_eq!(songs.len(), 2);
        assert_eq!(songs[0].path, Path::new("root/a.ogg"));
        assert_eq!((songs[0].artist.as_deref(), songs[0].part), (Some("Ann"), Some(Part::Test)));
        assert_eq!((songs[1].artist.as_deref(), songs[1].part), (None, None));
        assert_eq!((songs[0].labels.sung.len(), songs[1].labels.sung.len()), (0, 1));
        let songs = read(&[("labels.csv", INTERVALS)], "labels.csv").unwrap();
        assert_eq!(songs.iter().map(|song| song.name.as_str()).collect::<Vec<_>>(), ["a.ogg", "b.ogg"]);
        assert_eq!(songs[1].line, 2);
    }

    #[test]
    fn problems_are_named_with_file_and_line() {
        let message = |songs: &str| {
            read(&[("songs.csv", songs), ("labels.csv", INTERVALS)], "songs.csv").unwrap_err().to_string()
        };
        assert!(message("path\na.ogg\nc.ogg\n").contains("songs.csv, line 3: `c.ogg` has no labels in"));
        assert!(message("path\na.ogg\na.ogg\n").contains("line 3: `a.ogg` is listed on line 2"));
        assert!(message("path,split\na.ogg,dev\n").contains("line 2: split is `dev`"));
        assert!(message("path,labels\na.ogg,none.lab\n").contains("none.lab"));
        let overlap = INTERVALS.replace("b.ogg,1,3", "b.ogg,0.5,3");
        let error = read(&[("labels.csv", &overlap)], "labels.csv").unwrap_err().to_string();
        assert!(error.contains("labels.csv, line 4") && error.contains("overlaps that of line 2"), "{error}");
    }
}
