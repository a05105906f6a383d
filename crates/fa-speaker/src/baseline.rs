//! The distances the comparison is measured against.

mod clr;
mod factor_distance;
mod gaussian;
mod gmm_glr;
mod ivector;

pub use clr::{Clr, ClrForm};
pub use factor_distance::FactorDistance;
pub use gaussian::{Bic, FullGaussian, GaussianGlr, PenaltyFrames};
pub use gmm_glr::GmmGlr;
pub use ivector::{IVectors, PldaParams};
