//! A score per example, higher meaning more positive.

mod average_precision;
mod order;

pub use average_precision::{average_precision, mean_average_precision, per_class_average_precision};
