//! Sound to the magnitudes the network sees (paper 004, 3.1.2).

use auscult_stft_mel::num_complex::Complex;
use auscult_stft_mel::{Stft, StftParams};
use ndarray::{Array2, ArrayView1, ArrayView2, s};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The front end; the defaults are the paper's. Frames are centred, the window is a periodic Hann, and beyond the ends
/// there is silence.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrontEnd {
    /// Hz, everything is resampled to it.
    pub sample_rate: u32,
    /// FFT and window length, samples.
    pub n_fft: usize,
    /// Samples between frames.
    pub hop_length: usize,
    /// Frequency bins the network sees: the first ones above 0 Hz, which is left to the accompaniment.
    pub bins: usize,
    /// Frames of a patch.
    pub frames: usize,
}

impl Default for FrontEnd {
    fn default() -> Self {
        Self { sample_rate: 8192, n_fft: 1024, hop_length: 768, bins: 512, frames: 128 }
    }
}

impl FrontEnd {
    /// Bins and frames of a patch.
    #[must_use]
    pub fn patch(&self) -> [usize; 2] {
        [self.bins, self.frames]
    }

    /// Seconds from one frame to the next.
    #[must_use]
    pub fn frame_seconds(&self) -> f64 {
        self.hop_length as f64 / f64::from(self.sample_rate)
    }

    /// What would stop it later.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.sample_rate == 0 || self.bins == 0 || self.bins > self.n_fft / 2 {
            return Err(format!(
                "front_end: {} bins at {} Hz; a transform of {} samples has at most {} above 0 Hz",
                self.bins,
                self.sample_rate,
                self.n_fft,
                self.n_fft / 2
            ));
        }
        let stft = self.stft().map_err(|error| format!("front_end: {error}"))?;
        stft.inverse_stream().map_err(|error| format!("front_end: {error}"))?;
        Ok(())
    }

    pub(crate) fn stft(&self) -> Result<Stft<f32>> {
        let params = StftParams::new(self.n_fft).hop_length(self.hop_length);
        params.plan().map_err(Error::part("the front end"))
    }

    /// Magnitudes `[frame, bin]` of what the network sees of a spectrogram `[frame, n_fft / 2 + 1]`.
    pub(crate) fn magnitudes(&self, spectrum: ArrayView2<Complex<f32>>) -> Array2<f32> {
        spectrum.slice(s![.., 1..=self.bins]).mapv(|x| x.norm_sqr().sqrt())
    }

    /// Magnitudes `[frame, bin]` of mono samples at the front end's rate.
    pub(crate) fn magnitudes_of(&self, stft: &Stft<f32>, samples: ArrayView1<f32>) -> Result<Array2<f32>> {
        let spectrum = stft.forward(samples).map_err(Error::part("the front end"))?;
        Ok(self.magnitudes(spectrum.view()))
    }
}
