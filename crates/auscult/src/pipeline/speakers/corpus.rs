//! The recordings of a run: manifest, features, and the division of speakers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, concatenate};

use super::front_end::FeatureExtractor;
use crate::observer::Observer;
use crate::pipeline::preparation::prepare_each;
use crate::random::Random;
use crate::run::fingerprint;
use crate::table::Table;
use crate::{Error, Result};

/// What a recording is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Trains the models.
    Background,
    /// Chooses thresholds or is tested, by its speaker.
    Evaluation,
}

/// A row of a manifest of single speakers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The sound file.
    pub path: PathBuf,
    /// Whose voice.
    pub speaker: String,
    /// What for.
    pub part: Part,
    /// Recordings of one session share their mean normalisation; by default each is its own.
    pub session: String,
}

/// Reads a manifest: columns `path` (relative to `root`), `speaker`, `part`; `source_utterance` where there.
///
/// # Errors
/// [`Error::Table`] with file and line for missing columns, empty fields, an unknown part, a path listed twice, a speaker
/// in both parts.
pub fn read_manifest(manifest: &Path, root: &Path) -> Result<Vec<Recording>> {
    let table = Table::read(manifest, &["path", "speaker", "part"])?;
    let mut recordings: Vec<Recording> = Vec::new();
    let mut seen = std::collections::HashMap::new();
    let mut parts = std::collections::HashMap::new();
    for row in table.rows() {
        let (path, speaker) = (row.require("path")?, row.require("speaker")?);
        if let Some(first) = seen.insert(path, row.line()) {
            return Err(
                row.problem(format!("`{path}` is listed on line {first} already; list each recording once"))
            );
        }
        let part = match row.require("part")? {
            "background" => Part::Background,
            "evaluation" => Part::Evaluation,
            other => {
                return Err(row.problem(format!("part is `{other}`; write `background` or `evaluation`")));
            }
        };
        if *parts.entry(speaker).or_insert(part) != part {
            return Err(row.problem(format!(
                "speaker `{speaker}` is in both parts; who trains the models must not test them"
            )));
        }
        recordings.push(Recording {
            path: root.join(path),
            speaker: speaker.into(),
            part,
            session: row.get("source_utterance").unwrap_or(path).into(),
        });
    }
    Ok(recordings)
}

/// A recording with several speakers, and who speaks when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// The sound file.
    pub path: PathBuf,
    /// Its RTTM file.
    pub rttm: PathBuf,
    /// Its name in there.
    pub name: String,
}

/// Endings tried for the recordings of an RTTM file, in this order.
const ENDINGS: [&str; 6] = ["wav", "flac", "ogg", "mp3", "m4a", "sph"];

/// Lists recordings with several speakers: a CSV with the columns `path` and `rttm` (relative to `root`), or an RTTM file whose
/// recordings lie in `root` by their names (CALLHOME and the like).
///
/// # Errors
/// [`Error::Table`] with file and line; [`Error::Recording`] for recordings of an RTTM file that are not in the folder.
pub fn read_meetings(manifest: &Path, root: &Path) -> Result<Vec<Meeting>> {
    if manifest.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("rttm")) {
        let turns = auscult_eval_metrics::read_rttm(manifest).map_err(Error::part("the reference"))?;
        return turns
            .into_keys()
            .map(|name| {
                let there = ENDINGS.iter().map(|ending| root.join(format!("{name}.{ending}"))).find(|path| path.is_file());
                let missing = || {
                    let problem = format!(
                        "named in {}, but there is no such file with the ending {}; --root names the folder of the recordings",
                        manifest.display(),
                        ENDINGS.join(", ")
                    );
                    Error::recording(root.join(&name), problem)
                };
                Ok(Meeting { path: there.ok_or_else(missing)?, rttm: manifest.into(), name })
            })
            .collect();
    }
    let table = Table::read(manifest, &["path", "rttm"])?;
    table
        .rows()
        .map(|row| {
            let (path, rttm) = (row.require("path")?, row.require("rttm")?);
            let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Ok(Meeting { path: root.join(path), rttm: root.join(rttm), name: stem })
        })
        .collect()
}

/// A recording of one speaker, ready to use.
#[derive(Clone, Debug)]
pub(crate) struct Utterance {
    /// Index into [`Corpus::speakers`].
    pub(crate) speaker: usize,
    pub(crate) part: Part,
    /// Mono, at the front end's rate.
    pub(crate) samples: Vec<f32>,
    /// Speech frames, normalised over their session.
    pub(crate) frames: Array2<f32>,
}

/// All usable recordings.
pub(crate) struct Corpus {
    pub(crate) speakers: Vec<String>,
    pub(crate) utterances: Vec<Utterance>,
    /// Recordings left out.
    pub(crate) skipped: usize,
}

impl Corpus {
    /// Reads the recordings and computes their features.
    ///
    /// # Errors
    /// Without `skip_bad` the first bad recording, the others being warned of; [`Error::Interrupted`]; too few speakers.
    pub(crate) fn prepare(
        recordings: &[Recording],
        extractor: &FeatureExtractor,
        skip_bad: bool,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let mut speakers: Vec<String> =
            recordings.iter().map(|recording| recording.speaker.clone()).collect();
        speakers.sort();
        speakers.dedup();
        let prepared = prepare_each("features", recordings, skip_bad, observer, |recording| {
            let problem = |problem: String| Error::recording(&recording.path, problem);
            let samples = extractor.samples(&recording.path)?;
            let speech = extractor.features_before_normalisation(ArrayView1::from(&samples));
            let frames = speech.map_err(|error| problem(error.to_string()))?.voiced();
            if frames.nrows() == 0 {
                return Err(problem("no speech was found in it; leave it out, or pass --skip-bad".into()));
            }
            let speaker = speakers.binary_search(&recording.speaker).unwrap_or_default();
            Ok(Utterance { speaker, part: recording.part, samples, frames })
        })?;
        let skipped = prepared.iter().filter(|one| one.is_none()).count();
        let mut sessions: BTreeMap<&str, Vec<Utterance>> = BTreeMap::new();
        for (recording, utterance) in recordings.iter().zip(prepared) {
            if let Some(utterance) = utterance {
                sessions.entry(&recording.session).or_default().push(utterance);
            }
        }
        if extractor.removes_mean() {
            // One session is one recording cut into pieces, with one channel: one mean for all of it.
            for session in sessions.values_mut() {
                let views: Vec<ArrayView2<f32>> = session.iter().map(|one| one.frames.view()).collect();
                let all = concatenate(Axis(0), &views).map_err(Error::part("features"))?.mapv(f64::from);
                if let Some(mean) = all.mean_axis(Axis(0)) {
                    let mean = mean.mapv(|mean| mean as f32);
                    session.iter_mut().for_each(|one| one.frames -= &mean);
                }
            }
        }
        Ok(Self { speakers, utterances: sessions.into_values().flatten().collect(), skipped })
    }

    /// Changes when a recording does.
    pub(crate) fn fingerprint(&self) -> String {
        let bytes = |one: &Utterance| one.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let parts: Vec<Vec<u8>> = self.utterances.iter().map(bytes).collect();
        fingerprint(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// Background utterances, speaker after speaker.
    pub(crate) fn background(&self) -> Vec<Vec<&Utterance>> {
        self.by_speaker(Part::Background)
    }

    fn by_speaker(&self, part: Part) -> Vec<Vec<&Utterance>> {
        let of = |speaker| -> Vec<&Utterance> {
            self.utterances.iter().filter(|one| one.part == part && one.speaker == speaker).collect()
        };
        (0..self.speakers.len()).map(of).filter(|of| !of.is_empty()).collect()
    }

    /// Evaluation utterances of development speakers and of test speakers, divided by `seed`.
    ///
    /// # Errors
    /// [`Error::Data`] where one side would have fewer speakers than a conversation needs.
    pub(crate) fn divide(&self, share: f64, least: usize, seed: u64) -> Result<[Vec<Vec<&Utterance>>; 2]> {
        let mut speakers = self.by_speaker(Part::Evaluation);
        Random::keyed(&[seed, 1]).shuffle(&mut speakers);
        let test = speakers.split_off((share * speakers.len() as f64).round() as usize);
        for (side, of) in [("development", &speakers), ("test", &test)] {
            if of.len() < least {
                return Err(Error::Data(format!(
                    "{} evaluation speakers are left for {side}, but a conversation has up to {least}; list more with \
                     part `evaluation`, or lower protocol.speakers",
                    of.len()
                )));
            }
        }
        Ok([speakers, test])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(text: &str) -> Result<Vec<Recording>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read_manifest(file.path(), Path::new("root"))
    }

    #[test]
    fn manifests_name_speakers_and_parts() {
        let read = manifest("path,speaker,part\na.wav,anna,background\nb.wav,ben,evaluation\n").unwrap();
        assert_eq!(read[1].speaker, "ben");
        assert_eq!(read[1].part, Part::Evaluation);
        assert_eq!(read[0].path, Path::new("root/a.wav"));
        let message = |text: &str| manifest(text).unwrap_err().to_string();
        assert!(message("path,speaker,part\na.wav,anna,test\n").contains("`background` or `evaluation`"));
        assert!(message("path,speaker,part\na,x,background\na,x,background\n").contains("line 2 already"));
        assert!(message("path,speaker,part\na,x,background\nb,x,evaluation\n").contains("in both parts"));
    }

    #[test]
    fn an_rttm_file_finds_its_recordings() {
        let folder = tempfile::tempdir().unwrap();
        let rttm = folder.path().join("all.rttm");
        let line = |name: &str| format!("SPEAKER {name} 1 0.0 1.0 <NA> <NA> a <NA> <NA>\n");
        std::fs::write(&rttm, line("en_1") + &line("en_2")).unwrap();
        std::fs::write(folder.path().join("en_1.flac"), "").unwrap();
        let message = read_meetings(&rttm, folder.path()).unwrap_err().to_string();
        assert!(message.contains("en_2") && message.contains("--root"), "{message}");
        std::fs::write(folder.path().join("en_2.wav"), "").unwrap();
        let names: Vec<String> =
            read_meetings(&rttm, folder.path()).unwrap().into_iter().map(|m| m.name).collect();
        assert_eq!(names, ["en_1", "en_2"]);
    }
}
