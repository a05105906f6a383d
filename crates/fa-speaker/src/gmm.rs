//! Gaussian mixtures with diagonal covariances: the universal background model (UBM).

mod em;
mod map;
mod start;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use rayon::prelude::*;

pub use em::{Fitted, GmmParams};
pub use start::Start;

use crate::error::{check_features, check_finite, check_parameter, check_shape};
use crate::simd::{add_shared, normalise_log_rows};
use crate::{Feature, Result};

/// Frames whose densities are computed together: their shares of 256 components stay in the second-level cache.
const BLOCK: usize = 128;
/// Frames that share one set of sums. Sums are added in order of time whatever the threads did.
const PART: usize = 16 * BLOCK;
/// Sets of sums kept at once, however long the features.
const PARTS: usize = 64;

/// A mixture of Gaussians with diagonal covariances.
#[derive(Clone, Debug, PartialEq)]
pub struct Gmm {
    weights: Array1<f64>,
    means: Array2<f64>,
    variances: Array2<f64>,
    /// ln w - 1/2 Σ (ln 2πσ² + μ²/σ²), a component.
    constants: Array1<f64>,
    /// [μ/σ²; -1/(2σ²)] `[2 feature, component]`: the log-density is constant + [x, x²] · this.
    factors: Array2<f64>,
}

/// Sums over frames of their shares γ: Σ γ, Σ γ x, Σ γ x², and of their log-likelihood.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    pub(crate) occupation: Array1<f64>,
    /// `[component, feature]`, or with squares `[component, 2 feature]`.
    pub(crate) moments: Array2<f64>,
    pub(crate) log_likelihood: f64,
}

/// Which component a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// To each by its posterior probability.
    Posterior,
    /// Wholly to the most probable one, the first of equals.
    Highest,
}

impl Gmm {
    /// A mixture of given weights `[component]`, means and variances `[component, feature]`. Weights are scaled to
    /// sum to 1.
    ///
    /// # Errors
    /// Shapes that differ, no component, a value that is not finite, a weight or variance that is not positive.
    pub fn new(weights: Array1<f64>, means: Array2<f64>, variances: Array2<f64>) -> Result<Self> {
        let (components, features) = means.dim();
        check_shape("variances [component, feature]", variances.shape(), &[components, features])?;
        check_shape("weights [component]", weights.shape(), &[components])?;
        check_parameter(
            components > 0 && features > 0,
            "components",
            components,
            "at least 1, of 1 feature",
        )?;
        check_finite("means [component, feature]", means.view())?;
        let positive = |value: &f64| *value > 0.0 && value.is_finite();
        check_parameter(weights.iter().all(positive), "weights", &weights, "positive numbers")?;
        check_parameter(variances.iter().all(positive), "variances", "the given", "positive numbers")?;
        let weights = &weights / weights.sum();
        let mut factors = Array2::zeros((2 * features, components));
        let mut constants = Array1::zeros(components);
        for k in 0..components {
            let mut constant = weights[k].ln();
            for j in 0..features {
                let (mean, variance) = (means[[k, j]], variances[[k, j]]);
                factors[[j, k]] = mean / variance;
                factors[[features + j, k]] = -0.5 / variance;
                constant -= 0.5 * ((2.0 * std::f64::consts::PI * variance).ln() + mean * mean / variance);
            }
            constants[k] = constant;
        }
        Ok(Self { weights, means, variances, constants, factors })
    }

    /// The same weights and variances around other means `[component, feature]`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_means(&self, means: Array2<f64>) -> Result<Self> {
        Self::new(self.weights.clone(), means, self.variances.clone())
    }

    /// Number of components.
    #[must_use]
    pub fn components(&self) -> usize {
        self.means.nrows()
    }

    /// Number of features.
    #[must_use]
    pub fn features(&self) -> usize {
        self.means.ncols()
    }

    /// Weights `[component]`, their sum 1.
    #[must_use]
    pub fn weights(&self) -> ArrayView1<'_, f64> {
        self.weights.view()
    }

    /// Means `[component, feature]`.
    #[must_use]
    pub fn means(&self) -> ArrayView2<'_, f64> {
        self.means.view()
    }

    /// Variances `[component, feature]`.
    #[must_use]
    pub fn variances(&self) -> ArrayView2<'_, f64> {
        self.variances.view()
    }

    /// Natural logarithm of the density of each frame of `[frame, feature]`.
    ///
    /// # Errors
    /// Another number of features; NaN or infinity.
    pub fn log_likelihoods<T: Feature>(&self, frames: ArrayView2<T>) -> Result<Array1<f64>> {
        check_features(frames, self.features())?;
        let parts: Vec<Vec<f64>> = frames
            .axis_chunks_iter(Axis(0), PART)
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|part| {
                let mut scratch = Scratch::new(self);
                let blocks = part.axis_chunks_iter(Axis(0), BLOCK);
                blocks.flat_map(|block| scratch.shares(self, block).1.to_vec()).collect()
            })
            .collect();
        Ok(parts.concat().into())
    }

    /// Probability of each component given the frame, `[frame, component]`; rows sum to 1.
    ///
    /// # Errors
    /// As [`log_likelihoods`](Self::log_likelihoods).
    pub fn posteriors<T: Feature>(&self, frames: ArrayView2<T>) -> Result<Array2<f64>> {
        check_features(frames, self.features())?;
        let mut out = Array2::zeros((frames.nrows(), self.components()));
        let mut scratch = Scratch::new(self);
        let blocks = frames.axis_chunks_iter(Axis(0), BLOCK);
        for (block, mut out) in blocks.zip(out.axis_chunks_iter_mut(Axis(0), BLOCK)) {
            out.assign(&scratch.shares(self, block).0);
        }
        Ok(out)
    }

    /// The E-step: sums over frames known to be finite and of the right width.
    pub(crate) fn sums<T: Feature>(&self, frames: ArrayView2<T>, share: Share, squares: bool) -> Sums {
        // Parts are longer, not more, in long features: the sums of all parts are held at once.
        let part = frames.nrows().div_ceil(PARTS).next_multiple_of(BLOCK).max(PART);
        let parts: Vec<Sums> = frames
            .axis_chunks_iter(Axis(0), part)
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|part| self.sums_of_part(part, share, squares))
            .collect();
        let mut total = self.no_sums(squares);
        for part in parts {
            total.occupation += &part.occupation;
            total.moments += &part.moments;
            total.log_likelihood += part.log_likelihood;
        }
        total
    }

    fn no_sums(&self, squares: bool) -> Sums {
        Sums {
            occupation: Array1::zeros(self.components()),
            moments: Array2::zeros((self.components(), self.features() * (1 + usize::from(squares)))),
            log_likelihood: 0.0,
        }
    }

    fn sums_of_part<T: Feature>(&self, frames: ArrayView2<T>, share: Share, squares: bool) -> Sums {
        let mut sums = self.no_sums(squares);
        let width = sums.moments.ncols();
        let mut scratch = Scratch::new(self);
        for block in frames.axis_chunks_iter(Axis(0), BLOCK) {
            scratch.shares(self, block);
            let rows = block.nrows();
            if share == Share::Highest {
                scratch.shares.slice_mut(s![..rows, ..]).rows_mut().into_iter().for_each(keep_highest);
            }
            let shares = scratch.shares.slice(s![..rows, ..]);
            sums.occupation += &shares.sum_axis(Axis(0));
            sums.log_likelihood += scratch.totals[..rows].iter().sum::<f64>();
            let stride = 2 * self.features();
            if let (Some(shares), Some(powers), Some(moments)) =
                (shares.as_slice(), scratch.powers.as_slice(), sums.moments.as_slice_mut())
            {
                add_shared(shares, self.components(), powers, width, stride, moments);
            }
        }
        sums
    }
}

fn keep_highest(mut row: ndarray::ArrayViewMut1<f64>) {
    let best = row.iter().enumerate().fold(0, |best, (k, &share)| if share > row[best] { k } else { best });
    row.fill(0.0);
    row[best] = 1.0;
}

/// Buffers of one block of frames.
struct Scratch {
    /// [x, x²] `[frame, 2 feature]`
    powers: Array2<f64>,
    /// `[frame, component]`
    shares: Array2<f64>,
    totals: Vec<f64>,
}

impl Scratch {
    fn new(gmm: &Gmm) -> Self {
        Self {
            powers: Array2::zeros((BLOCK, 2 * gmm.features())),
            shares: Array2::zeros((BLOCK, gmm.components())),
            totals: vec![0.0; BLOCK],
        }
    }

    /// Posterior probabilities and log-likelihoods of at most `BLOCK` frames.
    fn shares<T: Feature>(&mut self, gmm: &Gmm, block: ArrayView2<T>) -> (ArrayView2<'_, f64>, &[f64]) {
        let (rows, features) = block.dim();
        for (mut powers, frame) in self.powers.rows_mut().into_iter().zip(block.rows()) {
            for (j, &value) in frame.iter().enumerate() {
                let value: f64 = value.into();
                powers[j] = value;
                powers[features + j] = value * value;
            }
        }
        let mut shares = self.shares.slice_mut(s![..rows, ..]);
        shares.assign(&gmm.constants);
        general_mat_mul(1.0, &self.powers.slice(s![..rows, ..]), &gmm.factors, 1.0, &mut shares);
        if let Some(rows) = shares.as_slice_mut() {
            normalise_log_rows(rows, gmm.components(), &mut self.totals);
        }
        (self.shares.slice(s![..rows, ..]), &self.totals[..rows])
    }
}
