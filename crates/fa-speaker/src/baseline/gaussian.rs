//! One Gaussian with a full covariance per utterance: generalised likelihood ratio (GLR) and the Bayesian information
//! criterion (BIC).

use ndarray::{ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::error::{check_features, check_shape};
use crate::linear::{Cholesky, triangle};
use crate::{ClusterModel, Error, Feature, Result};

/// Count, sum and sum of squares of frames: those of two utterances add up.
#[derive(Clone, Debug, PartialEq)]
pub struct FullGaussian {
    frames: f64,
    sum: Vec<f64>,
    /// Lower triangle of Σ x xᵀ.
    squares: Vec<f64>,
    half_log_determinant: f64,
}

/// Share of the mean variance added to the diagonal, so that utterances of few frames have a determinant.
const SHRINKAGE: f64 = 1e-3;
/// Least variance added, for frames that do not vary at all.
const LEAST_VARIANCE: f64 = 1e-10;

impl FullGaussian {
    /// Moments of frames `[frame, feature]`.
    ///
    /// # Errors
    /// No frame; NaN or infinity, or values whose squares are.
    pub fn new<T: Feature>(frames: ArrayView2<T>) -> Result<Self> {
        check_features(frames, frames.ncols())?;
        if frames.is_empty() {
            let remedy = "leave utterances without speech out";
            return Err(Error::TooFew { what: "frames", given: 0, needed: 1, remedy });
        }
        let mut moments = Self::empty(frames.ncols());
        frames.rows().into_iter().for_each(|frame| moments.add_frame(frame));
        moments.with_determinant()
    }

    pub(crate) fn empty(features: usize) -> Self {
        Self {
            frames: 0.0,
            sum: vec![0.0; features],
            squares: vec![0.0; triangle(features)],
            half_log_determinant: 0.0,
        }
    }

    pub(crate) fn add_frame<T: Feature>(&mut self, frame: ArrayView1<T>) {
        self.frames += 1.0;
        for (i, &x) in frame.iter().enumerate() {
            let x: f64 = x.into();
            self.sum[i] += x;
            for (square, &y) in self.squares[triangle(i)..=triangle(i) + i].iter_mut().zip(frame) {
                *square += x * y.into();
            }
        }
    }

    /// Adds moments; the determinant is left as it was.
    pub(crate) fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.sum.iter_mut().zip(&other.sum).for_each(|(a, b)| *a += b);
        self.squares.iter_mut().zip(&other.squares).for_each(|(a, b)| *a += b);
    }

    pub(crate) fn with_determinant(mut self) -> Result<Self> {
        let (d, n) = (self.sum.len(), self.frames);
        let mut covariance = self.squares.clone();
        let mut trace = 0.0;
        for i in 0..d {
            for j in 0..=i {
                let entry = &mut covariance[triangle(i) + j];
                *entry = *entry / n - self.sum[i] / n * self.sum[j] / n;
            }
            trace += covariance[triangle(i) + i];
        }
        let mut ridge = (SHRINKAGE * trace / d as f64).max(LEAST_VARIANCE);
        // Rounding can leave a covariance of very few frames slightly indefinite: then the ridge grows.
        while ridge.is_finite() {
            if let Some(cholesky) = Cholesky::new(&covariance, d, ridge) {
                self.half_log_determinant = 0.5 * n * cholesky.log_determinant();
                return Ok(self);
            }
            ridge *= 10.0;
        }
        let remedy = "the squares of its features are beyond all numbers; scale them down";
        Err(Error::Singular { what: "the covariance of an utterance", remedy })
    }

    /// Number of frames.
    #[must_use]
    pub fn frames(&self) -> f64 {
        self.frames
    }

    /// Moments of the frames of both.
    ///
    /// # Errors
    /// Another number of features; squares that add up to infinity.
    pub fn merged(&self, other: &Self) -> Result<Self> {
        check_shape("features", &[other.sum.len()], &[self.sum.len()])?;
        let mut merged = self.clone();
        merged.add(other);
        merged.with_determinant()
    }

    /// ½ (n_C ln|Σ_C| - n_A ln|Σ_A| - n_B ln|Σ_B|), the negative logarithm of the generalised likelihood ratio. Covariances are
    /// shrunk by a thousandth of their mean variance.
    ///
    /// # Errors
    /// Another number of features.
    pub fn glr_distance(&self, other: &Self) -> Result<f64> {
        let union = self.merged(other)?.half_log_determinant;
        Ok(union - (self.half_log_determinant + other.half_log_determinant))
    }

    /// ½ p ln n of one more Gaussian, p = d + d (d + 1) / 2.
    fn penalty(&self, frames: f64) -> f64 {
        0.5 * (self.sum.len() + triangle(self.sum.len())) as f64 * frames.ln()
    }
}

/// Clustering by the generalised likelihood ratio of full-covariance Gaussians.
#[derive(Clone, Copy, Debug, Default)]
pub struct GaussianGlr;

impl ClusterModel for GaussianGlr {
    type Item = FullGaussian;

    fn distances(&self, one: &FullGaussian, others: &[&FullGaussian]) -> Result<Vec<f64>> {
        others.iter().map(|other| one.glr_distance(other)).collect()
    }

    fn merged(&self, first: &FullGaussian, second: &FullGaussian) -> Result<FullGaussian> {
        first.merged(second)
    }
}

/// How many frames the BIC's penalty counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PenaltyFrames {
    /// Those of the two that are compared.
    #[default]
    Local,
    /// As many as this: those of the whole recording.
    Recording(f64),
}

/// Clustering by ΔBIC = GLR distance - ½ α p ln N; two are one speaker where it is negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bic {
    /// Weight of the penalty (1).
    pub alpha: f64,
    /// N.
    pub frames: PenaltyFrames,
}

impl Default for Bic {
    fn default() -> Self {
        Self { alpha: 1.0, frames: PenaltyFrames::Local }
    }
}

impl Bic {
    /// ΔBIC of two.
    ///
    /// # Errors
    /// Another number of features.
    pub fn distance(&self, first: &FullGaussian, second: &FullGaussian) -> Result<f64> {
        let frames = match self.frames {
            PenaltyFrames::Local => first.frames + second.frames,
            PenaltyFrames::Recording(frames) => frames,
        };
        Ok(first.glr_distance(second)? - self.alpha * first.penalty(frames))
    }
}

impl ClusterModel for Bic {
    type Item = FullGaussian;

    fn distances(&self, one: &FullGaussian, others: &[&FullGaussian]) -> Result<Vec<f64>> {
        others.iter().map(|other| self.distance(one, other)).collect()
    }

    fn merged(&self, first: &FullGaussian, second: &FullGaussian) -> Result<FullGaussian> {
        first.merged(second)
    }
}
