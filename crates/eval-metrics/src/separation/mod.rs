//! How well estimated sources match the true ones.

mod block_toeplitz;
mod bss_eval;
mod bss_eval_v4;
mod correlation;
mod energies;
mod nsdr;
mod projection;
mod ratio;
mod scale_invariant;
mod signals;

pub use bss_eval::{
    FramewiseImageScores, FramewiseSourceScores, ImageScores, SourceScores, bss_eval_images,
    bss_eval_images_framewise, bss_eval_sources, bss_eval_sources_framewise,
};
pub use bss_eval_v4::{BssEvalV4, WindowScores};
pub use nsdr::{nsdr, sdr};
pub use ratio::snr;
pub use scale_invariant::{ScaleInvariantScores, scale_invariant_bss_eval, si_sdr};
