//! What training tells: after each step, after each epoch, at the end.

use serde::{Deserialize, Serialize};

/// One epoch; also one line of `metrics.jsonl`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EpochRecord {
    /// Counted from 0.
    pub epoch: usize,
    /// Mean loss of the training examples, each measured before its batch changed the network.
    pub train_loss: f64,
    /// Share of the training examples whose most probable class was the target's; `None` for a task without classes.
    pub train_accuracy: Option<f64>,
    /// Mean loss of the validation examples after the epoch, without dropout or label smoothing.
    pub valid_loss: Option<f64>,
    /// Share of the validation examples whose most probable class was the target's.
    pub valid_accuracy: Option<f64>,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Wall time of training and validation.
    pub seconds: f64,
    /// The part of it that the network waited for examples; more loader threads make it shorter.
    pub data_wait_seconds: f64,
}

/// A place in a run: `step` of `epoch` comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Counted from 0.
    pub epoch: usize,
    /// Counted from 0 in each epoch.
    pub step: usize,
}

/// How training went.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct History {
    /// One record per finished epoch, those before a resume included.
    pub epochs: Vec<EpochRecord>,
    /// The epoch of least validation loss, if there were validation examples.
    pub best_epoch: Option<usize>,
    /// Whether early stopping ended the run.
    pub stopped_early: bool,
    /// Whether the observer ended the run.
    pub interrupted: bool,
    /// Where an earlier run was taken up.
    pub resumed_from: Option<Position>,
}

/// How far training has come; handed to the observer after each step and after each epoch.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// The epoch at work, counted from 0.
    pub epoch: usize,
    /// How many there will be, unless training stops early.
    pub epochs: usize,
    /// Steps taken in this epoch.
    pub step: usize,
    /// Steps this epoch has.
    pub steps: usize,
    /// Mean training loss of this epoch so far.
    pub loss: f64,
    /// Learning rate of the latest step.
    pub learning_rate: f64,
    /// Seconds of this epoch spent waiting for examples.
    pub data_wait_seconds: f64,
    /// The epoch's record, once it is finished.
    pub finished: Option<EpochRecord>,
}
