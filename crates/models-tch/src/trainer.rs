//! The training loop, for any objective: steps, validation, checkpoints, resuming, stopping.
//!
//! A run is a function of its arguments: the order of examples depends on (seed, epoch), dropout on (seed, epoch,
//! step), the learning rate and stopping on the position and the records so far. What a checkpoint must hold is
//! then little: variables, optimiser state, position and records. It is one file, replaced by renaming, so there is
//! no moment at which a kill could leave half of one.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tch::{Tensor, nn};

use crate::convert::to_f64;
use crate::error::{Error, Result};
use crate::examples::{Batch, Epoch, Examples};
use crate::history::{EpochRecord, History, Position, Progress};
use crate::optimizer::{Optimizer, sorted};
use crate::random::{mix, with_seed};
use crate::schedule::first_least;
use crate::storage::{Stored, restore, snapshot, write_atomically, write_tensors};
use crate::training::{Keep, TrainParams};

/// What is minimised.
pub(crate) trait Objective {
    /// The variables it depends on.
    fn store(&self) -> &nn::VarStore;
    /// Values in one example's input.
    fn input_len(&self) -> usize;
    /// Values in one example's target.
    fn target_len(&self) -> usize;
    /// What must be the same for a run to be continued.
    fn description(&self) -> serde_json::Value;
    /// Measures a batch; the loss is differentiable if `train`.
    fn measure(&self, batch: &Batch, epoch: u64, train: bool) -> Result<Measure>;
}

/// How an objective finds a batch.
pub(crate) struct Measure {
    /// Mean loss of its examples.
    pub(crate) loss: Tensor,
    /// How many of them were classified correctly, if that is what they are for; of a sequence, the share of its frames.
    pub(crate) correct: Option<f64>,
}

/// Minimises an objective; see [`train_classifier`](crate::train_classifier) for the contract.
pub(crate) fn train(
    objective: &dyn Objective,
    train: &dyn Examples,
    valid: Option<&dyn Examples>,
    params: &TrainParams,
    folder: Option<&Path>,
    observer: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<History> {
    params.check(valid.is_some())?;
    if train.is_empty() {
        return Err(Error::NoExamples { what: "training" });
    }
    if valid.is_some_and(Examples::is_empty) {
        return Err(Error::NoExamples { what: "validation" });
    }
    let mut run = Run::start(objective, params, [Some(train.len()), valid.map(Examples::len)], folder)?;
    while !run.finished() {
        if run.train_epoch(train, observer)?.is_break() {
            run.write_checkpoint()?;
            run.history.interrupted = true;
            break;
        }
        let score = valid.map(|valid| run.validate(valid)).transpose()?;
        if run.close_epoch(score, observer)?.is_break() {
            run.history.interrupted = true;
            break;
        }
    }
    run.end()
}

/// A run under way.
struct Run<'a> {
    objective: &'a dyn Objective,
    params: &'a TrainParams,
    files: Option<Files>,
    optimizer: Optimizer,
    position: Position,
    history: History,
    /// The variables as they were after the best epoch, if those are to be kept.
    best: BTreeMap<String, Tensor>,
    /// Of the epoch at work.
    sums: Sums,
    identity: Identity,
    /// When this process began to work on the epoch.
    since: Instant,
    /// When the last checkpoint was written.
    saved: Instant,
}

/// The files of a run folder.
struct Files {
    folder: PathBuf,
    checkpoint: PathBuf,
    metrics: PathBuf,
}

/// What an epoch has summed up.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Sums {
    loss: f64,
    correct: Option<f64>,
    examples: usize,
    learning_rate: f64,
    seconds: f64,
    data_wait_seconds: f64,
}

/// What makes a run this run and no other.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Identity {
    objective: serde_json::Value,
    params: TrainParams,
    /// How many training and validation examples there are.
    examples: [Option<usize>; 2],
}

/// The text of a checkpoint; its tensors are `model.*`, `optimizer.*` and `best.*`.
#[derive(Serialize, Deserialize)]
struct State {
    /// Raised when the layout changes.
    format: u32,
    identity: Identity,
    position: Position,
    optimizer_steps: u64,
    sums: Sums,
    epochs: Vec<EpochRecord>,
}

const FORMAT: u32 = 1;

impl Sums {
    fn add(&mut self, batch: &Batch, loss: f64, correct: Option<f64>) {
        self.loss += loss * batch.len as f64;
        self.examples += batch.len;
        self.correct = correct.map(|count| count + self.correct.unwrap_or(0.0));
    }

    fn mean_loss(&self) -> f64 {
        self.loss / self.examples as f64
    }

    fn accuracy(&self) -> Option<f64> {
        self.correct.map(|count| count / self.examples as f64)
    }
}

impl<'a> Run<'a> {
    /// Takes up the run in the folder, or starts one.
    fn start(
        objective: &'a dyn Objective,
        params: &'a TrainParams,
        examples: [Option<usize>; 2],
        folder: Option<&Path>,
    ) -> Result<Self> {
        let files = folder.map(|folder| Files {
            folder: folder.to_owned(),
            checkpoint: folder.join("checkpoint.safetensors"),
            metrics: folder.join("metrics.jsonl"),
        });
        let mut run = Run {
            objective,
            params,
            files,
            optimizer: Optimizer::new(params.optimizer, objective.store())?,
            position: Position::default(),
            history: History::default(),
            best: BTreeMap::new(),
            sums: Sums::default(),
            identity: Identity { objective: objective.description(), params: params.clone(), examples },
            since: Instant::now(),
            saved: Instant::now(),
        };
        if let Some(files) = &run.files {
            fs::create_dir_all(&files.folder)
                .map_err(|error| Error::file("make the folder", &files.folder, error))?;
            if files.checkpoint.exists() {
                let stored = Stored::read(&files.checkpoint)?;
                run.resume(&stored)?;
            }
            run.rewrite_metrics()?;
        }
        Ok(run)
    }

    fn resume(&mut self, stored: &Stored) -> Result<()> {
        let Some(files) = &self.files else { return Ok(()) };
        let text = stored.text.as_deref().ok_or("it is no checkpoint of a run".to_owned());
        let state: State = text
            .and_then(|text| serde_json::from_str(text).map_err(|error| error.to_string()))
            .map_err(|reason| Error::format(&files.checkpoint, reason))?;
        if state.format != FORMAT {
            let reason = format!("it has format {}, this version reads {FORMAT}", state.format);
            return Err(Error::format(&files.checkpoint, reason));
        }
        state.identity.must_equal(&self.identity, &files.folder)?;
        stored.part("model.").copy_into(sorted(self.objective.store()))?;
        let state_tensors = self.optimizer.state().map(|(name, tensor)| (name, tensor.shallow_clone()));
        stored.part("optimizer.").copy_into(state_tensors.collect())?;
        self.best = stored.part("best.").to_tensors(self.objective.store().device())?;
        self.optimizer.steps = state.optimizer_steps;
        self.position = state.position;
        self.sums = state.sums;
        self.history.epochs = state.epochs;
        self.history.resumed_from = Some(state.position);
        Ok(())
    }

    /// The metrics of epochs that a kill took back are dropped: those epochs will be run again.
    fn rewrite_metrics(&self) -> Result<()> {
        let Some(files) = &self.files else { return Ok(()) };
        let lines = self.history.epochs.iter().map(|record| files.line(record));
        write_atomically(&files.metrics, lines.collect::<Result<String>>()?.as_bytes())
    }

    fn finished(&mut self) -> bool {
        let stopping = self.params.early_stopping;
        self.history.stopped_early = self.position.step == 0
            && self.position.epoch < self.params.epochs
            && stopping.is_some_and(|stopping| stopping.stops(&self.history.epochs));
        self.history.stopped_early || self.position.epoch >= self.params.epochs
    }

    /// What is left of the epoch's training; breaks off when the observer says so.
    fn train_epoch(
        &mut self,
        examples: &dyn Examples,
        observer: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        self.since = Instant::now();
        let epoch = self.epoch(examples, Some(self.params.seed));
        let steps = epoch.batches();
        let waited_before = self.sums.data_wait_seconds;
        epoch.load(self.position.step, |batches| {
            while let Some(batch) = batches.next() {
                self.sums.data_wait_seconds = waited_before + batches.waited.as_secs_f64();
                self.step(&batch?, steps)?;
                let progress = self.progress(steps);
                if observer(&progress).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                let every = self.params.checkpoint_every_seconds;
                if every > 0.0 && self.saved.elapsed().as_secs_f64() >= every {
                    self.write_checkpoint()?;
                }
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    fn epoch<'e>(&self, examples: &'e dyn Examples, shuffle: Option<u64>) -> Epoch<'e> {
        Epoch {
            examples,
            number: self.position.epoch as u64,
            shuffle,
            batch_size: self.params.batch_size,
            input_len: self.objective.input_len(),
            target_len: self.objective.target_len(),
            threads: self.params.loader_threads,
        }
    }

    fn step(&mut self, batch: &Batch, steps: usize) -> Result<()> {
        let Position { epoch, step } = self.position;
        let factor =
            self.params.schedule.factor(epoch, step, steps, self.params.epochs, &self.history.epochs);
        self.sums.learning_rate = self.params.optimizer.learning_rate() * factor;
        let seed = mix(&[self.params.seed, epoch as u64, step as u64]);
        let measure = with_seed(seed, || self.objective.measure(batch, epoch as u64, true))?;
        let loss = self.finite(to_f64(&measure.loss)?)?;
        self.optimizer.step(&measure.loss, self.sums.learning_rate, self.params.clip_norm)?;
        self.sums.add(batch, loss, measure.correct);
        self.position.step += 1;
        Ok(())
    }

    fn finite(&self, loss: f64) -> Result<f64> {
        let Position { epoch, step } = self.position;
        if loss.is_finite() { Ok(loss) } else { Err(Error::Diverged { epoch, step, loss }) }
    }

    fn progress(&self, steps: usize) -> Progress {
        Progress {
            epoch: self.position.epoch,
            epochs: self.params.epochs,
            step: self.position.step,
            steps,
            loss: self.sums.mean_loss(),
            learning_rate: self.sums.learning_rate,
            data_wait_seconds: self.sums.data_wait_seconds,
            finished: None,
        }
    }

    fn validate(&mut self, examples: &dyn Examples) -> Result<Sums> {
        let _no_grad = tch::no_grad_guard();
        let mut sums = Sums::default();
        let epoch = self.epoch(examples, None);
        epoch.load(0, |batches| {
            while let Some(batch) = batches.next() {
                let batch = batch?;
                let measure = self.objective.measure(&batch, epoch.number, false)?;
                sums.add(&batch, self.finite(to_f64(&measure.loss)?)?, measure.correct);
            }
            self.sums.data_wait_seconds += batches.waited.as_secs_f64();
            Ok(())
        })?;
        Ok(sums)
    }

    /// Records the epoch, remembers its weights if they are the best, writes metrics and checkpoint.
    fn close_epoch(
        &mut self,
        valid: Option<Sums>,
        observer: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        let progress = self.progress(self.position.step);
        let record = EpochRecord {
            epoch: self.position.epoch,
            train_loss: self.sums.mean_loss(),
            train_accuracy: self.sums.accuracy(),
            valid_loss: valid.map(|sums| sums.mean_loss()),
            valid_accuracy: valid.and_then(|sums| sums.accuracy()),
            learning_rate: self.sums.learning_rate,
            seconds: self.sums.seconds + self.since.elapsed().as_secs_f64(),
            data_wait_seconds: self.sums.data_wait_seconds,
        };
        self.history.epochs.push(record);
        if self.params.keep == Keep::Best && self.best_epoch() == Some(self.position.epoch) {
            self.best = snapshot(self.objective.store())?;
        }
        self.position = Position { epoch: self.position.epoch + 1, step: 0 };
        self.sums = Sums::default();
        self.since = Instant::now();
        self.write_checkpoint()?;
        if let Some(files) = &self.files {
            let line = files.line(&record)?;
            OpenOptions::new()
                .append(true)
                .create(true)
                .open(&files.metrics)
                .and_then(|mut file| file.write_all(line.as_bytes()))
                .map_err(|error| Error::file("write", &files.metrics, error))?;
        }
        Ok(observer(&Progress { finished: Some(record), ..progress }))
    }

    /// The epoch of least validation loss.
    fn best_epoch(&self) -> Option<usize> {
        first_least(self.history.epochs.iter().map_while(|record| record.valid_loss))
    }

    fn write_checkpoint(&mut self) -> Result<()> {
        let Some(files) = &self.files else { return Ok(()) };
        let mut sums = self.sums;
        sums.seconds += self.since.elapsed().as_secs_f64();
        let state = State {
            format: FORMAT,
            identity: self.identity.clone(),
            position: self.position,
            optimizer_steps: self.optimizer.steps,
            sums,
            epochs: self.history.epochs.clone(),
        };
        let text = serde_json::to_string(&state).map_err(|error| Error::format(&files.checkpoint, error))?;
        let mut tensors = BTreeMap::new();
        tensors
            .extend(sorted(self.objective.store()).into_iter().map(|(name, t)| (format!("model.{name}"), t)));
        tensors
            .extend(self.optimizer.state().map(|(name, t)| (format!("optimizer.{name}"), t.shallow_clone())));
        tensors.extend(self.best.iter().map(|(name, t)| (format!("best.{name}"), t.shallow_clone())));
        if !write_tensors(&files.checkpoint, &tensors, Some(text))? {
            // The step just taken has ruined the weights; the next loss would have told.
            self.finite(f64::NAN)?;
        }
        self.saved = Instant::now();
        Ok(())
    }

    /// Leaves the weights that were to be kept.
    fn end(mut self) -> Result<History> {
        self.history.best_epoch = self.best_epoch();
        if !self.best.is_empty() {
            restore(self.objective.store(), &self.best)?;
        }
        Ok(self.history)
    }
}

impl Files {
    fn line(&self, record: &EpochRecord) -> Result<String> {
        let line = serde_json::to_string(record).map_err(|error| Error::format(&self.metrics, error))?;
        Ok(line + "\n")
    }
}

impl Identity {
    /// Everything must be as it was but the number of epochs and what has no effect on the result.
    fn must_equal(&self, now: &Identity, folder: &Path) -> Result<()> {
        let lasting = |params: &TrainParams| TrainParams {
            epochs: 0,
            checkpoint_every_seconds: 0.0,
            loader_threads: 0,
            ..params.clone()
        };
        let all = |identity: &Identity| {
            json!({
                "objective": identity.objective,
                "training": lasting(&identity.params),
                "examples": { "training": identity.examples[0], "validation": identity.examples[1] },
            })
        };
        let mut differences = Vec::new();
        compare("", &all(self), &all(now), &mut differences);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::OtherRun { folder: folder.to_owned(), differences: differences.join(", ") })
    }
}

/// Notes the leaves in which two values differ, each by its path: `training.seed (was 0, now 9)`.
fn compare(path: &str, was: &Value, now: &Value, differences: &mut Vec<String>) {
    let inner = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (was, now) {
        (Value::Object(was), Value::Object(now)) => {
            let new = now.keys().filter(|key| !was.contains_key(*key));
            for key in was.keys().chain(new) {
                let leaf = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                compare(&inner(key), &leaf(was), &leaf(now), differences);
            }
        }
        (Value::Array(was), Value::Array(now)) if was.len() == now.len() => {
            for (index, (was, now)) in was.iter().zip(now).enumerate() {
                compare(&inner(&index.to_string()), was, now, differences);
            }
        }
        (Value::Array(was), Value::Array(now)) => {
            differences.push(format!("{path} (was {} items, now {})", was.len(), now.len()));
        }
        (was, now) if was != now => differences.push(format!("{path} (was {was}, now {now})")),
        _ => {}
    }
}
