//! How the learning rate changes while training runs, and when training stops.
//!
//! All are functions of the position and of the records so far, so a resumed run needs no state for them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::history::EpochRecord;

/// How the learning rate changes; in TOML or JSON a table with a `kind`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Schedule {
    /// It does not.
    #[default]
    Constant,
    /// Multiplied by `factor` after every `every` epochs.
    Step {
        /// Epochs between changes, at least 1.
        every: usize,
        /// Factor of each change, in (0, 1].
        factor: f64,
    },
    /// Rises in a line for `warmup_epochs`, then falls along half a cosine to `floor` times the learning rate at
    /// the end of the last epoch (Loshchilov & Hutter 2017, without restarts). Changes with every step.
    Cosine {
        /// Length of the rise, in epochs; may be a fraction.
        #[serde(default)]
        warmup_epochs: f64,
        /// Share of the learning rate that is left at the end, in [0, 1].
        #[serde(default)]
        floor: f64,
    },
    /// Multiplied by `factor` when the validation loss has not fallen for more than `patience` epochs
    /// (the training loss, where there are no validation examples).
    Plateau {
        /// Epochs to bear with.
        patience: usize,
        /// Factor of each change, in (0, 1].
        factor: f64,
    },
}

impl Schedule {
    /// The factor of the learning rate in `step` (of `steps`) of an epoch.
    pub(crate) fn factor(
        &self,
        epoch: usize,
        step: usize,
        steps: usize,
        epochs: usize,
        records: &[EpochRecord],
    ) -> f64 {
        match *self {
            Schedule::Constant => 1.0,
            Schedule::Step { every, factor } => factor.powi((epoch / every) as i32),
            Schedule::Cosine { warmup_epochs, floor } => {
                let position = epoch as f64 + step as f64 / steps as f64;
                if position < warmup_epochs {
                    // The first step is not wasted on a rate of zero.
                    return ((position + 1.0 / steps as f64) / warmup_epochs).min(1.0);
                }
                let fall = (position - warmup_epochs) / (epochs as f64 - warmup_epochs);
                floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * fall.min(1.0)).cos())
            }
            Schedule::Plateau { patience, factor } => factor.powi(plateaus(patience, records)),
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        match *self {
            Schedule::Constant => {}
            Schedule::Step { every: 0, .. } => return Err(Error::parameter("every", 0, "at least 1 epoch")),
            Schedule::Step { factor, .. } | Schedule::Plateau { factor, .. } => {
                if !(factor > 0.0 && factor <= 1.0) {
                    return Err(Error::parameter("factor", factor, "a factor in (0, 1]"));
                }
            }
            Schedule::Cosine { warmup_epochs, floor } => {
                if !(warmup_epochs.is_finite() && warmup_epochs >= 0.0) {
                    return Err(Error::parameter("warmup_epochs", warmup_epochs, "at least 0 epochs"));
                }
                if !(0.0..=1.0).contains(&floor) {
                    return Err(Error::parameter("floor", floor, "a share in [0, 1]"));
                }
            }
        }
        Ok(())
    }
}

/// How often the loss failed to fall for more than `patience` epochs in a row.
fn plateaus(patience: usize, records: &[EpochRecord]) -> i32 {
    let (mut least, mut waiting, mut count) = (f64::INFINITY, 0, 0);
    for record in records {
        let loss = record.valid_loss.unwrap_or(record.train_loss);
        if loss < least {
            (least, waiting) = (loss, 0);
        } else {
            waiting += 1;
        }
        if waiting > patience {
            (waiting, count) = (0, count + 1);
        }
    }
    count
}

/// What early stopping watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Monitor {
    /// The validation loss, which must fall.
    #[default]
    ValidLoss,
    /// The validation accuracy, which must rise.
    ValidAccuracy,
    /// The training loss, which must fall.
    TrainLoss,
}

/// Stop when nothing has got better for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// What must get better; the validation loss unless told otherwise.
    #[serde(default)]
    pub monitor: Monitor,
    /// Training stops after this many epochs in a row without a new best, at least 1.
    pub patience: usize,
}

impl EarlyStopping {
    /// Whether to stop after these epochs.
    pub(crate) fn stops(&self, records: &[EpochRecord]) -> bool {
        // Smaller is better.
        let cost = |record: &EpochRecord| match self.monitor {
            Monitor::ValidLoss => record.valid_loss.unwrap_or(f64::INFINITY),
            Monitor::ValidAccuracy => -record.valid_accuracy.unwrap_or(f64::NEG_INFINITY),
            Monitor::TrainLoss => record.train_loss,
        };
        first_least(records.iter().map(cost)).is_some_and(|best| records.len() - 1 - best >= self.patience)
    }
}

/// Index of the first of the least values.
pub(crate) fn first_least(values: impl Iterator<Item = f64>) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (index, value) in values.enumerate() {
        if best.is_none_or(|(_, least)| value < least) {
            best = Some((index, value));
        }
    }
    best.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(losses: &[f64]) -> Vec<EpochRecord> {
        losses.iter().map(|&loss| EpochRecord { valid_loss: Some(loss), ..EpochRecord::default() }).collect()
    }

    #[test]
    fn step_halves_every_two_epochs() {
        let schedule = Schedule::Step { every: 2, factor: 0.5 };
        let factors: Vec<f64> = (0..5).map(|epoch| schedule.factor(epoch, 3, 4, 5, &[])).collect();
        assert_eq!(factors, [1.0, 1.0, 0.5, 0.5, 0.25]);
    }

    #[test]
    fn cosine_rises_in_a_line_and_falls_to_its_floor() {
        let schedule = Schedule::Cosine { warmup_epochs: 2.0, floor: 0.1 };
        let factor = |epoch, step| schedule.factor(epoch, step, 4, 10, &[]);
        assert!((factor(0, 0) - 0.125).abs() < 1e-12);
        assert!((factor(1, 3) - 1.0).abs() < 1e-12);
        assert!((factor(2, 0) - 1.0).abs() < 1e-12);
        assert!((factor(6, 0) - 0.55).abs() < 1e-12, "half way between 1 and 0.1");
        assert!((factor(10, 0) - 0.1).abs() < 1e-12);
        for position in 8..39 {
            assert!(factor(position / 4, position % 4) > factor((position + 1) / 4, (position + 1) % 4));
        }
    }

    #[test]
    fn plateau_falls_once_patience_is_exceeded() {
        let schedule = Schedule::Plateau { patience: 1, factor: 0.1 };
        let factor = |losses: &[f64]| schedule.factor(losses.len(), 0, 1, 99, &records(losses));
        assert_eq!(factor(&[3.0, 2.0, 2.0]), 1.0);
        assert_eq!(factor(&[3.0, 2.0, 2.0, 2.5]), 0.1);
        assert_eq!(factor(&[3.0, 2.0, 2.0, 2.5, 1.0, 1.5]), 0.1);
        assert!((factor(&[3.0, 2.0, 2.0, 2.5, 2.0, 2.5]) - 0.01).abs() < 1e-15);
    }

    #[test]
    fn stopping_waits_for_patience_epochs_after_the_best() {
        let stopping = EarlyStopping { monitor: Monitor::ValidLoss, patience: 2 };
        assert!(!stopping.stops(&[]));
        assert!(!stopping.stops(&records(&[1.0, 2.0])));
        assert!(stopping.stops(&records(&[1.0, 2.0, 1.0])));
        assert!(!stopping.stops(&records(&[1.0, 2.0, 0.9])));
    }
}
