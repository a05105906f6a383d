//! Cohen's kappa: agreement beyond chance.

use super::confusion_matrix;
use crate::Result;

/// What a disagreement costs in [`cohen_kappa`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum KappaWeights {
    /// Every disagreement the same.
    #[default]
    Equal,
    /// The distance of the labels, for ordered classes.
    Linear,
    /// The squared distance.
    Quadratic,
}

/// Cohen's kappa: agreement beyond chance, 1 for full agreement, 0 for what chance gives, at least -1.
///
/// Same as `sklearn.metrics.cohen_kappa_score`, except that two raters who both use a single label, the same one (NaN
/// there), agree fully: 1.
///
/// # Errors
/// Empty or mismatched input, or a label outside `0..n_classes`.
pub fn cohen_kappa(
    first: &[usize],
    second: &[usize],
    n_classes: usize,
    weights: KappaWeights,
) -> Result<f64> {
    let counts = confusion_matrix(first, second, n_classes)?.mapv(|count| count as f64);
    let total = counts.sum();
    let (rows, columns) = (counts.sum_axis(ndarray::Axis(1)), counts.sum_axis(ndarray::Axis(0)));
    let (mut observed, mut expected) = (0.0, 0.0);
    for ((i, j), count) in counts.indexed_iter() {
        let distance = i.abs_diff(j) as f64;
        let cost = match weights {
            KappaWeights::Equal => f64::from(u8::from(i != j)),
            KappaWeights::Linear => distance,
            KappaWeights::Quadratic => distance * distance,
        };
        observed += cost * count;
        expected += cost * rows[i] * columns[j] / total;
    }
    Ok(if expected == 0.0 { 1.0 } else { 1.0 - observed / expected })
}
