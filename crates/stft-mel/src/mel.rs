//! Mel scales and the triangular filter bank.

use ndarray::{Array1, Array2, ArrayView2};

use crate::Real;
use crate::error::{Result, check, check_len};
use crate::stft::MAX_N_FFT;

/// The mapping between Hz and mel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum MelScale {
    /// Slaney's Auditory Toolbox: linear below 1 kHz, logarithmic above; librosa's default.
    #[default]
    Slaney,
    /// `2595 log10(1 + f/700)`: HTK, and up to a constant factor Kaldi's `1127 ln(1 + f/700)`.
    Htk,
}

/// Slaney: Hz per mel below the corner, the corner in Hz and mel, and log step above.
const SLANEY_HZ_PER_MEL: f64 = 200.0 / 3.0;
const SLANEY_CORNER_HZ: f64 = 1000.0;
const SLANEY_CORNER_MEL: f64 = SLANEY_CORNER_HZ / SLANEY_HZ_PER_MEL;

fn slaney_log_step() -> f64 {
    6.4_f64.ln() / 27.0
}

impl MelScale {
    /// Hz to mel.
    pub fn hz_to_mel(self, hz: f64) -> f64 {
        match self {
            MelScale::Htk => 2595.0 * (1.0 + hz / 700.0).log10(),
            MelScale::Slaney if hz < SLANEY_CORNER_HZ => hz / SLANEY_HZ_PER_MEL,
            MelScale::Slaney => SLANEY_CORNER_MEL + (hz / SLANEY_CORNER_HZ).ln() / slaney_log_step(),
        }
    }

    /// Mel to Hz.
    pub fn mel_to_hz(self, mel: f64) -> f64 {
        match self {
            MelScale::Htk => 700.0 * (10_f64.powf(mel / 2595.0) - 1.0),
            MelScale::Slaney if mel < SLANEY_CORNER_MEL => mel * SLANEY_HZ_PER_MEL,
            MelScale::Slaney => SLANEY_CORNER_HZ * (slaney_log_step() * (mel - SLANEY_CORNER_MEL)).exp(),
        }
    }
}

/// How each filter is scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum MelNorm {
    /// Unit area in Hz: divided by half the width of the triangle (librosa's default).
    #[default]
    Slaney,
    /// Peak 1 (HTK, Kaldi).
    None,
    /// The weights of each filter sum to 1 (Schlüter & Grill 2015); librosa's `norm=1` on the filter bank.
    Sum,
}

/// What the sides of the triangles are straight lines over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum MelTriangles {
    /// Frequency in Hz (librosa).
    #[default]
    Hz,
    /// Mel (HTK, Kaldi).
    Mel,
    /// Bins, with corners rounded up to the next bin (yaafe; Schlüter & Grill 2015).
    Bins,
}

/// A mel filter bank. [`filter_bank`](MelParams::filter_bank) checks it.
///
/// Defaults: 22,050 Hz, 128 bands from 0 Hz to Nyquist, Slaney scale and norm, as `librosa.filters.mel`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct MelParams {
    /// Sample rate of the signal in Hz.
    pub sample_rate: u32,
    /// Number of bands.
    pub n_mels: usize,
    /// Lower edge of the lowest band in Hz.
    pub f_min: f64,
    /// Upper edge of the highest band in Hz; `None` is half the sample rate.
    pub f_max: Option<f64>,
    /// Mel scale.
    pub scale: MelScale,
    /// Scaling of each filter.
    pub norm: MelNorm,
    /// Axis the triangles are straight over.
    pub triangles: MelTriangles,
}

impl Default for MelParams {
    fn default() -> Self {
        MelParams {
            sample_rate: 22_050,
            n_mels: 128,
            f_min: 0.0,
            f_max: None,
            scale: MelScale::Slaney,
            norm: MelNorm::Slaney,
            triangles: MelTriangles::Hz,
        }
    }
}

/// Finer than hearing by far.
const MAX_N_MELS: usize = 1 << 14;

impl MelParams {
    /// librosa's filter bank of this many bands at this sample rate.
    pub fn new(sample_rate: u32, n_mels: usize) -> Self {
        MelParams { sample_rate, n_mels, ..Self::default() }
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

    /// Sets the mel scale.
    pub fn scale(mut self, scale: MelScale) -> Self {
        self.scale = scale;
        self
    }

    /// Sets the scaling of each filter.
    pub fn norm(mut self, norm: MelNorm) -> Self {
        self.norm = norm;
        self
    }

    /// Sets the axis the triangles are straight over.
    pub fn triangles(mut self, triangles: MelTriangles) -> Self {
        self.triangles = triangles;
        self
    }

    /// Half the sample rate.
    pub fn nyquist(&self) -> f64 {
        f64::from(self.sample_rate) / 2.0
    }

    /// Centre frequency of each band in Hz.
    pub fn center_frequencies(&self) -> Array1<f64> {
        let corners = self.corners();
        Array1::from_shape_fn(self.n_mels, |m| self.scale.mel_to_hz(corners[m + 1]))
    }

    /// Corners of the triangles in mel: `n_mels + 2` equal steps from `f_min` to `f_max`.
    fn corners(&self) -> Vec<f64> {
        let low = self.scale.hz_to_mel(self.f_min);
        let high = self.scale.hz_to_mel(self.f_max.unwrap_or(self.nyquist()));
        let step = (high - low) / (self.n_mels + 1) as f64;
        (0..self.n_mels + 2).map(|i| low + i as f64 * step).collect()
    }

    /// The filter bank over the `n_fft / 2 + 1` bins of a spectrum.
    ///
    /// # Errors
    /// [`BadParam`](crate::Error::BadParam) for no bands, no bins, or edges not `0 <= f_min < f_max <= Nyquist`.
    pub fn filter_bank<T: Real>(&self, n_fft: usize) -> Result<MelFilterBank<T>> {
        let (nyquist, f_max) = (self.nyquist(), self.f_max.unwrap_or(self.nyquist()));
        check(self.sample_rate > 0, "sample_rate", self.sample_rate, "at least 1 Hz")?;
        check((1..=MAX_N_MELS).contains(&self.n_mels), "n_mels", self.n_mels, "1 to 2^14 bands")?;
        check((1..=MAX_N_FFT).contains(&n_fft), "n_fft", n_fft, "1 to 2^24 samples")?;
        check(
            f_max.is_finite() && f_max <= nyquist,
            "f_max",
            f_max,
            format!("at most {nyquist} Hz, half the sample rate"),
        )?;
        check(
            self.f_min >= 0.0 && self.f_min < f_max,
            "f_min",
            self.f_min,
            format!("0 to below f_max = {f_max} Hz"),
        )?;

        let n_bins = n_fft / 2 + 1;
        let bin_hz: Vec<f64> =
            (0..n_bins).map(|k| k as f64 * f64::from(self.sample_rate) / n_fft as f64).collect();
        let mel = self.corners();
        let hz: Vec<f64> = mel.iter().map(|&m| self.scale.mel_to_hz(m)).collect();
        let bin_mel: Vec<f64> = bin_hz.iter().map(|&f| self.scale.hz_to_mel(f)).collect();

        let rows = (0..self.n_mels).map(|m| {
            let mut row = match self.triangles {
                MelTriangles::Hz => triangle(&bin_hz, &hz[m..m + 3]),
                MelTriangles::Mel => triangle(&bin_mel, &mel[m..m + 3]),
                MelTriangles::Bins => bin_triangle(&bin_hz, &hz[m..m + 3]),
            };
            let scale = match self.norm {
                MelNorm::None => 1.0,
                MelNorm::Slaney => 2.0 / (hz[m + 2] - hz[m]),
                MelNorm::Sum => match row.iter().sum::<f64>() {
                    0.0 => 1.0,
                    sum => sum.recip(),
                },
            };
            row.iter_mut().for_each(|w| *w *= scale);
            row
        });
        Ok(MelFilterBank::from_rows(rows, n_bins))
    }
}

/// Weights of the points `x` under a triangle with these three corners.
fn triangle(x: &[f64], corners: &[f64]) -> Vec<f64> {
    let (left, top, right) = (corners[0], corners[1], corners[2]);
    x.iter().map(|&x| ((x - left) / (top - left)).min((right - x) / (right - top)).max(0.0)).collect()
}

/// A triangle whose corners are the first bins at or above the given frequencies.
fn bin_triangle(bin_hz: &[f64], corners_hz: &[f64]) -> Vec<f64> {
    let corner = |i: usize| bin_hz.partition_point(|&f| f < corners_hz[i]);
    let (left, top, right) = (corner(0), corner(1), corner(2));
    let mut row = vec![0.0; bin_hz.len()];
    for bin in left..top {
        row[bin] = (bin - left) as f64 / (top - left) as f64;
    }
    for bin in top..right {
        row[bin] = (right - bin) as f64 / (right - top) as f64;
    }
    row
}

/// A filter bank that knows where each filter is zero.
#[derive(Clone, Debug, PartialEq)]
pub struct MelFilterBank<T: Real = f32> {
    n_bins: usize,
    bands: Vec<Band>,
    /// The nonzero stretches of all filters, one after the other.
    weights: Vec<T>,
}

/// The nonzero stretch of a filter, rounded up to whole lanes: bins `first .. first + len`, weights from `offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Band {
    first: usize,
    len: usize,
    offset: usize,
}

impl<T: Real> MelFilterBank<T> {
    fn from_rows(rows: impl Iterator<Item = Vec<f64>>, n_bins: usize) -> Self {
        let (mut bands, mut weights) = (Vec::new(), Vec::new());
        for row in rows {
            let first = row.iter().position(|&w| w > 0.0).unwrap_or(0);
            let end = row.iter().rposition(|&w| w > 0.0).map_or(first, |last| last + 1);
            // Whole lanes, with zero weights, leave no remainder to sum one by one.
            let len = if n_bins < LANES { end - first } else { (end - first).next_multiple_of(LANES) };
            let first = first.min(n_bins - len.min(n_bins));
            let len = len.min(n_bins);
            bands.push(Band { first, len, offset: weights.len() });
            weights.extend(row[first..first + len].iter().map(|&w| T::of(w)));
        }
        MelFilterBank { n_bins, bands, weights }
    }

    /// Number of bands.
    pub fn n_mels(&self) -> usize {
        self.bands.len()
    }

    /// Number of bins the filters weigh.
    pub fn n_bins(&self) -> usize {
        self.n_bins
    }

    /// Bands narrower than the bins, which no bin reaches: their output is always 0. Use fewer bands, a longer
    /// `n_fft` or a higher `f_min` if there are any.
    pub fn empty_filters(&self) -> Vec<usize> {
        (0..self.n_mels()).filter(|&m| self.bands[m].len == 0).collect()
    }

    /// The filters as a dense `[mel, bin]` matrix.
    pub fn to_dense(&self) -> Array2<T> {
        let mut dense = Array2::zeros((self.n_mels(), self.n_bins));
        for (mut row, band) in dense.rows_mut().into_iter().zip(&self.bands) {
            for i in 0..band.len {
                row[band.first + i] = self.weights[band.offset + i];
            }
        }
        dense
    }

    /// Filters a `[frame, bin]` spectrogram to `[frame, mel]`.
    ///
    /// # Errors
    /// [`Shape`](crate::Error::Shape) for the wrong number of bins.
    pub fn apply(&self, spectrogram: ArrayView2<'_, T>) -> Result<Array2<T>> {
        check_len("the spectrogram", "bins", spectrogram.ncols(), self.n_bins)?;
        let spectrogram = spectrogram.as_standard_layout();
        let mut out = Array2::zeros((spectrogram.nrows(), self.n_mels()));
        for (frame, mut row) in spectrogram.rows().into_iter().zip(out.rows_mut()) {
            if let (Some(frame), Some(row)) = (frame.as_slice(), row.as_slice_mut()) {
                self.apply_frame(frame, row);
            }
        }
        Ok(out)
    }

    /// Filters one spectrum of `n_bins` values to `n_mels` values.
    pub(crate) fn apply_frame(&self, spectrum: &[T], mel: &mut [T]) {
        for (out, band) in mel.iter_mut().zip(&self.bands) {
            let bins = &spectrum[band.first..][..band.len];
            let weights = &self.weights[band.offset..][..band.len];
            *out = dot(bins, weights);
        }
    }
}

/// Values summed side by side.
const LANES: usize = 8;

/// Dot product in eight partial sums, which compilers turn into vector code.
fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let mut sums = [T::zero(); LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: T = a_lanes.remainder().iter().zip(b_lanes.remainder()).map(|(&x, &y)| x * y).sum();
    for (x, y) in a_lanes.zip(b_lanes) {
        for i in 0..LANES {
            sums[i] += x[i] * y[i];
        }
    }
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7])) + tail
}
