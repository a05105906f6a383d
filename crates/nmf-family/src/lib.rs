//! NMF family.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod activations;
mod atoms;
mod error;
mod init;
mod loss;
mod nmf;
mod rows;
mod simd;

pub use ndarray;
pub use {
    error::{Error, Result},
    init::Init,
    loss::{Loss, divergence},
    nmf::{Nmf, NmfParams, Penalty, Progress, Solver, Start, activations, residual},
    simd::Real,
};
