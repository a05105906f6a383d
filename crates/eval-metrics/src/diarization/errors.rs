//! The parts of the diarization error rate.

use std::iter::Sum;
use std::ops::AddAssign;

/// The parts of the diarization error rate, in seconds of speaker time. Sum them over recordings, then take the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DiarizationErrors {
    /// Reference speech; time with two speakers counts twice.
    pub total: f64,
    /// Speech given to the right speaker.
    pub correct: f64,
    /// Speech not found.
    pub miss: f64,
    /// Speech found that is not there.
    pub false_alarm: f64,
    /// Speech given to the wrong speaker.
    pub confusion: f64,
}

impl DiarizationErrors {
    /// DER, `(miss + false alarm + confusion) / total`; can exceed 1. Without reference speech it is 0 if there is no
    /// false alarm and 1 otherwise, as in pyannote.metrics.
    pub fn rate(&self) -> f64 {
        let errors = self.miss + self.false_alarm + self.confusion;
        match (self.total > 0.0, errors > 0.0) {
            (true, _) => errors / self.total,
            (false, some) => f64::from(u8::from(some)),
        }
    }
}

impl AddAssign for DiarizationErrors {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.correct += other.correct;
        self.miss += other.miss;
        self.false_alarm += other.false_alarm;
        self.confusion += other.confusion;
    }
}

impl Sum for DiarizationErrors {
    fn sum<I: Iterator<Item = Self>>(errors: I) -> Self {
        errors.fold(Self::default(), |mut sum, part| {
            sum += part;
            sum
        })
    }
}

/// The parts of the Jaccard error rate. Sum them over recordings, then take the rate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct JaccardErrors {
    /// Reference speakers.
    pub speakers: usize,
    /// Sum over reference speakers of `(miss + false alarm) / union`, each in `[0, 1]`; 1 without a matching cluster.
    pub error: f64,
}

impl JaccardErrors {
    /// JER, the mean error of a reference speaker (DIHARD II), in `[0, 1]`; 1 without reference speakers, as in
    /// pyannote.metrics.
    pub fn rate(&self) -> f64 {
        if self.speakers == 0 { 1.0 } else { self.error / self.speakers as f64 }
    }
}

impl AddAssign for JaccardErrors {
    fn add_assign(&mut self, other: Self) {
        self.speakers += other.speakers;
        self.error += other.error;
    }
}

impl Sum for JaccardErrors {
    fn sum<I: Iterator<Item = Self>>(errors: I) -> Self {
        errors.fold(Self::default(), |mut sum, part| {
            sum += part;
            sum
        })
    }
}
