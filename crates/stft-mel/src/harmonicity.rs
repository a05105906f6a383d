//! How periodic a frame is, and whether somebody speaks in it.

use ndarray::{Array1, ArrayView1};

use crate::Real;
use crate::error::{Error, Result, check, check_len};
use crate::real_fft::RealFft;
use crate::stft::MAX_N_FFT;

/// Harmonicity after Boersma (1993, "Accurate short-term analysis of the fundamental frequency and the
/// harmonics-to-noise ratio of a sampled sound"): the highest peak of the autocorrelation, divided by that of the window.
/// [`plan`](HarmonicityParams::plan) checks it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct HarmonicityParams {
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Length of a frame in seconds (0.04); Hann window.
    pub frame_length: f64,
    /// From one frame to the next, in seconds (0.01).
    pub frame_shift: f64,
    /// Length of the frames these go beside, in seconds (0.025): both have their middles at the same samples.
    pub beside: f64,
    /// Lowest fundamental frequency in Hz (60).
    pub f_min: f64,
    /// Highest fundamental frequency in Hz (400).
    pub f_max: f64,
}

impl Default for HarmonicityParams {
    fn default() -> Self {
        Self::new(16_000)
    }
}

impl HarmonicityParams {
    /// Speech at a sample rate.
    pub fn new(sample_rate: u32) -> Self {
        Self { sample_rate, frame_length: 0.04, frame_shift: 0.01, beside: 0.025, f_min: 60.0, f_max: 400.0 }
    }

    /// Checks the parameters and prepares the transform.
    ///
    /// # Errors
    /// [`Error::BadParam`] for frequencies that are not positive, out of order, or so low that half a frame does not
    /// hold a period, and for frames of more than 2^24 samples.
    pub fn plan<T: Real>(&self) -> Result<Harmonicity<T>> {
        let rate = f64::from(self.sample_rate);
        let samples = |seconds: f64| (seconds * rate + 1e-6) as usize;
        let (length, shift, beside) =
            (samples(self.frame_length), samples(self.frame_shift), samples(self.beside));
        check(shift >= 1, "frame_shift", self.frame_shift, "at least one sample, in seconds")?;
        check(beside >= 1, "beside", self.beside, "at least one sample, in seconds")?;
        check(length <= MAX_N_FFT, "frame_length", self.frame_length, "at most 2^24 samples, in seconds")?;
        check(self.f_min > 0.0, "f_min", self.f_min, "a positive frequency in Hz")?;
        check(self.f_max > self.f_min, "f_max", self.f_max, "more than f_min")?;
        let (shortest, longest) = ((rate / self.f_max) as usize, (rate / self.f_min) as usize);
        check(shortest >= 2, "f_max", self.f_max, "at most half the sample rate")?;
        let reach = longest < (length / 2 + length / 16).saturating_sub(1);
        check(reach, "frame_length", self.frame_length, "about two periods of f_min")?;
        let fft = RealFft::new((2 * length).next_power_of_two());
        let step = std::f64::consts::TAU / (length + 1) as f64;
        let window: Vec<T> = (0..length).map(|n| T::of(0.5 - 0.5 * ((n + 1) as f64 * step).cos())).collect();
        let mut plan =
            Harmonicity { length, shift, beside, shortest, longest, window, inverse: Vec::new(), fft };
        let mut buffers = plan.fft.buffers();
        buffers.frame[..length].copy_from_slice(&plan.window);
        plan.autocorrelate(&mut buffers);
        let first = buffers.re[0];
        plan.inverse = buffers.re[..=longest + 1].iter().map(|&r| first / r).collect();
        Ok(plan)
    }
}

/// A planned harmonicity. `Send + Sync`.
#[derive(Clone)]
pub struct Harmonicity<T: Real = f32> {
    length: usize,
    shift: usize,
    beside: usize,
    shortest: usize,
    longest: usize,
    window: Vec<T>,
    /// The window's autocorrelation, inverted.
    inverse: Vec<T>,
    fft: RealFft<T>,
}

impl<T: Real> std::fmt::Debug for Harmonicity<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Harmonicity").field("length", &self.length).field("shift", &self.shift).finish()
    }
}

/// Periodicity and level of each frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Periodicity<T> {
    /// `[frame]`: share of the power that is periodic, 0 to 1; the harmonics-to-noise ratio is h / (1 - h).
    pub harmonicity: Array1<T>,
    /// `[frame]`: standard deviation of the samples, dB relative to 1; silence is -180.
    pub level: Array1<T>,
}

impl<T: Real> Harmonicity<T> {
    /// Number of frames of a signal of `len` samples: that of the frames these go beside.
    pub fn frames(&self, len: usize) -> usize {
        len.checked_sub(self.beside).map_or(0, |room| 1 + room / self.shift)
    }

    /// Periodicity of one channel. Frames that reach over its ends see zeros there; a frame with a NaN counts as
    /// silent, so that nobody speaks in it.
    ///
    /// # Errors
    /// [`Error::SignalTooShort`] for less than one frame.
    pub fn process(&self, signal: ArrayView1<'_, T>) -> Result<Periodicity<T>> {
        let frames = self.frames(signal.len());
        if frames == 0 {
            return Err(Error::SignalTooShort {
                got: signal.len(),
                needed: self.beside,
                reason: "a frame",
                remedy: "give more samples",
            });
        }
        let mut out = Periodicity { harmonicity: Array1::zeros(frames), level: Array1::zeros(frames) };
        let mut buffers = self.fft.buffers();
        let lead = self.length.saturating_sub(self.beside) / 2;
        let lag = self.beside.saturating_sub(self.length) / 2;
        for t in 0..frames {
            buffers.frame.fill(T::zero());
            let start = t * self.shift + lag;
            let (from, to) = (start.saturating_sub(lead), (start + self.length - lead).min(signal.len()));
            let at = from + lead - start;
            let inside = &mut buffers.frame[at..at + to - from];
            inside.iter_mut().enumerate().for_each(|(i, x)| *x = signal[from + i]);
            let count = T::of(inside.len() as f64);
            let mean = inside.iter().fold(T::zero(), |sum, &x| sum + x) / count;
            inside.iter_mut().for_each(|x| *x -= mean);
            let power = inside.iter().fold(T::zero(), |sum, &x| sum + x * x).wide() / count.wide();
            out.level[t] = T::of(10.0 * power.max(1e-18).log10());
            buffers.frame.iter_mut().zip(&self.window).for_each(|(x, &w)| *x *= w);
            self.autocorrelate(&mut buffers);
            out.harmonicity[t] = T::of(self.highest_peak(&buffers.re));
        }
        Ok(out)
    }

    /// `frame` to its autocorrelation in `re`: the power spectrum is even, so that its forward transform is its inverse.
    fn autocorrelate(&self, buffers: &mut crate::real_fft::Spectrum<T>) {
        self.fft.process(buffers);
        let n = buffers.frame.len();
        for k in 0..=n / 2 {
            let power = buffers.re[k] * buffers.re[k] + buffers.im[k] * buffers.im[k];
            buffers.frame[k] = power;
            buffers.frame[(n - k) % n] = power;
        }
        self.fft.process(buffers);
    }

    /// The highest peak of the normalised autocorrelation between the shortest and longest period, between lags by a
    /// parabola.
    fn highest_peak(&self, autocorrelation: &[T]) -> f64 {
        let power = autocorrelation[0].wide();
        if power.is_nan() || power <= 0.0 {
            return 0.0;
        }
        let r = |lag: usize| autocorrelation[lag].wide() / power * self.inverse[lag].wide();
        let mut best = (0.0, self.shortest);
        for lag in self.shortest..=self.longest {
            if r(lag) > best.0 {
                best = (r(lag), lag);
            }
        }
        let (peak, lag) = best;
        let (before, after) = (r(lag - 1), r(lag + 1));
        let curvature = 2.0 * peak - before - after;
        let vertex = if curvature > 0.0 && peak >= before && peak >= after {
            peak + (after - before).powi(2) / (8.0 * curvature)
        } else {
            peak
        };
        vertex.clamp(0.0, 1.0)
    }
}

/// Voice activity from periodicity: voiced frames that are not far below the loudest, and what lies close to them, so that
/// consonants survive.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct VoiceActivityParams {
    /// Least harmonicity of a voiced frame (0.45: a harmonics-to-noise ratio of -0.9 dB).
    pub harmonicity: f64,
    /// dB below the loud frames (the 95th percentile of the levels) that a voiced frame may lie (40).
    pub range: f64,
    /// dB that the frames beside it may lie lower still (5).
    pub range_beside: f64,
    /// Frames kept on each side of a voiced one (6).
    pub hangover: usize,
}

impl Default for VoiceActivityParams {
    fn default() -> Self {
        Self { harmonicity: 0.45, range: 40.0, range_beside: 5.0, hangover: 6 }
    }
}

impl VoiceActivityParams {
    /// Whether somebody speaks, `[frame]`. Silence is not speech, however long.
    ///
    /// # Errors
    /// [`Error::Shape`] for levels of another number of frames.
    pub fn speech<T: Real>(&self, periodicity: &Periodicity<T>) -> Result<Vec<bool>> {
        let frames = periodicity.harmonicity.len();
        check_len("the levels", "frames", periodicity.level.len(), frames)?;
        let level: Vec<f64> = periodicity.level.iter().map(|level| level.wide()).collect();
        let mut sorted = level.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(&loud) = sorted.get(frames.saturating_sub(1) * 95 / 100) else { return Ok(Vec::new()) };
        let voiced: Vec<bool> = (0..frames)
            .map(|t| periodicity.harmonicity[t].wide() > self.harmonicity && level[t] > loud - self.range)
            .collect();
        // Voiced frames up to each frame: a difference says whether there are any around it.
        let mut sums = vec![0_usize];
        sums.extend(voiced.iter().scan(0, |sum, &voiced| {
            *sum += usize::from(voiced);
            Some(*sum)
        }));
        Ok((0..frames)
            .map(|t| {
                let around =
                    sums[(t + self.hangover + 1).min(frames)] - sums[t.saturating_sub(self.hangover)];
                around > 0 && level[t] > loud - self.range - self.range_beside
            })
            .collect())
    }
}
