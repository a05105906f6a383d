//! The short-time Fourier transform and its inverse.

use std::sync::Arc;

use ndarray::{
    Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayView3, ArrayViewMut1, ArrayViewMut2, Axis,
};
use num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner};

use crate::error::{Error, Result, check, check_len};
use crate::framing::Framing;
use crate::real_fft::{RealFft, Spectrum};
use crate::{PadMode, Real, Window};

/// How a signal is cut, windowed and transformed. [`plan`](StftParams::plan) checks it once.
///
/// Defaults: `n_fft` 2048, window length `n_fft`, hop a quarter of the window, periodic Hann, centred frames,
/// zero padding: those of `librosa.stft`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct StftParams {
    /// Length of the transform in samples; a frame has `n_fft / 2 + 1` bins.
    pub n_fft: usize,
    /// Samples from one frame to the next; `None` is a quarter of the window.
    pub hop_length: Option<usize>,
    /// Length of the window, at most `n_fft`; shorter windows are centred between zeros. `None` is `n_fft`.
    pub win_length: Option<usize>,
    /// Shape of the window.
    pub window: Window,
    /// First and last sample of the window are equal (`numpy.hanning`) instead of DFT-even.
    pub symmetric_window: bool,
    /// Frame `t` is centred on sample `t * hop_length`; else it starts there.
    pub center: bool,
    /// What centred frames see beyond the ends.
    pub pad_mode: PadMode,
    /// Follow the signal by zeros so that its last samples are in a frame too.
    pub pad_end: bool,
}

impl Default for StftParams {
    fn default() -> Self {
        StftParams {
            n_fft: 2048,
            hop_length: None,
            win_length: None,
            window: Window::Hann,
            symmetric_window: false,
            center: true,
            pad_mode: PadMode::Constant,
            pad_end: false,
        }
    }
}

impl StftParams {
    /// Defaults with this transform length.
    pub fn new(n_fft: usize) -> Self {
        StftParams { n_fft, ..Self::default() }
    }

    /// Sets the hop in samples.
    pub fn hop_length(mut self, hop_length: usize) -> Self {
        self.hop_length = Some(hop_length);
        self
    }

    /// Sets the window length in samples.
    pub fn win_length(mut self, win_length: usize) -> Self {
        self.win_length = Some(win_length);
        self
    }

    /// Sets the window shape.
    pub fn window(mut self, window: Window) -> Self {
        self.window = window;
        self
    }

    /// Chooses the symmetric window.
    pub fn symmetric_window(mut self, symmetric: bool) -> Self {
        self.symmetric_window = symmetric;
        self
    }

    /// Chooses centred (`true`) or causal (`false`) frames.
    pub fn center(mut self, center: bool) -> Self {
        self.center = center;
        self
    }

    /// Sets the padding of centred frames.
    pub fn pad_mode(mut self, pad_mode: PadMode) -> Self {
        self.pad_mode = pad_mode;
        self
    }

    /// Keeps the last partial frame, completed by zeros.
    pub fn pad_end(mut self, pad_end: bool) -> Self {
        self.pad_end = pad_end;
        self
    }

    /// The hop in samples, defaulted.
    pub fn hop(&self) -> usize {
        self.hop_length.unwrap_or(self.win() / 4)
    }

    /// The window length in samples, defaulted.
    pub fn win(&self) -> usize {
        self.win_length.unwrap_or(self.n_fft)
    }

    /// Checks the parameters and prepares the transform.
    ///
    /// # Errors
    /// [`Error::BadParam`] when a length is 0 or the window is longer than `n_fft`.
    pub fn plan<T: Real>(&self) -> Result<Stft<T>> {
        Stft::new(self.clone())
    }
}

/// A planned short-time Fourier transform.
///
/// Immutable, `Send + Sync`, cheap to clone: share one plan by reference over threads. Every call makes its own
/// scratch of a few frames; [`StreamingStft`](crate::StreamingStft) keeps its scratch from block to block.
///
/// `X[t, k] = Σ_n w[n] x[t·hop + n - pad] exp(-2πi kn / n_fft)`: unscaled, as in librosa, `numpy.fft` and
/// `torch.stft`.
#[derive(Clone)]
pub struct Stft<T: Real = f32> {
    params: StftParams,
    pub(crate) framing: Framing,
    /// `n_fft` long: the window between zeros.
    pub(crate) window: Arc<[T]>,
    forward: RealFft<T>,
    inverse: Arc<dyn ComplexToReal<T>>,
    /// Overlapped squared windows never vanish.
    invertible: bool,
}

impl<T: Real> std::fmt::Debug for Stft<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stft").field("params", &self.params).finish_non_exhaustive()
    }
}

/// Six minutes at 44.1 kHz: whoever asks for more has mistaken the unit.
pub(crate) const MAX_N_FFT: usize = 1 << 24;

impl<T: Real> Stft<T> {
    fn new(params: StftParams) -> Result<Self> {
        let (n_fft, hop, win) = (params.n_fft, params.hop(), params.win());
        check((1..=MAX_N_FFT).contains(&n_fft), "n_fft", n_fft, "1 to 2^24 samples")?;
        check(hop > 0, "hop_length", hop, "at least 1 sample")?;
        check((1..=n_fft).contains(&win), "win_length", win, format!("1 to n_fft = {n_fft} samples"))?;

        let shape: Array1<T> = match params.symmetric_window {
            true => params.window.symmetric(win),
            false => params.window.periodic(win),
        };
        let mut window = vec![T::zero(); n_fft];
        window[(n_fft - win) / 2..][..win].copy_from_slice(&shape.to_vec());

        // scipy.signal.check_NOLA: in the steady state every sample has some weight.
        let invertible = (0..hop).all(|phase| {
            let weight: f64 = window.iter().skip(phase).step_by(hop).map(|w| w.wide() * w.wide()).sum();
            weight > 1e-10
        });

        Ok(Stft {
            framing: Framing::new(&params),
            window: window.into(),
            forward: RealFft::new(n_fft),
            inverse: RealFftPlanner::new().plan_fft_inverse(n_fft),
            invertible,
            params,
        })
    }

    /// The parameters of this plan.
    pub fn params(&self) -> &StftParams {
        &self.params
    }

    /// Bins in a frame: `n_fft / 2 + 1`.
    pub fn n_bins(&self) -> usize {
        self.params.n_fft / 2 + 1
    }

    /// Frames of a signal of `len` samples; 0 if it is too short.
    pub fn frames(&self, len: usize) -> usize {
        self.framing.count(len)
    }

    /// Frequency of each bin in Hz.
    pub fn frequencies(&self, sample_rate: u32) -> Array1<f64> {
        let step = f64::from(sample_rate) / self.params.n_fft as f64;
        Array1::from_shape_fn(self.n_bins(), |k| k as f64 * step)
    }

    /// Transforms one channel to `[frame, bin]`.
    ///
    /// # Errors
    /// [`Error::EmptySignal`]; [`Error::SignalTooShort`] when reflect padding has too little to mirror (it needs
    /// more than `n_fft / 2` samples) or when causal framing has no whole frame. NaN propagates to the frames that
    /// contain it.
    pub fn forward(&self, signal: ArrayView1<'_, T>) -> Result<Array2<Complex<T>>> {
        let frames = self.framing.checked_count(signal.len())?;
        let mut out = Array2::zeros((frames, self.n_bins()));
        self.forward_into(signal, out.view_mut())?;
        Ok(out)
    }

    /// [`forward`](Self::forward) into an array of shape `[frames(signal.len()), n_bins()]`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and [`Error::Shape`] for an output of the wrong shape.
    pub fn forward_into(
        &self,
        signal: ArrayView1<'_, T>,
        mut out: ArrayViewMut2<'_, Complex<T>>,
    ) -> Result<()> {
        let frames = self.framing.checked_count(signal.len())?;
        check_len("the output", "frames", out.nrows(), frames)?;
        check_len("the output", "bins", out.ncols(), self.n_bins())?;
        let signal = signal.as_standard_layout();
        let signal = signal.as_slice().unwrap_or_default();
        let mut buffers = self.buffers();
        for (t, row) in out.rows_mut().into_iter().enumerate() {
            let start = (t * self.framing.hop) as isize - self.framing.pad as isize;
            self.spectrum_at(signal, start, &mut buffers);
            interleave(&buffers, row);
        }
        Ok(())
    }

    /// Transforms `[channel, sample]` to `[channel, frame, bin]`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_multi(&self, signal: ArrayView2<'_, T>) -> Result<Array3<Complex<T>>> {
        let frames = self.framing.checked_count(signal.ncols())?;
        let mut out = Array3::zeros((signal.nrows(), frames, self.n_bins()));
        for (channel, spectrum) in signal.rows().into_iter().zip(out.axis_iter_mut(Axis(0))) {
            self.forward_into(channel, spectrum)?;
        }
        Ok(out)
    }

    /// Resynthesises one channel from `[frame, bin]` by weighted overlap-add (Griffin & Lim 1984), with the
    /// analysis window, normalised by the overlapped squared windows: `librosa.istft`.
    ///
    /// `length` trims or zero-pads the result; without it the result is as long as the frames allow, which for a
    /// centred transform is `hop_length * (frames - 1)` when `n_fft` is even. Samples no window reaches are 0.
    ///
    /// # Errors
    /// [`Error::NotInvertible`] when the windows leave gaps; [`Error::Shape`] for the wrong number of bins.
    pub fn inverse(&self, spectrum: ArrayView2<'_, Complex<T>>, length: Option<usize>) -> Result<Array1<T>> {
        self.check_invertible()?;
        check_len("the spectrogram", "bins", spectrum.ncols(), self.n_bins())?;
        let Framing { length: n_fft, hop, pad, .. } = self.framing;
        let frames = spectrum.nrows();
        let covered = if frames == 0 { 0 } else { n_fft + hop * (frames - 1) };
        let length = length.unwrap_or(covered.saturating_sub(2 * pad));

        let mut sum = vec![T::zero(); covered.max(pad + length)];
        let mut weight = vec![T::zero(); sum.len()];
        let mut synthesis = Synthesis::new(self);
        for (t, row) in spectrum.rows().into_iter().enumerate() {
            synthesis.add(self, row, &mut sum[t * hop..][..n_fft], &mut weight[t * hop..][..n_fft]);
        }
        Ok(sum[pad..pad + length].iter().zip(&weight[pad..]).map(|(&s, &w)| normalised(s, w)).collect())
    }

    /// [`inverse`](Self::inverse) of every channel of `[channel, frame, bin]`, giving `[channel, sample]`.
    ///
    /// # Errors
    /// As [`inverse`](Self::inverse).
    pub fn inverse_multi(
        &self,
        spectrum: ArrayView3<'_, Complex<T>>,
        length: Option<usize>,
    ) -> Result<Array2<T>> {
        let channels = spectrum
            .axis_iter(Axis(0))
            .map(|channel| self.inverse(channel, length))
            .collect::<Result<Vec<_>>>()?;
        let samples = channels.first().map_or(length.unwrap_or(0), Array1::len);
        let mut out = Array2::zeros((channels.len(), samples));
        for (mut row, channel) in out.rows_mut().into_iter().zip(&channels) {
            row.assign(channel);
        }
        Ok(out)
    }

    pub(crate) fn check_invertible(&self) -> Result<()> {
        match self.invertible {
            true => Ok(()),
            false => {
                Err(Error::NotInvertible { win_length: self.params.win(), hop_length: self.params.hop() })
            }
        }
    }

    pub(crate) fn buffers(&self) -> Spectrum<T> {
        self.forward.buffers()
    }

    /// Transforms the frame that starts at sample `start` of `signal`, which may lie before it.
    pub(crate) fn spectrum_at(&self, signal: &[T], start: isize, buffers: &mut Spectrum<T>) {
        self.framing.windowed(signal, start, &self.window, &mut buffers.frame);
        self.forward.process(buffers);
    }
}

/// Writes a spectrum as complex numbers.
pub(crate) fn interleave<T: Real>(spectrum: &Spectrum<T>, mut out: ArrayViewMut1<'_, Complex<T>>) {
    let parts = spectrum.re.iter().zip(&spectrum.im);
    match out.as_slice_mut() {
        Some(out) => out.iter_mut().zip(parts).for_each(|(x, (&re, &im))| *x = Complex::new(re, im)),
        None => out.iter_mut().zip(parts).for_each(|(x, (&re, &im))| *x = Complex::new(re, im)),
    }
}

/// Overlap-add of single frames, with its buffers.
#[derive(Clone)]
pub(crate) struct Synthesis<T: Real> {
    spectrum: Vec<Complex<T>>,
    frame: Vec<T>,
    fft: Vec<Complex<T>>,
    /// Undoes the unscaled transform pair.
    scale: T,
}

impl<T: Real> Synthesis<T> {
    pub(crate) fn new(stft: &Stft<T>) -> Self {
        Synthesis {
            spectrum: stft.inverse.make_input_vec(),
            frame: stft.inverse.make_output_vec(),
            fft: stft.inverse.make_scratch_vec(),
            scale: T::of(1.0 / stft.params.n_fft as f64),
        }
    }

    /// Adds a windowed frame to `sum` and its squared window to `weight`, both `n_fft` long.
    pub(crate) fn add(
        &mut self,
        stft: &Stft<T>,
        bins: ArrayView1<'_, Complex<T>>,
        sum: &mut [T],
        weight: &mut [T],
    ) {
        self.spectrum.iter_mut().zip(bins).for_each(|(own, &given)| *own = given);
        // A real signal has real DC and Nyquist bins; like numpy.fft.irfft, ignore what else is there.
        self.spectrum[0].im = T::zero();
        if stft.params.n_fft.is_multiple_of(2)
            && let Some(nyquist) = self.spectrum.last_mut()
        {
            nyquist.im = T::zero();
        }
        let done = stft.inverse.process_with_scratch(&mut self.spectrum, &mut self.frame, &mut self.fft);
        debug_assert!(done.is_ok());
        for (((s, q), &x), &w) in sum.iter_mut().zip(weight).zip(&self.frame).zip(stft.window.iter()) {
            *s += x * self.scale * w;
            *q += w * w;
        }
    }
}

/// Overlap-added sample over its weight. Samples without weight stay as they are, as in librosa; a weight below the
/// rounding of a squared window (the ends of a Blackman window) counts as none.
pub(crate) fn normalised<T: Real>(sum: T, weight: T) -> T {
    if weight > T::epsilon() * T::epsilon() { sum / weight } else { sum }
}

/// `|X|²` of every bin.
pub fn power_spectrogram<T: Real>(spectrum: ArrayView2<'_, Complex<T>>) -> Array2<T> {
    spectrum.mapv(|x| x.norm_sqr())
}

/// `|X|` of every bin.
pub fn magnitude_spectrogram<T: Real>(spectrum: ArrayView2<'_, Complex<T>>) -> Array2<T> {
    spectrum.mapv(|x| x.norm_sqr().sqrt())
}
