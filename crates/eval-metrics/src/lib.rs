//! Scores for machine listening.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod check;
mod classification;
mod error;
mod ranking;
mod uncertainty;

pub use classification::{
    Averages, ClassScores, ClassificationReport, accuracy, balanced_accuracy, confusion_matrix,
    top_k_accuracy,
};
pub use error::{Error, Result};
pub use ndarray;
pub use ranking::{average_precision, mean_average_precision, per_class_average_precision};
pub use uncertainty::{
    Bootstrap, Interval, IntervalMethod, McNemar, PairedDifference, PermutationTest, mcnemar,
    paired_permutation_test,
};
