//! Training and its own evaluation: every contender on the same splits, then the final fit. Each piece of work is a job
//! with a file of its own, so that a killed run goes on where it was.

use std::path::Path;
use std::time::Instant;

use auscult_models_tch::{Classifier, Device, Examples, Keep, TrainParams, train_classifier};
use serde::{Deserialize, Serialize};

use super::augment::{Augment, Augmenter};
use super::decision::Decision;
use super::examples::{Material, Patches, Sequences};
use super::features::{Features, prepare};
use super::front_end::FrontEnd;
use super::manifest::{Song, read_manifests};
use super::model::{CLASSES, Preparation, SvdModel};
use super::patches::{Scaling, Window};
use super::recipe::{Contender, Recipe};
use super::results::{self, Results};
use super::splits::{Scheme, Split, final_split, splits};
use super::stress::{self, Stress};
use crate::observer::Observer;
use crate::pipeline::TrainOptions;
use crate::pipeline::preparation::keep_marked;
use crate::random::Random;
use crate::run::{Run, fingerprint};
use crate::{Error, Result, files};

/// What a job leaves: probabilities for each tested song.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Predictions {
    pub(crate) scheme: Scheme,
    pub(crate) split: usize,
    pub(crate) seed: u64,
    pub(crate) model: String,
    /// Share of singing among the training songs' frames: what the majority baseline knows.
    pub(crate) sung_in_training: f64,
    pub(crate) parameters: usize,
    /// What it took.
    pub(crate) cost: Cost,
    /// As chosen on the validation songs.
    pub(crate) decision: Decision,
    pub(crate) songs: Vec<SongPrediction>,
    pub(crate) curve: Vec<CurvePoint>,
    /// The first contender's stress tests, where the protocol asks for them.
    pub(crate) stress: Vec<Stress>,
}

/// Probabilities of one tested song.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SongPrediction {
    /// Index in the manifest's used rows.
    pub(crate) song: usize,
    /// Probability of singing every `test_hop` frames, in ten-thousandths.
    pub(crate) probabilities: Vec<u16>,
}

impl SongPrediction {
    pub(crate) fn new(song: usize, probabilities: &[f64]) -> Self {
        Self { song, probabilities: probabilities.iter().map(|p| (p * 1e4).round() as u16).collect() }
    }

    pub(crate) fn probabilities(&self) -> Vec<f64> {
        self.probabilities.iter().map(|&p| f64::from(p) / 1e4).collect()
    }
}

/// Times, on the machine of the run.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Cost {
    /// Of the whole job.
    pub(crate) seconds: f64,
    /// Of one training step.
    pub(crate) step_seconds: f64,
    /// Share of the training that waited for examples.
    pub(crate) data_wait: f64,
    /// To score one minute of music every `test_hop` frames, features excluded.
    pub(crate) seconds_a_minute: f64,
}

/// One epoch of a learning curve.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct CurvePoint {
    pub(crate) epoch: usize,
    pub(crate) train_loss: f64,
    pub(crate) valid_loss: Option<f64>,
    pub(crate) valid_accuracy: Option<f64>,
}

/// Trains by `recipe`, evaluates on its own protocol and leaves the run folder: `run.json`, `recipe.toml`,
/// `model.safetensors` and `model.json`, `jobs/`, `results.json`, `metrics.json`, `predictions.csv`.
/// Called again with the same recipe and data it goes on where it was, or returns at once.
///
/// # Errors
/// Bad manifests, labels, songs and recipes, each named; [`Error::Interrupted`] when the observer stops it.
pub fn train(
    name: &str,
    recipe: &Recipe,
    options: &TrainOptions,
    observer: &mut dyn Observer,
) -> Result<Run> {
    let songs = read_manifests(recipe.data.manifests(), recipe.data.root.as_deref())?;
    let run = Run::open_or_create(&options.runs, super::NAME, name, &run_fingerprint(recipe, options)?)?;
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
    let mut predictions = Vec::new();
    for job in trainer.jobs()? {
        predictions.push(trainer.run_job(&job, observer)?);
    }
    if recipe.protocol.final_fit {
        trainer.final_fit(observer)?;
    }
    let results = results::summarise(recipe, &data, &predictions)?;
    results::write(&run, recipe, &data, &predictions, &results)?;
    Ok(run)
}

/// The name of the run that [`train`] would begin or go on with: the recipe's name and a hash of recipe, manifests,
/// labels, version and `skip_bad`.
///
/// # Errors
/// Manifests and labels that cannot be read.
pub fn run_name(name: &str, recipe: &Recipe, options: &TrainOptions) -> Result<String> {
    Ok(Run::name_of(name, &run_fingerprint(recipe, options)?))
}

fn run_fingerprint(recipe: &Recipe, options: &TrainOptions) -> Result<String> {
    // As read: labels may lie in other files than the manifest.
    let songs = read_manifests(recipe.data.manifests(), recipe.data.root.as_deref())?;
    let songs = format!("{songs:?}");
    let resolved = serde_json::to_vec(recipe).map_err(Error::part("the recipe"))?;
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    Ok(fingerprint(&[&resolved, songs.as_bytes(), version, &[u8::from(options.skip_bad)]]))
}

/// The usable songs with their features for every front end of the recipe.
pub(crate) struct Dataset {
    pub(crate) songs: Vec<Song>,
    sets: Vec<FeatureSet>,
}

/// The features of all songs by one front end, with a label for every frame.
struct FeatureSet {
    front_end: FrontEnd,
    features: Vec<Features>,
    sung: Vec<Vec<bool>>,
}

impl Dataset {
    fn prepare(
        recipe: &Recipe,
        mut songs: Vec<Song>,
        options: &TrainOptions,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let mut front_ends: Vec<FrontEnd> = Vec::new();
        for contender in &recipe.contenders {
            if !front_ends.contains(&contender.front_end) {
                front_ends.push(contender.front_end);
            }
        }
        let mut sets: Vec<(FrontEnd, Vec<Features>)> = Vec::new();
        for front_end in front_ends {
            let new = prepare(&songs, front_end, &options.cache, options.skip_bad, observer)?;
            // A song is used where every front end can use it.
            let usable: Vec<bool> = new.iter().map(Option::is_some).collect();
            keep_marked(&mut songs, &usable);
            sets.iter_mut().for_each(|(_, earlier)| keep_marked(earlier, &usable));
            sets.push((front_end, new.into_iter().flatten().collect()));
        }
        let sets = sets
            .into_iter()
            .map(|(front_end, features)| {
                let labels = |(song, features): (&Song, &Features)| {
                    Ok(song.labels.frames(front_end.frame_rate(), features.values()?.nrows()))
                };
                let sung = songs.iter().zip(&features).map(labels).collect::<Result<_>>()?;
                Ok(FeatureSet { front_end, features, sung })
            })
            .collect::<Result<_>>()?;
        Ok(Self { songs, sets })
    }

    /// Hash of paths and features.
    fn fingerprint(&self) -> String {
        let keys =
            self.sets.iter().flat_map(|set| set.features.iter().map(|features| features.key.as_bytes()));
        let paths = self.songs.iter().map(|song| song.path.as_os_str().as_encoded_bytes());
        fingerprint(&paths.chain(keys).collect::<Vec<_>>())
    }

    fn set(&self, front_end: FrontEnd) -> Result<&FeatureSet> {
        self.sets
            .iter()
            .find(|set| set.front_end == front_end)
            .ok_or_else(|| Error::Data("features were not prepared for this front end".into()))
    }

    /// A song as a front end sees it.
    pub(crate) fn material(&self, front_end: FrontEnd, song: usize) -> Result<Material<'_>> {
        let set = self.set(front_end)?;
        Ok(Material { values: set.features[song].values()?, sung: &set.sung[song] })
    }

    fn materials(&self, front_end: FrontEnd, songs: &[usize]) -> Result<Vec<Material<'_>>> {
        songs.iter().map(|&song| self.material(front_end, song)).collect()
    }

    /// The truth at every `hop`-th frame.
    pub(crate) fn truth(&self, front_end: FrontEnd, song: usize, hop: usize) -> Result<Vec<bool>> {
        Ok(self.set(front_end)?.sung[song].iter().copied().step_by(hop).collect())
    }
}

/// One thing to train and test.
struct Job<'a> {
    scheme: Scheme,
    /// Index among the scheme's splits of the seed.
    index: usize,
    split: Split,
    seed: u64,
    contender: &'a Contender,
}

impl Job<'_> {
    fn name(&self) -> String {
        format!("{}-{}-seed{}-{}", self.scheme.name(), self.index, self.seed, self.contender.name)
    }
}

struct Trainer<'a> {
    recipe: &'a Recipe,
    data: &'a Dataset,
    run: &'a Run,
    device: Device,
}

impl<'a> Trainer<'a> {
    fn jobs(&self) -> Result<Vec<Job<'a>>> {
        let protocol = &self.recipe.protocol;
        let mut jobs = Vec::new();
        for &seed in &protocol.seeds {
            let splits = splits(&self.data.songs, protocol, seed)?;
            for (position, (scheme, split)) in splits.iter().enumerate() {
                let index = splits[..position].iter().filter(|(earlier, _)| earlier == scheme).count();
                for contender in &self.recipe.contenders {
                    jobs.push(Job { scheme: *scheme, index, split: split.clone(), seed, contender });
                }
            }
        }
        if jobs.is_empty() {
            return Err(Error::Data(
                "nothing would be tested: raise protocol.artist_folds or protocol.song_folds, or mark songs as `test` \
                 in the manifest's column `split`"
                    .into(),
            ));
        }
        Ok(jobs)
    }

    /// The job's predictions, from its file where it was done before.
    fn run_job(&self, job: &Job, observer: &mut dyn Observer) -> Result<Predictions> {
        let folder = self.run.path("jobs").join(job.name());
        let file = folder.join("predictions.json");
        if let Some(done) = files::read_json(&file)? {
            files::remove_checkpoint(&folder)?;
            return Ok(done);
        }
        let began = Instant::now();
        let Job { contender, split, seed, .. } = job;
        let keyed = Random::keyed(&[*seed, job.scheme as u64, job.index as u64]).next();
        let (model, mut cost, curve) = self.fit(contender, split, keyed, &folder, &job.name(), observer)?;
        let scoring = Instant::now();
        observer.begin(&format!("{} testing", job.name()), split.test.len() as u64);
        let mut songs = Vec::new();
        let mut minutes = 0.0;
        for (index, &song) in split.test.iter().enumerate() {
            let probabilities = self.probabilities(&model, song)?;
            minutes += probabilities.len() as f64 * self.hop_seconds(contender.front_end) / 60.0;
            songs.push(SongPrediction::new(song, &probabilities));
            if observer.advance(index as u64 + 1, "").is_break() {
                return Err(Error::Interrupted);
            }
        }
        cost.seconds_a_minute = scoring.elapsed().as_secs_f64() / f64::max(minutes, 1e-9);
        observer.end(&format!("{minutes:.1} min of music"));
        let is_first = contender.name == self.recipe.contenders[0].name;
        let stress = if self.recipe.protocol.stress && is_first {
            let songs: Vec<&Song> = split.test.iter().map(|&song| &self.data.songs[song]).collect();
            stress::run(&model, &songs, self.recipe.protocol.test_hop, observer)?
        } else {
            Vec::new()
        };
        let frames = self.data.materials(contender.front_end, &split.train)?;
        let frames: Vec<bool> = frames.iter().flat_map(|material| material.sung.iter().copied()).collect();
        cost.seconds = began.elapsed().as_secs_f64();
        let predictions = Predictions {
            scheme: job.scheme,
            split: job.index,
            seed: *seed,
            model: contender.name.clone(),
            sung_in_training: frames.iter().filter(|&&sung| sung).count() as f64 / frames.len() as f64,
            parameters: model.classifier.parameters(),
            cost,
            decision: model.decision(),
            songs,
            curve,
            stress,
        };
        files::write_json(&file, &predictions)?;
        files::remove_checkpoint(&folder)?;
        Ok(predictions)
    }

    fn hop_seconds(&self, front_end: FrontEnd) -> f64 {
        self.recipe.protocol.test_hop as f64 / front_end.frame_rate()
    }

    /// Probabilities of a song, every `test_hop` frames.
    fn probabilities(&self, model: &SvdModel, song: usize) -> Result<Vec<f64>> {
        let values = self.data.material(model.front_end(), song)?.values;
        let frames: Vec<usize> = (0..values.nrows()).step_by(self.recipe.protocol.test_hop).collect();
        model.probabilities(values, &frames)
    }

    /// Trains one network on `split.train`; epoch, threshold and smoothing are chosen on `split.valid`.
    fn fit(
        &self,
        contender: &Contender,
        split: &Split,
        seed: u64,
        folder: &Path,
        name: &str,
        observer: &mut dyn Observer,
    ) -> Result<(SvdModel, Cost, Vec<CurvePoint>)> {
        let front_end = contender.front_end;
        let failed = |error| Error::part(format!("training {name}"))(error);
        let training = self.data.materials(front_end, &split.train)?;
        let scaling = Scaling::fit(training.iter().map(|material| material.values));
        let shape = contender.window.shape(&contender.network, front_end);
        let classes = CLASSES.map(str::to_owned);
        let mut classifier =
            Classifier::new(&contender.network, &shape, &classes, seed, self.device).map_err(failed)?;
        let params = contender.training.clone().seed(seed);
        let (history, cost) = {
            let train =
                examples(contender, training, &scaling, contender.augment, contender.epoch_examples, seed);
            let every = Window { hop: contender.window.hop * VALIDATION_SPARSER, ..contender.window };
            let sparse = Contender { window: every, ..contender.clone() };
            let valid = self.data.materials(front_end, &split.valid)?;
            let valid = examples(&sparse, valid, &scaling, Augment::default(), None, seed);
            let watched = needs_validation(&params).then_some(&*valid);
            fit_classifier(&mut classifier, &*train, watched, &params, folder, name, observer)?
        };
        let mut model = SvdModel {
            classifier,
            preparation: Preparation {
                contender: contender.name.clone(),
                front_end,
                window: contender.window,
                scaling,
                decision: Decision::PLAIN,
            },
        };
        let hop = self.recipe.protocol.test_hop;
        let validation = split
            .valid
            .iter()
            .map(|&song| Ok((self.probabilities(&model, song)?, self.data.truth(front_end, song, hop)?)));
        let validation: Vec<(Vec<f64>, Vec<bool>)> = validation.collect::<Result<_>>()?;
        model.preparation.decision = Decision::choose(&validation, self.hop_seconds(front_end))?;
        Ok((model, cost, history))
    }

    /// Fits the first contender on all songs that may train, and saves the run's model.
    fn final_fit(&self, observer: &mut dyn Observer) -> Result<()> {
        let contender = &self.recipe.contenders[0];
        let seed = self.recipe.protocol.seeds[0];
        let name = format!("final-{}", contender.name);
        let folder = self.run.path("jobs").join(&name);
        if self.run.path("model.json").is_file() {
            return files::remove_checkpoint(&folder);
        }
        let split = final_split(&self.data.songs, &self.recipe.protocol, seed)?;
        let (model, ..) = self.fit(contender, &split, seed, &folder, &name, observer)?;
        model.save(&self.run.path("model"))?;
        files::remove_checkpoint(&folder)
    }
}

/// Validation looks at every so many training places: neighbours say the same.
const VALIDATION_SPARSER: usize = 5;

/// Whether anything in the training is chosen on validation songs.
fn needs_validation(params: &TrainParams) -> bool {
    params.keep == Keep::Best || params.check(false).is_err()
}

fn examples<'a>(
    contender: &Contender,
    songs: Vec<Material<'a>>,
    scaling: &'a Scaling,
    augment: Augment,
    drawn: Option<usize>,
    seed: u64,
) -> Box<dyn Examples + 'a> {
    if contender.is_sequential() {
        Box::new(Sequences::new(songs, contender.window, scaling, drawn, seed))
    } else {
        let augmenter = Augmenter::new(augment, contender.front_end);
        Box::new(Patches::new(songs, contender.window, scaling, augmenter, drawn, seed))
    }
}

/// Runs the trainer, telling the observer of every step.
fn fit_classifier(
    classifier: &mut Classifier,
    train: &dyn Examples,
    valid: Option<&dyn Examples>,
    params: &TrainParams,
    folder: &Path,
    name: &str,
    observer: &mut dyn Observer,
) -> Result<(Vec<CurvePoint>, Cost)> {
    let steps = train.len().div_ceil(params.batch_size).max(1);
    observer.begin(name, (params.epochs * steps) as u64);
    let mut stopped = false;
    // Training steps of this process alone, validation apart: a resumed epoch was not seen whole.
    let (mut taken, mut step_seconds, mut last) = (0, 0.0, None::<Instant>);
    let history = train_classifier(classifier, train, valid, params, Some(folder), &mut |progress| {
        let now = Instant::now();
        match (&progress.finished, last) {
            (None, Some(before)) => {
                taken += 1;
                step_seconds += (now - before).as_secs_f64();
                last = Some(now);
            }
            (None, None) => last = Some(now),
            (Some(_), _) => last = None,
        }
        let done = (progress.epoch * steps + progress.step) as u64;
        let flow = observer.advance(done, &format!("loss {:.3}", progress.loss));
        stopped |= flow.is_break();
        flow
    })
    .map_err(Error::part(format!("training {name}")))?;
    if stopped {
        return Err(Error::Interrupted);
    }
    let end =
        history.epochs.last().map_or(String::new(), |last| format!("training loss {:.3}", last.train_loss));
    observer.end(&end);
    let sum =
        |part: fn(&auscult_models_tch::EpochRecord) -> f64| history.epochs.iter().map(part).sum::<f64>();
    let cost = Cost {
        step_seconds: step_seconds / f64::from(taken.max(1)),
        data_wait: sum(|record| record.data_wait_seconds) / sum(|record| record.seconds).max(1e-9),
        ..Cost::default()
    };
    let curve = history.epochs.iter().map(|record| CurvePoint {
        epoch: record.epoch,
        train_loss: record.train_loss,
        valid_loss: record.valid_loss,
        valid_accuracy: record.valid_accuracy,
    });
    Ok((curve.collect(), cost))
}
