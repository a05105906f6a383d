//! NMF family.
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
