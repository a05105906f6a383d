//! Truth and scores of tested recordings, and the figures both the run's own protocol and an evaluation take from them.

use auscult_eval_metrics::{Bootstrap, ClassificationReport, top_k_accuracy};
use ndarray::{Array2, ArrayView1, Axis};

use crate::pipeline::metrics::Figure;
use crate::{Error, Result};

/// Resamples for intervals.
pub(crate) const RESAMPLES: usize = 2000;

/// Tests of one model. A recording that several splits or seeds test stands here as often.
pub(crate) struct Outcomes {
    /// Species of each test.
    pub(crate) truth: Vec<usize>,
    /// Probabilities `[test, species]`.
    pub(crate) scores: Array2<f64>,
    /// The most probable species.
    pub(crate) predicted: Vec<usize>,
    /// Which recording it was: intervals draw recordings, not tests.
    pub(crate) recording: Vec<usize>,
}

impl Outcomes {
    pub(crate) fn new(
        truth: Vec<usize>,
        scores: Vec<f64>,
        recording: Vec<usize>,
        species: usize,
    ) -> Result<Self> {
        let scores = Array2::from_shape_vec((truth.len(), species), scores).map_err(Error::part("scores"))?;
        let predicted = scores.rows().into_iter().map(highest).collect();
        Ok(Self { truth, scores, predicted, recording })
    }

    /// One where the test was passed, else zero.
    pub(crate) fn right(&self, test: usize) -> f64 {
        f64::from(u8::from(self.predicted[test] == self.truth[test]))
    }

    /// A statistic of tests with its bootstrap interval over recordings.
    pub(crate) fn figure(&self, statistic: impl Fn(&[usize]) -> f64 + Sync) -> Result<Figure> {
        let bootstrap = Bootstrap::new(RESAMPLES).seed(1);
        let interval =
            bootstrap.interval_grouped(&self.recording, statistic).map_err(Error::part("an interval"))?;
        let mut distinct = self.recording.clone();
        distinct.sort_unstable();
        distinct.dedup();
        Ok(Figure::new(&interval, distinct.len()))
    }

    /// The mean of a value of each test.
    pub(crate) fn mean_of(&self, value: impl Fn(usize) -> f64 + Sync) -> Result<Figure> {
        self.figure(|tests| mean(tests.iter().map(|&test| value(test))))
    }

    pub(crate) fn accuracy(&self) -> Result<Figure> {
        self.mean_of(|test| self.right(test))
    }

    /// The share of tests whose species is among the three most probable.
    pub(crate) fn top3_accuracy(&self) -> Result<Figure> {
        let k = 3.min(self.scores.ncols());
        self.figure(|tests| {
            let truth: Vec<usize> = tests.iter().map(|&test| self.truth[test]).collect();
            top_k_accuracy(&truth, self.scores.select(Axis(0), tests).view(), k).unwrap_or(f64::NAN)
        })
    }

    pub(crate) fn macro_f1(&self) -> Result<Figure> {
        self.figure(|tests| {
            let pick = |from: &[usize]| tests.iter().map(|&test| from[test]).collect::<Vec<_>>();
            ClassificationReport::new(&pick(&self.truth), &pick(&self.predicted), self.scores.ncols())
                .map_or(f64::NAN, |report| report.averages.macro_average.f1)
        })
    }
}

/// Index of the highest score (the first of equals).
pub(crate) fn highest(scores: ArrayView1<f64>) -> usize {
    let mut best = 0;
    for (index, &score) in scores.iter().enumerate() {
        if score > scores[best] {
            best = index;
        }
    }
    best
}

/// The mean, and zero of nothing.
pub(crate) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}
