//! Scores for machine listening.
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
