//! Principal components of adapted means: the slides' eigenvoices.

use ndarray::{Array2, Array3, Axis};
use serde::{Deserialize, Serialize};

use crate::linear::eigen;
use crate::{Error, Gmm, Result, Statistics};

/// What distances between adapted means are measured in.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// √wₖ Cₖ^-½: squared distance is then an upper bound of the divergence of the two mixtures.
    #[default]
    Divergence,
    /// As they are.
    Plain,
}

/// Utterances or speakers looked at, spread over all: the eigenproblem grows with their cube.
const MOST: usize = 400;

/// The first `factors` principal components of the offsets F / (N + r), each as long as their standard deviation along it,
/// so that y ~ N(0, I). The mean offset is taken off and left out.
pub(super) fn principal_components(
    gmm: &Gmm,
    statistics: &[Statistics],
    factors: usize,
    relevance: f64,
    metric: Metric,
) -> Result<Array3<f64>> {
    if statistics.len() <= factors {
        return Err(Error::TooFew {
            what: "speakers (or utterances)",
            given: statistics.len(),
            needed: factors + 1,
            remedy: "give more of them, or ask for fewer factors",
        });
    }
    let (components, features) = (gmm.components(), gmm.features());
    let unit = |k: usize, j: usize| match metric {
        Metric::Divergence => (gmm.weights()[k] / gmm.variances()[[k, j]]).sqrt(),
        Metric::Plain => 1.0,
    };
    let step = statistics.len().div_ceil(MOST.max(factors + 1));
    let chosen: Vec<&Statistics> = statistics.iter().step_by(step).collect();
    let chosen = if chosen.len() > factors { chosen } else { statistics.iter().collect() };
    let mut rows = Array2::zeros((chosen.len(), components * features));
    for (mut row, statistics) in rows.rows_mut().into_iter().zip(&chosen) {
        let offsets = statistics.map_offsets(relevance);
        for ((k, j), offset) in offsets.indexed_iter() {
            row[k * features + j] = offset * unit(k, j);
        }
    }
    if let Some(mean) = rows.mean_axis(Axis(0)) {
        rows -= &mean;
    }
    // Right singular vectors times their singular values are rowsᵀ times the left ones, from the small Gram matrix.
    let (_, left) = eigen(&rows.dot(&rows.t()));
    let scale = 1.0 / (chosen.len() as f64).sqrt();
    let directions = rows.t().dot(&left.slice(ndarray::s![.., ..factors])) * scale;
    Ok(Array3::from_shape_fn((components, features, factors), |(k, j, f)| {
        directions[[k * features + j, f]] / unit(k, j)
    }))
}
