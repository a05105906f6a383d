//! Maximum-likelihood loadings by expectation maximisation (Kenny, Boulianne and Dumouchel, 2005), with minimum divergence
//! (Kenny 2008).

use ndarray::{Array1, Array2, Array3, Axis, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::principal::principal_components;
use super::{Loadings, Metric};
use crate::error::check_parameter;
use crate::linear::{Cholesky, triangle};
use crate::{Error, Gmm, Result, Statistics};

/// How loadings are found.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Training {
    /// Principal components of adapted means: the slides'.
    Pca,
    /// EM from there.
    #[default]
    Em,
}

/// How eigenvoices are trained. The same with utterances in place of speakers gives a total-variability model, whose
/// factors are i-vectors.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EigenvoiceParams {
    /// Number of eigenvoices (20).
    pub factors: usize,
    /// PCA or EM.
    pub training: Training,
    /// Metric of the PCA.
    pub metric: Metric,
    /// Relevance factor of the adapted means the PCA sees, frames (16).
    pub relevance: f64,
    /// EM steps (15).
    pub iterations: usize,
    /// Whether each EM step scales the loadings so that y keeps a unit covariance over the training data (yes).
    pub minimum_divergence: bool,
}

impl Default for EigenvoiceParams {
    fn default() -> Self {
        Self {
            factors: 20,
            training: Training::Em,
            metric: Metric::Divergence,
            relevance: 16.0,
            iterations: 15,
            minimum_divergence: true,
        }
    }
}

/// Trained loadings.
#[derive(Clone, Debug)]
pub struct FittedLoadings {
    /// The loadings.
    pub loadings: Loadings,
    /// Before each EM step, Σ [½ ln|J| + ½ dᵀ J d] over the training data: their log-likelihood but for a constant.
    /// Never falls. Empty for PCA.
    pub evidence: Vec<f64>,
}

/// Added to the diagonal of the equations of a component that training data hardly see.
const RIDGE: f64 = 1e-6;

impl EigenvoiceParams {
    /// Trains on the statistics of each speaker (all frames of a speaker added up), aligned to `gmm`.
    ///
    /// # Errors
    /// No more speakers than factors, statistics of another mixture, a parameter out of its range.
    pub fn fit(&self, gmm: &Gmm, speakers: &[Statistics]) -> Result<FittedLoadings> {
        check_parameter(self.factors > 0, "factors", self.factors, "at least 1")?;
        check_parameter(self.relevance > 0.0, "relevance", self.relevance, "a positive number of frames")?;
        speakers.iter().try_for_each(|statistics| statistics.check(gmm))?;
        let start = principal_components(gmm, speakers, self.factors, self.relevance, self.metric)?;
        let mut loadings = Loadings::new(gmm, start)?;
        let mut evidence = Vec::new();
        if self.training == Training::Em {
            let stacked = Stacked::new(speakers);
            for _ in 0..self.iterations {
                let (next, now) = stacked.step(gmm, &loadings, self.minimum_divergence)?;
                evidence.push(now);
                loadings = next;
            }
        }
        Ok(FittedLoadings { loadings, evidence })
    }
}

/// Statistics of all speakers in two matrices.
struct Stacked {
    /// `[speaker, component]`
    occupation: Array2<f64>,
    /// `[speaker, component x feature]`
    first_order: Array2<f64>,
}

impl Stacked {
    fn new(speakers: &[Statistics]) -> Self {
        let (components, features) = speakers.first().map_or((0, 0), |one| one.first_order.dim());
        let mut occupation = Array2::zeros((speakers.len(), components));
        let mut first_order = Array2::zeros((speakers.len(), components * features));
        for (s, statistics) in speakers.iter().enumerate() {
            occupation.row_mut(s).assign(&statistics.occupation);
            first_order.row_mut(s).iter_mut().zip(&statistics.first_order).for_each(|(to, &from)| *to = from);
        }
        Self { occupation, first_order }
    }

    /// One step, and the evidence before it.
    fn step(&self, gmm: &Gmm, loadings: &Loadings, minimum_divergence: bool) -> Result<(Loadings, f64)> {
        let (components, features, factors) = loadings.values.dim();
        let speakers = self.occupation.nrows();
        // E: y | data ~ N(J d, J), with J⁻¹ = I + P.
        let precisions = self.occupation.dot(&loadings.precisions);
        let linear = self.first_order.dot(&loadings.scaled);
        let posteriors: Vec<(Vec<f64>, Vec<f64>, f64)> = (0..speakers)
            .into_par_iter()
            .map(|s| {
                let precision = precisions.row(s).to_vec();
                let cholesky = Cholesky::new(&precision, factors, 1.0).ok_or(Error::Singular {
                    what: "I + P of a speaker",
                    remedy: "the statistics hold negative counts; compute them from frames",
                })?;
                let mut mean = linear.row(s).to_vec();
                cholesky.solve(&mut mean);
                let fit: f64 = mean.iter().zip(linear.row(s)).map(|(y, d)| y * d).sum();
                let mut second = cholesky.inverse();
                for i in 0..factors {
                    for j in 0..=i {
                        second[triangle(i) + j] += mean[i] * mean[j];
                    }
                }
                Ok((mean, second, 0.5 * (fit - cholesky.log_determinant())))
            })
            .collect::<Result<_>>()?;
        let evidence = posteriors.iter().map(|(_, _, evidence)| evidence).sum();
        let mut means = Array2::zeros((speakers, factors));
        let mut seconds = Array2::zeros((speakers, triangle(factors)));
        for (s, (mean, second, _)) in posteriors.into_iter().enumerate() {
            means.row_mut(s).assign(&Array1::from(mean));
            seconds.row_mut(s).assign(&Array1::from(second));
        }
        // M: Vₖ = (Σ F yᵀ) (Σ N E[y yᵀ])⁻¹
        let weighted = self.occupation.t().dot(&seconds);
        let cross = self.first_order.t().dot(&means);
        let blocks: Vec<Array2<f64>> = (0..components)
            .into_par_iter()
            .map(|k| {
                let cross = cross.slice(s![k * features..(k + 1) * features, ..]);
                let equations = weighted.row(k).to_vec();
                let cholesky = Cholesky::new(&equations, factors, RIDGE).ok_or(Error::Singular {
                    what: "Σ N E[y yᵀ] of a component",
                    remedy: "give more speakers, or ask for fewer factors",
                })?;
                let mut block = cross.to_owned();
                for mut row in block.rows_mut() {
                    let mut solved = row.to_vec();
                    cholesky.solve(&mut solved);
                    row.assign(&Array1::from(solved));
                }
                Ok(block)
            })
            .collect::<Result<_>>()?;
        let mut values = Array3::zeros((components, features, factors));
        for (mut to, from) in values.axis_iter_mut(Axis(0)).zip(&blocks) {
            to.assign(from);
        }
        if minimum_divergence {
            // y has the covariance R over the training data: V L with R = L Lᵀ gives it a unit one.
            let covariance = (seconds.sum_axis(Axis(0)) / speakers as f64).to_vec();
            let cholesky = Cholesky::new(&covariance, factors, 0.0).ok_or(Error::Singular {
                what: "the covariance of the speaker factors",
                remedy: "give more speakers, or ask for fewer factors",
            })?;
            let factor = Array2::from_shape_fn((factors, factors), |(i, j)| cholesky.factor(i, j));
            for mut block in values.axis_iter_mut(Axis(0)) {
                let scaled = block.dot(&factor);
                block.assign(&scaled);
            }
        }
        Ok((Loadings::new(gmm, values)?, evidence))
    }
}
