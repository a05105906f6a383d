//! Frame-level scores of a detector, voicing false alarms among them.

use crate::classification::class_scores;
use crate::{Result, check};

/// Hits, misses and false alarms with the rates they make.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DetectionScores {
    /// Things found that are there.
    pub true_positives: usize,
    /// Things found that are not there.
    pub false_positives: usize,
    /// Things there that were not found.
    pub false_negatives: usize,
    /// Hits over things found, 0 without any.
    pub precision: f64,
    /// Hits over things there, 0 without any.
    pub recall: f64,
    /// Harmonic mean of precision and recall, 0 without hits.
    pub f1: f64,
}

impl DetectionScores {
    pub(crate) fn new(true_positives: usize, false_positives: usize, false_negatives: usize) -> Self {
        let scores = class_scores(
            true_positives as u64,
            (true_positives + false_positives) as u64,
            (true_positives + false_negatives) as u64,
        );
        Self {
            true_positives,
            false_positives,
            false_negatives,
            precision: scores.precision,
            recall: scores.recall,
            f1: scores.f1,
        }
    }
}

/// Frame by frame: is there voice (or whatever is sought)?
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FrameScores {
    /// Precision, recall (voicing recall) and F1 of the active frames.
    pub active: DetectionScores,
    /// Fraction of frames decided rightly.
    pub accuracy: f64,
    /// Inactive frames called active, over inactive frames (voicing false alarm rate); 0 without inactive frames.
    pub false_alarm_rate: f64,
    /// Active frames called inactive, over active frames; 0 without active frames.
    pub miss_rate: f64,
}

impl FrameScores {
    /// Scores one decision per frame.
    ///
    /// Same as sklearn's binary scores with `zero_division=0` and, for the two voicing rates,
    /// `mir_eval.melody.voicing_measures`.
    ///
    /// # Errors
    /// Empty or mismatched input.
    pub fn new(truth: &[bool], predicted: &[bool]) -> Result<Self> {
        check::same_length("truth", truth, "predicted", predicted)?;
        let count = |t: bool, p: bool| truth.iter().zip(predicted).filter(|&pair| pair == (&t, &p)).count();
        let (hits, false_alarms) = (count(true, true), count(false, true));
        let (misses, rejections) = (count(true, false), count(false, false));
        let rate =
            |part: usize, rest: usize| if part == 0 { 0.0 } else { part as f64 / (part + rest) as f64 };
        Ok(Self {
            active: DetectionScores::new(hits, false_alarms, misses),
            accuracy: (hits + rejections) as f64 / truth.len() as f64,
            false_alarm_rate: rate(false_alarms, rejections),
            miss_rate: rate(misses, hits),
        })
    }
}
