//! i-vectors (Dehak et al., 2011), compared by two-covariance PLDA (Brümmer and de Villiers, 2010).

use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::linear::{Cholesky, eigen, triangle};
use crate::{EigenvoiceParams, Error, Gmm, Loadings, Result, SpeakerStat, Statistics};

/// How i-vectors and their comparison are trained.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct PldaParams {
    /// The total-variability model: one draw of the factors an utterance (40 factors).
    pub total_variability: EigenvoiceParams,
    /// Whether i-vectors are whitened and scaled to one length (Garcia-Romero and Espy-Wilson, 2011; yes).
    pub length_normalisation: bool,
}

impl Default for PldaParams {
    fn default() -> Self {
        Self {
            total_variability: EigenvoiceParams { factors: 40, ..EigenvoiceParams::default() },
            length_normalisation: true,
        }
    }
}

/// Added to the variances within speakers, as a share of their mean.
const RIDGE: f64 = 1e-3;
/// Directions in which speakers differ less than this share of the most are left out.
const LEAST_BETWEEN: f64 = 1e-4;

/// A trained i-vector extractor with its comparison.
#[derive(Clone, Debug)]
pub struct IVectors {
    total_variability: Loadings,
    mean: Array1<f64>,
    /// Rows turn a centred i-vector white; without length normalisation, the unit matrix.
    whitening: Array2<f64>,
    length_normalisation: bool,
    /// Aᵀ W⁻¹ with A Aᵀ the covariance between speakers and W that within.
    projection: Array2<f64>,
    /// Aᵀ W⁻¹ A, packed.
    precision: Vec<f64>,
}

impl PldaParams {
    /// Trains on the utterances of each speaker.
    ///
    /// # Errors
    /// No more utterances than factors, no speaker with two utterances, statistics of another mixture.
    pub fn fit(&self, gmm: &Gmm, speakers: &[Vec<Statistics>]) -> Result<IVectors> {
        let utterances: Vec<Statistics> = speakers.iter().flatten().cloned().collect();
        let repeated: usize = speakers.iter().filter(|of| of.len() > 1).count();
        if repeated < 2 {
            return Err(Error::TooFew {
                what: "speakers with several utterances",
                given: repeated,
                needed: 2,
                remedy: "give more utterances of each, or cut them",
            });
        }
        let total_variability = self.total_variability.fit(gmm, &utterances)?.loadings;
        let dimensions = total_variability.factors();
        let mut model = IVectors {
            total_variability,
            mean: Array1::zeros(dimensions),
            whitening: Array2::eye(dimensions),
            length_normalisation: false,
            projection: Array2::eye(dimensions),
            precision: Vec::new(),
        };
        let mut vectors = model.extract_all(&utterances)?;
        model.mean = vectors.mean_axis(Axis(0)).unwrap_or_default();
        if self.length_normalisation {
            let centred = &vectors - &model.mean;
            let (values, directions) = eigen(&(centred.t().dot(&centred) / centred.nrows() as f64));
            let least = values[0] * 1e-10;
            model.whitening = Array2::from_shape_fn((dimensions, dimensions), |(i, j)| {
                directions[[j, i]] / values[i].max(least).sqrt()
            });
            model.length_normalisation = true;
        }
        vectors = model.extract_all(&utterances)?;
        let (within, between) = covariances(&vectors, speakers);
        let (values, directions) = eigen(&between);
        let kept = values.iter().take_while(|&&value| value > LEAST_BETWEEN * values[0].max(0.0)).count();
        if kept == 0 {
            return Err(Error::Singular {
                what: "the covariance between speakers",
                remedy: "give more speakers, and more utterances of each",
            });
        }
        let loadings =
            Array2::from_shape_fn((dimensions, kept), |(i, j)| directions[[i, j]] * values[j].sqrt());
        let packed: Vec<f64> =
            (0..dimensions).flat_map(|i| (0..=i).map(move |j| (i, j))).map(|at| within[at]).collect();
        let cholesky = Cholesky::new(&packed, dimensions, 0.0).ok_or(Error::Singular {
            what: "the covariance within speakers",
            remedy: "give more utterances of each speaker",
        })?;
        let mut projection = Array2::zeros((kept, dimensions));
        for (mut row, column) in projection.rows_mut().into_iter().zip(loadings.columns()) {
            let mut solved = column.to_vec();
            cholesky.solve(&mut solved);
            row.assign(&Array1::from(solved));
        }
        let precision = projection.dot(&loadings);
        model.precision = vec![0.0; triangle(kept)];
        for i in 0..kept {
            for j in 0..=i {
                model.precision[triangle(i) + j] = 0.5 * (precision[[i, j]] + precision[[j, i]]);
            }
        }
        model.projection = projection;
        Ok(model)
    }
}

/// Within and between speakers, of vectors `[utterance, dimension]` that lie speaker after speaker.
fn covariances(vectors: &Array2<f64>, speakers: &[Vec<Statistics>]) -> (Array2<f64>, Array2<f64>) {
    let dimensions = vectors.ncols();
    let overall = vectors.mean_axis(Axis(0)).unwrap_or_default();
    let mut within = Array2::<f64>::zeros((dimensions, dimensions));
    let mut between = within.clone();
    let (mut start, mut freedom, mut count) = (0, 0.0, 0.0);
    for utterances in speakers.iter().filter(|utterances| !utterances.is_empty()) {
        let of = vectors.slice(ndarray::s![start..start + utterances.len(), ..]);
        start += utterances.len();
        let Some(mean) = of.mean_axis(Axis(0)) else { continue };
        let left = &of - &mean;
        within += &left.t().dot(&left);
        freedom += utterances.len() as f64 - 1.0;
        let offset = (&mean - &overall).insert_axis(Axis(1));
        between += &offset.dot(&offset.t());
        count += 1.0;
    }
    within /= freedom;
    // Means of few utterances scatter by themselves: that part is taken off.
    between = between / count - &within * (count / start as f64);
    let ridge = RIDGE * within.diag().sum() / dimensions as f64;
    within.diag_mut().mapv_inplace(|value| value + ridge);
    (within, between)
}

impl IVectors {
    /// The i-vector of an utterance, centred, whitened and scaled as the comparison sees it.
    ///
    /// # Errors
    /// Statistics of another mixture.
    pub fn extract(&self, utterance: &Statistics) -> Result<Array1<f64>> {
        let raw = Array1::from(self.total_variability.project(utterance)?.posterior_mean());
        let white = self.whitening.dot(&(raw - &self.mean));
        let length = white.dot(&white).sqrt();
        let normalise = self.length_normalisation && length > 0.0;
        Ok(if normalise { white * ((self.mean.len() as f64).sqrt() / length) } else { white })
    }

    fn extract_all(&self, utterances: &[Statistics]) -> Result<Array2<f64>> {
        let mut vectors = Array2::zeros((utterances.len(), self.mean.len()));
        for (mut row, utterance) in vectors.rows_mut().into_iter().zip(utterances) {
            row.assign(&self.extract(utterance)?);
        }
        Ok(vectors)
    }

    /// What the comparison keeps of an utterance. The PLDA log-likelihood ratio of two is their [`SpeakerStat::llr`]; the
    /// precision is the same for all, however long: that is what sets PLDA on i-vectors apart.
    ///
    /// # Errors
    /// Statistics of another mixture.
    pub fn stat(&self, utterance: &Statistics) -> Result<SpeakerStat> {
        let linear = self.projection.dot(&self.extract(utterance)?);
        SpeakerStat::new(self.precision.clone(), linear.to_vec())
    }
}
