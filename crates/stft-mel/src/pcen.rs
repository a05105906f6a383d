//! Per-channel energy normalisation (Wang et al., ICASSP 2017): automatic gain control and compression per band.

use ndarray::{Array2, ArrayView2};

use crate::Real;
use crate::error::{Result, check};

/// PCEN: `(S / (eps + M)^gain + bias)^power - bias^power`, with `M` the band's level smoothed over `time_constant`.
///
/// Defaults: those of `librosa.pcen`, made for a magnitude spectrogram of samples in the 32-bit range.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct PcenParams {
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Hop of the spectrogram in samples.
    pub hop_length: usize,
    /// Strength of the gain control, 0 to 1.
    pub gain: f64,
    /// Offset before compression.
    pub bias: f64,
    /// Exponent of the compression; 0 is `ln(1 + x)`.
    pub power: f64,
    /// Of the smoother, in seconds.
    pub time_constant: f64,
    /// Keeps the gain finite.
    pub eps: f64,
}

impl Default for PcenParams {
    fn default() -> Self {
        PcenParams {
            sample_rate: 22_050,
            hop_length: 512,
            gain: 0.98,
            bias: 2.0,
            power: 0.5,
            time_constant: 0.4,
            eps: 1e-6,
        }
    }
}

impl PcenParams {
    /// Defaults for a spectrogram of this sample rate and hop.
    pub fn new(sample_rate: u32, hop_length: usize) -> Self {
        PcenParams { sample_rate, hop_length, ..Self::default() }
    }

    /// Sets the strength of the gain control.
    pub fn gain(mut self, gain: f64) -> Self {
        self.gain = gain;
        self
    }

    /// Sets the offset.
    pub fn bias(mut self, bias: f64) -> Self {
        self.bias = bias;
        self
    }

    /// Sets the exponent.
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }

    /// Sets the time constant in seconds.
    pub fn time_constant(mut self, seconds: f64) -> Self {
        self.time_constant = seconds;
        self
    }

    /// Normalises a mel spectrogram `[frame, mel]`.
    ///
    /// # Errors
    /// [`BadParam`](crate::Error::BadParam) for a rate, hop, time constant or eps that is not positive, or a negative
    /// gain, bias or power.
    pub fn apply<T: Real>(&self, spectrogram: ArrayView2<'_, T>) -> Result<Array2<T>> {
        check(self.sample_rate > 0, "sample_rate", self.sample_rate, "at least 1 Hz")?;
        check(self.hop_length > 0, "hop_length", self.hop_length, "at least 1 sample")?;
        check(self.time_constant > 0.0, "time_constant", self.time_constant, "a positive time")?;
        check(self.eps > 0.0, "eps", self.eps, "a positive value")?;
        check(self.gain >= 0.0, "gain", self.gain, "at least 0")?;
        check(self.bias >= 0.0, "bias", self.bias, "at least 0")?;
        check(self.power >= 0.0, "power", self.power, "at least 0")?;

        // The one-pole smoother whose response has the given time constant in frames.
        let frames = self.time_constant * f64::from(self.sample_rate) / self.hop_length as f64;
        let pole = ((1.0 + 4.0 * frames * frames).sqrt() - 1.0) / (2.0 * frames * frames);
        let mut level = vec![1.0; spectrogram.ncols()];
        let mut out = spectrogram.to_owned();
        for mut frame in out.rows_mut() {
            for (value, level) in frame.iter_mut().zip(&mut level) {
                let x = value.wide();
                *level = pole * x + (1.0 - pole) * *level;
                let gained = x * (-self.gain * (self.eps.ln() + (*level / self.eps).ln_1p())).exp();
                *value = T::of(self.compress(gained));
            }
        }
        Ok(out)
    }

    /// `(x + bias)^power - bias^power`, without cancellation.
    fn compress(&self, x: f64) -> f64 {
        if self.power == 0.0 {
            x.ln_1p()
        } else if self.bias == 0.0 {
            x.powf(self.power)
        } else {
            self.bias.powf(self.power) * (self.power * (x / self.bias).ln_1p()).exp_m1()
        }
    }
}
