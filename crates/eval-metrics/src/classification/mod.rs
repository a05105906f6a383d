//! One label of several per example.

mod accuracy;
mod calibration;
mod confusion;
mod kappa;
mod report;

pub use accuracy::{accuracy, top_k_accuracy};
pub use calibration::{Calibration, CalibrationBin, brier_score, calibration};
pub use confusion::confusion_matrix;
pub use kappa::{KappaWeights, cohen_kappa};
pub(crate) use report::class_scores;
pub use report::{Averages, ClassScores, ClassificationReport, balanced_accuracy};
