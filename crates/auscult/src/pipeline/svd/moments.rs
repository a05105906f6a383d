//! Truth and probability of tested moments, and the figures both the run's own protocol and an evaluation take from
//! them.

use std::collections::{BTreeMap, BTreeSet};

use auscult_eval_metrics::{Bootstrap, FrameScores, roc_auc};

use super::decision::Decision;
use crate::pipeline::metrics::Figure;
use crate::{Error, Result};

/// Resamples for intervals.
pub(crate) const RESAMPLES: usize = 500;

/// Moments of one such stretch stand or fall together in the bootstrap, seconds: a phrase.
const STRETCH_SECONDS: f64 = 10.0;

/// Moments of one model, in a fixed order. A song that several seeds test stands here as often.
#[derive(Default)]
pub(crate) struct Moments {
    /// Seed and split of the training the probability is of: those of two are not on one scale.
    pub(crate) training: Vec<(usize, usize)>,
    pub(crate) song: Vec<usize>,
    /// Song and stretch of ten seconds: intervals draw stretches, not moments.
    pub(crate) group: Vec<usize>,
    pub(crate) truth: Vec<bool>,
    /// As the network gives it, and after the model's median.
    plain: Vec<f64>,
    smooth: Vec<f64>,
    /// By the model's own decision, and by the plain one.
    pub(crate) decided: Vec<bool>,
    decided_plainly: Vec<bool>,
}

impl Moments {
    /// Adds a song's moments, `hop` seconds apart.
    ///
    /// # Errors
    /// Where the song has none.
    pub(crate) fn add(
        &mut self,
        training: (usize, usize),
        song: usize,
        truth: Vec<bool>,
        probabilities: Vec<f64>,
        decision: Decision,
        hop: f64,
    ) -> Result<()> {
        let count = truth.len();
        self.training.extend(std::iter::repeat_n(training, count));
        self.song.extend(std::iter::repeat_n(song, count));
        let stretch = |moment: usize| (moment as f64 * hop / STRETCH_SECONDS) as usize;
        self.group.extend((0..count).map(|moment| song * 1_000_000 + stretch(moment)));
        self.truth.extend(truth);
        self.decided.extend(decision.decide(&probabilities, hop)?);
        self.decided_plainly.extend(Decision::PLAIN.decide(&probabilities, hop)?);
        self.smooth.extend(decision.smooth(&probabilities, hop)?);
        self.plain.extend(probabilities);
        Ok(())
    }

    /// Those that are to be kept.
    pub(crate) fn select(&self, keep: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..self.truth.len()).filter(|&moment| keep(moment)).collect()
    }

    /// Area under the ROC curve of the smoothed probabilities, the mean over the trainings that were tested on both
    /// classes; NaN where none was.
    pub(crate) fn auc(&self, moments: &[usize]) -> f64 {
        self.auc_of(&self.smooth, moments)
    }

    fn auc_of(&self, probabilities: &[f64], moments: &[usize]) -> f64 {
        let mut by_training: BTreeMap<(usize, usize), (Vec<bool>, Vec<f64>)> = BTreeMap::new();
        for &moment in moments {
            let (truth, scores) = by_training.entry(self.training[moment]).or_default();
            truth.push(self.truth[moment]);
            scores.push(probabilities[moment]);
        }
        let aucs = by_training.values().filter_map(|(truth, scores)| roc_auc(truth, scores).ok());
        let aucs: Vec<f64> = aucs.collect();
        aucs.iter().sum::<f64>() / aucs.len() as f64
    }

    /// Share decided rightly.
    pub(crate) fn accuracy(&self, moments: &[usize]) -> f64 {
        self.share_right(&self.decided, moments)
    }

    fn share_right(&self, decided: &[bool], moments: &[usize]) -> f64 {
        let right = moments.iter().filter(|&&moment| self.truth[moment] == decided[moment]).count();
        right as f64 / moments.len() as f64
    }

    /// Every figure there is: `accuracy` and `auc` by the model's own decision and smoothing, `plain_accuracy` and
    /// `plain_auc` frame by frame at one half as in paper 003, F1 and the rates. What has no value is left out: pure
    /// instrumentals have neither a ROC curve nor anything to find.
    pub(crate) fn figures(&self) -> Result<BTreeMap<String, Figure>> {
        let rate = |pick: fn(&FrameScores) -> f64| {
            move |moments: &[usize]| {
                let of = |all: &[bool]| moments.iter().map(|&moment| all[moment]).collect::<Vec<bool>>();
                FrameScores::new(&of(&self.truth), &of(&self.decided))
                    .map_or(f64::NAN, |scores| pick(&scores))
            }
        };
        let mut figures = BTreeMap::new();
        let mut add = |name: &str, statistic: &(dyn Fn(&[usize]) -> f64 + Sync)| -> Result<()> {
            figures.insert(name.to_owned(), self.figure(statistic)?);
            Ok(())
        };
        add("accuracy", &|moments| self.accuracy(moments))?;
        add("plain_accuracy", &|moments| self.share_right(&self.decided_plainly, moments))?;
        let (sung, silent) = (self.truth.contains(&true), self.truth.contains(&false));
        if silent {
            add("false_positive_rate", &rate(|scores| scores.false_alarm_rate))?;
        }
        if sung {
            add("false_negative_rate", &rate(|scores| scores.miss_rate))?;
            add("f1", &rate(|scores| scores.active.f1))?;
            add("precision", &rate(|scores| scores.active.precision))?;
            add("recall", &rate(|scores| scores.active.recall))?;
        }
        if sung && silent {
            add("auc", &|moments| self.auc(moments))?;
            add("plain_auc", &|moments| self.auc_of(&self.plain, moments))?;
        }
        Ok(figures)
    }

    fn figure(&self, statistic: &(dyn Fn(&[usize]) -> f64 + Sync)) -> Result<Figure> {
        let interval = Bootstrap::new(RESAMPLES)
            .seed(1)
            .interval_grouped(&self.group, statistic)
            .map_err(Error::part("an interval"))?;
        Ok(Figure::new(&interval, self.songs()))
    }

    /// How many songs there are.
    pub(crate) fn songs(&self) -> usize {
        self.song.iter().collect::<BTreeSet<_>>().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(songs: &[(usize, &[bool], &[f64])]) -> Moments {
        let mut moments = Moments::default();
        for (split, truth, probabilities) in songs {
            moments
                .add((0, *split), 0, truth.to_vec(), probabilities.to_vec(), Decision::PLAIN, 5.0)
                .unwrap();
        }
        moments
    }

    #[test]
    fn areas_are_means_over_trainings() {
        // Each ranks its own moments rightly, but on another scale.
        let both = moments(&[(0, &[true, false], &[0.9, 0.8]), (1, &[true, false], &[0.2, 0.1])]);
        assert_eq!(both.auc(&[0, 1, 2, 3]), 1.0);
        assert_eq!(both.accuracy(&[0, 1, 2, 3]), 0.5);
        assert_eq!(both.auc(&[0, 1, 2]), 1.0, "the second is left with one class");
        assert!(both.auc(&[0, 2]).is_nan());
        assert_eq!(both.group, [0, 0, 0, 0], "stretches of ten seconds");
    }

    #[test]
    fn figures_without_a_value_are_left_out() {
        let quiet = moments(&[(0, &[false; 8], &[0.1, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])]);
        let figures = quiet.figures().unwrap();
        assert_eq!(figures["false_positive_rate"].value, 0.125);
        let names: Vec<&str> = figures.keys().map(String::as_str).collect();
        assert_eq!(names, ["accuracy", "false_positive_rate", "plain_accuracy"]);
    }
}
