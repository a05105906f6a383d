//! STFT and mel.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod cmvn;
mod dct;
mod delta;
mod diffusion;
mod error;
mod fbank;
mod framing;
mod hpss;
mod log_scale;
mod mel;
mod mel_spectrogram;
mod mfcc;
mod pcen;
mod real;
mod stft;
mod streaming;
mod window;

pub use cmvn::{cmvn, sliding_cmvn};
pub use dct::dct_matrix;
pub use delta::{append_deltas, delta, delta_regression};
pub use diffusion::{Diffusion, DiffusionParams, TwoStageHpss, TwoStageHpssParams};
pub use error::{Error, Result};
pub use fbank::{Fbank, FbankParams};
pub use framing::{PadMode, frame_to_time, time_to_frame};
pub use hpss::{HarmonicPercussive, Hpss, HpssParams};
pub use log_scale::{LogScale, Reference, amplitude_to_db, power_to_db};
pub use mel::{MelFilterBank, MelNorm, MelParams, MelScale, MelTriangles};
pub use mel_spectrogram::{MelSpectrogram, MelSpectrogramParams};
pub use mfcc::{EnergyTerm, Mfcc, MfccFrontEnd, MfccParams};
pub use pcen::PcenParams;
pub use real::Real;
pub use stft::{Stft, StftParams, magnitude_spectrogram, power_spectrogram};
pub use streaming::{StreamingInverse, StreamingMel, StreamingStft};
pub use window::Window;

pub use ndarray;
pub use num_complex;
