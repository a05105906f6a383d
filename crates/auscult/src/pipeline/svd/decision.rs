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

    /// The threshold and the width of greatest accuracy over songs of probabilities and truths; of equals the one
    /// nearest to [`Decision::PLAIN`].
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub(crate) fn choose(songs: &[(Vec<f64>, Vec<bool>)], hop: f64) -> Result<Self> {
        let mut best = (0, Self::PLAIN);
        for median_seconds in WIDTHS {
            let mut smooth = Vec::new();
            for (probabilities, truth) in songs {
                let candidate = Self { median_seconds, ..Self::PLAIN };
                smooth.extend(candidate.smooth(probabilities, hop)?.into_iter().zip(truth.iter().copied()));
            }
            for step in 0..=THRESHOLDS {
                // 0.50, 0.49, 0.51, 0.48, ...
                let away = f64::from(step.div_ceil(2)) / 100.0;
                let threshold = if step % 2 == 1 { 0.5 - away } else { 0.5 + away };
                let right = smooth.iter().filter(|(p, truth)| (*p >= threshold) == *truth).count();
                if right > best.0 {
                    best = (right, Self { threshold, median_seconds });
                }
            }
        }
        Ok(best.1)
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
        assert_eq!(Decision::PLAIN.decide(&[0.5, 0.49], 0.1).unwrap(), [true, false]);
    }
}
