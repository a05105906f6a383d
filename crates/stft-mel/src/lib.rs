//! STFT, mel spectrograms, MFCC and harmonic-percussive separation, exact to the toolkits people publish with: librosa,
//! Kaldi and HTK. Planned once, run many times, in batch or as a stream. Pure Rust.
//!
//! ```
//! use auscult_stft_mel::{LogScale, MelParams, MelSpectrogramParams, StftParams, ndarray::Array1};
//!
//! let samples = Array1::from_shape_fn(22_050, |n| (n as f32 * 0.1).sin()); // one second, one channel
//! let params = MelSpectrogramParams::new(StftParams::new(1024).hop_length(315), MelParams::new(22_050, 80));
//! let mel = params.plan()?.process(samples.view())?;
//! let log_mel = LogScale::power_db().apply(mel.view())?;
//! assert_eq!(log_mel.dim(), (71, 80)); // [frame, mel]
//! # Ok::<(), auscult_stft_mel::Error>(())
//! ```
//!
//! # Conventions
//!
//! * Time comes first: a spectrum is `[frame, bin]`, features are `[frame, feature]`, several channels
//!   `[channel, frame, bin]`. librosa's arrays are the transposes.
//! * Samples are in [-1, 1], `f32` or `f64`. Transforms are unscaled, their inverses scaled.
//! * Defaults are those of librosa 0.11: periodic Hann, hop a quarter of the window, centred frames, **zero** padding.
//!   librosa before 0.10 and `torch.stft` mirror the signal: [`PadMode::Reflect`].
//! * A reflected signal must be longer than `n_fft / 2`; a causal one must hold a whole frame, or set
//!   [`pad_end`](StftParams::pad_end()). Shorter ones are an [`Error`] that says so; nothing is padded silently.
//! * NaN samples make NaN frames, as in librosa; only the separations refuse them.
//! * The same input gives the same output, bit for bit, in batch and in a stream: frames do not share arithmetic.
//!
//! # Plans
//!
//! `...Params` are plain values with defaults and setters; [`plan`](StftParams::plan) checks them and makes windows,
//! filters and transforms. A plan is immutable, `Send + Sync` and cheap to clone: threads share it by reference. Its
//! `process` and `forward` allocate the result and scratch of a few frames; the `_into` forms write to an array of
//! yours. [`StreamingStft`], [`StreamingMel`] and [`StreamingInverse`] own their scratch and move between threads.
//!
//! # What is here
//!
//! | | batch | stream | exact to |
//! |---|---|---|---|
//! | STFT | [`Stft`] | [`StreamingStft`], [`StreamingInverse`] | `librosa.stft`, `istft` |
//! | mel | [`MelFilterBank`], [`MelSpectrogram`] | [`StreamingMel`] | `librosa.filters.mel`, `feature.melspectrogram` |
//! | logarithms | [`LogScale`], [`power_to_db`], [`amplitude_to_db`], [`PcenParams`] | | `librosa.power_to_db`, `pcen` |
//! | speech filter banks | [`Fbank`] | | Kaldi; HTK book |
//! | MFCC | [`Mfcc`] | | librosa; Kaldi; HTK book |
//! | samples | [`preemphasis()`], [`frames`] | | `librosa.effects.preemphasis`, `util.frame` |
//! | over time | [`delta`], [`delta_regression`], [`append_deltas`], [`cmvn`], [`sliding_cmvn`] | | librosa; HTK, Kaldi |
//! | voice | [`Harmonicity`], [`VoiceActivityParams`] | | Boersma 1993 |
//! | separation | [`Hpss`], [`Diffusion`], [`TwoStageHpss`] | | `librosa.decompose.hpss`; Ono et al. 2008 |
//!
//! Feature `serde`: every `...Params` reads from and writes to recipe files; missing fields take their defaults
//! (except where toolkits differ: [`FbankParams`], [`MfccParams`]), unknown ones are errors.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod cmvn;
mod dct;
mod delta;
mod diffusion;
mod error;
mod fbank;
mod framing;
mod harmonicity;
mod hpss;
mod log_scale;
mod mel;
mod mel_spectrogram;
mod mfcc;
mod pcen;
mod preemphasis;
mod real;
mod real_fft;
mod stft;
mod streaming;
mod window;

pub use cmvn::{cmvn, sliding_cmvn};
pub use dct::dct_matrix;
pub use delta::{append_deltas, delta, delta_regression};
pub use diffusion::{Diffusion, DiffusionParams, TwoStageHpss, TwoStageHpssParams};
pub use error::{Error, Result};
pub use fbank::{Fbank, FbankParams};
pub use framing::{PadMode, frame_to_time, frames, time_to_frame};
pub use harmonicity::{Harmonicity, HarmonicityParams, Periodicity, VoiceActivityParams};
pub use hpss::{HarmonicPercussive, Hpss, HpssParams};
pub use log_scale::{LogScale, Reference, amplitude_to_db, power_to_db};
pub use mel::{MelFilterBank, MelNorm, MelParams, MelScale, MelTriangles};
pub use mel_spectrogram::{MelSpectrogram, MelSpectrogramParams};
pub use mfcc::{EnergyTerm, Mfcc, MfccFrontEnd, MfccParams};
pub use pcen::PcenParams;
pub use preemphasis::preemphasis;
pub use real::Real;
pub use stft::{Stft, StftParams, magnitude_spectrogram, power_spectrogram};
pub use streaming::{StreamingInverse, StreamingMel, StreamingStft};
pub use window::Window;

pub use ndarray;
pub use num_complex;

/// The README's examples, for the compiler to read.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
