//! Training and its own evaluation: every contender and baseline on the same splits, then the final fit
//! (paper 001, 3.2 to 4.1). Each piece of work is a job with a file of its own, so that a killed run goes
//! on where it was.

use std::path::Path;

use auscult_models_tch::{Classifier, Device, Network, OptimizerParams, TrainParams, train_classifier};
use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use super::augment::Augment;
use super::examples::{Crops, Vectors};
use super::features::{Features, FrontEnd, prepare};
use super::model::{BirdModel, Preparation};
use super::naive_bayes::GaussianNaiveBayes;
use super::outcomes::highest;
use super::patches::{Picture, Scaling, Window};
use super::recipe::{Baseline, Contender, Recipe};
use super::results::{self, Results};
use super::splits::{Split, recordist_disjoint_folds, stratified_shuffle_splits};
use super::{Recording, read_manifest};
use crate::observer::Observer;
use crate::pipeline::doors::TrainOptions;
use crate::pipeline::preparation::keep_marked;
use crate::random::Random;
use crate::run::{Run, fingerprint};
use crate::{Error, Result, files};

/// How a part of the recordings came to be tested.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Stratified shuffle splits: other recordings, perhaps of a recordist heard in training.
    Shuffle,
    /// Recordist-disjoint folds.
    RecordistDisjoint,
    /// The manifest's own `test` rows, by the final models.
    Test,
}

impl Scheme {
    /// Name in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Shuffle => "shuffle",
            Self::RecordistDisjoint => "recordist-disjoint",
            Self::Test => "test",
        }
    }
}

/// What a job leaves: probabilities for each tested recording.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Predictions {
    pub(crate) scheme: Scheme,
    pub(crate) split: usize,
    pub(crate) seed: u64,
    pub(crate) model: String,
    pub(crate) baseline: bool,
    pub(crate) parameters: usize,
    pub(crate) seconds: f64,
    /// Index of each tested recording in the manifest's used rows.
    pub(crate) recordings: Vec<usize>,
    /// Probabilities of the whole recording, `[recording][species]`.
    pub(crate) whole: Vec<Vec<f64>>,
    /// Species most probable in each random single crop, `[recording][offset]`.
    pub(crate) single: Vec<Vec<usize>>,
    /// `[epoch] -> (training loss, held-out loss, held-out accuracy)`, for learning curves.
    pub(crate) curve: Vec<CurvePoint>,
}

/// One epoch of a learning curve.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct CurvePoint {
    pub(crate) epoch: usize,
    pub(crate) train_loss: f64,
    pub(crate) held_out_loss: Option<f64>,
    pub(crate) held_out_accuracy: Option<f64>,
}

/// Trains by `recipe`, evaluates on its own protocol and leaves the run folder: `run.json`, `recipe.toml`,
/// `model.safetensors` and `model.json`, `jobs/`, `results.json`, `metrics.json`, `predictions.csv`.
/// Called again with the same recipe and data it goes on where it was, or returns at once.
///
/// # Errors
/// Bad manifests, recordings and recipes, each named; [`Error::Interrupted`] when the observer stops it.
pub fn train(
    name: &str,
    recipe: &Recipe,
    options: &TrainOptions,
    observer: &mut dyn Observer,
) -> Result<Run> {
    let recordings = read_manifest(&recipe.data.manifest, &recipe.root())?;
    let run = open_run(name, recipe, options)?;
    if files::read_json::<Results>(&run.path("results.json"))?.is_some() {
        observer.begin(&format!("run {} is complete", run.name()), 0);
        observer.end("nothing to do; change the recipe or remove the folder to train anew");
        return Ok(run);
    }
    let toml = crate::pipeline::recipe::text(recipe)?;
    files::write(&run.path("recipe.toml"), toml)?;

    let data = Dataset::prepare(recipe, recordings, options, observer)?;
    run.begun_with(data.fingerprint())?;
    let trainer = Trainer { recipe, data: &data, run: &run, device: options.device };
    let mut predictions = Vec::new();
    for job in trainer.jobs()? {
        predictions.push(trainer.run_job(&job, observer)?);
    }
    if recipe.protocol.final_fit {
        let finalists = if data.test.is_empty() { &recipe.contenders[..1] } else { &recipe.contenders[..] };
        for (index, contender) in finalists.iter().enumerate() {
            predictions.extend(trainer.final_fit(index, contender, observer)?);
        }
    }
    let results = results::summarise(recipe, &data, &predictions)?;
    results::write(&run, &recipe.data.manifest, &data, &predictions, &results)?;
    Ok(run)
}

/// The name of the run that [`train`] would begin or go on with: the recipe's name and a hash of recipe, manifest,
/// version and `skip_bad`.
///
/// # Errors
/// [`Error::Io`] where the manifest cannot be read.
pub fn run_name(name: &str, recipe: &Recipe, options: &TrainOptions) -> Result<String> {
    Ok(Run::name_of(name, &run_fingerprint(recipe, options)?))
}

fn open_run(name: &str, recipe: &Recipe, options: &TrainOptions) -> Result<Run> {
    Run::open_or_create(&options.runs, "birds", name, &run_fingerprint(recipe, options)?)
}

fn run_fingerprint(recipe: &Recipe, options: &TrainOptions) -> Result<String> {
    let manifest = &recipe.data.manifest;
    let table = std::fs::read(manifest).map_err(Error::io("read", manifest))?;
    let resolved = serde_json::to_vec(recipe).map_err(Error::part("the recipe"))?;
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    Ok(fingerprint(&[&resolved, &table, version, &[u8::from(options.skip_bad)]]))
}

/// The usable recordings with their features for every front end of the recipe.
pub(crate) struct Dataset {
    pub(crate) recordings: Vec<Recording>,
    pub(crate) species: Vec<String>,
    /// Species of each recording, as index into `species`.
    pub(crate) labels: Vec<usize>,
    /// Recordings that may train (all but the manifest's `test` rows).
    pub(crate) development: Vec<usize>,
    /// The manifest's `test` rows.
    pub(crate) test: Vec<usize>,
    features: Vec<(FrontEnd, Vec<Features>)>,
}

impl Dataset {
    fn prepare(
        recipe: &Recipe,
        mut recordings: Vec<Recording>,
        options: &TrainOptions,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let mut front_ends: Vec<FrontEnd> = Vec::new();
        let statistics = recipe.baselines.contains(&Baseline::MfccStatistics).then(statistics_front_end);
        let pixels = recipe.baselines.contains(&Baseline::NaiveBayes).then(FrontEnd::default);
        let wanted = recipe.contenders.iter().map(|contender| contender.front_end.clone());
        for front_end in wanted.chain(statistics).chain(pixels) {
            if !front_ends.contains(&front_end) {
                front_ends.push(front_end);
            }
        }
        let mut features: Vec<(FrontEnd, Vec<Features>)> = Vec::new();
        for front_end in front_ends {
            let new = prepare(&recordings, &front_end, &options.cache, options.skip_bad, observer)?;
            // A recording is used where every front end can use it.
            let usable: Vec<bool> = new.iter().map(Option::is_some).collect();
            keep_marked(&mut recordings, &usable);
            features.iter_mut().for_each(|(_, earlier)| keep_marked(earlier, &usable));
            features.push((front_end, new.into_iter().flatten().collect()));
        }
        let mut species: Vec<String> = recordings.iter().map(|recording| recording.species.clone()).collect();
        species.sort();
        species.dedup();
        if species.len() < 2 {
            return Err(Error::Data(format!(
                "there are recordings of {} species; at least two are needed to tell apart",
                species.len()
            )));
        }
        let labels = recordings
            .iter()
            .map(|recording| species.binary_search(&recording.species).unwrap_or_default())
            .collect();
        let (test, development): (Vec<usize>, Vec<usize>) =
            (0..recordings.len()).partition(|&index| recordings[index].test);
        if development.is_empty() {
            return Err(Error::Data(
                "every recording's split is `test`: there is none to train on; mark some as `train`".into(),
            ));
        }
        let protocol = &recipe.protocol;
        if test.is_empty() && protocol.shuffle_splits == 0 && protocol.disjoint_folds == 0 {
            return Err(Error::Data(
                "nothing would be tested: raise protocol.shuffle_splits or protocol.disjoint_folds, or mark \
                 recordings as `test` in the manifest's column `split`"
                    .into(),
            ));
        }
        Ok(Self { recordings, species, labels, development, test, features })
    }

    /// Hash of paths and features.
    fn fingerprint(&self) -> String {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for (index, recording) in self.recordings.iter().enumerate() {
            parts.push(recording.path.as_os_str().as_encoded_bytes().to_vec());
            for (_, features) in &self.features {
                let values = features[index].values();
                parts.push(values.iter().flat_map(|value| value.to_le_bytes()).collect());
            }
        }
        let hashes: Vec<String> = parts.iter().map(|part| fingerprint(&[part])).collect();
        fingerprint(&hashes.iter().map(String::as_bytes).collect::<Vec<_>>())
    }

    /// Total length of a species' recordings, seconds.
    pub(crate) fn seconds_of(&self, species: usize) -> f64 {
        let Some((front_end, features)) = self.features.first() else { return 0.0 };
        let frames: usize = features
            .iter()
            .zip(&self.labels)
            .filter(|(_, label)| **label == species)
            .map(|(f, _)| f.frames())
            .sum();
        frames as f64 / front_end.frame_rate()
    }

    fn features(&self, front_end: &FrontEnd) -> Result<&[Features]> {
        self.features
            .iter()
            .find(|(known, _)| known == front_end)
            .map(|(_, features)| features.as_slice())
            .ok_or_else(|| Error::Data("features were not prepared for this front end".into()))
    }
}

/// The front end of the later notebook by the paper's author: 20 MFCC of 44.1 kHz sound, 500 Hz to 15 kHz.
fn statistics_front_end() -> FrontEnd {
    FrontEnd {
        sample_rate: 44_100,
        hop_length: 256,
        f_min: 500.0,
        f_max: Some(15_000.0),
        ..FrontEnd::default()
    }
}

/// As scikit-learn's `MLPClassifier` trains: Adam 1e-3, batches of at most 200, 200 epochs, L2 of 1e-4.
fn statistics_training(seed: u64) -> TrainParams {
    let adam = OptimizerParams::Adam { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 1e-4 };
    TrainParams::default().epochs(200_usize).batch_size(200_usize).optimizer(adam).seed(seed)
}

/// One thing to train and test.
struct Job<'a> {
    scheme: Scheme,
    split_index: usize,
    split: Split,
    seed: u64,
    model: Model<'a>,
}

#[derive(Clone, Copy)]
enum Model<'a> {
    Contender(&'a Contender),
    Baseline(Baseline),
}

impl Job<'_> {
    fn model_name(&self) -> &str {
        match self.model {
            Model::Contender(contender) => &contender.name,
            Model::Baseline(baseline) => baseline.name(),
        }
    }

    fn name(&self) -> String {
        format!("{}-{}-seed{}-{}", self.scheme.name(), self.split_index, self.seed, self.model_name())
    }
}

struct Trainer<'a> {
    recipe: &'a Recipe,
    data: &'a Dataset,
    run: &'a Run,
    device: Device,
}

/// What scoring a set of recordings gives.
struct Scored {
    whole: Vec<Vec<f64>>,
    single: Vec<Vec<usize>>,
}

impl<'a> Trainer<'a> {
    fn jobs(&self) -> Result<Vec<Job<'a>>> {
        let protocol = &self.recipe.protocol;
        let development = &self.data.development;
        let labels: Vec<usize> = development.iter().map(|&index| self.data.labels[index]).collect();
        let recordists: Vec<Option<String>> =
            development.iter().map(|&index| self.data.recordings[index].recordist.clone()).collect();
        if protocol.shuffle_splits > 0 {
            self.require_two_of_each()?;
        }
        let mut jobs = Vec::new();
        for &seed in &protocol.seeds {
            let shuffle =
                stratified_shuffle_splits(&labels, protocol.shuffle_splits, protocol.held_out, seed)?;
            let disjoint = match protocol.disjoint_folds {
                0 => Vec::new(),
                folds if recordists.iter().all(Option::is_none) => {
                    return Err(Error::Data(format!(
                        "{folds} recordist-disjoint folds were asked for, but {} has no `recordist` column; \
                         add it or set protocol.disjoint_folds = 0",
                        self.recipe.data.manifest.display()
                    )));
                }
                folds => recordist_disjoint_folds(&labels, &recordists, folds, seed)?,
            };
            let tagged =
                |scheme, splits: Vec<Split>| splits.into_iter().enumerate().map(move |(i, s)| (scheme, i, s));
            for (scheme, split_index, split) in
                tagged(Scheme::Shuffle, shuffle).chain(tagged(Scheme::RecordistDisjoint, disjoint))
            {
                let own = |indices: &[usize]| indices.iter().map(|&index| development[index]).collect();
                let split = Split { train: own(&split.train), test: own(&split.test) };
                if split.test.is_empty() {
                    continue; // a fold of species that nobody else recorded
                }
                let contenders = self.recipe.contenders.iter().map(Model::Contender);
                let baselines = self.recipe.baselines.iter().map(|&baseline| Model::Baseline(baseline));
                for model in contenders.chain(baselines) {
                    jobs.push(Job { scheme, split_index, split: split.clone(), seed, model });
                }
            }
        }
        if !self.data.test.is_empty() {
            // Contenders meet the test rows in the final fit; the baselines do here.
            let split = Split { train: development.clone(), test: self.data.test.clone() };
            let seed = protocol.seeds[0];
            jobs.extend(self.recipe.baselines.iter().map(|&baseline| Job {
                scheme: Scheme::Test,
                split_index: 0,
                split: split.clone(),
                seed,
                model: Model::Baseline(baseline),
            }));
        }
        Ok(jobs)
    }

    /// A species with a single recording cannot be in both parts of a split.
    fn require_two_of_each(&self) -> Result<()> {
        let of = |label: usize| self.data.development.iter().filter(move |&&r| self.data.labels[r] == label);
        let single = self.data.species.iter().enumerate().find(|(label, _)| of(*label).count() == 1);
        single.map_or(Ok(()), |(_, species)| {
            Err(Error::Data(format!(
                "`{species}` has only one recording to train on, so that it cannot be in both parts of a shuffle \
                 split; give it a second one, leave it out, or set protocol.shuffle_splits = 0"
            )))
        })
    }

    /// The job's predictions, from its file where it was done before.
    fn run_job(&self, job: &Job, observer: &mut dyn Observer) -> Result<Predictions> {
        let folder = self.run.path("jobs").join(job.name());
        let file = folder.join("predictions.json");
        if let Some(done) = files::read_json(&file)? {
            files::remove_checkpoint(&folder)?;
            return Ok(done);
        }
        let began = std::time::Instant::now();
        let seed = Random::keyed(&[job.seed, job.scheme as u64, job.split_index as u64]).next();
        let (scored, parameters, curve) = match job.model {
            Model::Contender(contender) => {
                let (model, curve) = self.fit(contender, &job.split, seed, &folder, &job.name(), observer)?;
                let scored = self.score(&model, &job.split.test, seed)?;
                (scored, model.classifier.parameters(), curve)
            }
            Model::Baseline(baseline) => {
                let scored = self.baseline(baseline, &job.split, seed)?;
                (scored, 0, Vec::new())
            }
        };
        let predictions = Predictions {
            scheme: job.scheme,
            split: job.split_index,
            seed: job.seed,
            model: job.model_name().to_owned(),
            baseline: matches!(job.model, Model::Baseline(_)),
            parameters,
            seconds: began.elapsed().as_secs_f64(),
            recordings: job.split.test.clone(),
            whole: scored.whole,
            single: scored.single,
            curve,
        };
        files::write_json(&file, &predictions)?;
        files::remove_checkpoint(&folder)?;
        Ok(predictions)
    }

    /// Trains one network on `split.train`; the held-out part only draws the curve.
    fn fit(
        &self,
        contender: &Contender,
        split: &Split,
        seed: u64,
        folder: &Path,
        name: &str,
        observer: &mut dyn Observer,
    ) -> Result<(BirdModel, Vec<CurvePoint>)> {
        let features = self.data.features(&contender.front_end)?;
        let training = split.train.iter().map(|&index| &features[index]);
        let scaling = Scaling::fit(contender.normalisation, &contender.front_end, training);
        let pictures: Vec<Picture> = features
            .iter()
            .map(|features| Picture::new(features, &scaling, &contender.window, &contender.front_end))
            .collect();
        let unchanged = Augment::default();
        let crops = |indices: &[usize], augment, crops, seed| Crops {
            pictures: indices.iter().map(|&index| &pictures[index]).collect(),
            labels: indices.iter().map(|&index| self.data.labels[index]).collect(),
            window: &contender.window,
            augment,
            crops,
            seed,
        };
        let train = crops(&split.train, &contender.augment, contender.crops, seed);
        let held_out = crops(&split.test, &unchanged, 1, seed ^ 1);
        let shape = contender.window.shape(&contender.front_end);
        let failed = |error| Error::part(format!("training {name}"))(error);
        let mut classifier =
            Classifier::new(&contender.network, &shape, &self.data.species, seed, self.device)
                .map_err(failed)?;
        let params = contender.training.clone().seed(seed);
        let held_out: Option<&dyn auscult_models_tch::Examples> =
            if split.test.is_empty() { None } else { Some(&held_out) };
        let curve = fit_classifier(&mut classifier, &train, held_out, &params, Some(folder), name, observer)?;
        let preparation = Preparation {
            contender: contender.name.clone(),
            front_end: contender.front_end.clone(),
            window: contender.window.clone(),
            scaling,
        };
        Ok((BirdModel { classifier, preparation }, curve))
    }

    /// Scores recordings as a whole and in single random crops (the paper's five offsets).
    fn score(&self, model: &BirdModel, recordings: &[usize], seed: u64) -> Result<Scored> {
        let features = self.data.features(model.front_end())?;
        let window = &model.preparation.window;
        let mut scored = Scored { whole: Vec::new(), single: Vec::new() };
        for &recording in recordings {
            let picture = model.picture(&features[recording]);
            let covering = picture.covering(window, window.frames.div_ceil(2));
            let offsets = random_starts(&picture, window, self.recipe.protocol.offsets, seed, recording);
            let starts = [offsets.clone(), covering].concat();
            let probabilities = model.score_at(&picture, &starts)?;
            let (single, whole) = probabilities.view().split_at(Axis(0), offsets.len());
            scored.single.push(single.rows().into_iter().map(|row| highest(row)).collect());
            scored.whole.push(whole.mean_axis(Axis(0)).map(|mean| mean.to_vec()).unwrap_or_default());
        }
        Ok(scored)
    }

    fn baseline(&self, baseline: Baseline, split: &Split, seed: u64) -> Result<Scored> {
        let species = self.data.species.len();
        let labels: Vec<usize> = split.train.iter().map(|&index| self.data.labels[index]).collect();
        let offsets = self.recipe.protocol.offsets;
        let same = |whole: Vec<Vec<f64>>| {
            let single = whole
                .iter()
                .map(|scores| vec![highest(Array1::from(scores.clone()).view()); offsets])
                .collect();
            Scored { whole, single }
        };
        match baseline {
            Baseline::Majority => {
                let mut share = vec![0.0; species];
                labels.iter().for_each(|&label| share[label] += 1.0 / labels.len() as f64);
                Ok(same(vec![share; split.test.len()]))
            }
            Baseline::NaiveBayes => self.naive_bayes(split, &labels, seed),
            Baseline::MfccStatistics => self.mfcc_statistics(split, labels, seed).map(same),
        }
    }

    /// Gaussian naive Bayes on the pixels of one random crop a recording, with the paper's front end.
    fn naive_bayes(&self, split: &Split, labels: &[usize], seed: u64) -> Result<Scored> {
        let (front_end, window) = (FrontEnd::default(), Window::default());
        let features = self.data.features(&front_end)?;
        let training = split.train.iter().map(|&index| &features[index]);
        let scaling = Scaling::fit(super::patches::Normalisation::Scalar, &front_end, training);
        let patches = |picture: &Picture, starts: &[usize]| -> Array2<f32> {
            let mut patches = Array2::zeros((starts.len(), picture.rows() * window.frames));
            for (&start, mut patch) in starts.iter().zip(patches.rows_mut()) {
                if let Some(patch) = patch.as_slice_mut() {
                    picture.cut(&window, start, patch);
                }
            }
            patches
        };
        let mut examples = Array2::<f32>::zeros((0, window.rows(&front_end) * window.frames));
        for &recording in &split.train {
            let picture = Picture::new(&features[recording], &scaling, &window, &front_end);
            let starts = random_starts(&picture, &window, 1, seed, recording);
            examples
                .append(Axis(0), patches(&picture, &starts).view())
                .map_err(Error::part("naive Bayes"))?;
        }
        let model = GaussianNaiveBayes::fit(examples.view(), labels, self.data.species.len())?;
        let mut scored = Scored { whole: Vec::new(), single: Vec::new() };
        for &recording in &split.test {
            let picture = Picture::new(&features[recording], &scaling, &window, &front_end);
            let score = |starts: &[usize]| -> Vec<Array1<f64>> {
                patches(&picture, starts).rows().into_iter().map(|row| model.probabilities(row)).collect()
            };
            let offsets = random_starts(&picture, &window, self.recipe.protocol.offsets, seed, recording);
            scored.single.push(score(&offsets).iter().map(|row| highest(row.view())).collect());
            let covering = score(&picture.covering(&window, window.frames.div_ceil(2)));
            let count = covering.len() as f64;
            let mean = covering.into_iter().reduce(|a, b| a + b).map(|sum| (sum / count).to_vec());
            scored.whole.push(mean.unwrap_or_default());
        }
        Ok(scored)
    }

    /// A perceptron (256, 256) on mean and deviation of each MFCC over the whole recording. It trains in a second or
    /// two, so that 200 checkpoints would cost more than training it again.
    fn mfcc_statistics(&self, split: &Split, labels: Vec<usize>, seed: u64) -> Result<Vec<Vec<f64>>> {
        let features = self.data.features(&statistics_front_end())?;
        let vector = |index: usize| -> Array1<f32> {
            let mfcc = features[index].mfcc();
            let mean = mfcc.mean_axis(Axis(0)).unwrap_or_default();
            ndarray::concatenate![Axis(0), mean, mfcc.std_axis(Axis(0), 0.0)]
        };
        let rows: Vec<Array1<f32>> = split.train.iter().map(|&index| vector(index)).collect();
        let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
        let stacked = ndarray::stack(Axis(0), &views).map_err(Error::part("MFCC statistics"))?;
        let mean = stacked.mean_axis(Axis(0)).unwrap_or_default();
        let deviation = stacked.std_axis(Axis(0), 0.0).mapv(|x| x.max(1e-6));
        let scaled = |row: &Array1<f32>| ((row - &mean) / &deviation).to_vec();
        let train = Vectors { inputs: rows.iter().map(scaled).collect(), labels };
        let network = Network::Mlp { hidden: vec![256, 256], dropout: 0.0 };
        let failed = |error| Error::part("training the MFCC statistics baseline")(error);
        let mut classifier = Classifier::new(&network, &[mean.len()], &self.data.species, seed, self.device)
            .map_err(failed)?;
        let params = statistics_training(seed);
        let quiet = &mut crate::observer::Quiet;
        fit_classifier(&mut classifier, &train, None, &params, None, "mfcc-statistics-mlp", quiet)?;
        let species = self.data.species.len();
        let inputs: Vec<f32> = split.test.iter().flat_map(|&index| scaled(&vector(index))).collect();
        let scores = classifier.predict(&inputs, split.test.len()).map_err(failed)?;
        Ok(scores.chunks_exact(species).map(|row| row.iter().map(|&p| f64::from(p)).collect()).collect())
    }

    /// Fits on all recordings that may train, saves the model, and scores the manifest's test rows.
    fn final_fit(
        &self,
        index: usize,
        contender: &Contender,
        observer: &mut dyn Observer,
    ) -> Result<Option<Predictions>> {
        let seed = self.recipe.protocol.seeds[0];
        let name = if index == 0 { "model".to_owned() } else { format!("model-{}", contender.name) };
        let folder = self.run.path("jobs").join(format!("final-{}", contender.name));
        let file = folder.join("predictions.json");
        if let Some(done) = files::read_json(&file)? {
            files::remove_checkpoint(&folder)?;
            return Ok(done);
        }
        let began = std::time::Instant::now();
        let split = Split { train: self.data.development.clone(), test: Vec::new() };
        let job = format!("final-{}", contender.name);
        let (model, curve) = self.fit(contender, &split, seed, &folder, &job, observer)?;
        model.save(&self.run.path(&name))?;
        let predictions = if self.data.test.is_empty() {
            None
        } else {
            let scored = self.score(&model, &self.data.test, seed)?;
            Some(Predictions {
                scheme: Scheme::Test,
                split: 0,
                seed,
                model: contender.name.clone(),
                baseline: false,
                parameters: model.classifier.parameters(),
                seconds: began.elapsed().as_secs_f64(),
                recordings: self.data.test.clone(),
                whole: scored.whole,
                single: scored.single,
                curve,
            })
        };
        files::write_json(&file, &predictions)?;
        files::remove_checkpoint(&folder)?;
        Ok(predictions)
    }
}

/// Random places for single crops, the same for every model.
fn random_starts(
    picture: &Picture,
    window: &Window,
    count: usize,
    seed: u64,
    recording: usize,
) -> Vec<usize> {
    (0..count as u64)
        .map(|offset| Random::keyed(&[seed, 3, recording as u64, offset]).below(picture.starts(window)))
        .collect()
}

/// Runs the trainer, telling the observer of every epoch.
fn fit_classifier(
    classifier: &mut Classifier,
    train: &dyn auscult_models_tch::Examples,
    held_out: Option<&dyn auscult_models_tch::Examples>,
    params: &TrainParams,
    folder: Option<&Path>,
    name: &str,
    observer: &mut dyn Observer,
) -> Result<Vec<CurvePoint>> {
    observer.begin(name, params.epochs as u64);
    let mut stopped = false;
    let history = train_classifier(classifier, train, held_out, params, folder, &mut |progress| {
        let done = progress.epoch + usize::from(progress.finished.is_some());
        let flow = observer.advance(done as u64, &format!("loss {:.3}", progress.loss));
        stopped |= flow.is_break();
        flow
    })
    .map_err(Error::part(format!("training {name}")))?;
    if stopped {
        return Err(Error::Interrupted);
    }
    let last =
        history.epochs.last().map_or(String::new(), |last| format!("training loss {:.3}", last.train_loss));
    observer.end(&last);
    Ok(history
        .epochs
        .iter()
        .map(|record| CurvePoint {
            epoch: record.epoch,
            train_loss: record.train_loss,
            held_out_loss: record.valid_loss,
            held_out_accuracy: record.valid_accuracy,
        })
        .collect())
}
