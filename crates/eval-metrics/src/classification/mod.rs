//! One label of several per example.

mod accuracy;
mod confusion;
mod report;

pub use accuracy::{accuracy, top_k_accuracy};
pub use confusion::confusion_matrix;
pub use report::{Averages, ClassScores, ClassificationReport, balanced_accuracy};
