//! Where expectation maximisation starts.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rand_distr::{Distribution, Uniform};
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;

use super::{Gmm, Share};
use crate::{Feature, Result};

/// How the components are first placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Start {
    /// Greedy k-means++ (Arthur and Vassilvitskii, 2007) and ten steps of k-means on features scaled to unit variance, on at
    /// most 20,000 frames spread over all.
    #[default]
    KMeans,
    /// From one Gaussian on, the heaviest half of the components split at μ ± 0.2 σ, with four EM steps in between: no chance
    /// in it.
    BinarySplit,
}

/// Frames k-means looks at.
const SAMPLE: usize = 20_000;
const LLOYD_STEPS: usize = 10;

/// Mean and variance of each feature.
pub(super) fn moments<T: Feature>(frames: ArrayView2<T>) -> (Array1<f64>, Array1<f64>) {
    let n = frames.nrows() as f64;
    let mut mean = Array1::<f64>::zeros(frames.ncols());
    for frame in frames.rows() {
        mean.zip_mut_with(&frame, |sum, &x| *sum += x.into());
    }
    mean /= n;
    let mut variance = Array1::<f64>::zeros(frames.ncols());
    for frame in frames.rows() {
        for (j, &x) in frame.iter().enumerate() {
            variance[j] += (x.into() - mean[j]).powi(2);
        }
    }
    (mean, variance / n)
}

/// A mixture whose components all have the variance of the features, around k-means' centres.
pub(super) fn k_means<T: Feature>(
    frames: ArrayView2<T>,
    components: usize,
    variance: &Array1<f64>,
    seed: u64,
) -> Result<Gmm> {
    let step = frames.nrows().div_ceil(SAMPLE).max(1);
    let rows: Vec<usize> = (0..frames.nrows()).step_by(step).collect();
    let sample: Array2<f64> = frames.select(Axis(0), &rows).mapv(Into::into);
    let centres = plus_plus(sample.view(), components, variance, seed);
    let variances = Array2::from_shape_fn((components, variance.len()), |(_, j)| variance[j]);
    let weights = Array1::from_elem(components, 1.0);
    // The nearest centre is the likeliest of Gaussians of one width and weight.
    let mut gmm = Gmm::new(weights, sample.select(Axis(0), &centres), variances)?;
    for _ in 0..LLOYD_STEPS {
        let sums = gmm.sums(sample.view(), Share::Highest, false);
        let mut means = gmm.means.clone();
        for (k, &count) in sums.occupation.iter().enumerate() {
            if count > 0.0 {
                means.row_mut(k).assign(&(&sums.moments.row(k) / count));
            }
        }
        gmm = gmm.with_means(means)?;
    }
    Ok(gmm)
}

/// Rows drawn one after the other, with a probability that grows with the squared distance from those before; of a few
/// draws, the one that leaves the least distance stays.
fn plus_plus(sample: ArrayView2<f64>, count: usize, variance: &Array1<f64>, seed: u64) -> Vec<usize> {
    let mut random = Pcg64Mcg::new(u128::from(seed) << 64 | 0x5eed);
    let scale = variance.mapv(|v| 1.0 / v.sqrt());
    let whitened = &sample * &scale;
    let mut uniform = |high: f64| match Uniform::new(0.0, high) {
        Ok(range) => range.sample(&mut random),
        Err(_) => 0.0, // all rows are centres already
    };
    let draws = 2 + (count as f64).ln() as usize;
    let nearer = |centre: usize, nearest: &[f64]| -> Vec<f64> {
        let centre = whitened.row(centre);
        let squared =
            |row: ArrayView1<f64>| -> f64 { row.iter().zip(centre).map(|(a, b)| (a - b) * (a - b)).sum() };
        whitened.rows().into_iter().zip(nearest).map(|(row, nearest)| nearest.min(squared(row))).collect()
    };
    let mut chosen = vec![uniform(whitened.nrows() as f64) as usize];
    let mut nearest = nearer(chosen[0], &vec![f64::INFINITY; whitened.nrows()]);
    while chosen.len() < count {
        let total: f64 = nearest.iter().sum();
        let candidates: Vec<usize> = (0..draws)
            .map(|_| {
                let mut left = uniform(total);
                let next = nearest.iter().position(|&weight| {
                    left -= weight;
                    left < 0.0
                });
                next.unwrap_or(chosen.len() % whitened.nrows())
            })
            .collect();
        let outcomes: Vec<(f64, Vec<f64>)> = candidates
            .par_iter()
            .map(|&candidate| {
                let nearest = nearer(candidate, &nearest);
                (nearest.iter().sum(), nearest)
            })
            .collect();
        let best = (0..draws).fold(0, |best, i| if outcomes[i].0 < outcomes[best].0 { i } else { best });
        chosen.push(candidates[best]);
        nearest = outcomes.into_iter().nth(best).map_or(nearest, |(_, nearest)| nearest);
    }
    chosen
}

/// Replaces component `heavy` by two at μ ± 0.2 σ: the second takes the place of `place`, or is added.
pub(super) fn split(gmm: &Gmm, heavy: usize, place: Option<usize>) -> Result<Gmm> {
    let components = gmm.components() + usize::from(place.is_none());
    let place = place.unwrap_or(gmm.components());
    let source = |k: usize| if k == place { heavy } else { k };
    let rows: Vec<usize> = (0..components).map(source).collect();
    let mut means = gmm.means.select(Axis(0), &rows);
    let mut weights = gmm.weights.select(Axis(0), &rows);
    let variances = gmm.variances.select(Axis(0), &rows);
    for (k, sign) in [(heavy, 1.0), (place, -1.0)] {
        weights[k] = gmm.weights[heavy] / 2.0;
        let step = variances.row(k).mapv(|v| sign * 0.2 * v.sqrt());
        means.row_mut(k).zip_mut_with(&step, |mean, step| *mean += step);
    }
    Gmm::new(weights, means, variances)
}
