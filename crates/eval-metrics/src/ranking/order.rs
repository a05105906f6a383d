//! Examples in order of falling score: what every ranking score walks through.
//!
//! Positives and negatives are sorted apart, as integers that sort like the scores: several times faster than
//! sorting pairs of score and class, and ties come out together.

use crate::{Error, Result, check};

/// Cumulative counts at one distinct threshold: the examples with score >= `threshold`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) threshold: f64,
    pub(crate) true_positives: usize,
    pub(crate) false_positives: usize,
}

/// The scores of each class as ascending integer keys.
pub(crate) struct Ranked {
    pub(crate) positives: Vec<u64>,
    pub(crate) negatives: Vec<u64>,
}

impl Ranked {
    /// Checks and sorts. `score` names the measure in the message when a class is missing.
    pub(crate) fn new(score: &'static str, truth: &[bool], scores: &[f64]) -> Result<Self> {
        let ranked = Self::allowing_no_negatives(score, truth, scores)?;
        if ranked.negatives.is_empty() {
            return Err(Error::OneClass { score, missing: "negative", n: truth.len() });
        }
        Ok(ranked)
    }

    /// The same for a measure that does without negatives.
    pub(crate) fn allowing_no_negatives(score: &'static str, truth: &[bool], scores: &[f64]) -> Result<Self> {
        check::same_length("truth", truth, "scores", scores)?;
        check::no_nan("scores", scores)?;
        let count = truth.iter().filter(|&&positive| positive).count();
        if count == 0 {
            return Err(Error::OneClass { score, missing: "positive", n: truth.len() });
        }
        let mut positives = Vec::with_capacity(count);
        let mut negatives = Vec::with_capacity(truth.len() - count);
        for (&positive, &score) in truth.iter().zip(scores) {
            if positive { positives.push(key(score)) } else { negatives.push(key(score)) }
        }
        positives.sort_unstable();
        negatives.sort_unstable();
        Ok(Self { positives, negatives })
    }

    /// Every distinct threshold, the highest first.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let (mut p, mut n) = (self.positives.len(), self.negatives.len());
        let mut steps = Vec::new();
        while p + n > 0 {
            let threshold = match (p, n) {
                (0, n) => self.negatives[n - 1],
                (p, 0) => self.positives[p - 1],
                (p, n) => self.positives[p - 1].max(self.negatives[n - 1]),
            };
            while p > 0 && self.positives[p - 1] == threshold {
                p -= 1;
            }
            while n > 0 && self.negatives[n - 1] == threshold {
                n -= 1;
            }
            steps.push(Step {
                threshold: score(threshold),
                true_positives: self.positives.len() - p,
                false_positives: self.negatives.len() - n,
            });
        }
        steps
    }
}

/// An integer that sorts as the score does; both zeros are equal. `score` is not NaN.
fn key(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// The score of a [`key`].
fn score(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 1 { key & !(1 << 63) } else { !key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_like_scores() {
        let scores = [f64::NEG_INFINITY, -1e300, -1.5, -1e-310, 0.0, 1e-310, 2.0, f64::INFINITY];
        assert!(scores.windows(2).all(|pair| key(pair[0]) < key(pair[1])));
        assert!(scores.iter().all(|&s| score(key(s)) == s));
        assert_eq!(key(-0.0), key(0.0));
    }
}
