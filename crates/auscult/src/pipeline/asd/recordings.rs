//! Recordings of real machines: the manifest, who trains and who tests, and the run on them.

use std::path::{Path, PathBuf};

use auscult_audio_io::ReadOptions;
use ndarray::{Array2, s};

use super::detector::{Detector, Sounds};
use super::ensemble::segment_scores;
use super::features::FeatureParams;
use super::parallel;
use super::recipe::{Recipe, Recordings};
use super::train::{Take, Tested};
use crate::observer::Observer;
use crate::pipeline::TrainOptions;
use crate::run::Run;
use crate::table::Table;
use crate::{Error, Result, files};

/// A row of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The sound file.
    pub path: PathBuf,
    /// Kind of machine: each kind has a detector of its own.
    pub machine: String,
    /// Which machine of that kind, where known.
    pub machine_id: Option<String>,
    /// Whether the machine is broken.
    pub abnormal: bool,
    /// Whether the manifest's `part` says `train` (true) or `test` (false).
    pub train: Option<bool>,
    /// Line in the manifest, for messages.
    pub line: u64,
}

/// Reads a manifest: columns `path` (relative to `root`), `machine` and `condition` (`normal`, `abnormal` or `anomaly`;
/// rows with `unknown`, `class` or nothing there are passed over); `machine_id` and `part` where there.
///
/// # Errors
/// [`Error::Table`] with file and line for missing columns, other conditions, a path listed twice.
pub fn read_manifest(manifest: &Path, root: &Path) -> Result<Vec<Recording>> {
    let table = Table::read(manifest, &["path", "machine", "condition"])?;
    let mut seen = std::collections::HashMap::new();
    let mut recordings = Vec::new();
    for row in table.rows() {
        let path = row.require("path")?;
        if let Some(first) = seen.insert(path, row.line()) {
            return Err(
                row.problem(format!("`{path}` is listed on line {first} already; list each recording once"))
            );
        }
        let abnormal = match row.get("condition") {
            Some("normal") => false,
            Some("abnormal" | "anomaly") => true,
            None | Some("unknown" | "class" | "?") => continue,
            Some(other) => {
                return Err(row.problem(format!("condition is `{other}`; write `normal` or `abnormal`")));
            }
        };
        recordings.push(Recording {
            path: root.join(path),
            machine: row.require("machine")?.to_owned(),
            machine_id: row.get("machine_id").filter(|id| *id != "?").map(str::to_owned),
            abnormal,
            train: match row.get("part") {
                Some("train") => Some(true),
                Some("test") => Some(false),
                _ => None,
            },
            line: row.line(),
        });
    }
    Ok(recordings)
}

/// The kinds of machine, each once, in the order of the alphabet.
pub(super) fn machines(recordings: &[Recording]) -> Vec<String> {
    let mut machines: Vec<String> = recordings.iter().map(|recording| recording.machine.clone()).collect();
    machines.sort();
    machines.dedup();
    machines
}

/// Who trains and who tests, of one kind of machine. Where the manifest says who trains, it is followed; else the first
/// half of the normal recordings, in the order of the manifest, trains.
fn split(recordings: Vec<Recording>) -> (Vec<Recording>, Vec<Recording>) {
    let told = recordings.iter().any(|recording| recording.train == Some(true) && !recording.abnormal);
    let normals = recordings.iter().filter(|recording| !recording.abnormal).count();
    let mut place = 0;
    recordings.into_iter().partition(|recording| {
        if recording.abnormal {
            return false;
        }
        place += 1;
        if told { recording.train == Some(true) } else { place <= normals.div_ceil(2) }
    })
}

/// The first `channels` of a recording, at the detector's rate, [channel, sample].
pub(super) fn read(path: &Path, features: &FeatureParams, channels: usize) -> Result<Array2<f32>> {
    let audio = ReadOptions::default()
        .sample_rate(features.sample_rate)
        .read(path)
        .map_err(|error| Error::unreadable(path, &error))?;
    if audio.channels() < channels {
        return Err(Error::recording(
            path,
            format!("has {} channels where {channels} are needed; set data.channels lower", audio.channels()),
        ));
    }
    let least = features.least_samples();
    if audio.frames() < least {
        return Err(Error::recording(
            path,
            format!("too short: {} samples, where a vector needs {least}", audio.frames()),
        ));
    }
    Ok(audio.samples.slice(s![..channels, ..]).to_owned())
}

/// Those that can be read; with `skip_bad` the others are only warned of.
fn usable(
    recordings: Vec<Recording>,
    features: &FeatureParams,
    channels: usize,
    skip_bad: bool,
    observer: &mut dyn Observer,
) -> Result<Vec<Recording>> {
    let mut usable = Vec::new();
    for recording in recordings {
        match read(&recording.path, features, channels) {
            Ok(_) => usable.push(recording),
            Err(error) if skip_bad => observer.warn(&format!("skipped {error}")),
            Err(error) => return Err(error),
        }
    }
    Ok(usable)
}

/// Trains a detector for each kind of machine and seed, and scores its test recordings.
pub(super) fn test(
    recipe: &Recipe,
    data: &Recordings,
    options: &TrainOptions,
    run: &Run,
    observer: &mut dyn Observer,
) -> Result<Vec<Tested>> {
    let root =
        data.root.clone().unwrap_or_else(|| data.manifest.parent().unwrap_or(Path::new("")).to_path_buf());
    let all = read_manifest(&data.manifest, &root)?;
    let features = &recipe.detector.features;
    let mut tested = Vec::new();
    for machine in machines(&all) {
        let of_machine = all.iter().filter(|recording| recording.machine == machine).cloned().collect();
        let (train, test) = split(usable(of_machine, features, data.channels, options.skip_bad, observer)?);
        if train.is_empty() || test.iter().all(|recording| recording.abnormal == test[0].abnormal) {
            observer.warn(&format!(
                "{machine} is left out: {} recordings to train on, {} normal and {} abnormal ones to test",
                train.len(),
                test.iter().filter(|recording| !recording.abnormal).count(),
                test.iter().filter(|recording| recording.abnormal).count()
            ));
            continue;
        }
        for &seed in &recipe.protocol.seeds {
            let folder = run.path("jobs").join(format!("seed-{seed}")).join(&machine);
            let file = folder.join("scores.json");
            if let Some(done) = files::read_json::<Vec<Tested>>(&file)? {
                tested.extend(done);
                continue;
            }
            let sound = |index: usize| read(&train[index].path, features, data.channels);
            let sounds = Sounds { count: train.len(), sound: &sound };
            let detector = Detector::fit(&recipe.detector, &sounds, seed, &folder, observer)?;
            let stage = format!("{machine}: scoring");
            let scored = parallel::each(&stage, test.len(), observer, |index| {
                score(&detector, &test[index], data.channels, data.segment_seconds, seed)
            })?;
            let scored: Vec<Tested> = scored.into_iter().flatten().collect();
            files::write_json(&file, &scored)?;
            tested.extend(scored);
        }
    }
    if tested.is_empty() {
        return Err(Error::Data(format!(
            "{} has no machine with normal recordings to train on and both kinds to test",
            data.manifest.display()
        )));
    }
    Ok(tested)
}

/// Scores a recording, or each of its segments.
pub(super) fn score(
    detector: &Detector,
    recording: &Recording,
    channels: usize,
    segment_seconds: f64,
    seed: u64,
) -> Result<Vec<Tested>> {
    let features = &detector.params().features;
    let audio = read(&recording.path, features, channels)?;
    let errors = detector.errors(audio.view())?;
    let vectors = errors.values().map(|errors| errors.ncols()).min().unwrap_or(0);
    let a_segment = match segment_seconds {
        0.0 => vectors,
        seconds => ((seconds / features.seconds()).floor() as usize).clamp(1, vectors.max(1)),
    };
    let count = (vectors / a_segment.max(1)).max(1);
    let name = recording.path.display().to_string();
    Ok((0..count)
        .map(|segment| {
            let range = segment * a_segment..((segment + 1) * a_segment).min(vectors);
            let cut =
                errors.iter().map(|(row, errors)| (*row, errors.slice(s![.., range.clone()]).to_owned()));
            Tested {
                seed,
                machine: recording.machine.clone(),
                group: name.clone(),
                segment: if count == 1 { name.clone() } else { format!("{name}#{segment}") },
                abnormal: recording.abnormal,
                takes: vec![Take { snr_db: None, scores: segment_scores(&cut.collect()), controls: None }],
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recording(name: &str, abnormal: bool, train: Option<bool>) -> Recording {
        let machine = "fan".to_owned();
        Recording { path: name.into(), machine, machine_id: None, abnormal, train, line: 2 }
    }

    #[test]
    fn no_recording_trains_and_tests_and_no_abnormal_one_trains() {
        for told in [Some(true), None] {
            let recordings = vec![
                recording("a", false, told),
                recording("b", true, told),
                recording("c", false, None),
                recording("d", false, Some(false)),
            ];
            let (train, test) = split(recordings);
            assert!(train.iter().all(|recording| !recording.abnormal));
            assert!(!train.is_empty() && train.len() + test.len() == 4);
            assert_eq!(train.len(), if told.is_some() { 1 } else { 2 });
        }
    }

    #[test]
    fn manifests_say_what_is_wrong_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_manifest(&path, folder.path())
        };
        let good = read(
            "path,machine,condition,part\na.wav,fan,normal,train\nb.wav,fan,anomaly,\nc.wav,fan,unknown,\n",
        );
        assert_eq!(good.unwrap().len(), 2);
        let error = read("path,machine,condition\na.wav,fan,broken\n").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("`broken`"), "{error}");
        let error =
            read("path,machine,condition\na.wav,fan,normal\na.wav,fan,normal\n").unwrap_err().to_string();
        assert!(error.contains("line 3") && error.contains("already"), "{error}");
    }
}
