//! Songs as lists of stems, and the manifest that says so: a row a stem.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::table::{Row, Table};
use crate::{Error, Result};

/// A stretch of a recording that sounds in a song.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Stem {
    /// The sound file.
    pub path: PathBuf,
    /// The only channel to take, from 1; default: all.
    pub channel: Option<usize>,
    /// The track of a file with several, from 1; default: the file's own default.
    pub track: Option<usize>,
    /// Factor on the samples.
    pub gain: f64,
    /// Where in the file the stretch begins, seconds.
    pub start: f64,
    /// How long it is, seconds; default: to the file's end.
    pub duration: Option<f64>,
    /// Where in the song it begins, seconds.
    pub at: f64,
}

impl Stem {
    /// A whole file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), channel: None, track: None, gain: 1.0, start: 0.0, duration: None, at: 0.0 }
    }

    /// One channel of a file, from 1.
    #[must_use]
    pub fn channel(mut self, channel: usize) -> Self {
        self.channel = Some(channel);
        self
    }

    /// One track of a file with several, from 1.
    #[must_use]
    pub fn track(mut self, track: usize) -> Self {
        self.track = Some(track);
        self
    }

    /// With a factor.
    #[must_use]
    pub fn gain(mut self, gain: f64) -> Self {
        self.gain = gain;
        self
    }
}

/// What a song may be used for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Fitting weights.
    Train,
    /// Choosing among weights.
    Valid,
    /// Nothing but scoring.
    Test,
}

/// A mixture with what it is made of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Song {
    /// Its name, different from every other's.
    pub name: String,
    /// Who sings, or what else must not be on both sides of a split.
    pub group: String,
    /// The collection's own split, where it has one.
    pub split: Option<Split>,
    /// Stems that add up to the voice. Empty where only an instrumental version is known: what the voice is then
    /// follows from the difference of the spectra.
    pub vocals: Vec<Stem>,
    /// Stems that add up to all else.
    pub accompaniment: Vec<Stem>,
    /// Stems that add up to the mixture; empty where it is the sum of the two.
    pub mixture: Vec<Stem>,
}

impl Song {
    /// A song of two stems that is a group of its own.
    #[must_use]
    pub fn new(name: impl Into<String>, vocals: Vec<Stem>, accompaniment: Vec<Stem>) -> Self {
        let name = name.into();
        Self { group: name.clone(), name, split: None, vocals, accompaniment, mixture: Vec::new() }
    }

    /// All stems.
    pub fn stems(&self) -> impl Iterator<Item = &Stem> {
        self.vocals.iter().chain(&self.accompaniment).chain(&self.mixture)
    }
}

/// Reads a manifest: columns `song`, `part` (`vocals`, `accompaniment` or `mixture`) and `path` (relative to `root`); where
/// there, `group`, `split` (`train`, `valid`, `test`), `channel`, `track`, `gain`, `start`, `duration`, `at`. Rows of one
/// song and part add up.
///
/// # Errors
/// [`Error::Table`] with file and line.
pub fn read_manifest(manifest: &Path, root: &Path) -> Result<Vec<Song>> {
    let table = Table::read(manifest, &["song", "part", "path"])?;
    let mut songs: Vec<Song> = Vec::new();
    let mut complete = Vec::new();
    for row in table.rows() {
        let name = row.require("song")?;
        let index = match songs.iter().position(|song| song.name == name) {
            Some(index) => index,
            None => {
                songs.push(Song::new(name, Vec::new(), Vec::new()));
                complete.push(row);
                songs.len() - 1
            }
        };
        let song = &mut songs[index];
        if let Some(group) = row.get("group") {
            song.group = group.to_owned();
        }
        if let Some(split) = row.get("split") {
            song.split = Some(match split {
                "train" => Split::Train,
                "valid" => Split::Valid,
                "test" => Split::Test,
                other => {
                    return Err(row.problem(format!("split is `{other}`; write `train`, `valid` or `test`")));
                }
            });
        }
        let stem = stem(&row, root)?;
        match row.require("part")? {
            "vocals" => song.vocals.push(stem),
            "accompaniment" => song.accompaniment.push(stem),
            "mixture" => song.mixture.push(stem),
            other => {
                let problem = format!("part is `{other}`; write `vocals`, `accompaniment` or `mixture`");
                return Err(row.problem(problem));
            }
        }
    }
    for (song, row) in songs.iter().zip(complete) {
        check(song).map_err(|problem| row.problem(problem))?;
    }
    Ok(songs)
}

fn stem(row: &Row, root: &Path) -> Result<Stem> {
    let number = |column: &str, least: f64| -> Result<Option<f64>> {
        row.get(column)
            .map(|text| {
                let number = text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= least);
                number.ok_or_else(|| {
                    row.problem(format!("{column} is `{text}`; write a number of at least {least}"))
                })
            })
            .transpose()
    };
    let count = |column: &str| -> Result<Option<usize>> {
        row.get(column)
            .map(|text| {
                let count = text.parse::<usize>().ok().filter(|n| *n > 0);
                count.ok_or_else(|| row.problem(format!("{column} is `{text}`; write a whole number from 1")))
            })
            .transpose()
    };
    Ok(Stem {
        path: root.join(row.require("path")?),
        channel: count("channel")?,
        track: count("track")?,
        gain: number("gain", 0.0)?.unwrap_or(1.0),
        start: number("start", 0.0)?.unwrap_or(0.0),
        duration: number("duration", 0.0)?,
        at: number("at", 0.0)?.unwrap_or(0.0),
    })
}

/// Whether a song's parts are enough to learn from.
pub(crate) fn check(song: &Song) -> Result<(), String> {
    if song.accompaniment.is_empty() {
        return Err(format!("song `{}` has no `accompaniment`", song.name));
    }
    if song.vocals.is_empty() && song.mixture.is_empty() {
        return Err(format!("song `{}` has neither `vocals` nor a `mixture` to take the rest of", song.name));
    }
    Ok(())
}

/// Refuses names that are given twice, which a table of scores could not tell apart.
pub(crate) fn distinct(songs: &[Song]) -> Result<()> {
    let mut seen = HashSet::new();
    match songs.iter().find(|song| !seen.insert(&song.name)) {
        None => Ok(()),
        Some(song) => {
            Err(Error::Data(format!("two songs are called `{}`: give each its own name", song.name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Result<Vec<Song>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("songs.csv");
        std::fs::write(&path, text).unwrap();
        read_manifest(&path, Path::new("root"))
    }

    #[test]
    fn rows_gather_into_songs() {
        let songs = manifest(
            "song,part,path,group,split,channel,gain,start,duration,at\n\
             a,vocals,v.wav,ann,test,2,0.5,1,2,3\na,accompaniment,x.wav,,,,,,,\na,accompaniment,y.wav,,,,,,,\n\
             b,mixture,m.wav,,,,,,,\nb,accompaniment,m.wav,,,1,,,,\n",
        )
        .unwrap();
        assert_eq!(songs.len(), 2);
        assert_eq!((songs[0].group.as_str(), songs[0].split), ("ann", Some(Split::Test)));
        assert_eq!(songs[0].vocals[0].path, Path::new("root/v.wav"));
        let Stem { channel, gain, start, duration, at, .. } = songs[0].vocals[0].clone();
        assert_eq!((channel, gain, start, duration, at), (Some(2), 0.5, 1.0, Some(2.0), 3.0));
        assert_eq!(songs[0].accompaniment.len(), 2);
        assert!(songs[1].vocals.is_empty() && songs[1].group == "b");
    }

    #[test]
    fn errors_name_line_and_remedy() {
        let message = |rows: &str| manifest(&format!("song,part,path,gain\n{rows}")).unwrap_err().to_string();
        assert!(message("a,voice,v.wav,\n").contains("line 2: part is `voice`"));
        assert!(message("a,vocals,v.wav,\n").contains("no `accompaniment`"));
        assert!(message("a,accompaniment,v.wav,\n").contains("neither `vocals` nor a `mixture`"));
        assert!(message("a,vocals,v.wav,-1\n").contains("gain is `-1`"));
    }
}
