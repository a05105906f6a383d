//! Training a classifier: the parameters, and cross-entropy as the objective.

use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::{Kind, nn};

use crate::classifier::Classifier;
use crate::convert::{argmax_rows, to_tensor, to_vec};
use crate::error::{During, Error, Result};
use crate::examples::{Batch, Examples};
use crate::history::{History, Progress};
use crate::optimizer::OptimizerParams;
use crate::schedule::{EarlyStopping, Monitor, Schedule};
use crate::trainer::{self, Measure, Objective};

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct TrainParams {
    /// How often to go through the training examples; default 100.
    pub epochs: usize,
    /// Examples per step; the last batch of an epoch may have fewer, but a single one left over joins the batch
    /// before. Default 64.
    pub batch_size: usize,
    /// The rule by which gradients change weights; default Adam with a learning rate of 1e-3.
    pub optimizer: OptimizerParams,
    /// How the learning rate changes; default not at all.
    pub schedule: Schedule,
    /// When to stop before the last epoch; default never.
    pub early_stopping: Option<EarlyStopping>,
    /// Share of each training target spread evenly over all classes, in [0, 1); default 0.
    pub label_smoothing: f64,
    /// Which weights to end with; default the last.
    pub keep: Keep,
    /// Greatest Euclidean norm of the gradient of all weights together; default none.
    pub clip_norm: Option<f64>,
    /// Seed of the order of examples and of dropout; default 0.
    pub seed: u64,
    /// Seconds between checkpoints within an epoch; 0 for none but at its end. Default 300.
    pub checkpoint_every_seconds: f64,
    /// Threads that fill examples while the network computes; no result depends on it. Default 2.
    pub loader_threads: usize,
}

impl Default for TrainParams {
    fn default() -> Self {
        TrainParams {
            epochs: 100,
            batch_size: 64,
            optimizer: OptimizerParams::default(),
            schedule: Schedule::default(),
            early_stopping: None,
            label_smoothing: 0.0,
            keep: Keep::default(),
            clip_norm: None,
            seed: 0,
            checkpoint_every_seconds: 300.0,
            loader_threads: 2,
        }
    }
}

/// Which weights training ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Keep {
    /// Those of the last epoch.
    #[default]
    Last,
    /// Those of the epoch with the least validation loss.
    Best,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $kind:ty,)*) => {
        impl TrainParams {
            $($(#[$doc])* pub fn $name(mut self, value: $kind) -> Self {
                self.$name = value.into();
                self
            })*
        }
    };
}

setters! {
    /// Sets how often to go through the training examples.
    epochs: usize,
    /// Sets the number of examples per step.
    batch_size: usize,
    /// Sets the optimiser.
    optimizer: OptimizerParams,
    /// Sets how the learning rate changes.
    schedule: Schedule,
    /// Stops training early.
    early_stopping: EarlyStopping,
    /// Sets the share of each target that is spread over all classes.
    label_smoothing: f64,
    /// Sets which weights to end with.
    keep: Keep,
    /// Sets the greatest norm of the gradient.
    clip_norm: f64,
    /// Sets the seed of order and dropout.
    seed: u64,
    /// Sets the seconds between checkpoints.
    checkpoint_every_seconds: f64,
    /// Sets the number of threads that fill examples.
    loader_threads: usize,
}

impl TrainParams {
    /// Checks every value; training does so itself, but a caller with hours of work before it wants to know now.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a value out of its range, or one that needs validation examples without any.
    pub fn check(&self, has_validation: bool) -> Result<()> {
        for (name, value) in [
            ("epochs", self.epochs),
            ("batch_size", self.batch_size),
            ("loader_threads", self.loader_threads),
        ] {
            if value == 0 {
                return Err(Error::parameter(name, value, "at least 1"));
            }
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Err(Error::parameter("label_smoothing", self.label_smoothing, "a share in [0, 1)"));
        }
        if let Some(norm) = self.clip_norm
            && !(norm.is_finite() && norm > 0.0)
        {
            return Err(Error::parameter("clip_norm", norm, "a finite number above 0"));
        }
        if !(self.checkpoint_every_seconds.is_finite() && self.checkpoint_every_seconds >= 0.0) {
            let given = self.checkpoint_every_seconds;
            return Err(Error::parameter("checkpoint_every_seconds", given, "a finite number of at least 0"));
        }
        if !has_validation {
            if self.keep == Keep::Best {
                return Err(Error::parameter(
                    "keep",
                    "best",
                    "`last` where there are no validation examples",
                ));
            }
            if self.early_stopping.is_some_and(|stopping| stopping.monitor != Monitor::TrainLoss) {
                let expected = "`train_loss` where there are no validation examples";
                return Err(Error::parameter("early_stopping.monitor", "a validation score", expected));
            }
        }
        if self.early_stopping.is_some_and(|stopping| stopping.patience == 0) {
            return Err(Error::parameter("early_stopping.patience", 0, "at least 1 epoch"));
        }
        self.schedule.check()?;
        self.optimizer.check()
    }
}

/// Trains a classifier by cross-entropy; its weights end as `params.keep` says.
///
/// With a `folder`, which is made if need be, every epoch ends with a line in `metrics.jsonl` and a
/// `checkpoint.safetensors` of all there is to know; a run that was killed at any moment continues from there when
/// called again with the same arguments, and on the CPU ends with the same weights to the last bit, for the same
/// number of threads. A finished run is not repeated; with more `epochs` it is extended.
///
/// The observer sees every step and every epoch, and may end the run (which writes a checkpoint).
///
/// # Errors
/// If a parameter is out of range, an example or target is not usable, the folder holds another run or cannot be
/// written, or the loss becomes NaN.
pub fn train_classifier(
    classifier: &mut Classifier,
    train: &dyn Examples,
    valid: Option<&dyn Examples>,
    params: &TrainParams,
    folder: Option<&Path>,
    observer: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<History> {
    let objective = CrossEntropy { classifier, label_smoothing: params.label_smoothing };
    trainer::train(&objective, train, valid, params, folder, observer)
}

/// Cross-entropy between the targets and the network's softmax.
struct CrossEntropy<'a> {
    classifier: &'a Classifier,
    label_smoothing: f64,
}

impl Objective for CrossEntropy<'_> {
    fn store(&self) -> &nn::VarStore {
        &self.classifier.store
    }

    fn input_len(&self) -> usize {
        self.classifier.example_len()
    }

    fn target_len(&self) -> usize {
        self.classifier.decisions() * self.classifier.classes().len()
    }

    fn description(&self) -> serde_json::Value {
        json!({
            "network": self.classifier.network(),
            "input_shape": self.classifier.input_shape(),
            "classes": self.classifier.classes(),
        })
    }

    fn measure(&self, batch: &Batch, epoch: u64, train: bool) -> Result<Measure> {
        let classes = self.classifier.classes().len();
        for target in batch.targets.chunks_exact(classes) {
            let sum: f32 = target.iter().sum();
            if (sum - 1.0).abs() > 1e-3 {
                return Err(Error::Target { epoch, sum });
            }
        }
        let logits = self.classifier.logits(&batch.inputs, self.classifier.input_shape(), train)?;
        let shape = [(batch.len * self.classifier.decisions()) as i64, classes as i64];
        let targets = to_tensor(&batch.targets, &shape, self.store().device())?;
        let smoothing = if train { self.label_smoothing } else { 0.0 };
        let logits = logits.f_reshape(shape).during("cross-entropy")?;
        let loss = logits
            .f_cross_entropy_loss(&targets, None::<&tch::Tensor>, tch::Reduction::Mean, -100, smoothing)
            .and_then(|loss| loss.f_to_kind(Kind::Float))
            .during("cross-entropy")?;
        let guesses = to_vec(&logits)?;
        let correct = argmax_rows(&guesses, classes)
            .zip(argmax_rows(&batch.targets, classes))
            .filter(|(guess, target)| guess == target)
            .count();
        Ok(Measure { loss, correct: Some(correct as f64 / self.classifier.decisions() as f64) })
    }
}
