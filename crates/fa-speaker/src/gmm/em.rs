//! Expectation maximisation.

use ndarray::{Array1, Array2, ArrayView2, s};
use serde::{Deserialize, Serialize};

use super::start::{k_means, moments, split};
use super::{Gmm, Share, Start, Sums};
use crate::error::{check_features, check_parameter};
use crate::{Error, Feature, Result};

/// How a mixture is fitted.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GmmParams {
    /// Number of Gaussians (256: the slides').
    pub components: usize,
    /// First placement.
    pub start: Start,
    /// Most EM steps (25).
    pub iterations: usize,
    /// EM ends when a step gains less than this share of the log-likelihood (1e-4).
    pub tolerance: f64,
    /// Least variance, as a share of the variance of all features (0.01).
    pub variance_floor: f64,
    /// Least weight (1e-6).
    pub weight_floor: f64,
    /// A component with fewer frames takes half of the heaviest one (10).
    pub least_frames: f64,
    /// For k-means++.
    pub seed: u64,
}

impl Default for GmmParams {
    fn default() -> Self {
        Self {
            components: 256,
            start: Start::KMeans,
            iterations: 25,
            tolerance: 1e-4,
            variance_floor: 0.01,
            weight_floor: 1e-6,
            least_frames: 10.0,
            seed: 0,
        }
    }
}

/// Least variance of a feature that does not vary.
const ABSOLUTE_FLOOR: f64 = 1e-6;
/// EM steps between two splits.
const STEPS_A_SPLIT: usize = 4;

/// A fitted mixture.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The mixture.
    pub gmm: Gmm,
    /// Mean log-likelihood of a frame before each EM step, nats.
    pub log_likelihood: Vec<f64>,
}

impl GmmParams {
    /// Fits a mixture to frames `[frame, feature]`. The same frames and seed give the same mixture whatever the number
    /// of threads.
    ///
    /// # Errors
    /// A parameter out of its range, fewer frames than components, NaN or infinity.
    pub fn fit<T: Feature>(&self, frames: ArrayView2<T>) -> Result<Fitted> {
        self.check()?;
        check_features(frames, frames.ncols())?;
        if frames.nrows() < self.components {
            return Err(Error::TooFew {
                what: "frames",
                given: frames.nrows(),
                needed: self.components,
                remedy: "give more speech, or ask for fewer components",
            });
        }
        let (mean, variance) = moments(frames);
        let variance = variance.mapv(|v| v.max(ABSOLUTE_FLOOR));
        let floor = variance.mapv(|v| (self.variance_floor * v).max(ABSOLUTE_FLOOR));
        let mut gmm = match self.start {
            Start::KMeans => k_means(frames, self.components, &variance, self.seed)?,
            Start::BinarySplit => self.binary_split(frames, mean, variance, &floor)?,
        };
        let mut log_likelihood: Vec<f64> = Vec::new();
        for _ in 0..self.iterations {
            let sums = gmm.sums(frames, Share::Posterior, true);
            let now = sums.log_likelihood / frames.nrows() as f64;
            let gained = log_likelihood.last().map(|before| now - before);
            log_likelihood.push(now);
            gmm = self.maximise(&gmm, &sums, &floor)?;
            if gained.is_some_and(|gained| gained.abs() < self.tolerance * now.abs()) {
                break;
            }
        }
        Ok(Fitted { gmm, log_likelihood })
    }

    fn check(&self) -> Result<()> {
        check_parameter(self.components > 0, "components", self.components, "at least 1")?;
        let share = "a share from 0 to 1";
        check_parameter((0.0..1.0).contains(&self.tolerance), "tolerance", self.tolerance, share)?;
        check_parameter((0.0..1.0).contains(&self.weight_floor), "weight_floor", self.weight_floor, share)?;
        check_parameter(
            (0.0..1.0).contains(&self.variance_floor),
            "variance_floor",
            self.variance_floor,
            share,
        )?;
        check_parameter(self.least_frames >= 0.0, "least_frames", self.least_frames, "at least 0")
    }

    /// The M-step, with its floors.
    fn maximise(&self, gmm: &Gmm, sums: &Sums, floor: &Array1<f64>) -> Result<Gmm> {
        let (components, features) = gmm.means.dim();
        let frames = sums.occupation.sum();
        let mut means = gmm.means.clone();
        let mut variances = gmm.variances.clone();
        for k in 0..components {
            let count = sums.occupation[k];
            if count <= f64::MIN_POSITIVE {
                continue;
            }
            let mean = &sums.moments.slice(s![k, ..features]) / count;
            for j in 0..features {
                let variance = sums.moments[[k, features + j]] / count - mean[j] * mean[j];
                variances[[k, j]] = variance.max(floor[j]);
            }
            means.row_mut(k).assign(&mean);
        }
        let weights =
            sums.occupation.mapv(|count| (count / frames).max(self.weight_floor).max(f64::MIN_POSITIVE));
        let mut next = Gmm::new(weights, means, variances)?;
        for k in 0..components {
            let heavy = heaviest(&next);
            if sums.occupation[k] < self.least_frames && heavy != k {
                next = split(&next, heavy, Some(k))?;
            }
        }
        Ok(next)
    }

    fn binary_split<T: Feature>(
        &self,
        frames: ArrayView2<T>,
        mean: Array1<f64>,
        variance: Array1<f64>,
        floor: &Array1<f64>,
    ) -> Result<Gmm> {
        let features = mean.len();
        let row = |values: Array1<f64>| Array2::from_shape_fn((1, features), |(_, j)| values[j]);
        let mut gmm = Gmm::new(Array1::ones(1), row(mean), row(variance))?;
        while gmm.components() < self.components {
            let mut heavy: Vec<usize> = (0..gmm.components()).collect();
            heavy.sort_by(|&a, &b| gmm.weights[b].total_cmp(&gmm.weights[a]));
            for &k in heavy.iter().take(self.components - gmm.components()) {
                gmm = split(&gmm, k, None)?;
            }
            for _ in 0..STEPS_A_SPLIT {
                let sums = gmm.sums(frames, Share::Posterior, true);
                gmm = self.maximise(&gmm, &sums, floor)?;
            }
        }
        Ok(gmm)
    }
}

fn heaviest(gmm: &Gmm) -> usize {
    (0..gmm.components()).fold(0, |best, k| if gmm.weights[k] > gmm.weights[best] { k } else { best })
}
