//! Dereverberation.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod bin;
mod cholesky;
mod error;
mod planar;
mod product;
mod real;
#[cfg(test)]
mod testing;
mod wpe;

use bin::StackedPast;
pub use ndarray;
pub use num_complex::Complex;
pub use {
    error::{Error, Result},
    real::Real,
    wpe::{PowerFloor, PsdContext, Statistics, Wpe, WpeParams},
};
