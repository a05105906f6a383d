//! The equal error rate.

use super::roc_curve;
use crate::Result;

/// How the point of equal errors is read off a curve of finitely many points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum EqualErrorRateMethod {
    /// Where the ROC curve, its points joined by lines, meets the diagonal.
    #[default]
    Linear,
    /// The same on the convex hull of the curve (ROCCH-EER, Brummer and du Preez): never above `Linear`.
    ConvexHull,
    /// The mean of the four rates around the crossing, as pyannote.metrics has it.
    Pyannote,
}

/// The error rate at which misses and false alarms are equally frequent, in `[0, 1]`.
///
/// # Errors
/// Empty or mismatched input, a NaN score, or one class only.
pub fn equal_error_rate(truth: &[bool], scores: &[f64], method: EqualErrorRateMethod) -> Result<f64> {
    let curve = roc_curve(truth, scores)?;
    let points = |x: &[f64], y: &[f64]| -> Vec<(f64, f64)> {
        x.iter().zip(y).map(|(&false_alarm, &hit)| (false_alarm, 1.0 - hit)).collect()
    };
    let all = points(&curve.false_positive_rate, &curve.true_positive_rate);
    Ok(match method {
        EqualErrorRateMethod::Linear => crossing(&all),
        EqualErrorRateMethod::ConvexHull => crossing(&lower_hull(&all)),
        EqualErrorRateMethod::Pyannote => {
            let curve = curve.without_collinear();
            let points = points(&curve.false_positive_rate, &curve.true_positive_rate);
            // The last point, (1, 0), is past the crossing; the first, (0, 1), before it.
            let past = points.iter().position(|(x, y)| x > y).unwrap_or(points.len() - 1);
            let ((x0, y0), (x1, y1)) = (points[past - 1], points[past]);
            0.25 * (x0 + x1 + y0 + y1)
        }
    })
}

/// Where a falling line of (false alarm, miss) points meets the diagonal.
fn crossing(points: &[(f64, f64)]) -> f64 {
    let past = points.iter().position(|(x, y)| x >= y).unwrap_or(points.len() - 1);
    let ((x0, y0), (x1, y1)) = (points[past - 1], points[past]);
    let (before, after) = (y0 - x0, x1 - y1);
    x0 + (x1 - x0) * before / (before + after)
}

/// The lower convex hull of points of rising `x` (Andrew's monotone chain).
fn lower_hull(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut hull: Vec<(f64, f64)> = Vec::new();
    for &point in points {
        while let [.., a, b] = hull[..] {
            if (b.0 - a.0) * (point.1 - a.1) <= (b.1 - a.1) * (point.0 - a.0) {
                hull.pop();
            } else {
                break;
            }
        }
        hull.push(point);
    }
    hull
}
