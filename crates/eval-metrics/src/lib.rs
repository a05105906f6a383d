//! Scores for machine listening: separation, detection and ranking, classification, clustering, diarization, events, and
//! how far to trust them.
//!
//! Every score gives the numbers of the package its field uses, checked against that package, and is named after it
//! where it has a name.
//!
//! # Conventions
//! * Signals are `[source, sample]` or `[source, channel, sample]`, f32 or f64; all sums are in f64. Ratios are in dB.
//! * Class labels are `usize` from 0; score matrices are `[example, class]`, higher meaning likelier.
//! * A detector's truth is `bool`, its scores are f64, higher meaning more positive; ties are kept, not broken.
//! * Times are f64 seconds, and continuous: nothing is rounded to frames.
//! * Rates are fractions in [0, 1], not percent.
//! * What has no value is an [`Error`] that says why (one class only, a silent source), or `None` in a list; it is never
//!   a NaN that looks like a score. The exception is [`WindowScores`], a matrix with NaN for silent windows, as in museval.
//! * Random draws have a fixed default seed and do not depend on the number of threads.
//!
//! # Example
//! ```
//! # fn main() -> auscult_eval_metrics::Result<()> {
//! use auscult_eval_metrics::{Bootstrap, PartialAuc, partial_auc, roc_auc};
//! let anomalous = [false, false, true, false, true, true, false, true];
//! let score = [0.1, 0.4, 0.9, 0.2, 0.3, 0.8, 0.35, 0.7];
//! assert_eq!(roc_auc(&anomalous, &score)?, 0.875);
//! let strict = partial_auc(&anomalous, &score, 0.25, PartialAuc::McClish)?;
//! let interval = Bootstrap::new(500).interval(8, |draw| {
//!     let pick = |i: &usize| (anomalous[*i], score[*i]);
//!     let (truth, score): (Vec<bool>, Vec<f64>) = draw.iter().map(pick).unzip();
//!     roc_auc(&truth, &score).unwrap_or(f64::NAN)
//! })?;
//! assert!(strict < 0.875 && interval.low < 0.875 && interval.high <= 1.0);
//! # Ok(()) }
//! ```
//!
//! # What is here, and what it is exact to
//! | Field | Scores | Reference |
//! |---|---|---|
//! | separation | [`bss_eval_sources`], [`bss_eval_images`], framewise | mir_eval 0.8.2 (BSS Eval v3) |
//! | | [`BssEvalV4`] | museval 0.4.1 |
//! | | [`si_sdr`], [`scale_invariant_bss_eval`] | fast_bss_eval 0.1.4 |
//! | | [`sdr`], [`nsdr`], [`snr`] | mir_eval; Jansson et al. 2017 |
//! | ranking | [`roc_auc`], [`partial_auc`], [`average_precision`], curves | scikit-learn 1.9.1 |
//! | | [`equal_error_rate`] | pyannote.metrics 4.2.0, or interpolated |
//! | | [`DetectionCost`], [`cllr`], [`delong_test`] | their definitions |
//! | classification | [`ClassificationReport`], [`top_k_accuracy`], [`cohen_kappa`], [`calibration`] | scikit-learn |
//! | frames, events | [`FrameScores`], [`EventMatching`], [`segment_based_errors`] | mir_eval, scikit-learn |
//! | clustering | [`Contingency`]: purity, B-cubed, NMI, ARI, V-measure | scikit-learn |
//! | diarization | [`DiarizationScoring`]: DER, JER; RTTM, UEM | pyannote.metrics |
//! | uncertainty | [`Bootstrap`], [`Interval`], [`mcnemar`], [`paired_permutation_test`] | scipy 1.17.1 |
//!
//! The README has the largest difference found for each, and times beside the Python packages.
//!
//! # Features
//! | Feature | |
//! |---|---|
//! | `serde` | serialises results and parameters |
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod assignment;
mod check;
mod classification;
mod clustering;
mod diarization;
mod error;
mod events;
mod ranking;
mod segment;
mod separation;
mod uncertainty;

pub use assignment::maximum_assignment;
pub use classification::{
    Averages, Calibration, CalibrationBin, ClassScores, ClassificationReport, KappaWeights, accuracy,
    balanced_accuracy, brier_score, calibration, cohen_kappa, confusion_matrix, top_k_accuracy,
};
pub use clustering::{BCubed, Contingency};
pub use diarization::{
    DiarizationErrors, DiarizationScores, DiarizationScoring, JaccardErrors, Recordings, ScoredRegions,
    parse_rttm, parse_uem, read_rttm, read_uem, write_rttm, write_uem,
};
pub use error::{Error, Result};
pub use events::{
    DetectionScores, EventMatching, FrameScores, SegmentErrors, active_spans, hysteresis, median_filter,
    segment_based_errors,
};
pub use ndarray;
pub use ranking::{
    DelongTest, DetCurve, DetectionCost, EqualErrorRateMethod, MinimumCost, OperatingPoint, PartialAuc,
    PrecisionRecallCurve, RocCurve, average_precision, best_f1_threshold, best_youden_threshold, cllr,
    delong_interval, delong_test, det_curve, equal_error_rate, mean_average_precision, operating_point,
    partial_auc, per_class_average_precision, precision_recall_curve, roc_auc, roc_curve,
    threshold_at_false_positive_rate,
};
pub use segment::{Segment, Span};
pub use separation::{
    BssEvalV4, FramewiseImageScores, FramewiseSourceScores, ImageScores, ScaleInvariantScores, SourceScores,
    WindowScores, bss_eval_images, bss_eval_images_framewise, bss_eval_sources, bss_eval_sources_framewise,
    nsdr, scale_invariant_bss_eval, sdr, si_sdr, snr,
};
pub use uncertainty::{
    Bootstrap, Interval, IntervalMethod, McNemar, PairedDifference, PermutationTest, Summary, mcnemar,
    paired_permutation_test, weighted_mean,
};

/// The README's examples, for the compiler to read.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
