//! The confusion matrix.

use ndarray::Array2;

use crate::{Result, check};

/// Counts of `[true class, predicted class]`, `n_classes` by `n_classes`.
///
/// Same as `sklearn.metrics.confusion_matrix(labels=range(n_classes))`.
///
/// # Errors
/// Empty or mismatched input, or a label outside `0..n_classes`.
pub fn confusion_matrix(truth: &[usize], predicted: &[usize], n_classes: usize) -> Result<Array2<u64>> {
    check::same_length("truth", truth, "predicted", predicted)?;
    check::labels("truth", truth, n_classes)?;
    check::labels("predicted", predicted, n_classes)?;
    let mut counts = Array2::zeros((n_classes, n_classes));
    for (&t, &p) in truth.iter().zip(predicted) {
        counts[[t, p]] += 1;
    }
    Ok(counts)
}
