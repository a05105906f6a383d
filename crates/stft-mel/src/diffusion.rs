//! Harmonic-percussive separation by complementary diffusion (Ono et al., EUSIPCO 2008), and the two-stage use of it
//! that brings out singing (Leglaive et al., ICASSP 2015).

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Zip};
use num_complex::Complex;

use crate::error::{Error, Result, check};
use crate::{HarmonicPercussive, Real, Stft, StftParams};

/// Complementary diffusion: the harmonic part spreads along time, the percussive part along frequency, and together
/// they stay the mixture.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct DiffusionParams {
    /// Balance α of the two diffusions, 0 to 1.
    pub balance: f64,
    /// Iterations.
    pub iterations: usize,
    /// Range compression γ: what diffuses is `|X|^(2γ)`.
    pub compression: f64,
}

impl Default for DiffusionParams {
    fn default() -> Self {
        DiffusionParams { balance: 0.3, iterations: 50, compression: 1.0 }
    }
}

impl DiffusionParams {
    /// Sets the balance of the two diffusions.
    pub fn balance(mut self, balance: f64) -> Self {
        self.balance = balance;
        self
    }

    /// Sets the number of iterations.
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }

    /// Sets the range compression.
    pub fn compression(mut self, compression: f64) -> Self {
        self.compression = compression;
        self
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::BadParam`] for a balance outside 0 to 1 or a compression that is not positive.
    pub fn plan(&self) -> Result<Diffusion> {
        check((0.0..=1.0).contains(&self.balance), "balance", self.balance, "0 to 1")?;
        check(self.compression > 0.0, "compression", self.compression, "a positive exponent")?;
        Ok(Diffusion(self.clone()))
    }
}

/// A checked complementary diffusion.
#[derive(Clone, Debug)]
pub struct Diffusion(DiffusionParams);

impl Diffusion {
    /// Binary masks of a spectrogram `[frame, bin]`: every bin is harmonic (`true`) or percussive.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for NaN or infinite bins.
    pub fn harmonic_mask<T: Real>(&self, spectrum: ArrayView2<'_, Complex<T>>) -> Result<Array2<bool>> {
        if let Some(at) = spectrum.iter().position(|x| !num_traits::Float::is_finite(x.re + x.im)) {
            return Err(Error::NotFinite { what: "the spectrogram", at });
        }
        let compression = self.0.compression;
        let mixture = match compression {
            1.0 => spectrum.mapv(|x| x.norm_sqr()),
            gamma => spectrum.mapv(|x| x.norm_sqr().powf(T::of(gamma))),
        };
        let half = T::of(0.5);
        let mut harmonic = mixture.mapv(|w| w * half);
        if mixture.is_empty() {
            return Ok(mixture.mapv(|_| true));
        }
        for _ in 0..self.0.iterations {
            self.diffuse(&mixture, &mut harmonic);
        }
        Ok(Zip::from(&harmonic).and(&mixture).map_collect(|&h, &w| h >= w - h))
    }

    /// One step (Ono et al. 2008), all bins at once. Beyond the edges the spectrogram goes on unchanged.
    fn diffuse<T: Real>(&self, mixture: &Array2<T>, harmonic: &mut Array2<T>) {
        let (along_time, along_frequency) =
            (T::of(self.0.balance / 4.0), T::of((1.0 - self.0.balance) / 4.0));
        let (frames, bins) = harmonic.dim();
        let two = T::of(2.0);
        // Rows t-1 and t as they were before this step.
        let mut before = harmonic.row(0).to_vec();
        let mut now = vec![T::zero(); bins];
        let mut percussive = vec![T::zero(); bins + 2];
        for t in 0..frames {
            let (mut rows, later) = harmonic.view_mut().split_at(ndarray::Axis(0), t + 1);
            let mut row = rows.row_mut(t);
            let (Some(row), Some(w)) = (row.as_slice_mut(), mixture.row(t).to_slice()) else { return };
            now.copy_from_slice(row);
            let after = match later.nrows() {
                0 => &now[..],
                _ => later.row(0).to_slice().unwrap_or(&now),
            };
            for k in 0..bins {
                percussive[k + 1] = w[k] - now[k];
            }
            percussive[0] = percussive[1];
            percussive[bins + 1] = percussive[bins];
            for k in 0..bins {
                let time = before[k] - two * now[k] + after[k];
                let frequency = percussive[k] - two * percussive[k + 1] + percussive[k + 2];
                let moved = now[k] + along_time * time - along_frequency * frequency;
                let floored = if moved < T::zero() { T::zero() } else { moved };
                row[k] = if floored > w[k] { w[k] } else { floored };
            }
            std::mem::swap(&mut before, &mut now);
        }
    }

    /// Both parts of a spectrogram `[frame, bin]`, with its phase.
    ///
    /// # Errors
    /// As [`harmonic_mask`](Self::harmonic_mask).
    pub fn separate<T: Real>(
        &self,
        spectrum: ArrayView2<'_, Complex<T>>,
    ) -> Result<HarmonicPercussive<Array2<Complex<T>>>> {
        let mask = self.harmonic_mask(spectrum)?;
        let zero = Complex::new(T::zero(), T::zero());
        Ok(HarmonicPercussive {
            harmonic: Zip::from(spectrum).and(&mask).map_collect(|&x, &h| if h { x } else { zero }),
            percussive: Zip::from(spectrum).and(&mask).map_collect(|&x, &h| if h { zero } else { x }),
        })
    }

    /// Both parts of a signal, by way of `stft`.
    ///
    /// # Errors
    /// Those of [`Stft::forward`] and [`Stft::inverse`], and [`Error::NotFinite`].
    pub fn separate_signal<T: Real>(
        &self,
        stft: &Stft<T>,
        signal: ArrayView1<'_, T>,
    ) -> Result<HarmonicPercussive<Array1<T>>> {
        let parts = self.separate(stft.forward(signal)?.view())?;
        let length = Some(signal.len());
        Ok(HarmonicPercussive {
            harmonic: stft.inverse(parts.harmonic.view(), length)?,
            percussive: stft.inverse(parts.percussive.view(), length)?,
        })
    }
}

/// Two separations, one after the other: with long frames singing is percussive beside steady instruments, with short
/// frames it is harmonic beside drums.
///
/// Defaults: `n_fft` 4096, hop 2048, then 512, 256, for 16 kHz.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct TwoStageHpssParams {
    /// Transform of the first stage.
    pub long: StftParams,
    /// Transform of the second stage, on the percussive part of the first.
    pub short: StftParams,
    /// The diffusion of both stages.
    pub diffusion: DiffusionParams,
}

impl Default for TwoStageHpssParams {
    fn default() -> Self {
        TwoStageHpssParams {
            long: StftParams::new(4096).hop_length(2048),
            short: StftParams::new(512).hop_length(256),
            diffusion: DiffusionParams::default(),
        }
    }
}

impl TwoStageHpssParams {
    /// Checks the parameters and prepares the transforms.
    ///
    /// # Errors
    /// Those of [`StftParams::plan`] and [`DiffusionParams::plan`].
    pub fn plan<T: Real>(&self) -> Result<TwoStageHpss<T>> {
        Ok(TwoStageHpss {
            long: self.long.plan()?,
            short: self.short.plan()?,
            diffusion: self.diffusion.plan()?,
        })
    }
}

/// A planned two-stage separation.
#[derive(Clone, Debug)]
pub struct TwoStageHpss<T: Real = f32> {
    long: Stft<T>,
    short: Stft<T>,
    diffusion: Diffusion,
}

impl<T: Real> TwoStageHpss<T> {
    /// The harmonic and percussive parts of what long frames hold percussive: mostly singing, and mostly drums.
    ///
    /// # Errors
    /// As [`Diffusion::separate_signal`].
    pub fn process(&self, signal: ArrayView1<'_, T>) -> Result<HarmonicPercussive<Array1<T>>> {
        let first = self.diffusion.separate_signal(&self.long, signal)?;
        self.diffusion.separate_signal(&self.short, first.percussive.view())
    }
}
