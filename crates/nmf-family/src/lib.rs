//! Non-negative matrix factorisation (NMF), underapproximation (NMU) and novelty extraction (NNE): learn the atoms of
//! normal sound, and take from a recording what they do not explain.
//!
//! Everything works on plain non-negative matrices; nothing here knows about audio.
//!
//! # Conventions
//! * X is [bin, frame], W [bin, atom], H [atom, frame], as in the literature: X ~ W H. A frame-major spectrogram
//!   [frame, bin] enters as its free transposed view `x.t()`, and results come back in that memory order.
//! * Every function takes `f32` and `f64`. Amplitudes or powers must be finite and >= 0; anything else is an
//!   [`Error`] that names the entry.
//! * Work spreads over rayon's current pool in blocks of frames. The same input gives the same bits on any number of
//!   threads, and extraction gives a frame the same bits whatever other frames come with it.
//! * Random starts come from a fixed default seed.
//!
//! # Example
//! ```
//! use auscult_nmf_family::{Loss, Nmf, ndarray::array};
//!
//! # fn main() -> auscult_nmf_family::Result<()> {
//! let x = array![[1.0_f64, 2.0, 0.0, 3.0], [0.5, 1.0, 4.0, 1.5], [0.0, 0.0, 2.0, 0.0]];
//! let nmf = Nmf::params(2).loss(Loss::KullbackLeibler).iterations(200).fit(x.view())?;
//! assert_eq!((nmf.atoms().dim(), nmf.activations().dim()), ((3, 2), (2, 4)));
//! assert!(nmf.objective() < 1e-3 && nmf.objective() <= nmf.record()[0].objective);
//! let h = nmf.transform(array![[2.0], [1.0], [0.0]].view())?; // other data, the same atoms
//! assert!((nmf.atoms().dot(&h)[[0, 0]] - 2.0).abs() < 1e-2);
//! # Ok(())
//! # }
//! ```
//! The extractors of anomalous sound start at [`AnomalousSoundExtractor`].
//!
//! # What is where
//! | Task | Here | Exact to |
//! |---|---|---|
//! | NMF, any beta-divergence, multiplicative | [`NmfParams`] | scikit-learn's `NMF(solver="mu")`, iterate by iterate |
//! | NMF by coordinate descent (HALS) | [`Solver::CoordinateDescent`] | scikit-learn's `NMF(solver="cd")` |
//! | Supervised (W given) | [`activations`], [`Nmf::transform`] | the optimum |
//! | Semi-supervised (some atoms given) | [`NmfParams::fit_beside`] | |
//! | Online, with forgetting | [`OnlineNmf`] | scikit-learn's `MiniBatchNMF.partial_fit` |
//! | NMU, eq. (3) of the paper below | [`nmu`], [`learn_nmu`] | the published iterations |
//! | NNE, eq. (4) to (7) | [`nne`] | Algorithm 1; SciPy's SLSQP for [`Variant::Exact`] |
//! | Extraction of anomalous sound | [`AnomalousSoundExtractor`] | |
//!
//! "The paper" is Kawaguchi et al., "Anomaly detection based on an ensemble of dereverberation and anomalous sound
//! extraction", ICASSP 2019.
//!
//! # Features
//! | Feature | Default | What it adds |
//! |---|---|---|
//! | `serde` | no | `Serialize`, `Deserialize` on parameters |
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod activations;
mod atoms;
mod dense;
mod error;
mod extraction;
mod extractor;
mod init;
mod loss;
mod nmf;
mod nmu;
mod nne;
mod online;
mod rows;
mod simd;

pub use ndarray;
pub use num_complex;
pub use {
    error::{Error, Result},
    extraction::{Extraction, Residuals},
    extractor::{AnomalousSoundExtractor, Method},
    init::Init,
    loss::{Loss, divergence},
    nmf::{Nmf, NmfParams, Penalty, Progress, Solver, Start, activations, residual},
    nmu::{NmuSolver, learn_nmu, nmu},
    nne::{NneParams, Variant, nne},
    online::{OnlineNmf, OnlineParams},
    simd::Real,
};

/// The README's examples, for the compiler to read.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
