//! Precision, recall and F1 by class and averaged.

use ndarray::Array2;

use super::confusion_matrix;
use crate::Result;

/// Precision, recall and F1 of one class, or of an average over classes.
///
/// A ratio without denominator (a class never predicted, or never present) counts as 0, sklearn's
/// `zero_division=0`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClassScores {
    /// Hits over predictions of the class, in `[0, 1]`.
    pub precision: f64,
    /// Hits over examples of the class, in `[0, 1]`.
    pub recall: f64,
    /// Harmonic mean of precision and recall, in `[0, 1]`.
    pub f1: f64,
    /// Examples of the class (for an average: of all its classes).
    pub support: u64,
}

/// The three usual averages over classes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Averages {
    /// Plain mean over classes: each class counts the same.
    pub macro_average: ClassScores,
    /// From the pooled counts: each example counts the same. With one label per example all three equal accuracy.
    pub micro_average: ClassScores,
    /// Mean over classes weighted by support.
    pub weighted_average: ClassScores,
}

/// Everything one asks of a single-label classifier; the numbers of `sklearn.metrics.classification_report`.
///
/// Averages run over the classes that occur in the truth or in the predictions, as sklearn's do by default:
/// a class of the model that the test set never shows does not pull the macro average down.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ClassificationReport {
    /// Counts of `[true class, predicted class]`.
    pub confusion: Array2<u64>,
    /// One entry per class, absent classes included.
    pub per_class: Vec<ClassScores>,
    /// Fraction of correct labels.
    pub accuracy: f64,
    /// Mean recall over the classes that occur in the truth.
    pub balanced_accuracy: f64,
    /// Averages over the classes that occur.
    pub averages: Averages,
}

impl ClassificationReport {
    /// Scores `predicted` against `truth`, both labels in `0..n_classes`.
    ///
    /// # Errors
    /// Empty or mismatched input, or a label outside `0..n_classes`.
    pub fn new(truth: &[usize], predicted: &[usize], n_classes: usize) -> Result<Self> {
        Ok(Self::from_confusion(confusion_matrix(truth, predicted, n_classes)?))
    }

    fn from_confusion(confusion: Array2<u64>) -> Self {
        let n_classes = confusion.nrows();
        let support: Vec<u64> = confusion.rows().into_iter().map(|row| row.sum()).collect();
        let predicted: Vec<u64> = confusion.columns().into_iter().map(|column| column.sum()).collect();
        let hits: Vec<u64> = (0..n_classes).map(|class| confusion[[class, class]]).collect();
        let total: u64 = support.iter().sum();
        let per_class: Vec<ClassScores> =
            (0..n_classes).map(|class| class_scores(hits[class], predicted[class], support[class])).collect();

        let present: Vec<usize> =
            (0..n_classes).filter(|&class| support[class] + predicted[class] > 0).collect();
        let equal = |_: usize| 1.0 / present.len() as f64;
        let by_support = |class: usize| support[class] as f64 / total as f64;
        let all_hits: u64 = hits.iter().sum();
        let in_truth = support.iter().filter(|&&count| count > 0).count();
        Self {
            accuracy: ratio(all_hits, total),
            balanced_accuracy: per_class.iter().filter(|c| c.support > 0).map(|c| c.recall).sum::<f64>()
                / in_truth as f64,
            averages: Averages {
                macro_average: average(&per_class, &present, equal, total),
                micro_average: class_scores(all_hits, total, total),
                weighted_average: average(&per_class, &present, by_support, total),
            },
            per_class,
            confusion,
        }
    }
}

/// Mean recall over the classes that occur in `truth`, in `[0, 1]`; `sklearn.metrics.balanced_accuracy_score`.
///
/// # Errors
/// As [`ClassificationReport::new`].
pub fn balanced_accuracy(truth: &[usize], predicted: &[usize], n_classes: usize) -> Result<f64> {
    Ok(ClassificationReport::new(truth, predicted, n_classes)?.balanced_accuracy)
}

/// `hits / of`, 0 without denominator.
fn ratio(hits: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { hits as f64 / of as f64 }
}

pub(crate) fn class_scores(hits: u64, predicted: u64, support: u64) -> ClassScores {
    ClassScores {
        precision: ratio(hits, predicted),
        recall: ratio(hits, support),
        // 2 P R / (P + R) in counts
        f1: ratio(2 * hits, predicted + support),
        support,
    }
}

fn average(
    per_class: &[ClassScores],
    classes: &[usize],
    weight: impl Fn(usize) -> f64,
    support: u64,
) -> ClassScores {
    let mut mean = ClassScores { support, ..ClassScores::default() };
    for &class in classes {
        let (w, c) = (weight(class), per_class[class]);
        mean.precision += w * c.precision;
        mean.recall += w * c.recall;
        mean.f1 += w * c.f1;
    }
    mean
}
