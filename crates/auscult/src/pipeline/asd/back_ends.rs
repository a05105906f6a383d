//! What tells how unusual a vector is: the paper's autoencoder, and two alternatives it expects to work too (3.3).

use std::ops::ControlFlow;
use std::path::Path;

use auscult_models_tch::{Autoencoder, Device, Network, TrainParams, train_autoencoder};
use serde::{Deserialize, Serialize};

use crate::random::Random;
use crate::{Error, Result, files};

/// A kind of back end.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackEnd {
    /// 200-40-40-40-200; the error of the reconstruction.
    Autoencoder,
    /// Diagonal Gaussians; minus the logarithm of the density.
    GaussianMixture,
    /// One Gaussian; the squared distance from its mean in its own measure.
    Mahalanobis,
}

impl BackEnd {
    /// Name in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Autoencoder => "autoencoder",
            Self::GaussianMixture => "gaussian-mixture",
            Self::Mahalanobis => "mahalanobis",
        }
    }
}

/// The autoencoder and its training. The paper gives the widths, ReLU, batch normalisation and Adam.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AutoencoderParams {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Optimiser, batch, length.
    pub training: TrainParams,
}

impl Default for AutoencoderParams {
    fn default() -> Self {
        let training = TrainParams::default().epochs(50_usize).batch_size(512_usize).loader_threads(1_usize);
        Self { hidden: vec![40; 3], training }
    }
}

/// Gaussians of the mixture.
const COMPONENTS: usize = 16;
/// Rounds of expectation and maximisation.
const ROUNDS: usize = 30;
/// Least variance; vectors have variance 1 in training.
const LEAST_VARIANCE: f64 = 1e-3;

/// A fitted back end.
pub(super) enum Fitted {
    Autoencoder(Box<Autoencoder>),
    Statistics(Statistics),
}

/// The two that are plain numbers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Statistics {
    GaussianMixture(Mixture),
    Mahalanobis(Gaussian),
}

impl Fitted {
    /// Fits to vectors of `width` values, one after the other. What lies in `folder` from an earlier, interrupted call is
    /// gone on with.
    pub(super) fn fit(
        kind: BackEnd,
        params: &AutoencoderParams,
        vectors: &[f32],
        width: usize,
        seed: u64,
        folder: &Path,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<Self> {
        Ok(match kind {
            BackEnd::Autoencoder => {
                let failed = |error| Error::part("the autoencoder")(error);
                let network = Network::Autoencoder { hidden: params.hidden.clone() };
                let mut autoencoder = Autoencoder::new(&network, width, seed, Device::Cpu).map_err(failed)?;
                let training = params.training.clone().seed(seed);
                let mut observe =
                    |_: &_| if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
                let history =
                    train_autoencoder(&mut autoencoder, vectors, None, &training, Some(folder), &mut observe)
                        .map_err(failed)?;
                if history.interrupted {
                    return Err(Error::Interrupted);
                }
                Self::Autoencoder(Box::new(autoencoder))
            }
            BackEnd::GaussianMixture => {
                Self::Statistics(Statistics::GaussianMixture(Mixture::fit(vectors, width, seed)))
            }
            BackEnd::Mahalanobis => Self::Statistics(Statistics::Mahalanobis(Gaussian::fit(vectors, width)?)),
        })
    }

    /// How unusual each vector is: the e of eq. (8).
    pub(super) fn errors(&self, vectors: &[f32], width: usize) -> Result<Vec<f32>> {
        Ok(match self {
            Self::Autoencoder(autoencoder) => {
                autoencoder.errors(vectors, 4096).map_err(Error::part("the autoencoder"))?
            }
            Self::Statistics(Statistics::GaussianMixture(mixture)) => {
                mixture.log_densities(vectors, width).into_iter().map(|log| -log as f32).collect()
            }
            Self::Statistics(Statistics::Mahalanobis(gaussian)) => {
                vectors.chunks_exact(width).map(|vector| gaussian.distance(vector) as f32).collect()
            }
        })
    }

    /// Whether it is for vectors of this width: a damaged file may be for none at all.
    pub(super) fn fits(&self, width: usize) -> bool {
        match self {
            Self::Autoencoder(autoencoder) => autoencoder.features() == width,
            Self::Statistics(Statistics::GaussianMixture(mixture)) => {
                let components = mixture.log_weights.len();
                let whole =
                    |rows: &[Vec<f64>]| rows.len() == components && rows.iter().all(|row| row.len() == width);
                components > 0 && whole(&mixture.means) && whole(&mixture.variances)
            }
            Self::Statistics(Statistics::Mahalanobis(gaussian)) => {
                gaussian.mean.len() == width && gaussian.factor.len() == width * width
            }
        }
    }

    /// Writes `STEM.safetensors` and `STEM.json`, or `STEM.json` alone.
    pub(super) fn save(&self, stem: &Path, metadata: &serde_json::Value) -> Result<()> {
        match self {
            Self::Autoencoder(autoencoder) => {
                autoencoder.save(stem, metadata).map_err(Error::part("writing the autoencoder"))
            }
            Self::Statistics(statistics) => files::write_json(
                &stem.with_extension("json"),
                &serde_json::json!({ "statistics": statistics, "metadata": metadata }),
            ),
        }
    }

    /// Reads what [`Self::save`] wrote.
    pub(super) fn load(kind: BackEnd, stem: &Path) -> Result<(Self, serde_json::Value)> {
        if kind == BackEnd::Autoencoder {
            let (autoencoder, metadata) =
                Autoencoder::load(stem, Device::Cpu).map_err(Error::part("reading the autoencoder"))?;
            return Ok((Self::Autoencoder(Box::new(autoencoder)), metadata));
        }
        #[derive(Deserialize)]
        struct File {
            statistics: Statistics,
            metadata: serde_json::Value,
        }
        let path = stem.with_extension("json");
        let file: File = files::read_json(&path)?.ok_or_else(|| Error::Run {
            path: path.clone(),
            problem: "this part of the model is missing; train it anew".into(),
        })?;
        Ok((Self::Statistics(file.statistics), file.metadata))
    }
}

/// A mixture of diagonal Gaussians, by expectation and maximisation from seeded examples.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Mixture {
    log_weights: Vec<f64>,
    means: Vec<Vec<f64>>,
    variances: Vec<Vec<f64>>,
}

impl Mixture {
    fn fit(vectors: &[f32], width: usize, seed: u64) -> Self {
        let rows: Vec<&[f32]> = vectors.chunks_exact(width).collect();
        let components = COMPONENTS.min(rows.len()).max(1);
        let mut random = Random::keyed(&[seed, 20]);
        let mut mixture = Self {
            log_weights: vec![-(components as f64).ln(); components],
            means: (0..components)
                .map(|_| rows[random.below(rows.len())].iter().map(|&x| f64::from(x)).collect())
                .collect(),
            variances: vec![vec![1.0; width]; components],
        };
        for _ in 0..ROUNDS {
            mixture = mixture.updated(&rows, width);
        }
        mixture
    }

    fn updated(&self, rows: &[&[f32]], width: usize) -> Self {
        let components = self.means.len();
        let mut mass = vec![1e-9; components];
        let mut sums = vec![vec![0.0; width]; components];
        let mut squares = vec![vec![0.0; width]; components];
        let prepared = self.prepared();
        let mut logs = vec![0.0; components];
        for row in rows {
            logs.iter_mut().zip(&prepared).for_each(|(log, component)| *log = component.log(row));
            let total = log_sum(&logs);
            for (k, log) in logs.iter().enumerate() {
                let share = (log - total).exp();
                if share < 1e-8 {
                    continue;
                }
                mass[k] += share;
                for (d, &x) in row.iter().enumerate() {
                    sums[k][d] += share * f64::from(x);
                    squares[k][d] += share * f64::from(x) * f64::from(x);
                }
            }
        }
        let total: f64 = mass.iter().sum();
        let means: Vec<Vec<f64>> =
            sums.iter().zip(&mass).map(|(sum, mass)| sum.iter().map(|x| x / mass).collect()).collect();
        let variance =
            |k: usize, d: usize| (squares[k][d] / mass[k] - means[k][d] * means[k][d]).max(LEAST_VARIANCE);
        Self {
            log_weights: mass.iter().map(|mass| (mass / total).ln()).collect(),
            variances: (0..components).map(|k| (0..width).map(|d| variance(k, d)).collect()).collect(),
            means,
        }
    }

    /// What the logarithms of the weighted densities need of each component, once for many rows.
    fn prepared(&self) -> Vec<Component<'_>> {
        let component = |k: usize| {
            let normaliser: f64 = self.variances[k].iter().map(|v| (std::f64::consts::TAU * v).ln()).sum();
            Component {
                constant: self.log_weights[k] - 0.5 * normaliser,
                mean: &self.means[k],
                precision: self.variances[k].iter().map(|v| 1.0 / v).collect(),
            }
        };
        (0..self.means.len()).map(component).collect()
    }

    /// ln p of each vector of `width` values.
    fn log_densities(&self, vectors: &[f32], width: usize) -> Vec<f64> {
        let components = self.prepared();
        let mut logs = vec![0.0; components.len()];
        let density = |row: &[f32]| {
            logs.iter_mut().zip(&components).for_each(|(log, component)| *log = component.log(row));
            log_sum(&logs)
        };
        vectors.chunks_exact(width).map(density).collect()
    }
}

/// A component of a mixture, ready to be evaluated.
struct Component<'a> {
    constant: f64,
    mean: &'a [f64],
    precision: Vec<f64>,
}

impl Component<'_> {
    /// ln (w N(x)). Eight sums side by side, which the compiler turns into vectors.
    fn log(&self, row: &[f32]) -> f64 {
        const LANES: usize = 8;
        let term = |x: f32, mean: f64, precision: f64| {
            let distance = f64::from(x) - mean;
            distance * distance * precision
        };
        let ((x, x_rest), (mean, mean_rest)) = (row.as_chunks::<LANES>(), self.mean.as_chunks::<LANES>());
        let (precision, precision_rest) = self.precision.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for ((x, mean), precision) in x.iter().zip(mean).zip(precision) {
            for lane in 0..LANES {
                sums[lane] += term(x[lane], mean[lane], precision[lane]);
            }
        }
        let rest = x_rest.iter().zip(mean_rest).zip(precision_rest);
        let rest: f64 = rest.map(|((&x, &mean), &precision)| term(x, mean, precision)).sum();
        self.constant - 0.5 * (sums.into_iter().sum::<f64>() + rest)
    }
}

/// ln Σ exp
fn log_sum(logs: &[f64]) -> f64 {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + logs.iter().map(|log| (log - largest).exp()).sum::<f64>().ln()
}

/// A Gaussian with full covariance, as the inverse of its Cholesky factor.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Gaussian {
    mean: Vec<f64>,
    /// L of the covariance L Lᵀ, row after row.
    factor: Vec<f64>,
}

impl Gaussian {
    fn fit(vectors: &[f32], width: usize) -> Result<Self> {
        let count = (vectors.len() / width).max(1) as f64;
        let mut mean = vec![0.0; width];
        for row in vectors.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x) / count);
        }
        let mut covariance = vec![0.0; width * width];
        let mut centred = vec![0.0; width];
        for row in vectors.chunks_exact(width) {
            for ((centred, &x), mean) in centred.iter_mut().zip(row).zip(&mean) {
                *centred = f64::from(x) - mean;
            }
            for i in 0..width {
                for j in 0..=i {
                    covariance[i * width + j] += centred[i] * centred[j] / count;
                }
            }
        }
        let trace: f64 = (0..width).map(|i| covariance[i * width + i]).sum();
        for i in 0..width {
            // as many examples as dimensions or fewer leave it singular
            covariance[i * width + i] += 1e-3 * trace / width as f64 + 1e-12;
        }
        Ok(Self { mean, factor: cholesky(covariance, width)? })
    }

    /// |L⁻¹ (x - mean)|² / width
    fn distance(&self, row: &[f32]) -> f64 {
        let width = self.mean.len();
        let mut solved = vec![0.0; width];
        for i in 0..width {
            let known: f64 = (0..i).map(|j| self.factor[i * width + j] * solved[j]).sum();
            solved[i] = (f64::from(row[i]) - self.mean[i] - known) / self.factor[i * width + i];
        }
        solved.iter().map(|x| x * x).sum::<f64>() / width as f64
    }
}

/// The lower factor of a symmetric matrix of which the lower half is given.
fn cholesky(mut a: Vec<f64>, width: usize) -> Result<Vec<f64>> {
    for j in 0..width {
        for i in j..width {
            let known: f64 = (0..j).map(|k| a[i * width + k] * a[j * width + k]).sum();
            let value = a[i * width + j] - known;
            a[i * width + j] = if i > j {
                value / a[j * width + j]
            } else if value > 0.0 {
                value.sqrt()
            } else {
                return Err(Error::Data(
                    "the training vectors have no covariance: are they all alike?".into(),
                ));
            };
        }
    }
    Ok(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clouds(seed: u64, count: usize) -> Vec<f32> {
        let mut random = Random::keyed(&[seed]);
        (0..count)
            .flat_map(|n| {
                let centre = if n % 3 == 0 { 4.0 } else { -1.0 };
                let x = random.normal();
                [centre + x, x + 0.1 * random.normal(), 0.5 * random.normal()].map(|v| v as f32)
            })
            .collect()
    }

    #[test]
    fn a_mixture_finds_its_clouds() {
        let mixture = Mixture::fit(&clouds(1, 900), 3, 5);
        let weight: f64 = (0..mixture.means.len())
            .filter(|&k| mixture.means[k][0] > 1.5)
            .map(|k| mixture.log_weights[k].exp())
            .sum();
        assert!((weight - 1.0 / 3.0).abs() < 0.08, "{weight}");
        let logs = mixture.log_densities(&[-1.0, 0.0, 0.0, -1.0, 0.0, 3.0], 3);
        assert!(logs[0] > logs[1] + 5.0, "{logs:?}");
    }

    #[test]
    fn distances_follow_the_covariance() {
        let gaussian = Gaussian::fit(&clouds(2, 3000), 3).unwrap();
        // vectors of the training have a mean square distance of 1 a dimension
        let mean: f64 =
            clouds(3, 3000).chunks_exact(3).map(|row| gaussian.distance(row)).sum::<f64>() / 3000.0;
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
        assert!(gaussian.distance(&[0.0, 0.0, 2.0]) > 4.0 * gaussian.distance(&[2.0, 0.5, 0.0]));
    }
}
