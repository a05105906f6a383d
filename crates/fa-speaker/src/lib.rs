//! Is it the same speaker, and who spoke when: utterance comparison by factor analysis, with its rivals.
//!
//! Paper 002 (Jeon, Ma and Macho, "An Utterance Comparison Model for Speaker Clustering Using Factor Analysis", ICASSP
//! 2011) integrates the unknown speaker out of "both utterances are one speaker's": the comparison weighs how much each
//! utterance has to say. This crate has the model with and without eigenchannels, all it takes to train it, the distances it
//! is compared with, agglomerative clustering, and resegmentation by Viterbi and by variational Bayes. It works on feature matrices and knows nothing of sound files.
//!
//! ```
//! use auscult_fa_speaker::{Alignment, EigenvoiceParams, GmmParams, Statistics, ndarray::Array2};
//!
//! // twelve "speakers" with a mean of their own, 200 frames of two features each
//! let frames = |speaker: usize| {
//!     Array2::from_shape_fn((200, 2), |(t, j)| ((t * 7 + j * 3) % 11) as f64 / 5.0 + ((speaker + j) % 5) as f64)
//! };
//! let all = auscult_fa_speaker::ndarray::concatenate(
//!     auscult_fa_speaker::ndarray::Axis(0), &(0..12).map(frames).collect::<Vec<_>>().iter().map(|f| f.view()).collect::<Vec<_>>())?;
//! let ubm = GmmParams { components: 2, ..GmmParams::default() }.fit(all.view())?.gmm;
//! let of = |speaker| Statistics::new(&ubm, frames(speaker).view(), Alignment::Soft);
//! let speakers = (0..12).map(of).collect::<Result<Vec<_>, _>>()?;
//! let voices = EigenvoiceParams { factors: 2, ..EigenvoiceParams::default() }.fit(&ubm, &speakers)?.loadings;
//! let [a, b, c] = [0, 5, 2].map(|speaker| voices.project(&speakers[speaker])); // 0 and 5 sound alike
//! let (a, b, c) = (a?, b?, c?);
//! assert!(a.llr(&b)? > 0.0 && a.llr(&c)? < 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Conventions
//! - Features are `[frame, feature]`, `f32` or `f64`; all sums and models are `f64`.
//! - Scores are natural log-likelihood ratios, higher for one speaker; the other measures are distances, lower for one
//!   speaker.
//! - Statistics are centred on the means of the mixture they were aligned to.
//! - Evidence scale: successive frames are far from independent, so a likelihood ratio of raw counts is overconfident by an
//!   order of magnitude. [`SpeakerModel::kappa`] scales counts; 1 is the slides' model, 0.1 a good start.
//! - The result depends neither on the number of threads nor, but for ties, on the order of the utterances.
//!
//! # Exact to
//! The closed forms, re-derived, to 1e-10: against quadrature over the factors, a dense Gaussian over stacked frames, and
//! golden numbers of a NumPy prototype; the mixture against scikit-learn's `GaussianMixture`.
#![deny(unsafe_code)]
#![deny(missing_docs)]

mod alignment;
mod baseline;
mod change;
mod clustering;
mod error;
mod factors;
mod gmm;
mod linear;
mod model;
mod model_file;
mod pairs;
mod probability;
mod resegmentation;
mod simd;
mod stat;
mod statistics;
mod variational;

pub use ndarray;
pub use {
    alignment::Alignment,
    baseline::{
        Bic, Clr, ClrForm, FactorDistance, FullGaussian, GaussianGlr, GmmGlr, IVectors, PenaltyFrames,
        PldaParams,
    },
    change::ChangeParams,
    clustering::{
        BoundedEvidenceRatio, BoundedStat, ClusterModel, Dendrogram, EvidenceRatio, Linkage, Merge,
        agglomerate, agglomerate_distances,
    },
    error::{Error, Result},
    factors::{EigenchannelParams, EigenvoiceParams, FittedLoadings, Loadings, Metric, Training},
    gmm::{Fitted, Gmm, GmmParams, Start},
    model::SpeakerModel,
    pairs::{llr_all_pairs, llr_with_each},
    probability::{paper_probability, posterior},
    resegmentation::ViterbiParams,
    stat::SpeakerStat,
    statistics::{PrefixStatistics, Statistics},
    variational::{VariationalParams, VariationalSpeakers},
};

/// What features may be: `f32` or `f64`.
pub trait Feature: Copy + Into<f64> + Send + Sync + sealed::Sealed {}
impl Feature for f32 {}
impl Feature for f64 {}

mod sealed {
    //! Keeps [`Feature`](super::Feature) to this crate.
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// The README's examples, for the compiler to read.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
