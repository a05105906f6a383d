//! Log mel energies of the speech toolkits, HTK and Kaldi.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1};

use crate::error::{Error, Result, check};
use crate::mel_spectrogram::Exponent;
use crate::real_fft::RealFft;
use crate::stft::MAX_N_FFT;
use crate::{MelFilterBank, MelNorm, MelParams, MelScale, MelTriangles, Real, Window};

/// A speech filter bank: short frames, each treated on its own. [`plan`](FbankParams::plan) checks it.
///
/// Samples are given in [-1, 1] and scaled to the 16-bit range the toolkits work in, so that levels and floors agree
/// with theirs. There is no dither: the same input gives the same output.
///
/// With `serde`, every field must be given: the toolkits' defaults differ.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct FbankParams {
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Length of a frame in seconds. The transform is the next power of two samples long.
    pub frame_length: f64,
    /// From one frame to the next, in seconds.
    pub frame_shift: f64,
    /// Number of mel bands; triangles over `1127 ln(1 + f/700)` with peak 1.
    pub n_mels: usize,
    /// Lower edge of the lowest band in Hz.
    pub f_min: f64,
    /// Upper edge of the highest band in Hz; `None` is half the sample rate.
    pub f_max: Option<f64>,
    /// Window, symmetric.
    pub window: Window,
    /// `x[n] - c x[n-1]` within the frame; 0 for none.
    pub preemphasis: f64,
    /// Subtract the mean of each frame first.
    pub remove_dc: bool,
    /// Frames lie wholly within the signal; else they are centred every `frame_shift` from half a shift on, and see
    /// the signal mirrored at its ends (Kaldi's `--snip-edges=false`).
    pub snip_edges: bool,
    /// Exponent of the magnitude: 2 is power, 1 is magnitude.
    pub power: f64,
    /// Floor of the mel energies before the logarithm.
    pub floor: f64,
    /// What samples are multiplied by first.
    pub sample_scale: f64,
}

impl Default for FbankParams {
    fn default() -> Self {
        Self::kaldi(16_000)
    }
}

impl FbankParams {
    /// Kaldi's `compute-fbank-feats --dither=0`: 25 ms Povey windows every 10 ms, pre-emphasis 0.97, power, 23 bands
    /// from 20 Hz to Nyquist.
    pub fn kaldi(sample_rate: u32) -> Self {
        FbankParams {
            sample_rate,
            frame_length: 0.025,
            frame_shift: 0.010,
            n_mels: 23,
            f_min: 20.0,
            f_max: None,
            window: Window::Povey,
            preemphasis: 0.97,
            remove_dc: true,
            snip_edges: true,
            power: 2.0,
            floor: f64::from(f32::EPSILON),
            sample_scale: 32_768.0,
        }
    }

    /// HTK's `TARGETKIND = FBANK` with `ZMEANSOURCE = T`, `USEPOWER = F`, `USEHAMMING = T`, `PREEMCOEF = 0.97`: 25 ms
    /// Hamming windows every 10 ms, magnitude, 23 bands from 0 Hz to Nyquist, floor 1.
    pub fn htk(sample_rate: u32) -> Self {
        FbankParams {
            f_min: 0.0,
            window: Window::Hamming,
            power: 1.0,
            floor: 1.0,
            ..Self::kaldi(sample_rate)
        }
    }

    /// Sets the frame length in seconds.
    pub fn frame_length(mut self, seconds: f64) -> Self {
        self.frame_length = seconds;
        self
    }

    /// Sets the frame shift in seconds.
    pub fn frame_shift(mut self, seconds: f64) -> Self {
        self.frame_shift = seconds;
        self
    }

    /// Sets the number of mel bands.
    pub fn n_mels(mut self, n_mels: usize) -> Self {
        self.n_mels = n_mels;
        self
    }

    /// Sets the lower edge in Hz.
    pub fn f_min(mut self, f_min: f64) -> Self {
        self.f_min = f_min;
        self
    }

    /// Sets the upper edge in Hz.
    pub fn f_max(mut self, f_max: f64) -> Self {
        self.f_max = Some(f_max);
        self
    }

    /// Sets the window shape.
    pub fn window(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// Sets the pre-emphasis coefficient.
    pub fn preemphasis(mut self, coefficient: f64) -> Self {
        self.preemphasis = coefficient;
        self
    }

    /// Chooses whether the mean of each frame is removed.
    pub fn remove_dc(mut self, remove_dc: bool) -> Self {
        self.remove_dc = remove_dc;
        self
    }

    /// Chooses whether frames stay within the signal.
    pub fn snip_edges(mut self, snip_edges: bool) -> Self {
        self.snip_edges = snip_edges;
        self
    }

    /// Sets the exponent of the magnitude.
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }

    /// Checks the parameters and prepares the filter bank.
    ///
    /// # Errors
    /// [`Error::BadParam`] for frames shorter than two or longer than 2^24 samples, a shift shorter than one, a
    /// pre-emphasis outside 0 to 1, a floor, power or scale that is not positive, and what [`MelParams::filter_bank`] refuses.
    pub fn plan<T: Real>(&self) -> Result<Fbank<T>> {
        let samples = |seconds: f64| (seconds * f64::from(self.sample_rate) + 1e-6) as usize;
        let (length, shift) = (samples(self.frame_length), samples(self.frame_shift));
        let allowed = (2..=MAX_N_FFT).contains(&length);
        check(allowed, "frame_length", self.frame_length, "2 to 2^24 samples, in seconds")?;
        check(shift >= 1, "frame_shift", self.frame_shift, "at least one sample, in seconds")?;
        check((0.0..=1.0).contains(&self.preemphasis), "preemphasis", self.preemphasis, "0 to 1")?;
        check(self.power > 0.0, "power", self.power, "a positive exponent")?;
        check(self.floor > 0.0, "floor", self.floor, "a positive value")?;
        check(self.sample_scale > 0.0, "sample_scale", self.sample_scale, "a positive factor")?;

        let n_fft = length.next_power_of_two();
        let mel = MelParams {
            sample_rate: self.sample_rate,
            n_mels: self.n_mels,
            f_min: self.f_min,
            f_max: self.f_max,
            scale: MelScale::Htk,
            norm: MelNorm::None,
            triangles: MelTriangles::Mel,
        };
        Ok(Fbank {
            length,
            shift,
            window: self.window.symmetric(length).to_vec().into(),
            fft: RealFft::new(n_fft),
            filters: mel.filter_bank(n_fft)?,
            power: Exponent::of(self.power),
            params: self.clone(),
        })
    }
}

/// A planned speech filter bank. `Send + Sync` and cheap to clone.
#[derive(Clone)]
pub struct Fbank<T: Real = f32> {
    params: FbankParams,
    length: usize,
    shift: usize,
    window: Arc<[T]>,
    fft: RealFft<T>,
    filters: MelFilterBank<T>,
    power: Exponent,
}

impl<T: Real> std::fmt::Debug for Fbank<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fbank").field("params", &self.params).finish_non_exhaustive()
    }
}

impl<T: Real> Fbank<T> {
    /// The parameters of this plan.
    pub fn params(&self) -> &FbankParams {
        &self.params
    }

    /// The filter bank.
    pub fn filters(&self) -> &MelFilterBank<T> {
        &self.filters
    }

    /// Frames of a signal of `len` samples; 0 if it is too short.
    pub fn frames(&self, len: usize) -> usize {
        match (self.params.snip_edges, len.checked_sub(self.length)) {
            (true, None) => 0,
            (true, Some(room)) => 1 + room / self.shift,
            (false, _) => (len + self.shift / 2) / self.shift,
        }
    }

    /// Log mel energies `[frame, mel]` of one channel with samples in [-1, 1].
    ///
    /// # Errors
    /// [`Error::EmptySignal`]; [`Error::SignalTooShort`] when there is no whole frame.
    pub fn process(&self, signal: ArrayView1<'_, T>) -> Result<Array2<T>> {
        let mut out = Array2::zeros((self.checked_frames(signal.len())?, self.filters.n_mels()));
        let mut rows = out.rows_mut().into_iter();
        self.for_each_frame(signal, |log_mel, _| {
            if let Some(mut row) = rows.next() {
                row.assign(&ArrayView1::from(log_mel));
            }
        });
        Ok(out)
    }

    pub(crate) fn checked_frames(&self, len: usize) -> Result<usize> {
        match self.frames(len) {
            0 if len == 0 => Err(Error::EmptySignal),
            0 => Err(Error::SignalTooShort {
                got: len,
                needed: if self.params.snip_edges { self.length } else { self.shift.div_ceil(2) },
                reason: "one frame",
                remedy: "give a longer signal, or set snip_edges(false)",
            }),
            frames => Ok(frames),
        }
    }

    /// Calls `visit(log_mel, log_energy)` for every frame in turn. The energy is that of the frame before pre-emphasis
    /// and window.
    pub(crate) fn for_each_frame(&self, signal: ArrayView1<'_, T>, mut visit: impl FnMut(&[T], T)) {
        let signal = signal.as_standard_layout();
        let signal = signal.as_slice().unwrap_or_default();
        let mut buffers = self.fft.buffers();
        let mut samples = vec![T::zero(); self.length];
        let mut power = vec![T::zero(); self.filters.n_bins()];
        let mut mel = vec![T::zero(); self.filters.n_mels()];
        let floor = T::of(self.params.floor);

        for t in 0..self.frames(signal.len()) {
            self.cut(signal, t, &mut samples);
            // What follows the frame in the buffer stays zero.
            let log_energy = self.condition(&mut samples, &mut buffers.frame[..self.length]);
            self.fft.process(&mut buffers);
            self.power.of_spectrum(&buffers, &mut power);
            self.filters.apply_frame(&power, &mut mel);
            mel.iter_mut().for_each(|m| *m = if *m < floor { floor.ln() } else { m.ln() });
            visit(&mel, log_energy);
        }
    }

    /// Copies frame `t`, scaled.
    fn cut(&self, signal: &[T], t: usize, frame: &mut [T]) {
        let scale = T::of(self.params.sample_scale);
        let start = match self.params.snip_edges {
            true => (t * self.shift) as isize,
            false => (t * self.shift + self.shift / 2) as isize - (self.length / 2) as isize,
        };
        let inside = usize::try_from(start).ok().and_then(|start| signal.get(start..start + frame.len()));
        if let Some(inside) = inside {
            frame.iter_mut().zip(inside).for_each(|(out, &x)| *out = x * scale);
            return;
        }
        for (i, out) in frame.iter_mut().enumerate() {
            *out = signal[mirrored(start + i as isize, signal.len())] * scale;
        }
    }

    /// Removes the mean of the samples, pre-emphasises and windows them into `frame`; returns the log energy before the last two.
    fn condition(&self, samples: &mut [T], frame: &mut [T]) -> T {
        if self.params.remove_dc {
            let mean = sum(samples, |x| x) / T::of(samples.len() as f64);
            samples.iter_mut().for_each(|x| *x -= mean);
        }
        let energy = sum(samples, |x| x * x);

        let coefficient = T::of(self.params.preemphasis);
        // The first sample stands for the one before it.
        frame[0] = (samples[0] - coefficient * samples[0]) * self.window[0];
        let steps = samples[1..].iter().zip(&samples[..samples.len() - 1]).zip(&self.window[1..]);
        frame[1..]
            .iter_mut()
            .zip(steps)
            .for_each(|(out, ((&x, &before), &w))| *out = (x - coefficient * before) * w);
        num_traits::Float::max(energy, T::of(f64::from(f32::EPSILON))).ln()
    }
}

/// Sum of `term` in eight lanes, which a vector register adds up at once.
fn sum<T: Real>(values: &[T], term: impl Fn(T) -> T) -> T {
    let mut lanes = [T::zero(); 8];
    let eights = values.chunks_exact(8);
    let rest: T = eights.remainder().iter().map(|&x| term(x)).sum();
    for eight in eights {
        lanes.iter_mut().zip(eight).for_each(|(lane, &x)| *lane += term(x));
    }
    lanes.iter().copied().sum::<T>() + rest
}

/// The index in `0..len` that `position` mirrors to, the samples at the ends repeated (`b a | a b c | c b`).
fn mirrored(position: isize, len: usize) -> usize {
    let period = 2 * len as isize;
    let folded = position.rem_euclid(period);
    folded.min(period - 1 - folded) as usize
}
