//! A score per example, higher meaning more positive.

mod auc;
mod average_precision;
mod cllr;
mod curves;
mod delong;
mod detection_cost;
mod equal_error_rate;
mod operating_point;
mod order;
mod partial_auc;

pub use auc::roc_auc;
pub use average_precision::{average_precision, mean_average_precision, per_class_average_precision};
pub use cllr::cllr;
pub use curves::{DetCurve, PrecisionRecallCurve, RocCurve, det_curve, precision_recall_curve, roc_curve};
pub use delong::{DelongTest, delong_interval, delong_test};
pub use detection_cost::{DetectionCost, MinimumCost};
pub use equal_error_rate::{EqualErrorRateMethod, equal_error_rate};
pub use operating_point::{
    OperatingPoint, best_f1_threshold, best_youden_threshold, operating_point,
    threshold_at_false_positive_rate,
};
pub use partial_auc::{PartialAuc, partial_auc};
