//! Factor loadings: eigenvoices V and eigenchannels U.

mod eigenchannels;
mod expectation;
mod principal;

use ndarray::{Array1, Array2, Array3, ArrayView2, ArrayView3, Axis, s};

pub use eigenchannels::EigenchannelParams;
pub use expectation::{EigenvoiceParams, FittedLoadings, Training};
pub use principal::Metric;

use crate::error::{check_features, check_finite, check_parameter, check_shape};
use crate::gmm::Share;
use crate::linear::{Cholesky, triangle};
use crate::{Alignment, Error, Feature, Gmm, Result, SpeakerStat, Statistics};

/// A low-rank model of how means move: the mean of component k is mₖ + Vₖ y, with y ~ N(0, I).
///
/// Holds what comparisons need again and again: Vₖᵀ Cₖ⁻¹ Vₖ and Cₖ⁻¹ Vₖ.
#[derive(Clone, Debug, PartialEq)]
pub struct Loadings {
    /// `[component, feature, factor]`
    values: Array3<f64>,
    /// Vₖᵀ Cₖ⁻¹ Vₖ, packed: `[component, triangle]`.
    precisions: Array2<f64>,
    /// Cₖ⁻¹ Vₖ as `[component x feature, factor]`.
    scaled: Array2<f64>,
}

/// Ridge that makes the estimate of [`Alignment::HardYml`] exist for utterances shorter than y.
pub(crate) const MAXIMUM_LIKELIHOOD_RIDGE: f64 = 1e-3;
/// Steps of it.
const ALIGNMENT_PASSES: usize = 3;

impl Loadings {
    /// Loadings `[component, feature, factor]` of a mixture.
    ///
    /// # Errors
    /// Another shape than the mixture's, no factor, NaN or infinity.
    pub fn new(gmm: &Gmm, values: Array3<f64>) -> Result<Self> {
        let (components, features, factors) = values.dim();
        check_shape("loadings [component, feature, factor]", &values.shape()[..2], gmm.means().shape())?;
        check_parameter(factors > 0, "factors", factors, "at least 1")?;
        let flat = values.to_shape((components * features, factors)).map(|flat| flat.into_owned());
        let mut scaled = flat.unwrap_or_default();
        check_finite("loadings [component x feature, factor]", scaled.view())?;
        for (mut row, variance) in scaled.rows_mut().into_iter().zip(gmm.variances()) {
            row /= *variance;
        }
        let mut precisions = Array2::zeros((components, triangle(factors)));
        for k in 0..components {
            let block = values.index_axis(Axis(0), k);
            let product = block.t().dot(&scaled.slice(s![k * features..(k + 1) * features, ..]));
            for i in 0..factors {
                for j in 0..=i {
                    precisions[[k, triangle(i) + j]] = product[[i, j]];
                }
            }
        }
        Ok(Self { values, precisions, scaled })
    }

    /// Both sets of loadings side by side: `[component, feature, factor of self, then of other]`.
    pub(crate) fn beside(&self, gmm: &Gmm, other: &Self) -> Result<Self> {
        let values = ndarray::concatenate(Axis(2), &[self.values.view(), other.values.view()]);
        let expected = self.values.shape().to_vec();
        let found = other.values.shape().to_vec();
        let values = values.map_err(|_| Error::Shape { what: "eigenchannels", expected, found })?;
        Self::new(gmm, values)
    }

    /// The loadings `[component, feature, factor]`.
    #[must_use]
    pub fn values(&self) -> ArrayView3<'_, f64> {
        self.values.view()
    }

    /// Number of factors.
    #[must_use]
    pub fn factors(&self) -> usize {
        self.scaled.ncols()
    }

    /// P = Σₖ Nₖ Vₖᵀ Cₖ⁻¹ Vₖ and d = Σₖ Vₖᵀ Cₖ⁻¹ Fₖ of an utterance.
    ///
    /// # Errors
    /// Statistics of another mixture.
    pub fn project(&self, statistics: &Statistics) -> Result<SpeakerStat> {
        let (components, features, factors) = self.values.dim();
        check_shape("occupation [component]", statistics.occupation.shape(), &[components])?;
        let expected = [components, features];
        check_shape("first_order [component, feature]", statistics.first_order.shape(), &expected)?;
        let precision = statistics.occupation.dot(&self.precisions).to_vec();
        let mut linear = Array1::zeros(factors);
        for (row, &f) in self.scaled.rows().into_iter().zip(&statistics.first_order) {
            linear.scaled_add(f, &row);
        }
        SpeakerStat::new(precision, linear.to_vec())
    }

    /// How far y moves the means: V y, `[component, feature]`.
    pub(crate) fn offsets(&self, y: &[f64]) -> Array2<f64> {
        let (components, features, factors) = self.values.dim();
        Array2::from_shape_fn((components, features), |(k, j)| {
            (0..factors).map(|f| self.values[[k, j, f]] * y[f]).sum()
        })
    }

    /// Statistics of frames `[frame, feature]` by any alignment.
    ///
    /// # Errors
    /// Another number of features; NaN or infinity.
    pub fn statistics<T: Feature>(
        &self,
        gmm: &Gmm,
        frames: ArrayView2<T>,
        alignment: Alignment,
    ) -> Result<Statistics> {
        let share = match alignment {
            Alignment::Soft | Alignment::HardUbm => return Statistics::new(gmm, frames, alignment),
            Alignment::HardYml => Share::Highest,
            Alignment::SoftYml => Share::Posterior,
        };
        check_features(frames, gmm.features())?;
        let mut around = gmm.clone();
        for _ in 0..ALIGNMENT_PASSES {
            let statistics = Statistics::centred(around.sums(frames, Share::Posterior, false), gmm);
            let y = self.project(&statistics)?.estimate(MAXIMUM_LIKELIHOOD_RIDGE);
            around = gmm.with_means(&gmm.means() + &self.offsets(&y))?;
        }
        Ok(Statistics::centred(around.sums(frames, share, false), gmm))
    }
}

/// The channel integrated out: of the joint statistics of [V U], P - Fᵀ K F and d - Fᵀ K e, with
/// K⁻¹ = I + E⁻¹.
pub(crate) fn without_channel(joint: &SpeakerStat, voices: usize) -> Result<SpeakerStat> {
    let channels = joint.factors() - voices;
    let entry = |i: usize, j: usize| joint.precision()[triangle(i) + j];
    let mut noise = Vec::with_capacity(triangle(channels));
    for i in voices..voices + channels {
        noise.extend((voices..=i).map(|j| entry(i, j)));
    }
    let cholesky = Cholesky::new(&noise, channels, 1.0).ok_or(Error::Singular {
        what: "the precision of the channel",
        remedy: "the statistics hold negative counts; compute them from frames",
    })?;
    // Rows of T = L⁻¹ F, by column: column j belongs to voice j.
    let columns: Vec<Vec<f64>> = (0..voices)
        .map(|j| {
            let mut column: Vec<f64> = (voices..voices + channels).map(|i| entry(i, j)).collect();
            cholesky.forward(&mut column);
            column
        })
        .collect();
    let mut e = joint.linear()[voices..].to_vec();
    cholesky.forward(&mut e);
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let mut precision = Vec::with_capacity(triangle(voices));
    for i in 0..voices {
        precision.extend((0..=i).map(|j| entry(i, j) - dot(&columns[i], &columns[j])));
    }
    let linear = (0..voices).map(|i| joint.linear()[i] - dot(&columns[i], &e)).collect();
    SpeakerStat::new(precision, linear)
}
