//! ROC, precision-recall and DET curves.

use super::order::Ranked;
use crate::Result;

/// Points of a ROC curve, threshold falling.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RocCurve {
    /// False alarms over negatives.
    pub false_positive_rate: Vec<f64>,
    /// Hits over positives.
    pub true_positive_rate: Vec<f64>,
    /// Scores at or above the threshold count as positive; the first is +inf.
    pub thresholds: Vec<f64>,
}

/// Points of a detection error trade-off curve, threshold rising.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DetCurve {
    /// False alarms over negatives.
    pub false_positive_rate: Vec<f64>,
    /// Misses over positives.
    pub false_negative_rate: Vec<f64>,
    /// Scores at or above the threshold count as positive.
    pub thresholds: Vec<f64>,
}

/// Points of a precision-recall curve, threshold rising; one more point than thresholds.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PrecisionRecallCurve {
    /// Hits over predicted positives; ends with 1.
    pub precision: Vec<f64>,
    /// Hits over positives; ends with 0.
    pub recall: Vec<f64>,
    /// Scores at or above the threshold count as positive.
    pub thresholds: Vec<f64>,
}

/// The ROC curve: a point per distinct score after (0, 0).
///
/// Same as `sklearn.metrics.roc_curve(drop_intermediate=False)`; [`RocCurve::without_collinear`] gives its default.
///
/// # Errors
/// Empty or mismatched input, a NaN score, or one class only.
pub fn roc_curve(truth: &[bool], scores: &[f64]) -> Result<RocCurve> {
    let ranked = Ranked::new("a ROC curve", truth, scores)?;
    let (positives, negatives) = (ranked.positives.len() as f64, ranked.negatives.len() as f64);
    let mut curve = RocCurve {
        false_positive_rate: vec![0.0],
        true_positive_rate: vec![0.0],
        thresholds: vec![f64::INFINITY],
    };
    for step in ranked.steps() {
        curve.false_positive_rate.push(step.false_positives as f64 / negatives);
        curve.true_positive_rate.push(step.true_positives as f64 / positives);
        curve.thresholds.push(step.threshold);
    }
    Ok(curve)
}

impl RocCurve {
    /// Without the points that steps of equal size lead to and from, which lie on a line with their neighbours;
    /// sklearn's `drop_intermediate=True`. The area stays the same.
    #[must_use]
    pub fn without_collinear(&self) -> Self {
        let last = self.thresholds.len() - 1;
        let bends = |rates: &[f64], i: usize| {
            let (before, after) = (rates[i] - rates[i - 1], rates[i + 1] - rates[i]);
            (before - after).abs() > 1e-12 // rates are multiples of 1 / n
        };
        let kept: Vec<usize> = (0..=last)
            .filter(|&i| {
                i <= 1
                    || i == last
                    || bends(&self.false_positive_rate, i)
                    || bends(&self.true_positive_rate, i)
            })
            .collect();
        let pick = |values: &[f64]| kept.iter().map(|&i| values[i]).collect();
        Self {
            false_positive_rate: pick(&self.false_positive_rate),
            true_positive_rate: pick(&self.true_positive_rate),
            thresholds: pick(&self.thresholds),
        }
    }
}

/// The DET curve, from no misses to no false alarms.
///
/// Same as `sklearn.metrics.det_curve`.
///
/// # Errors
/// Empty or mismatched input, a NaN score, or one class only.
pub fn det_curve(truth: &[bool], scores: &[f64]) -> Result<DetCurve> {
    let roc = roc_curve(truth, scores)?;
    // From the last threshold without false alarms to the first without misses.
    let first = roc.false_positive_rate.partition_point(|&rate| rate <= 0.0) - 1;
    let last = roc.true_positive_rate.partition_point(|&rate| rate < 1.0);
    let reversed = |values: &[f64]| -> Vec<f64> { values[first..=last].iter().rev().copied().collect() };
    Ok(DetCurve {
        false_positive_rate: reversed(&roc.false_positive_rate),
        false_negative_rate: reversed(&roc.true_positive_rate).iter().map(|rate| 1.0 - rate).collect(),
        thresholds: reversed(&roc.thresholds),
    })
}

/// The precision-recall curve, a point per distinct score and (recall 0, precision 1).
///
/// Same as `sklearn.metrics.precision_recall_curve`.
///
/// # Errors
/// Empty or mismatched input, a NaN score, or no positive example.
pub fn precision_recall_curve(truth: &[bool], scores: &[f64]) -> Result<PrecisionRecallCurve> {
    let ranked = Ranked::allowing_no_negatives("a precision-recall curve", truth, scores)?;
    let positives = ranked.positives.len() as f64;
    let mut curve =
        PrecisionRecallCurve { precision: Vec::new(), recall: Vec::new(), thresholds: Vec::new() };
    for step in ranked.steps().iter().rev() {
        let predicted = step.true_positives + step.false_positives;
        curve.precision.push(step.true_positives as f64 / predicted as f64);
        curve.recall.push(step.true_positives as f64 / positives);
        curve.thresholds.push(step.threshold);
    }
    curve.precision.push(1.0);
    curve.recall.push(0.0);
    Ok(curve)
}
