//! Area under the ROC curve.

use super::order::Ranked;
use crate::Result;

/// Area under the ROC curve, in `[0, 1]`: the probability that a positive scores above a negative, ties counting half.
///
/// Same as `sklearn.metrics.roc_auc_score`; the count of pairs is exact.
///
/// # Errors
/// Empty or mismatched input, a NaN score, or one class only.
///
/// ```
/// # fn main() -> auscult_eval_metrics::Result<()> {
/// assert_eq!(auscult_eval_metrics::roc_auc(&[true, false, true, false], &[0.9, 0.4, 0.4, 0.1])?, 0.875);
/// # Ok(()) }
/// ```
pub fn roc_auc(truth: &[bool], scores: &[f64]) -> Result<f64> {
    let Ranked { positives, negatives } = Ranked::new("ROC AUC", truth, scores)?;
    let (mut below, mut not_above) = (0, 0);
    let mut twice_won: u128 = 0;
    for &positive in &positives {
        while below < negatives.len() && negatives[below] < positive {
            below += 1;
        }
        not_above = not_above.max(below);
        while not_above < negatives.len() && negatives[not_above] == positive {
            not_above += 1;
        }
        twice_won += (below + not_above) as u128;
    }
    Ok(twice_won as f64 / (2.0 * positives.len() as f64 * negatives.len() as f64))
}
