//! STFT and mel.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod dct;
mod error;
mod fbank;
mod framing;
mod log_scale;
mod mel;
mod mel_spectrogram;
mod mfcc;
mod real;
mod stft;
mod window;

pub use dct::dct_matrix;
pub use error::{Error, Result};
pub use fbank::{Fbank, FbankParams};
pub use framing::{PadMode, frame_to_time, time_to_frame};
pub use log_scale::{LogScale, Reference, amplitude_to_db, power_to_db};
pub use mel::{MelFilterBank, MelNorm, MelParams, MelScale, MelTriangles};
pub use mel_spectrogram::{MelSpectrogram, MelSpectrogramParams};
pub use mfcc::{EnergyTerm, Mfcc, MfccFrontEnd, MfccParams};
pub use real::Real;
pub use stft::{Stft, StftParams, magnitude_spectrogram, power_spectrogram};
pub use window::Window;

pub use ndarray;
pub use num_complex;
