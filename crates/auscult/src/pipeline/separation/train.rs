//! Training and its own evaluation: every contender and baseline on the same splits. Each piece of work is a job with a
//! file of its own, so that a killed run goes on where it was.

use std::path::{Path, PathBuf};

use auscult_models_tch::{Device, Masker, train_masker};
use ndarray::{Axis, s};
use serde::{Deserialize, Serialize};

use super::collections::overlap;
use super::estimates::{self, Rendering};
use super::front_end::FrontEnd;
use super::model::{Preparation, SeparationModel};
use super::patches::{Augment, Choice, Patches};
use super::recipe::{Baseline, Contender, Recipe};
use super::results::{self, Results};
use super::scores::{StemScore, score};
use super::separate::separate;
use super::songs::{Song, Split};
use super::sounds::{Sound, Tracks, prepare};
use super::splits::{Parts, parts};
use crate::observer::Observer;
use crate::pipeline::doors::TrainOptions;
use crate::random::Random;
use crate::report::heat_map;
use crate::run::{Run, fingerprint};
use crate::{Error, Result, files};

/// What a job leaves.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct JobScores {
    /// Contender; for baselines every clip's own.
    pub(crate) model: String,
    pub(crate) baseline: bool,
    pub(crate) fold: usize,
    pub(crate) seed: u64,
    /// Share of the training songs.
    pub(crate) amount: f64,
    /// Seconds of songs that taught.
    pub(crate) taught: f64,
    pub(crate) parameters: usize,
    pub(crate) seconds: f64,
    pub(crate) clips: Vec<ClipScore>,
    pub(crate) curve: Vec<CurvePoint>,
}

/// The scores of one song in one rendering at one rate.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ClipScore {
    pub(crate) song: String,
    pub(crate) group: String,
    pub(crate) model: String,
    pub(crate) rendering: Rendering,
    /// At the song's own rate, not the network's.
    pub(crate) native: bool,
    /// Of the voice, of the accompaniment.
    pub(crate) stems: [StemScore; 2],
}

/// One epoch of a learning curve.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Counted from 0.
    pub epoch: usize,
    /// The paper's equation 1, a patch's mean.
    pub train_loss: f64,
    /// The same on validation patches.
    pub valid_loss: Option<f64>,
}

/// Trains by `recipe`, evaluates on its own protocol and leaves the run folder: `run.json`, `recipe.toml`,
/// `model.safetensors` and `model.json`, `jobs/`, `results.json`, `metrics.json`, `clips.csv`.
/// Called again with the same recipe and data it goes on where it was, or returns at once.
///
/// # Errors
/// Bad recipes, manifests and recordings, each named; [`Error::Interrupted`] when the observer stops it.
pub fn train(
    name: &str,
    recipe: &Recipe,
    options: &TrainOptions,
    observer: &mut dyn Observer,
) -> Result<Run> {
    let songs = all_songs(recipe)?;
    let run = Run::open_or_create(
        &options.runs,
        "separation",
        name,
        &run_fingerprint(recipe, &songs, options.skip_bad)?,
    )?;
    if files::read_json::<Results>(&run.path("results.json"))?.is_some() {
        observer.begin(&format!("run {} is complete", run.name()), 0);
        observer.end("nothing to do; change the recipe or remove the folder to train anew");
        return Ok(run);
    }
    let toml = crate::pipeline::recipe::text(recipe)?;
    files::write(&run.path("recipe.toml"), toml)?;

    let data = Dataset::prepare(recipe, songs, options, observer)?;
    run.begun_with(data.fingerprint())?;
    let trainer = Trainer { recipe, data: &data, run: &run, device: options.device };
    let mut scores = Vec::new();
    for job in trainer.jobs() {
        scores.push(trainer.run_job(&job, observer)?);
    }
    let results = results::summarise(recipe, &data, &scores)?;
    results::write(&run, recipe, &results)?;
    Ok(run)
}

/// The name of the run that [`train`] would begin or go on with: the recipe's name and a hash of recipe, songs, version
/// and `skip_bad`.
///
/// # Errors
/// Collections that cannot be found.
pub fn run_name(name: &str, recipe: &Recipe, options: &TrainOptions) -> Result<String> {
    let songs = all_songs(recipe)?;
    Ok(Run::name_of(name, &run_fingerprint(recipe, &songs, options.skip_bad)?))
}

fn run_fingerprint(recipe: &Recipe, songs: &[Song], skip_bad: bool) -> Result<String> {
    let resolved = serde_json::to_vec(recipe).map_err(Error::part("the recipe"))?;
    let list = serde_json::to_vec(songs).map_err(Error::part("the songs"))?;
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    Ok(fingerprint(&[&resolved, &list, version, &[u8::from(skip_bad)]]))
}

/// The recipe's songs; where another collection is tested, this one's own tests are left out.
fn all_songs(recipe: &Recipe) -> Result<Vec<Song>> {
    let mut songs = recipe.data.songs()?;
    let Some(data) = &recipe.test_data else { return Ok(songs) };
    songs.retain(|song| song.split != Some(Split::Test));
    let mut tested = data.songs()?;
    let names: Vec<String> = songs.iter().map(|song| song.name.clone()).collect();
    let both = overlap(&names, &tested);
    if !both.is_empty() {
        return Err(Error::Data(format!(
            "{} songs of test_data are in data too and would be trained on ({}): take them out of one",
            both.len(),
            both.join(", ")
        )));
    }
    tested.iter_mut().for_each(|song| song.split = Some(Split::Test));
    songs.append(&mut tested);
    super::songs::distinct(&songs)?;
    Ok(songs)
}

/// The usable songs with their sound at the networks' rate.
pub(crate) struct Dataset {
    pub(crate) songs: Vec<Song>,
    pub(crate) tracks: Vec<Tracks>,
    pub(crate) parts: Vec<Parts>,
    /// Of all contenders.
    pub(crate) front_end: FrontEnd,
}

impl Dataset {
    fn prepare(
        recipe: &Recipe,
        songs: Vec<Song>,
        options: &TrainOptions,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let front_end = recipe.contenders[0].front_end.clone();
        let prepared = prepare(&songs, &front_end, &options.cache, options.skip_bad, observer)?;
        let usable = songs.into_iter().zip(prepared).filter_map(|(song, tracks)| Some((song, tracks?)));
        let (songs, tracks): (Vec<Song>, Vec<Tracks>) = usable.unzip();
        let protocol = &recipe.protocol;
        let parts = parts(&songs, protocol.folds, protocol.tested_folds, protocol.deal)?;
        Ok(Self { songs, tracks, parts, front_end })
    }

    /// Hash of names and samples.
    fn fingerprint(&self) -> String {
        let hashes = self.songs.iter().zip(&self.tracks).map(|(song, tracks)| {
            let bytes: Vec<u8> = tracks.values().iter().flat_map(|value| value.to_le_bytes()).collect();
            fingerprint(&[song.name.as_bytes(), &bytes])
        });
        let hashes: Vec<String> = hashes.collect();
        fingerprint(&hashes.iter().map(String::as_bytes).collect::<Vec<_>>())
    }

    /// Total length of songs, seconds.
    pub(crate) fn seconds(&self, songs: &[usize]) -> f64 {
        let samples: usize = songs.iter().map(|&song| self.tracks[song].len()).sum();
        samples as f64 / f64::from(self.front_end.sample_rate)
    }
}

/// One thing to train and test.
struct Job<'a> {
    fold: usize,
    work: Work<'a>,
}

enum Work<'a> {
    Train { contender: &'a Contender, seed: u64, amount: f64 },
    Baselines(&'a [Baseline]),
}

impl Job<'_> {
    fn name(&self) -> String {
        let fold = self.fold;
        match &self.work {
            Work::Baselines(_) => format!("fold{fold}-baselines"),
            Work::Train { contender, seed, amount: 1.0 } => {
                format!("fold{fold}-seed{seed}-{}", contender.name)
            }
            Work::Train { contender, seed, amount } => {
                format!("fold{fold}-seed{seed}-{}-{amount}", contender.name)
            }
        }
    }
}

struct Trainer<'a> {
    recipe: &'a Recipe,
    data: &'a Dataset,
    run: &'a Run,
    device: Device,
}

impl<'a> Trainer<'a> {
    fn jobs(&self) -> Vec<Job<'a>> {
        let recipe = self.recipe;
        let mut jobs = Vec::new();
        for fold in 0..self.data.parts.len() {
            if !recipe.baselines.is_empty() {
                jobs.push(Job { fold, work: Work::Baselines(&recipe.baselines) });
            }
            for &seed in &recipe.protocol.seeds {
                for contender in &recipe.contenders {
                    jobs.push(Job { fold, work: Work::Train { contender, seed, amount: 1.0 } });
                }
                let first = &recipe.contenders[0];
                for &amount in &recipe.protocol.amounts {
                    jobs.push(Job { fold, work: Work::Train { contender: first, seed, amount } });
                }
            }
        }
        jobs
    }

    fn run_job(&self, job: &Job, observer: &mut dyn Observer) -> Result<JobScores> {
        let name = job.name();
        let folder = self.run.path("jobs").join(&name);
        let file = folder.join("scores.json");
        if let Some(done) = files::read_json(&file)? {
            files::remove_checkpoint(&folder)?;
            return Ok(done);
        }
        let scores = match &job.work {
            Work::Baselines(baselines) => self.baselines(job.fold, baselines, &folder, observer)?,
            Work::Train { contender, seed, amount } => {
                self.contender(job.fold, contender, *seed, *amount, &folder, observer)?
            }
        };
        files::write_json(&file, &scores)?;
        files::remove_checkpoint(&folder)?;
        Ok(scores)
    }

    /// A share of a fold's training songs, the same for every contender; smaller shares are part of larger ones.
    fn taught(&self, fold: usize, seed: u64, amount: f64) -> Vec<usize> {
        let mut songs = self.data.parts[fold].train.clone();
        if amount < 1.0 {
            Random::keyed(&[seed, fold as u64]).shuffle(&mut songs);
            songs.truncate(((songs.len() as f64 * amount).round() as usize).max(1));
            songs.sort_unstable();
        }
        songs
    }

    fn contender(
        &self,
        fold: usize,
        contender: &Contender,
        seed: u64,
        amount: f64,
        folder: &Path,
        observer: &mut dyn Observer,
    ) -> Result<JobScores> {
        let began = std::time::Instant::now();
        let songs = self.taught(fold, seed, amount);
        let (model, curve) = self.fit(fold, contender, &songs, seed, folder, observer)?;
        let clips = self.score_model(&model, contender, fold, observer)?;
        self.picture(&model, fold, folder)?;
        let is_runs_model = fold == 0
            && amount == 1.0
            && seed == self.recipe.protocol.seeds[0]
            && contender.name == self.recipe.contenders[0].name;
        if is_runs_model {
            model.save(&self.run.path("model"))?;
        }
        Ok(JobScores {
            model: contender.name.clone(),
            baseline: false,
            fold,
            seed,
            amount,
            taught: self.data.seconds(&songs),
            parameters: model.parameters(),
            seconds: began.elapsed().as_secs_f64(),
            clips,
            curve,
        })
    }

    fn fit(
        &self,
        fold: usize,
        contender: &Contender,
        songs: &[usize],
        seed: u64,
        folder: &Path,
        observer: &mut dyn Observer,
    ) -> Result<(SeparationModel, Vec<CurvePoint>)> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let front_end = &contender.front_end;
        let of = |songs: &[usize]| songs.iter().map(|&song| &self.data.tracks[song]).collect::<Vec<_>>();
        let unchanged = Augment::default();
        let stft = front_end.stft()?;
        let patches = |songs: Vec<&'a Tracks>, augment, choice| Patches {
            songs,
            sources: &contender.sources,
            front_end,
            stft: stft.clone(),
            augment,
            choice,
            seed,
        };
        let train = patches(of(songs), &contender.augment, Choice::Random(contender.patches));
        let valid = of(&self.data.parts[fold].valid);
        let choice = Choice::covering(&valid, front_end);
        let valid = patches(valid, &unchanged, choice);
        let failed = |error| Error::part(format!("training {name}"))(error);
        let mut masker = Masker::new(&contender.masker(), seed, self.device).map_err(failed)?;
        let params = contender.training.clone().seed(seed);
        observer.begin(&name, params.epochs as u64);
        let mut stopped = false;
        let watch = &mut |progress: &auscult_models_tch::Progress| {
            let done = progress.epoch + usize::from(progress.finished.is_some());
            let flow = observer.advance(done as u64, &format!("loss {:.1}", progress.loss));
            stopped |= flow.is_break();
            flow
        };
        let history =
            train_masker(&mut masker, &train, Some(&valid), &params, Some(folder), watch).map_err(failed)?;
        if stopped {
            return Err(Error::Interrupted);
        }
        let best = history.best_epoch.and_then(|epoch| history.epochs.get(epoch)?.valid_loss);
        observer.end(&best.map_or_else(String::new, |loss| format!("least validation loss {loss:.1}")));
        let heard = songs.iter().chain(&self.data.parts[fold].valid);
        let preparation = Preparation {
            contender: contender.name.clone(),
            front_end: front_end.clone(),
            heard: heard.map(|&song| self.data.songs[song].name.clone()).collect(),
        };
        let curve = history.epochs.iter().map(|record| CurvePoint {
            epoch: record.epoch,
            train_loss: record.train_loss,
            valid_loss: record.valid_loss,
        });
        Ok((SeparationModel::new(masker, preparation)?, curve.collect()))
    }

    fn score_model(
        &self,
        model: &SeparationModel,
        contender: &Contender,
        fold: usize,
        observer: &mut dyn Observer,
    ) -> Result<Vec<ClipScore>> {
        self.over_tests(fold, "scoring", observer, |index, song| {
            let low = self.low(index);
            let mut clips = Vec::new();
            let mut add = |truth: &Sound, rendering, native, stems: &_| {
                clips.extend(score(truth, stems).map(|stems| ClipScore {
                    song: song.name.clone(),
                    group: song.group.clone(),
                    model: contender.name.clone(),
                    rendering,
                    native,
                    stems,
                }));
            };
            for (rendering, stems) in estimates::of_model(model, &low, &contender.separate)? {
                add(&low, rendering, false, &stems);
            }
            if self.recipe.protocol.native {
                let own = Sound::read(song, None)?;
                let stems = separate(model, own.mixture.view(), own.sample_rate, &contender.separate)?;
                add(&own, Rendering::Product, true, &stems);
            }
            Ok(clips)
        })
    }

    fn baselines(
        &self,
        fold: usize,
        baselines: &[Baseline],
        folder: &Path,
        observer: &mut dyn Observer,
    ) -> Result<JobScores> {
        let began = std::time::Instant::now();
        let front_end = &self.data.front_end;
        let clips = self.over_tests(fold, "baselines", observer, |index, song| {
            let mut clips = Vec::new();
            let mut sounds = vec![(false, self.low(index))];
            if self.recipe.protocol.native {
                sounds.push((true, Sound::read(song, None)?));
            }
            for (native, sound) in &sounds {
                for baseline in baselines {
                    let stems = estimates::of_baseline(*baseline, sound, front_end)?;
                    clips.extend(stems.and_then(|stems| score(sound, &stems)).map(|stems| ClipScore {
                        song: song.name.clone(),
                        group: song.group.clone(),
                        model: baseline.name().into(),
                        rendering: Rendering::Baseline,
                        native: *native,
                        stems,
                    }));
                }
            }
            Ok(clips)
        })?;
        let first = &self.data.tracks[self.data.parts[fold].test[0]];
        if let Some(vocals) = first.vocals() {
            let mask = estimates::ideal_mask(front_end, vocals, first.accompaniment())?;
            write_picture(folder, mask.view())?;
        }
        Ok(JobScores {
            model: "baselines".into(),
            baseline: true,
            fold,
            seed: 0,
            amount: 1.0,
            taught: 0.0,
            parameters: 0,
            seconds: began.elapsed().as_secs_f64(),
            clips,
            curve: Vec::new(),
        })
    }

    /// The scores of every song that a fold tests.
    fn over_tests(
        &self,
        fold: usize,
        stage: &str,
        observer: &mut dyn Observer,
        mut scored: impl FnMut(usize, &Song) -> Result<Vec<ClipScore>>,
    ) -> Result<Vec<ClipScore>> {
        let test = &self.data.parts[fold].test;
        observer.begin(stage, test.len() as u64);
        let mut clips = Vec::new();
        for (done, &index) in test.iter().enumerate() {
            let song = &self.data.songs[index];
            let of_song = scored(index, song)?;
            if of_song.is_empty() {
                observer.warn(&format!(
                    "`{}` cannot be scored: its voice or accompaniment is silent or unknown",
                    song.name
                ));
            }
            clips.extend(of_song);
            if observer.advance(done as u64 + 1, "").is_break() {
                return Err(Error::Interrupted);
            }
        }
        observer.end(&format!("{} songs", test.len()));
        Ok(clips)
    }

    /// A song in mono at the networks' rate.
    fn low(&self, index: usize) -> Sound {
        let tracks = &self.data.tracks[index];
        Sound {
            sample_rate: self.data.front_end.sample_rate,
            mixture: tracks.mixture().to_owned().insert_axis(Axis(0)),
            vocals: tracks.vocals().map(|vocals| vocals.to_owned().insert_axis(Axis(0))),
            accompaniment: tracks.accompaniment().to_owned().insert_axis(Axis(0)),
        }
    }

    /// The voice's mask of the first tested song: the paper's Fig. 3.
    fn picture(&self, model: &SeparationModel, fold: usize, folder: &Path) -> Result<()> {
        let first = &self.data.tracks[self.data.parts[fold].test[0]];
        let masks = estimates::masks(model, first.mixture(), 0.5)?;
        let vocals = model.sources().iter().position(|source| source.name() == "vocals");
        vocals.map_or(Ok(()), |vocals| write_picture(folder, masks[vocals].view()))
    }
}

/// The file with a job's mask.
pub(crate) fn picture_path(folder: &Path) -> PathBuf {
    folder.join("mask.png")
}

/// Frames of a mask that are shown: a patch.
const SHOWN: usize = 128;

fn write_picture(folder: &Path, mask: ndarray::ArrayView2<f32>) -> Result<()> {
    let shown = mask.slice(s![..SHOWN.min(mask.nrows()), ..]);
    files::write(&picture_path(folder), heat_map(shown, 0.0, 1.0))
}
