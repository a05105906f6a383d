//! Accuracy and top-k accuracy.

use ndarray::ArrayView2;

use crate::{Error, Result, check};

/// The fraction of examples whose predicted label is the true one, in `[0, 1]`.
///
/// Same as `sklearn.metrics.accuracy_score`.
///
/// # Errors
/// Empty input, or slices of different length.
///
/// ```
/// # fn main() -> auscult_eval_metrics::Result<()> {
/// assert_eq!(auscult_eval_metrics::accuracy(&[0, 1, 2, 2], &[0, 1, 1, 2])?, 0.75);
/// # Ok(()) }
/// ```
pub fn accuracy(truth: &[usize], predicted: &[usize]) -> Result<f64> {
    check::same_length("truth", truth, "predicted", predicted)?;
    let hits = truth.iter().zip(predicted).filter(|(t, p)| t == p).count();
    Ok(hits as f64 / truth.len() as f64)
}

/// The fraction of examples whose true class is among the `k` highest scored, in `[0, 1]`.
///
/// `scores` is `[example, class]`, higher is likelier. Of equal scores the higher class index ranks first, as in
/// `sklearn.metrics.top_k_accuracy_score` (a stable ascending sort read backwards).
///
/// # Errors
/// Empty or mismatched input, a NaN score, a label without a column, or `k` = 0.
pub fn top_k_accuracy(truth: &[usize], scores: ArrayView2<f64>, k: usize) -> Result<f64> {
    check::not_empty("truth", truth)?;
    if scores.nrows() != truth.len() {
        return Err(Error::LengthMismatch {
            what: "scores",
            reference: "truth",
            expected: truth.len(),
            got: scores.nrows(),
        });
    }
    check::labels("truth", truth, scores.ncols())?;
    check::no_nan("scores", scores.iter())?;
    if k == 0 {
        return Err(Error::Parameter { name: "k", value: k.to_string(), expected: "at least 1" });
    }
    let hits = truth
        .iter()
        .zip(scores.rows())
        .filter(|&(&class, row)| {
            let own = row[class];
            let above =
                row.iter().enumerate().filter(|&(other, &s)| s > own || (s == own && other > class)).count();
            above < k
        })
        .count();
    Ok(hits as f64 / truth.len() as f64)
}
