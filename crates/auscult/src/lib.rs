//! Machine listening: machines, birds, speakers, singers, songs.
//!
//! This crate gathers the auscult crates under one name, and, with the feature `torch`, composes them into
//! pipelines that train, evaluate and listen.
//!
//! ```
//! use auscult::audio_io::{Audio, ndarray::Array2};
//! use auscult::stft_mel::{LogScale, MelParams, MelSpectrogramParams, StftParams};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sine = Array2::from_shape_fn((1, 22_050), |(_, n)| (0.2 * n as f32).sin()); // [channel, frame]
//! let audio = Audio::new(sine, 22_050)?;
//!
//! let mel = MelParams::new(audio.sample_rate, 80);
//! let plan = MelSpectrogramParams::new(StftParams::new(1024).hop_length(315), mel).plan::<f32>()?;
//! let log_mel = LogScale::power_db().apply(plan.process(audio.samples.row(0))?.view())?;
//! assert_eq!(log_mel.dim(), (71, 80)); // [frame, mel]
//! # Ok(())
//! # }
//! ```
//!
//! | module | what | exact to |
//! |---|---|---|
//! | [`audio_io`] | read, resample, stream, write sound | libsndfile's scaling |
//! | [`stft_mel`] | STFT, mel, MFCC, deltas, HPSS | librosa, Kaldi |
//! | [`dereverb`], [`dereverberation`] | WPE, offline and online, unified likelihood, rooms; files and streams | nara_wpe, pyroomacoustics |
//! | [`eval_metrics`] | scores of five fields | mir_eval, museval, scikit-learn, pyannote.metrics |
//! | [`fa_speaker`] | mixtures, eigenvoices, speaker comparison, clustering | scikit-learn, SciPy, NumPy |
//! | [`nmf_family`] | NMF, underapproximation, novelty extraction | scikit-learn |
//! | `models_tch` (feature `torch`) | networks, training, checkpoints | PyTorch |
//! | `pipeline` (feature `torch`) | asd, birds, speakers, svd, separation | five papers |
//! | | separation: songs to voice and band | paper 004 |
//! | | speakers: who is the same, who spoke when | paper 002 |
//! | | svd: songs to singing | paper 003 |
//!
//! # Features
//! * `cli` (default): the `auscult` command.
//! * `torch`: networks and pipelines; needs libtorch (`cargo xtask setup` fetches it, or set `LIBTORCH`).
//!
//! # Errors
//! Everything that can fail returns [`Error`], which names the file and the remedy.

#![deny(unsafe_code)]
#![deny(missing_docs)]

pub use auscult_audio_io as audio_io;
pub use auscult_dereverb as dereverb;
pub use auscult_eval_metrics as eval_metrics;
pub use auscult_fa_speaker as fa_speaker;
#[cfg(feature = "torch")]
pub use auscult_models_tch as models_tch;
pub use auscult_nmf_family as nmf_family;
pub use auscult_stft_mel as stft_mel;

pub mod dereverberation;
mod error;
#[cfg(feature = "torch")]
mod files;
mod observer;
#[cfg(feature = "torch")]
pub mod pipeline;
#[cfg(feature = "torch")]
mod random;
#[cfg(feature = "torch")]
mod report;
#[cfg(feature = "torch")]
mod run;
mod table;

pub use error::{Error, Result};
#[cfg(feature = "torch")]
pub use files::write as write_file;
pub use observer::{Observer, Quiet};
#[cfg(feature = "torch")]
pub use run::{About, Environment, Run};
pub use table::{Row, Table};

#[cfg(feature = "torch")]
pub use report::write_report;

/// The README's examples, for the compiler to read.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
