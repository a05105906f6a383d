//! Average precision, by class and averaged.

use ndarray::ArrayView2;

use super::order::Ranked;
use crate::{Error, Result, check};

/// Average precision: `sum_n (R_n - R_(n-1)) P_n` over distinct thresholds, in `(0, 1]`.
///
/// No interpolation; same as `sklearn.metrics.average_precision_score`.
///
/// # Errors
/// Empty or mismatched input, a NaN score, or no positive example.
pub fn average_precision(truth: &[bool], scores: &[f64]) -> Result<f64> {
    let ranked = Ranked::allowing_no_negatives("average precision", truth, scores)?;
    let (mut area, mut recall) = (0.0, 0.0);
    for step in ranked.steps() {
        let next = step.true_positives as f64 / ranked.positives.len() as f64;
        let precision = step.true_positives as f64 / (step.true_positives + step.false_positives) as f64;
        area += (next - recall) * precision;
        recall = next;
    }
    Ok(area)
}

/// [`average_precision`] of every column of `[example, class]`; `None` for a class without a positive example.
///
/// # Errors
/// Empty input, arrays of different shape, or a NaN score.
pub fn per_class_average_precision(
    truth: ArrayView2<bool>,
    scores: ArrayView2<f64>,
) -> Result<Vec<Option<f64>>> {
    check::same_shape("truth", truth.shape(), "scores", scores.shape())?;
    check::no_nan("scores", scores.iter())?;
    truth
        .columns()
        .into_iter()
        .zip(scores.columns())
        .map(|(truth, scores)| match average_precision(&truth.to_vec(), &scores.to_vec()) {
            Ok(value) => Ok(Some(value)),
            Err(Error::OneClass { .. }) => Ok(None),
            Err(error) => Err(error),
        })
        .collect()
}

/// Mean of [`per_class_average_precision`] over the classes that have a positive example (mAP, cmAP), in `(0, 1]`.
///
/// `truth` and `scores` are `[example, class]`. When every class has a positive this is sklearn's macro
/// `average_precision_score`; sklearn counts a class without positives as 0, this function leaves it out.
///
/// # Errors
/// As [`per_class_average_precision`], and when no class has a positive example.
pub fn mean_average_precision(truth: ArrayView2<bool>, scores: ArrayView2<f64>) -> Result<f64> {
    let values: Vec<f64> = per_class_average_precision(truth, scores)?.into_iter().flatten().collect();
    if values.is_empty() {
        return Err(Error::OneClass {
            score: "mean average precision",
            missing: "positive",
            n: truth.nrows(),
        });
    }
    Ok(values.iter().sum::<f64>() / values.len() as f64)
}
