//! Probabilities to decisions: smoothing and threshold, chosen on validation songs and nowhere else.

use auscult_eval_metrics::median_filter;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How a probability becomes yes or no.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Decision {
    /// Singing from this probability on.
    pub threshold: f64,
    /// Width of the median taken over the probabilities first, seconds; 0 for none.
    pub median_seconds: f64,
}

impl Decision {
    /// As in paper 003: the more probable of the two, frame by frame.
    pub const PLAIN: Self = Self { threshold: 0.5, median_seconds: 0.0 };

    /// The medians of probabilities `hop` seconds apart.
    ///
    /// # Errors
    /// [`Error::Part`] without any probability.
    pub fn smooth(&self, probabilities: &[f64], hop: f64) -> Result<Vec<f64>> {
        // The nearest odd number of moments.
        let width = 2 * (self.median_seconds / hop / 2.0).round() as usize + 1;
        if width == 1 {
            return Ok(probabilities.to_vec());
        }
        median_filter(probabilities, width).map_err(Error::part("smoothing"))
    }

    /// Whether there is singing, at probabilities `hop` seconds apart.
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub fn decide(&self, probabilities: &[f64], hop: f64) -> Result<Vec<bool>> {
        Ok(self.smooth(probabilities, hop)?.into_iter().map(|p| p >= self.threshold).collect())
    }

    /// The width of greatest accuracy over songs of probabilities and truths; of the thresholds whose accuracy with it
    /// is within a standard error of the greatest, the one nearest to one half. The greatest itself would follow the
    /// chance of a few songs, and a network is surer of the singers it learnt from than of others.
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub(crate) fn choose(songs: &[(Vec<f64>, Vec<bool>)], hop: f64) -> Result<Self> {
        let mut best = (0.0, 0.0, Vec::new());
        for median_seconds in WIDTHS {
            let mut smooth = Vec::new();
            for (probabilities, truth) in songs {
                let candidate = Self { median_seconds, ..Self::PLAIN };
                smooth.extend(candidate.smooth(probabilities, hop)?.into_iter().zip(truth.iter().copied()));
            }
            let accuracies = (0..=THRESHOLDS).map(|step| {
                // 0.50, 0.49, 0.51, 0.48, ...
                let away = f64::from(step.div_ceil(2)) / 100.0;
                let threshold = if step % 2 == 1 { 0.5 - away } else { 0.5 + away };
                let right = smooth.iter().filter(|(p, truth)| (*p >= threshold) == *truth).count();
                (threshold, right as f64 / smooth.len() as f64)
            });
            let accuracies: Vec<(f64, f64)> = accuracies.collect();
            let greatest = accuracies.iter().map(|(_, accuracy)| *accuracy).fold(0.0, f64::max);
            if greatest > best.0 {
                best = (greatest, median_seconds, accuracies);
            }
        }
        let (greatest, median_seconds, accuracies) = best;
        // Moments of one second are one decision: neighbours say the same.
        let moments: usize = songs.iter().map(|(probabilities, _)| probabilities.len()).sum();
        let error = (greatest * (1.0 - greatest) / (moments as f64 * hop).max(1.0)).sqrt();
        let threshold = accuracies.iter().find(|(_, accuracy)| *accuracy >= greatest - error);
        Ok(threshold.map_or(Self::PLAIN, |&(threshold, _)| Self { threshold, median_seconds }))
    }
}

/// Widths of the median tried, seconds; Schlüter and Grill take 0.8.
const WIDTHS: [f64; 4] = [0.0, 0.4, 0.8, 1.2];

/// Thresholds tried beside one half, a hundredth apart.
const THRESHOLDS: u32 = 94;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_on_validation_is_chosen() {
        let truth: Vec<bool> = (0..100).map(|i| i % 50 >= 25).collect();
        // Right of 0.7, wrong at single moments that a median of 0.4 s mends.
        let noisy = |i: usize| if i % 9 == 4 { 0.2 } else { 0.8 };
        let probabilities: Vec<f64> =
            truth.iter().enumerate().map(|(i, &sung)| if sung { noisy(i) } else { 0.65 }).collect();
        let decision = Decision::choose(&[(probabilities.clone(), truth.clone())], 0.1).unwrap();
        assert!(decision.threshold > 0.65 && decision.threshold <= 0.8, "{decision:?}");
        assert!(decision.median_seconds > 0.0);
        let right =
            decision.decide(&probabilities, 0.1).unwrap().iter().zip(&truth).filter(|(a, b)| a == b).count();
        assert!(right >= 98, "{right}");
    }

    #[test]
    fn without_a_gain_the_plain_decision_stays() {
        let truth = vec![true, false, true, false];
        let sure: Vec<f64> = truth.iter().map(|&sung| if sung { 0.9 } else { 0.1 }).collect();
        assert_eq!(Decision::choose(&[(sure, truth)], 0.1).unwrap(), Decision::PLAIN);
        // Of 300 seconds 12 are beyond help, so that a standard error is 3.4; `count` more need a threshold over 0.85.
        let song = |count: usize| -> Vec<(Vec<f64>, Vec<bool>)> {
            let unsung = |second: usize| match second {
                0..12 => 0.97,
                _ if second < 12 + count => 0.85,
                _ => 0.1,
            };
            let probabilities = (0..300).map(|i| if i % 2 == 0 { 0.95 } else { unsung(i / 2) }).collect();
            vec![(probabilities, (0..300).map(|i| i % 2 == 0).collect())]
        };
        assert_eq!(Decision::choose(&song(2), 1.0).unwrap(), Decision::PLAIN, "two seconds are chance");
        assert!(Decision::choose(&song(12), 1.0).unwrap().threshold > 0.85, "twelve are not");
        assert_eq!(Decision::PLAIN.decide(&[0.5, 0.49], 0.1).unwrap(), [true, false]);
    }
}
