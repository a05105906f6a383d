//! The systems of Table 1: models trained on the background speakers, and each system's clustering of a conversation.

use auscult_fa_speaker::{
    Alignment, Bic, Clr, ClrForm, Dendrogram, EigenvoiceParams, EvidenceRatio, FactorDistance, FullGaussian,
    GaussianGlr, GmmParams, IVectors, Linkage, SpeakerModel, SpeakerStat, Statistics, Training, agglomerate,
    agglomerate_distances,
};
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::conversations::Turns;
use super::corpus::Utterance;
use super::front_end::FRAME_RATE;
use super::recipe::Models;
use crate::{Error, Result};

/// A way to cluster the segments of a conversation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// The comparison with eigenvoices by EM, soft alignment, the evidence scale tuned.
    Proposed,
    /// The same with eigenchannels.
    Eigenchannels,
    /// The comparison as in the slides: eigenvoices by PCA, hard alignment around y, evidence as it is.
    Slides,
    /// Cross likelihood ratio from merged statistics.
    Clr,
    /// Generalised likelihood ratio of full-covariance Gaussians.
    Glr,
    /// Euclidean distance of maximum-likelihood eigenvoice coefficients, average linkage.
    Ev,
    /// Bayesian information criterion of full-covariance Gaussians.
    Bic,
    /// i-vectors, two-covariance PLDA, average linkage.
    Plda,
}

impl System {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 8] = [
        Self::Proposed,
        Self::Eigenchannels,
        Self::Slides,
        Self::Clr,
        Self::Glr,
        Self::Ev,
        Self::Bic,
        Self::Plda,
    ];

    /// Name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Eigenchannels => "proposed + eigenchannels",
            Self::Slides => "proposed, as in the slides",
            Self::Clr => "CLR",
            Self::Glr => "GLR",
            Self::Ev => "EV",
            Self::Bic => "BIC",
            Self::Plda => "i-vector + PLDA",
        }
    }

    /// Whether its evidence scale is tuned.
    pub(crate) fn scales_evidence(self) -> bool {
        matches!(self, Self::Proposed | Self::Eigenchannels)
    }
}

/// What the systems need, for one number of Gaussians and one seed.
pub(crate) struct Trained {
    pub(crate) proposed: SpeakerModel,
    pub(crate) extended: SpeakerModel,
    slides: SpeakerModel,
    plda: IVectors,
    relevance: f64,
}

fn failed<E: std::error::Error + Send + Sync + 'static>(error: E) -> Error {
    Error::part("training on the background speakers")(error)
}

impl Trained {
    pub(crate) fn fit(
        background: &[Vec<&Utterance>],
        components: usize,
        seed: u64,
        models: &Models,
        observe: &mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<Self> {
        observe("background model")?;
        let views: Vec<ArrayView2<f32>> = background.iter().flatten().map(|one| one.frames.view()).collect();
        let all = concatenate(Axis(0), &views).map_err(failed)?;
        let ubm = GmmParams { components, seed, ..models.ubm.clone() }.fit(all.view()).map_err(failed)?.gmm;
        let chunk = (models.chunk * FRAME_RATE) as usize;
        observe("statistics")?;
        // Chunks of an utterance, the rest with the last one.
        let chunks: Vec<Vec<Statistics>> = background
            .par_iter()
            .map(|of| {
                let mut chunks = Vec::new();
                for utterance in of {
                    let frames = utterance.frames.nrows();
                    let count = (frames / chunk).max(1);
                    for part in 0..count {
                        let end = if part + 1 == count { frames } else { (part + 1) * chunk };
                        let frames = utterance.frames.slice(ndarray::s![part * chunk..end, ..]);
                        chunks.push(Statistics::new(&ubm, frames, Alignment::Soft)?);
                    }
                }
                Ok(chunks)
            })
            .collect::<auscult_fa_speaker::Result<_>>()
            .map_err(failed)?;
        let speakers: Vec<Statistics> = chunks
            .iter()
            .map(|of| {
                let mut sum = Statistics::empty(&ubm);
                of.iter().for_each(|chunk| sum.add(chunk));
                sum
            })
            .collect();
        observe("eigenvoices")?;
        let em = models.eigenvoices.fit(&ubm, &speakers).map_err(failed)?.loadings;
        let pca = EigenvoiceParams { training: Training::Pca, ..models.eigenvoices.clone() };
        let pca = pca.fit(&ubm, &speakers).map_err(failed)?.loadings;
        observe("eigenchannels")?;
        let channels = models.eigenchannels.fit(&ubm, &em, &chunks).map_err(failed)?.loadings;
        observe("i-vectors")?;
        let plda = models.plda.fit(&ubm, &chunks).map_err(failed)?;
        let proposed = SpeakerModel::new(ubm.clone(), em).map_err(failed)?;
        let extended = proposed.clone().with_eigenchannels(channels).map_err(failed)?;
        let slides = SpeakerModel::new(ubm, pca).and_then(|model| model.with_kappa(1.0)).map_err(failed)?;
        let slides = slides.with_alignment(Alignment::HardYml);
        Ok(Self { proposed, extended, slides, plda, relevance: models.relevance })
    }

    /// The model behind a system whose evidence is scaled.
    pub(crate) fn scaled(&self, system: System, kappa: f64) -> Result<SpeakerModel> {
        let model = if system == System::Eigenchannels { &self.extended } else { &self.proposed };
        model.clone().with_kappa(kappa).map_err(failed)
    }

    /// All statistics of segments that any system looks at.
    pub(crate) fn describe(&self, turns: &Turns) -> Result<Described> {
        let each = |segment: &Array2<f32>| -> auscult_fa_speaker::Result<_> {
            let soft = self.proposed.statistics(segment.view())?;
            let hard = self.slides.statistics(segment.view())?;
            Ok((soft, hard, FullGaussian::new(segment.view())?))
        };
        let mut described = Described {
            soft: Vec::new(),
            hard: Vec::new(),
            gaussians: Vec::new(),
            speakers: turns.speakers.clone(),
            frames: turns.segments.iter().map(Array2::nrows).collect(),
        };
        for segment in &turns.segments {
            let (soft, hard, gaussian) = each(segment).map_err(failed)?;
            described.soft.push(soft);
            described.hard.push(hard);
            described.gaussians.push(gaussian);
        }
        Ok(described)
    }

    /// A system's clustering of a conversation. `kappa` is looked at where the system scales evidence.
    pub(crate) fn cluster(&self, system: System, kappa: f64, turns: &Described) -> Result<Dendrogram> {
        let stats =
            |model: &SpeakerModel, of: &[Statistics]| -> auscult_fa_speaker::Result<Vec<SpeakerStat>> {
                of.iter().map(|one| model.stat(one)).collect()
            };
        let tree = match system {
            System::Proposed | System::Eigenchannels => agglomerate(
                &EvidenceRatio,
                &stats(&self.scaled(system, kappa)?, &turns.soft).map_err(failed)?,
                MATRIX,
            ),
            System::Slides => {
                agglomerate(&EvidenceRatio, &stats(&self.slides, &turns.hard).map_err(failed)?, MATRIX)
            }
            System::Clr => {
                let clr = Clr { gmm: self.proposed.ubm(), relevance: self.relevance, form: ClrForm::Slides };
                agglomerate(&clr, &turns.soft, MATRIX)
            }
            System::Glr => agglomerate(&GaussianGlr, &turns.gaussians, MATRIX),
            System::Bic => agglomerate(&Bic::default(), &turns.gaussians, MATRIX),
            System::Ev => {
                let stats = stats(&self.slides, &turns.soft).map_err(failed)?;
                let distance =
                    |a: &SpeakerStat, b: &SpeakerStat| FactorDistance::MaximumLikelihood.distance(a, b);
                agglomerate_distances(pairs(&stats, distance).map_err(failed)?, stats.len(), Linkage::Average)
            }
            System::Plda => {
                let stats = turns
                    .soft
                    .iter()
                    .map(|one| self.plda.stat(one))
                    .collect::<auscult_fa_speaker::Result<Vec<_>>>();
                let stats = stats.map_err(failed)?;
                let distance = |a: &SpeakerStat, b: &SpeakerStat| Ok(-a.llr(b)?);
                agglomerate_distances(pairs(&stats, distance).map_err(failed)?, stats.len(), Linkage::Average)
            }
        };
        tree.map_err(failed)
    }
}

/// Bytes for the distances of a conversation's segments; they are few.
const MATRIX: usize = 64 << 20;

fn pairs(
    stats: &[SpeakerStat],
    distance: impl Fn(&SpeakerStat, &SpeakerStat) -> auscult_fa_speaker::Result<f64>,
) -> auscult_fa_speaker::Result<Vec<f32>> {
    let lower = (0..stats.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    lower.map(|(i, j)| Ok(distance(&stats[i], &stats[j])? as f32)).collect()
}

/// A conversation as the systems see it.
pub(crate) struct Described {
    pub(crate) soft: Vec<Statistics>,
    hard: Vec<Statistics>,
    gaussians: Vec<FullGaussian>,
    pub(crate) speakers: Vec<usize>,
    pub(crate) frames: Vec<usize>,
}
