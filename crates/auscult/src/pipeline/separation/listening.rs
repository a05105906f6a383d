//! Listening tests (paper 004, 4.1): a page that opens from disk, and what its answers say.
//!
//! A page asks one question about the clips of one song at a time: a reference, then the clips in random order, each on a
//! scale of seven steps from "Poor" to "Perfect" (Likert 1932). Among the systems' clips hide controls: the reference
//! itself, which must be rated well, and where isolation is asked for the mixture, which must not be. Who misses a control
//! is left out.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use auscult_audio_io::{SampleFormat, WavWriter, read};
use auscult_eval_metrics::{Bootstrap, Summary};
use maud::{Markup, PreEscaped, html};
use serde::{Deserialize, Serialize};

use crate::pipeline::metrics::Figure;
use crate::random::Random;
use crate::report::page;
use crate::run::fingerprint;
use crate::table::Table;
use crate::{Error, Result, files};

/// What listeners are asked.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// How good it sounds beside the true stem.
    Quality,
    /// How well all else is gone, beside the mixture.
    Interference,
}

impl Question {
    /// The paper's words, for a stem.
    fn text(self, stem: &str) -> String {
        match self {
            Self::Quality => {
                format!("Rate the quality of the {stem} in the clips below, relative to the reference above.")
            }
            Self::Interference => {
                format!(
                    "Rate how well the {stem} are isolated in the clips below, relative to the full mix above."
                )
            }
        }
    }
}

/// What to make a test of.
#[derive(Clone, Debug)]
pub struct ListeningTest {
    /// What is asked.
    pub question: Question,
    /// What the clips hold, in words: `vocals`, `instruments`.
    pub stem: String,
    /// Folder of true stems.
    pub references: PathBuf,
    /// Folder of mixtures.
    pub mixtures: PathBuf,
    /// Name and folder of each system's stems. Songs are matched by file name without ending.
    pub systems: Vec<(String, PathBuf)>,
    /// Seconds of each song, from its middle.
    pub seconds: f64,
    /// How many songs hide controls.
    pub controls: usize,
    /// Seed of names and of the songs that hide controls.
    pub seed: u64,
}

/// Lowest rating the hidden reference may get, and highest the hidden mixture may.
const CONTROLS: [u8; 2] = [5, 3];

/// The systems' names that stand for controls.
const HIDDEN: [&str; 2] = ["(reference)", "(mixture)"];

/// A row of `key.csv`: which clip is what. It stays with who runs the test.
struct Clip {
    file: String,
    song: String,
    system: String,
}

#[derive(Serialize)]
struct PageSong {
    reference: String,
    clips: Vec<String>,
}

/// Writes `index.html`, `clips/` (named so that nothing is given away) and `key.csv` into `folder`.
///
/// # Errors
/// [`Error::Data`] where no song is in every folder; [`Error::Recording`] for clips that cannot be read.
pub fn make(test: &ListeningTest, folder: &Path) -> Result<usize> {
    let songs = songs(test)?;
    let identity = format!("{:?} {} {:?} {:?}", test.question, test.stem, test.systems, songs);
    let id = fingerprint(&[identity.as_bytes(), &test.seed.to_le_bytes()])[..8].to_owned();
    let mut order: Vec<usize> = (0..songs.len()).collect();
    Random::keyed(&[test.seed, 1]).shuffle(&mut order);
    let controlled = &order[..test.controls.min(order.len())];
    let mut clips: Vec<Clip> = Vec::new();
    let mut shown = Vec::new();
    for (index, name) in songs.iter().enumerate() {
        let reference = find(&test.references, name, &test.stem)?;
        let mixture = find(&test.mixtures, name, "mixture")?;
        let mut parts: Vec<(String, PathBuf)> = Vec::new();
        for (system, stems) in &test.systems {
            parts.push((system.clone(), find(stems, name, &test.stem)?));
        }
        if controlled.contains(&index) {
            parts.push((HIDDEN[0].into(), reference.clone()));
            // The mixture sounds well; it only is no isolated stem.
            if test.question == Question::Interference {
                parts.push((HIDDEN[1].into(), mixture.clone()));
            }
        }
        Random::keyed(&[test.seed, 2, index as u64]).shuffle(&mut parts);
        let mut files = Vec::new();
        for (place, (system, path)) in parts.into_iter().enumerate() {
            let file = format!("clips/{:02}{}.wav", index + 1, (b'a' + place as u8 % 26) as char);
            excerpt(&path, &folder.join(&file), test.seconds)?;
            clips.push(Clip { file: file.clone(), song: name.clone(), system });
            files.push(file);
        }
        let beside = format!("clips/{:02}-reference.wav", index + 1);
        let heard = if test.question == Question::Quality { &reference } else { &mixture };
        excerpt(heard, &folder.join(&beside), test.seconds)?;
        shown.push(PageSong { reference: beside, clips: files });
    }
    let mut key = csv::Writer::from_writer(Vec::new());
    let failed = |error| Error::part("key.csv")(error);
    key.write_record(["test", "clip", "song", "system"]).map_err(failed)?;
    for clip in &clips {
        key.write_record([&id, &clip.file, &clip.song, &clip.system]).map_err(failed)?;
    }
    let key = key.into_inner().map_err(|error| Error::Data(format!("key.csv: {error}")))?;
    files::write(&folder.join("key.csv"), key)?;
    let json = serde_json::json!({ "id": id, "songs": shown }).to_string();
    files::write(&folder.join("index.html"), page("Listening test", &body(test, &json)))?;
    Ok(songs.len())
}

fn body(test: &ListeningTest, json: &str) -> Markup {
    html! {
        h1 { "Listening test" }
        form #begin {
            p { "You will hear short clips and rate each. There are no right answers; use headphones, and take the time you need." }
            p { label { "Your name or number: " input #listener required; } " " button { "Begin" } }
        }
        form #questions hidden {
            p.dim #progress {}
            p { @if test.question == Question::Quality { "Reference" } @else { "Full mix" } }
            div #reference {}
            p { strong { (test.question.text(&test.stem)) } }
            div #clips {}
            p { button { "Next" } }
        }
        div #end hidden {
            p { "Thank you. Please save your ratings and hand the file to who asked you." }
            p { a #save { "Save ratings" } }
        }
        // A name with `</` in it must not end the script.
        script #test type="application/json" { (PreEscaped(json.replace("</", "<\\/"))) }
        script { (PreEscaped(include_str!("listening.js"))) }
    }
}

/// Songs that every folder has, by name.
fn songs(test: &ListeningTest) -> Result<Vec<String>> {
    let folders = [&test.references, &test.mixtures].into_iter().chain(test.systems.iter().map(|(_, f)| f));
    let mut common: Option<Vec<String>> = None;
    for folder in folders {
        let names = stems_in(folder)?;
        let names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
        common = Some(match common {
            None => names,
            Some(known) => known.into_iter().filter(|name| names.contains(name)).collect(),
        });
    }
    let mut names = common.unwrap_or_default();
    names.sort();
    names.dedup();
    if names.is_empty() || test.systems.is_empty() {
        return Err(Error::Data(
            "no song is in every folder of the test: files are matched by their names without ending".into(),
        ));
    }
    Ok(names)
}

/// Names and paths of a folder's sounds; `song.vocals.wav`, as `auscult separate` names stems, counts as `song`.
fn stems_in(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let listed = std::fs::read_dir(folder).map_err(Error::io("read", folder))?;
    let mut found = Vec::new();
    for entry in listed {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = name.strip_suffix(".vocals").or(name.strip_suffix(".accompaniment")).unwrap_or(&name);
        if path.is_file() && !name.starts_with('.') {
            found.push((name.to_owned(), path));
        }
    }
    Ok(found)
}

/// The sound of a song in a folder: `song.vocals.wav` where vocals are asked for, else `song.wav`, else the only one.
fn find(folder: &Path, name: &str, stem: &str) -> Result<PathBuf> {
    let named = stems_in(folder)?.into_iter().filter(|(known, _)| known == name);
    let paths: Vec<PathBuf> = named.map(|(_, path)| path).collect();
    let called = |wanted: &str| -> Vec<&PathBuf> {
        paths.iter().filter(|path| path.file_stem().is_some_and(|found| found == wanted)).collect()
    };
    let choices = [called(&format!("{name}.{stem}")), called(name), paths.iter().collect()];
    match choices.into_iter().find(|choice| !choice.is_empty()).as_deref() {
        Some([path]) => Ok((*path).clone()),
        None => Err(Error::recording(folder.join(name), "there is no such file")),
        Some(_) => {
            let problem = "several files there could be meant; leave the one that is";
            Err(Error::recording(folder.join(name), problem))
        }
    }
}

/// The middle of a file.
fn excerpt(from: &Path, to: &Path, seconds: f64) -> Result<()> {
    let audio = read(from).map_err(|error| Error::unreadable(from, &error))?;
    let start = ((audio.duration() - seconds) / 2.0).max(0.0);
    let part = audio.slice(start, Some(seconds)).map_err(|error| Error::unreadable(from, &error))?;
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    let failed = |error| Error::part(format!("{}", to.display()))(error);
    let mut writer =
        WavWriter::create(to, part.channels(), part.sample_rate, SampleFormat::I16).map_err(failed)?;
    writer.push(part.samples.view()).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(())
}

/// What listeners said of one system (the paper's Fig. 5).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Opinion {
    /// The system.
    pub system: String,
    /// Mean rating, 1 to 7; interval by a bootstrap over songs.
    pub mean: Figure,
    /// Standard deviation of the ratings.
    pub deviation: f64,
}

/// All answers of a test.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Opinions {
    /// A row a system, best first.
    pub systems: Vec<Opinion>,
    /// Listeners whose answers count.
    pub listeners: usize,
    /// Those who missed a control.
    pub disqualified: Vec<String>,
}

/// Reads `key.csv` of a test and the listeners' CSV files.
///
/// # Errors
/// [`Error::Table`] for files of another test or with ratings outside 1 to 7; [`Error::Data`] where nobody is left.
pub fn analyse(folder: &Path, answers: &[PathBuf]) -> Result<Opinions> {
    let key = Table::read(folder.join("key.csv"), &["test", "clip", "song", "system"])?;
    let mut clips = HashMap::new();
    for row in key.rows() {
        clips.insert(
            (row.require("test")?, row.require("clip")?),
            (row.require("song")?, row.require("system")?),
        );
    }
    let mut ratings: BTreeMap<String, Vec<(String, String, u8)>> = BTreeMap::new();
    for path in answers {
        let table = Table::read(path, &["test", "listener", "clip", "rating"])?;
        for row in table.rows() {
            let found = clips.get(&(row.require("test")?, row.require("clip")?));
            let (song, system) = found.ok_or_else(|| {
                row.problem("this clip is not of the test in key.csv; give each test its own answers")
            })?;
            let rating = row.require("rating")?.parse::<u8>().ok().filter(|rating| (1..=7).contains(rating));
            let rating = rating.ok_or_else(|| row.problem("the rating is not a whole number from 1 to 7"))?;
            let of_listener = ratings.entry(row.require("listener")?.to_owned()).or_default();
            of_listener.push(((*song).to_owned(), (*system).to_owned(), rating));
        }
    }
    let misses = |answers: &Vec<(String, String, u8)>| {
        answers.iter().any(|(_, system, rating)| {
            (system == HIDDEN[0] && *rating < CONTROLS[0]) || (system == HIDDEN[1] && *rating > CONTROLS[1])
        })
    };
    let disqualified: Vec<String> =
        ratings.iter().filter(|(_, answers)| misses(answers)).map(|(listener, _)| listener.clone()).collect();
    let kept: Vec<&(String, String, u8)> = ratings
        .iter()
        .filter(|(listener, _)| !disqualified.contains(listener))
        .flat_map(|(_, a)| a)
        .collect();
    let mut systems: Vec<&str> = kept.iter().map(|(_, system, _)| system.as_str()).collect();
    systems.sort_unstable();
    systems.dedup();
    let mut opinions = Vec::new();
    for system in systems {
        let own: Vec<_> = kept.iter().filter(|(_, of, _)| of == system).collect();
        let values: Vec<f64> = own.iter().map(|(_, _, rating)| f64::from(*rating)).collect();
        let mut songs: Vec<&str> = own.iter().map(|(song, ..)| song.as_str()).collect();
        let groups: Vec<usize> = {
            let all = songs.clone();
            songs.sort_unstable();
            songs.dedup();
            all.iter().map(|song| songs.binary_search(song).unwrap_or_default()).collect()
        };
        let mean = |indices: &[usize]| {
            indices.iter().map(|&index| values[index]).sum::<f64>() / indices.len() as f64
        };
        let interval = Bootstrap::new(2000).seed(1).interval_grouped(&groups, mean);
        let interval = interval.map_err(Error::part("an interval"))?;
        let summary = Summary::new(&values).map_err(Error::part("a summary"))?;
        opinions.push(Opinion {
            system: system.to_owned(),
            mean: Figure::new(&interval, values.len()),
            deviation: summary.standard_deviation,
        });
    }
    if opinions.is_empty() {
        return Err(Error::Data(format!(
            "no answers are left: {} of {} listeners missed a control question",
            disqualified.len(),
            ratings.len()
        )));
    }
    opinions.sort_by(|a, b| b.mean.value.total_cmp(&a.mean.value));
    Ok(Opinions { systems: opinions, listeners: ratings.len() - disqualified.len(), disqualified })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stem_that_is_asked_for_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let touch = |name: &str| std::fs::write(folder.path().join(name), "").unwrap();
        let found = |stem: &str| {
            find(folder.path(), "song", stem).map(|path| path.file_name().unwrap_or_default().to_owned())
        };
        touch("song.vocals.wav");
        touch("song.accompaniment.wav");
        assert_eq!(found("vocals").unwrap(), "song.vocals.wav");
        assert_eq!(found("accompaniment").unwrap(), "song.accompaniment.wav");
        let error = found("instruments").unwrap_err().to_string();
        assert!(error.contains("several files"), "{error}");
        touch("song.wav");
        assert_eq!(found("instruments").unwrap(), "song.wav");
    }
}
