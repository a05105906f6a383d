//! Mel spectrogram in one pass: no full spectrogram is kept.

use ndarray::{Array2, ArrayView1, ArrayViewMut2};

use crate::error::{Result, check, check_len};
use crate::real_fft::Spectrum;
use crate::{MelFilterBank, MelParams, Real, Stft, StftParams};

/// STFT and mel parameters together: what a recipe file holds.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct MelSpectrogramParams {
    /// Framing and transform.
    pub stft: StftParams,
    /// Filter bank.
    pub mel: MelParams,
    /// Exponent of the magnitude: 2 is power, 1 is magnitude.
    pub power: f64,
}

impl Default for MelSpectrogramParams {
    fn default() -> Self {
        MelSpectrogramParams { stft: StftParams::default(), mel: MelParams::default(), power: 2.0 }
    }
}

impl MelSpectrogramParams {
    /// Power mel spectrogram of this transform and this filter bank.
    pub fn new(stft: StftParams, mel: MelParams) -> Self {
        MelSpectrogramParams { stft, mel, power: 2.0 }
    }

    /// Sets the exponent of the magnitude.
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }

    /// Checks the parameters and prepares the transform.
    ///
    /// # Errors
    /// Those of [`StftParams::plan`] and [`MelParams::filter_bank`]; [`BadParam`](crate::Error::BadParam) for a
    /// `power` that is not positive.
    pub fn plan<T: Real>(&self) -> Result<MelSpectrogram<T>> {
        check(self.power > 0.0 && self.power.is_finite(), "power", self.power, "a positive exponent")?;
        Ok(MelSpectrogram {
            stft: self.stft.plan()?,
            filters: self.mel.filter_bank(self.stft.n_fft)?,
            power: Exponent::of(self.power),
        })
    }
}

/// The exponent of the magnitude; the usual two need no `powf`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Exponent {
    One,
    Two,
    Other(f64),
}

impl Exponent {
    pub(crate) fn of(exponent: f64) -> Self {
        match exponent {
            1.0 => Exponent::One,
            2.0 => Exponent::Two,
            other => Exponent::Other(other),
        }
    }

    /// `|X|^exponent` of every bin.
    pub(crate) fn of_spectrum<T: Real>(self, spectrum: &Spectrum<T>, out: &mut [T]) {
        for ((p, &re), &im) in out.iter_mut().zip(&spectrum.re).zip(&spectrum.im) {
            *p = re * re + im * im;
        }
        match self {
            Exponent::Two => {}
            Exponent::One => out.iter_mut().for_each(|p| *p = p.sqrt()),
            Exponent::Other(exponent) => out.iter_mut().for_each(|p| *p = p.powf(T::of(exponent / 2.0))),
        }
    }
}

/// A planned mel spectrogram: frame, transform, `|X|^power`, filter, one frame at a time.
///
/// `Send + Sync` and cheap to share, like [`Stft`].
#[derive(Clone, Debug)]
pub struct MelSpectrogram<T: Real = f32> {
    stft: Stft<T>,
    filters: MelFilterBank<T>,
    power: Exponent,
}

impl<T: Real> MelSpectrogram<T> {
    /// The transform.
    pub fn stft(&self) -> &Stft<T> {
        &self.stft
    }

    /// The filter bank.
    pub fn filters(&self) -> &MelFilterBank<T> {
        &self.filters
    }

    /// Number of bands.
    pub fn n_mels(&self) -> usize {
        self.filters.n_mels()
    }

    /// Frames of a signal of `len` samples; 0 if it is too short.
    pub fn frames(&self, len: usize) -> usize {
        self.stft.frames(len)
    }

    /// The mel spectrogram `[frame, mel]` of one channel.
    ///
    /// # Errors
    /// As [`Stft::forward`].
    pub fn process(&self, signal: ArrayView1<'_, T>) -> Result<Array2<T>> {
        let frames = self.stft.framing.checked_count(signal.len())?;
        let mut out = Array2::zeros((frames, self.n_mels()));
        self.process_into(signal, out.view_mut())?;
        Ok(out)
    }

    /// [`process`](Self::process) into an array of shape `[frames(signal.len()), n_mels()]`.
    ///
    /// # Errors
    /// As [`Stft::forward_into`].
    pub fn process_into(&self, signal: ArrayView1<'_, T>, mut out: ArrayViewMut2<'_, T>) -> Result<()> {
        let frames = self.stft.framing.checked_count(signal.len())?;
        check_len("the output", "frames", out.nrows(), frames)?;
        check_len("the output", "mel bands", out.ncols(), self.n_mels())?;
        let signal = signal.as_standard_layout();
        let signal = signal.as_slice().unwrap_or_default();
        let mut scratch = self.scratch();
        for (t, mut row) in out.rows_mut().into_iter().enumerate() {
            let start = (t * self.stft.framing.hop) as isize - self.stft.framing.pad as isize;
            row.assign(&ArrayView1::from(self.mel_at(signal, start, &mut scratch)));
        }
        Ok(())
    }

    pub(crate) fn scratch(&self) -> MelScratch<T> {
        MelScratch {
            spectrum: self.stft.buffers(),
            power: vec![T::zero(); self.stft.n_bins()],
            mel: vec![T::zero(); self.n_mels()],
        }
    }

    /// The mel bands of the frame that starts at sample `start` of `signal`.
    pub(crate) fn mel_at<'s>(&self, signal: &[T], start: isize, scratch: &'s mut MelScratch<T>) -> &'s [T] {
        self.stft.spectrum_at(signal, start, &mut scratch.spectrum);
        self.power.of_spectrum(&scratch.spectrum, &mut scratch.power);
        self.filters.apply_frame(&scratch.power, &mut scratch.mel);
        &scratch.mel
    }
}

/// Buffers of one frame.
#[derive(Clone)]
pub(crate) struct MelScratch<T: Real> {
    spectrum: Spectrum<T>,
    power: Vec<T>,
    mel: Vec<T>,
}
