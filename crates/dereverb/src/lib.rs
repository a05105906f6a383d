//! Blind dereverberation of multichannel recordings.
//!
//! What a room adds late can be predicted from the past of the signal; the source itself cannot. Weighted prediction
//! error (WPE) estimates that prediction in every frequency bin from the recording alone, and subtracts it. Direct
//! sound and early reflections stay as they are in all channels, so a beamformer or a feature extractor can follow.
//!
//! | | when | how |
//! |---|---|---|
//! | [`Wpe`] | the whole recording is there | iterations over all frames |
//! | [`OnlineWpe`] | frames arrive one by one | recursive least squares |
//! | [`UnifiedDereverb`] | sources or listeners move; sources are wanted apart | prediction, beamforming and suppression under one likelihood |
//!
//! ```
//! use auscult_dereverb::{Complex, PsdContext, WpeParams, ndarray::Array3};
//!
//! // a chirp through a filter that repeats it two frames later, at half the level
//! let mut x = Array3::from_shape_fn((1, 500, 1), |(_, t, _)| Complex::cis((t * t) as f64 * 0.7));
//! for t in 2..500 {
//!     let late = x[[0, t - 2, 0]] * 0.5;
//!     x[[0, t, 0]] += late;
//! }
//! // the source has the same power in all frames
//! let wpe = WpeParams::default().taps(2).delay(2).psd_context(PsdContext::All).plan()?;
//! let y = wpe.process(x.view())?;
//! assert!((y[[0, 400, 0]] - Complex::cis(160_000.0 * 0.7)).norm() < 0.2);
//! # Ok::<(), auscult_dereverb::Error>(())
//! ```
//!
//! [`room`] simulates rooms to test them in.
//!
//! # Conventions
//! - Spectra are [channel, frame, bin], of `f32` or `f64`, and of any scale: the output scales with the input.
//! - Taps and delay count frames. The delay must keep overlapping frames out of the prediction: with 512/256
//!   windows at 16 kHz use 2 or 3.
//! - The result does not depend on the number of threads.
//!
//! # Exact to
//! nara_wpe 0.0.11, bin for bin to 1e-8 in `f64`: [`Wpe`] to `wpe_v8`, with [`PowerFloor::Max`]`(1e-10)` (the default
//! floor differs: see there), and [`OnlineWpe`] to `online_wpe_step`, whose `delay` counts one less. Where the equations
//! are singular, nara_wpe takes the least-norm solution, we a regularised one. [`UnifiedDereverb`] has no reference
//! implementation: it is derived here from a published description, and tested against its own likelihood.
//!
//! # Features
//! `serde`: the parameters can be read from and written to recipes.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod bin;
mod cholesky;
mod error;
mod hermitian;
mod online;
mod planar;
mod product;
mod real;
mod recursion;
pub mod room;
mod stack;
#[cfg(test)]
mod testing;
mod unified;
mod wpe;

pub use ndarray;
pub use num_complex::Complex;
pub use {
    error::{Error, Result},
    online::{OnlineWpe, OnlineWpeParams},
    real::Real,
    unified::{
        FilterStep, LateModel, Moved, SourceModel, Step, UnifiedDereverb, UnifiedOutput, UnifiedParams,
        Update,
    },
    wpe::{PowerFloor, PsdContext, Statistics, Wpe, WpeParams},
};

/// The README's examples, for the compiler to read.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
