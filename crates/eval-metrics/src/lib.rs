//! Scores for machine listening.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod assignment;
mod check;
mod classification;
mod error;
mod ranking;
mod separation;
mod uncertainty;

pub use assignment::maximum_assignment;
pub use classification::{
    Averages, ClassScores, ClassificationReport, accuracy, balanced_accuracy, confusion_matrix,
    top_k_accuracy,
};
pub use error::{Error, Result};
pub use ndarray;
pub use ranking::{average_precision, mean_average_precision, per_class_average_precision};
pub use separation::{
    BssEvalV4, FramewiseImageScores, FramewiseSourceScores, ImageScores, ScaleInvariantScores, SourceScores,
    WindowScores, bss_eval_images, bss_eval_images_framewise, bss_eval_sources, bss_eval_sources_framewise,
    nsdr, scale_invariant_bss_eval, sdr, si_sdr, snr,
};
pub use uncertainty::{
    Bootstrap, Interval, IntervalMethod, McNemar, PairedDifference, PermutationTest, mcnemar,
    paired_permutation_test,
};
