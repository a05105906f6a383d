//! A run: for each seed a detector is trained on normal sounds and every test segment is scored. Each piece of work
//! leaves a file of its own, so that a killed run goes on where it was.

use std::collections::BTreeMap;
use std::path::Path;

use auscult_audio_io::{Audio, SampleFormat, write_wav};
use auscult_dereverb::Complex;
use ndarray::{Array2, ArrayView3, s};
use serde::{Deserialize, Serialize};

use super::detector::{Detector, DetectorParams, Sounds};
use super::ensemble::segment_scores;
use super::front_ends::{FrontEnd, Stream};
use super::parallel;
use super::recipe::{Data, Protocol, Recipe};
use super::recordings;
use super::results::{self, Results};
use super::simulator::{Factory, Hall, Image, gain, mixed, recorded};
use super::sounds::SAMPLE_RATE;
use super::summary::summary;
use crate::observer::Observer;
use crate::pipeline::TrainOptions;
use crate::run::{Run, fingerprint};
use crate::{Error, Result, files};

/// A tested segment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Tested {
    pub(super) seed: u64,
    pub(super) machine: String,
    /// What stands or falls together: a machine of a hall, or a recording.
    pub(super) group: String,
    pub(super) segment: String,
    pub(super) abnormal: bool,
    /// One for each SNR; normal segments and real recordings have one without.
    pub(super) takes: Vec<Take>,
}

/// A tested segment at one SNR: the mean standardised error of each row.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Take {
    pub(super) snr_db: Option<f64>,
    pub(super) scores: BTreeMap<String, f64>,
    /// What takes the effect of dereverberation apart.
    pub(super) controls: Option<Controls>,
}

/// Names of the controls' scores.
pub(super) mod control {
    /// Row (A) on early images: what an ideal dereverberation would leave.
    pub(in super::super) const EARLY: &str = "(A) on early images";
    /// Row (A) with the anomaly raised by the segment's SNR shift.
    pub(in super::super) const RAISED: &str = "(A) with the anomaly raised by the shift";
    /// Row (E) with the filter estimated from the normal sound alone.
    pub(in super::super) const BY_NORMAL: &str = "(E) with the filter fitted on normal sound alone";
}

/// The controls of one segment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Controls {
    /// How much the filter raises the anomaly's SNR between 0.3 and 7 kHz, dB.
    pub(super) shift_db: Option<f64>,
    /// Score by the control's name.
    pub(super) scores: BTreeMap<String, f64>,
}

/// Trains by `recipe`, scores, and leaves the run folder: `run.json`, `recipe.toml`, `jobs/`, `results.json`,
/// `metrics.json`, `predictions.csv`; while it lasts, the tables of the halls that are done in `so-far.txt`. Called again with the same recipe and data it goes on where it was, or returns at
/// once.
///
/// # Errors
/// Bad recipes, manifests and recordings, each named; [`Error::Interrupted`] when the observer stops it.
pub fn train(
    name: &str,
    recipe: &Recipe,
    options: &TrainOptions,
    observer: &mut dyn Observer,
) -> Result<Run> {
    let run = Run::open_or_create(&options.runs, "asd", name, &run_fingerprint(recipe, options)?)?;
    if files::read_json::<Results>(&run.path("results.json"))?.is_some() {
        observer.begin(&format!("run {} is complete", run.name()), 0);
        observer.end("nothing to do; change the recipe or remove the folder to train anew");
        return Ok(run);
    }
    files::write(&run.path("recipe.toml"), crate::pipeline::recipe::text(recipe)?)?;
    let tested = match &recipe.data {
        Data::Simulation(factory) => {
            let mut tested = Vec::new();
            for (done, &seed) in (1..).zip(&recipe.protocol.seeds) {
                tested.extend(test_hall(recipe, factory, seed, &run, observer)?);
                if done < recipe.protocol.seeds.len() {
                    // a hall takes long: what is known is told, and kept should the run end here
                    let so_far = summary(&results::summarise(recipe, &tested)?);
                    files::write(&run.path("so-far.txt"), format!("after {done} halls\n{so_far}"))?;
                }
            }
            tested
        }
        Data::Manifest(data) => recordings::test(recipe, data, options, &run, observer)?,
    };
    let results = results::summarise(recipe, &tested)?;
    results::write(&run, recipe, &tested, &results)?;
    match std::fs::remove_file(run.path("so-far.txt")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", run.path("so-far.txt"))(error))
        }
        _ => Ok(run),
    }
}

/// The name of the run that [`train`] would begin or go on with.
///
/// # Errors
/// [`Error::Io`] where the manifest cannot be read.
pub fn run_name(name: &str, recipe: &Recipe, options: &TrainOptions) -> Result<String> {
    Ok(Run::name_of(name, &run_fingerprint(recipe, options)?))
}

fn run_fingerprint(recipe: &Recipe, options: &TrainOptions) -> Result<String> {
    let resolved = serde_json::to_vec(recipe).map_err(Error::part("the recipe"))?;
    let table = match &recipe.data {
        Data::Simulation(_) => Vec::new(),
        Data::Manifest(data) => std::fs::read(&data.manifest).map_err(Error::io("read", &data.manifest))?,
    };
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    Ok(fingerprint(&[&resolved, &table, version, &[u8::from(options.skip_bad)]]))
}

/// Trains in the hall of a seed and scores all its test segments, machine by machine.
fn test_hall(
    recipe: &Recipe,
    factory: &Factory,
    seed: u64,
    run: &Run,
    observer: &mut dyn Observer,
) -> Result<Vec<Tested>> {
    let folder = run.path("jobs").join(format!("seed-{seed}"));
    let scores = |machine: usize| folder.join(format!("scores-{machine:02}.json"));
    let mut tested = Vec::new();
    let mut missing = Vec::new();
    for machine in 0..factory.machines {
        match files::read_json::<Vec<Tested>>(&scores(machine))? {
            Some(done) => tested.extend(done),
            None => missing.push(machine),
        }
    }
    if missing.is_empty() {
        return Ok(tested);
    }
    observer.begin(&format!("seed {seed}: building the hall"), 0);
    let hall = Hall::new(factory, seed)?;
    observer.end(&format!("{} machines", factory.machines));
    let normal = |image: Image| {
        let hall = &hall;
        move |index: usize| {
            let (machine, segment) = (index / factory.segments, index % factory.segments);
            Ok(recorded(&hall.normal(machine, segment, image)?))
        }
    };
    let count = factory.machines * factory.segments;
    let detector = Detector::fit(
        &recipe.detector,
        &Sounds { count, sound: &normal(Image::Full) },
        seed,
        &folder,
        observer,
    )?;
    let early = match recipe.protocol.control_snrs_db.is_empty() {
        true => None,
        false => {
            let params = DetectorParams { front_ends: vec![FrontEnd::A], ..recipe.detector.clone() };
            let sounds = Sounds { count, sound: &normal(Image::Early) };
            Some(Detector::fit(&params, &sounds, seed, &folder.join("early-images"), observer)?)
        }
    };
    let test = HallTest {
        protocol: &recipe.protocol,
        factory,
        seed,
        hall: &hall,
        detector: &detector,
        early: early.as_ref(),
        audio: recipe.protocol.keep_audio.then(|| run.path("audio")),
    };
    for machine in missing {
        let stage = format!("seed {seed}: machine {} of {}", machine + 1, factory.machines);
        // normal segments first, then abnormal ones
        let of_machine = parallel::each(&stage, 2 * factory.segments, observer, |index| {
            test.segment(machine, factory.segments + index)
        })?;
        files::write_json(&scores(machine), &of_machine)?;
        tested.extend(of_machine);
    }
    Ok(tested)
}

struct HallTest<'a> {
    protocol: &'a Protocol,
    factory: &'a Factory,
    seed: u64,
    hall: &'a Hall,
    detector: &'a Detector,
    early: Option<&'a Detector>,
    audio: Option<std::path::PathBuf>,
}

impl HallTest<'_> {
    fn segment(&self, machine: usize, index: usize) -> Result<Tested> {
        let abnormal = index >= 2 * self.factory.segments;
        let of = |image: Image| -> Result<(Array2<f64>, Array2<f64>)> {
            let normal = self.hall.normal(machine, index, image)?;
            let anomaly = if abnormal {
                self.hall.anomaly(machine, index, image)?
            } else {
                Array2::zeros(normal.dim())
            };
            Ok((normal, anomaly))
        };
        let (normal, anomaly) = of(Image::Full)?;
        let early = self.early.map(|detector| Ok((detector, of(Image::Early)?))).transpose()?;
        let snrs: Vec<Option<f64>> = match abnormal {
            true => self.protocol.snrs_db.iter().copied().map(Some).collect(),
            false => vec![None],
        };
        let mut takes = Vec::new();
        for snr_db in snrs {
            let factor = snr_db.map_or(0.0, |snr| gain(&normal, &anomaly, snr));
            let audio = mixed(&normal, &anomaly, factor);
            if let Some(folder) = &self.audio {
                let kind = snr_db.map_or_else(|| "normal".into(), |snr| format!("{snr}dB"));
                write_segment(
                    &folder.join(format!("seed{}-machine{machine:02}-{index:02}-{kind}.wav", self.seed)),
                    &audio,
                )?;
            }
            let scores = segment_scores(&self.detector.errors(audio.view())?);
            let controlled = snr_db.is_none_or(|snr| self.protocol.control_snrs_db.contains(&snr));
            let controls = match &early {
                Some((detector, (early_normal, early_anomaly))) if controlled => {
                    let mut controls = Controls { shift_db: None, scores: BTreeMap::new() };
                    let on_early =
                        segment_scores(&detector.errors(mixed(early_normal, early_anomaly, factor).view())?);
                    keep(&mut controls, control::EARLY, &on_early);
                    if snr_db.is_some() {
                        let normal_part = recorded(&normal);
                        let anomaly_part = &audio - &normal_part;
                        self.take_apart(&mut controls, &audio, &normal_part, &anomaly_part)?;
                        if let Some(shift) = controls.shift_db {
                            let raised = mixed(&normal, &anomaly, factor * 10f64.powf(shift / 20.0));
                            let spectrum = self.detector.spectrum(raised.view())?;
                            let errors = self.detector.errors_of_stream(
                                Stream::Observed,
                                spectrum.view(),
                                &[FrontEnd::A],
                            )?;
                            keep(&mut controls, control::RAISED, &segment_scores(&errors));
                        }
                    } else {
                        // without an anomaly there is nothing to raise or to leave out
                        keep(&mut controls, control::RAISED, &only(&scores, FrontEnd::A));
                        keep(&mut controls, control::BY_NORMAL, &only(&scores, FrontEnd::E));
                    }
                    Some(controls)
                }
                _ => None,
            };
            takes.push(Take { snr_db, scores, controls });
        }
        let name = format!("machine {machine}");
        Ok(Tested {
            seed: self.seed,
            group: format!("{} {name}", self.seed),
            segment: index.to_string(),
            machine: name,
            abnormal,
            takes,
        })
    }

    /// The filter of the recording on its parts, and the filter of the normal part on the recording.
    fn take_apart(
        &self,
        controls: &mut Controls,
        audio: &Array2<f32>,
        normal: &Array2<f32>,
        anomaly: &Array2<f32>,
    ) -> Result<()> {
        let spectrum = |sound: &Array2<f32>| self.detector.spectrum(sound.view());
        let (audio, normal, anomaly) = (spectrum(audio)?, spectrum(normal)?, spectrum(anomaly)?);
        let dereverberator = self.detector.dereverberator();
        let parts = dereverberator.process_beside(audio.view(), &[normal.view(), anomaly.view()])?;
        let kept = |after: ArrayView3<Complex<f32>>, before: ArrayView3<Complex<f32>>| {
            10.0 * (band_energy(after) / band_energy(before)).log10()
        };
        controls.shift_db =
            Some(kept(parts[1].view(), anomaly.view()) - kept(parts[0].view(), normal.view()));
        let by_normal = dereverberator.process_beside(normal.view(), &[audio.view()])?;
        let errors =
            self.detector.errors_of_stream(Stream::Dereverberated, by_normal[0].view(), &[FrontEnd::E])?;
        keep(controls, control::BY_NORMAL, &segment_scores(&errors));
        Ok(())
    }
}

/// Energy between 0.3 and 7 kHz, where the sweep is.
fn band_energy(spectrum: ArrayView3<Complex<f32>>) -> f64 {
    let bins = spectrum.dim().2;
    let bin = |hertz: f64| (hertz / f64::from(SAMPLE_RATE) * 2.0 * (bins - 1) as f64).round() as usize;
    spectrum.slice(s![.., .., bin(300.0)..bin(7000.0)]).iter().map(|z| f64::from(z.norm_sqr())).sum()
}

/// The scores of one front end, by row.
fn only(scores: &BTreeMap<String, f64>, front_end: FrontEnd) -> BTreeMap<String, f64> {
    let ending = format!("-{front_end:?}");
    scores
        .iter()
        .filter(|(row, _)| row.ends_with(&ending))
        .map(|(row, &score)| (row.clone(), score))
        .collect()
}

/// Files the scores of a control's rows under `back end: control`.
fn keep(controls: &mut Controls, name: &str, scores: &BTreeMap<String, f64>) {
    for (row, &score) in scores {
        let back_end = row.rsplit_once('-').map_or(row.as_str(), |(back_end, _)| back_end);
        controls.scores.insert(format!("{back_end}: {name}"), score);
    }
}

fn write_segment(path: &Path, audio: &Array2<f32>) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    }
    let failed = |error| Error::part(format!("{}", path.display()))(error);
    let audio = Audio::new(audio.clone(), SAMPLE_RATE).map_err(failed)?;
    write_wav(path, &audio, SampleFormat::I16).map_err(failed)?;
    Ok(())
}
