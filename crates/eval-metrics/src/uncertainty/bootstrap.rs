//! The bootstrap.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::random::Random;
use super::{Interval, IntervalMethod};
use crate::{Error, Result, check};

/// Confidence intervals of any score, by resampling the examples it is computed from (Efron 1979).
///
/// The score is a closure over example indices, so it can be any function of this crate or of yours. Where a
/// resample leaves the score without a value the closure returns NaN (an AUC whose resample is all positive, say):
/// such resamples are left out, and when more than half are, the interval is refused. The same seed gives the same
/// interval, whatever the number of threads.
///
/// ```
/// # fn main() -> auscult_eval_metrics::Result<()> {
/// use auscult_eval_metrics::Bootstrap;
/// let correct = [1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
/// let mean = |indices: &[usize]| indices.iter().map(|&i| correct[i]).sum::<f64>() / indices.len() as f64;
/// let accuracy = Bootstrap::new(1000).interval(correct.len(), mean)?;
/// assert!(accuracy.low < 0.75 && accuracy.value == 0.75 && accuracy.high > 0.75);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct Bootstrap {
    /// Number of resamples (1000).
    pub resamples: usize,
    /// Seed of the resampling (0).
    pub seed: u64,
    /// Probability that the interval covers the true score, in (0, 1) (0.95).
    pub confidence: f64,
    /// How the interval is read off the resampled scores (percentile).
    pub method: IntervalMethod,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, seed: 0, confidence: 0.95, method: IntervalMethod::Percentile }
    }
}

/// Whether one system beats another on the same examples.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PairedDifference {
    /// First score minus second, with its interval.
    pub difference: Interval,
    /// Two-sided: twice the smaller share of resampled differences on either side of 0, counted with one extra
    /// draw on the null's side so that it is never 0.
    pub p_value: f64,
}

impl Bootstrap {
    /// `resamples` resamples, everything else at its default.
    #[must_use]
    pub fn new(resamples: usize) -> Self {
        Self { resamples, ..Self::default() }
    }

    /// Sets the seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the confidence, in (0, 1).
    #[must_use]
    pub fn confidence(mut self, confidence: f64) -> Self {
        self.confidence = confidence;
        self
    }

    /// Sets the method.
    #[must_use]
    pub fn method(mut self, method: IntervalMethod) -> Self {
        self.method = method;
        self
    }

    /// Interval of `statistic` over `n` independent examples.
    ///
    /// `statistic` gets indices into `0..n`, with repetitions.
    ///
    /// # Errors
    /// `n` = 0, no resamples, a confidence outside (0, 1), or a statistic that is undefined on the whole set or on
    /// more than half of the resamples.
    pub fn interval(&self, n: usize, statistic: impl Fn(&[usize]) -> f64 + Sync) -> Result<Interval> {
        self.run(&Design::independent(n)?, statistic).map(|(interval, _)| interval)
    }

    /// Interval when the make-up of the set is fixed: examples are drawn within each stratum (one label per
    /// example), so every resample has as many of each as the set has.
    ///
    /// # Errors
    /// As [`Bootstrap::interval`].
    pub fn interval_stratified(
        &self,
        strata: &[usize],
        statistic: impl Fn(&[usize]) -> f64 + Sync,
    ) -> Result<Interval> {
        self.run(&Design::stratified(strata)?, statistic).map(|(interval, _)| interval)
    }

    /// Interval when examples come in groups that stand or fall together (frames of one song, segments of one
    /// recording; one label per example): whole groups are drawn, which keeps the interval honest.
    ///
    /// # Errors
    /// As [`Bootstrap::interval`].
    pub fn interval_grouped(
        &self,
        groups: &[usize],
        statistic: impl Fn(&[usize]) -> f64 + Sync,
    ) -> Result<Interval> {
        self.run(&Design::grouped(groups)?, statistic).map(|(interval, _)| interval)
    }

    /// The difference of two scores on the same `n` examples: both see the same resamples.
    ///
    /// # Errors
    /// As [`Bootstrap::interval`].
    pub fn paired_difference(
        &self,
        n: usize,
        first: impl Fn(&[usize]) -> f64 + Sync,
        second: impl Fn(&[usize]) -> f64 + Sync,
    ) -> Result<PairedDifference> {
        self.difference(&Design::independent(n)?, first, second)
    }

    /// [`Bootstrap::paired_difference`] with whole groups drawn, as in [`Bootstrap::interval_grouped`].
    ///
    /// # Errors
    /// As [`Bootstrap::interval`].
    pub fn paired_difference_grouped(
        &self,
        groups: &[usize],
        first: impl Fn(&[usize]) -> f64 + Sync,
        second: impl Fn(&[usize]) -> f64 + Sync,
    ) -> Result<PairedDifference> {
        self.difference(&Design::grouped(groups)?, first, second)
    }

    fn difference(
        &self,
        design: &Design,
        first: impl Fn(&[usize]) -> f64 + Sync,
        second: impl Fn(&[usize]) -> f64 + Sync,
    ) -> Result<PairedDifference> {
        let (difference, draws) = self.run(design, |indices| first(indices) - second(indices))?;
        let not_above = draws.iter().filter(|&&draw| draw <= 0.0).count();
        let not_below = draws.iter().filter(|&&draw| draw >= 0.0).count();
        let p_value = 2.0 * (not_above.min(not_below) + 1) as f64 / (draws.len() + 1) as f64;
        Ok(PairedDifference { difference, p_value: p_value.min(1.0) })
    }

    fn run(
        &self,
        design: &Design,
        statistic: impl Fn(&[usize]) -> f64 + Sync,
    ) -> Result<(Interval, Vec<f64>)> {
        check::open_unit("confidence", self.confidence)?;
        if self.resamples == 0 {
            return Err(Error::Parameter { name: "resamples", value: "0".into(), expected: "at least 1" });
        }
        let value = statistic(&(0..design.n).collect::<Vec<_>>());
        if !value.is_finite() {
            return Err(Error::NotFinite { what: "statistic of the whole set", index: 0, value });
        }
        let mut draws: Vec<f64> = (0..self.resamples as u64)
            .into_par_iter()
            .map(|stream| statistic(&design.draw(&mut Random::new(self.seed, stream))))
            .collect();
        draws.retain(|draw| draw.is_finite());
        let undefined = self.resamples - draws.len();
        if 2 * undefined > self.resamples {
            return Err(Error::UndefinedStatistic { undefined, resamples: self.resamples });
        }
        let interval = match self.method {
            IntervalMethod::Percentile => Interval::percentile(value, &draws, self.confidence)?,
            IntervalMethod::Bca => {
                Interval::bca(value, &draws, &design.jackknife(statistic), self.confidence)?
            }
        };
        Ok((interval, draws))
    }
}

/// What is drawn: `units` of examples, with replacement, within each stratum.
struct Design {
    /// Number of examples.
    n: usize,
    /// `[stratum][unit][example]`.
    strata: Vec<Vec<Vec<usize>>>,
}

impl Design {
    fn independent(n: usize) -> Result<Self> {
        Self::stratified(&vec![0; n])
    }

    fn stratified(labels: &[usize]) -> Result<Self> {
        check::not_empty("examples", labels)?;
        let strata = members(labels).into_iter().map(|m| m.into_iter().map(|i| vec![i]).collect()).collect();
        Ok(Self { n: labels.len(), strata })
    }

    fn grouped(labels: &[usize]) -> Result<Self> {
        check::not_empty("groups", labels)?;
        Ok(Self { n: labels.len(), strata: vec![members(labels)] })
    }

    fn draw(&self, random: &mut Random) -> Vec<usize> {
        let mut indices = Vec::with_capacity(self.n);
        for units in &self.strata {
            for _ in 0..units.len() {
                indices.extend_from_slice(&units[random.below(units.len())]);
            }
        }
        indices
    }

    /// The statistic without one unit at a time, per stratum. A stratum of one unit has no such value.
    fn jackknife(&self, statistic: impl Fn(&[usize]) -> f64 + Sync) -> Vec<Vec<f64>> {
        let without = |stratum: usize, left_out: usize| -> Vec<usize> {
            let units = self.strata.iter().enumerate().flat_map(|(s, units)| {
                units.iter().enumerate().filter(move |&(u, _)| (s, u) != (stratum, left_out))
            });
            units.flat_map(|(_, unit)| unit.iter().copied()).collect()
        };
        (0..self.strata.len())
            .filter(|&stratum| self.strata[stratum].len() > 1)
            .map(|stratum| {
                (0..self.strata[stratum].len())
                    .into_par_iter()
                    .map(|unit| statistic(&without(stratum, unit)))
                    .collect()
            })
            .collect()
    }
}

/// The indices of each label, labels in ascending order.
fn members(labels: &[usize]) -> Vec<Vec<usize>> {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, &label) in labels.iter().enumerate() {
        members.entry(label).or_default().push(index);
    }
    members.into_values().collect()
}
