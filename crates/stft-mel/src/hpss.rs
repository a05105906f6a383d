//! Harmonic-percussive separation by median filtering (FitzGerald 2010; Driedger et al. 2014).

use ndarray::{Array2, ArrayView2, Axis, Zip};
use num_complex::Complex;

use crate::error::{Error, Result, check};
use crate::{Real, magnitude_spectrogram};

/// Separation of steady from sudden sounds. [`plan`](HpssParams::plan) checks it.
///
/// Defaults: those of `librosa.decompose.hpss`, 31 frames, 31 bins, power 2, margins 1.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct HpssParams {
    /// Frames the harmonic median spans.
    pub harmonic_frames: usize,
    /// Bins the percussive median spans.
    pub percussive_bins: usize,
    /// Exponent of the soft masks; infinity makes them binary.
    pub power: f64,
    /// The harmonic part must exceed the percussive one by this factor.
    pub harmonic_margin: f64,
    /// The percussive part must exceed the harmonic one by this factor.
    pub percussive_margin: f64,
}

impl Default for HpssParams {
    fn default() -> Self {
        HpssParams {
            harmonic_frames: 31,
            percussive_bins: 31,
            power: 2.0,
            harmonic_margin: 1.0,
            percussive_margin: 1.0,
        }
    }
}

impl HpssParams {
    /// Sets the spans of the medians: frames for harmonic, bins for percussive.
    pub fn kernel(mut self, harmonic_frames: usize, percussive_bins: usize) -> Self {
        self.harmonic_frames = harmonic_frames;
        self.percussive_bins = percussive_bins;
        self
    }

    /// Sets the exponent of the masks.
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }

    /// Sets the margins; above 1 some sound is in neither part.
    pub fn margins(mut self, harmonic: f64, percussive: f64) -> Self {
        self.harmonic_margin = harmonic;
        self.percussive_margin = percussive;
        self
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::BadParam`] for spans of 0, a power that is not positive or margins below 1.
    pub fn plan(&self) -> Result<Hpss> {
        check(self.harmonic_frames > 0, "harmonic_frames", self.harmonic_frames, "at least 1 frame")?;
        check(self.percussive_bins > 0, "percussive_bins", self.percussive_bins, "at least 1 bin")?;
        check(self.power > 0.0, "power", self.power, "a positive exponent")?;
        check(self.harmonic_margin >= 1.0, "harmonic_margin", self.harmonic_margin, "at least 1")?;
        check(self.percussive_margin >= 1.0, "percussive_margin", self.percussive_margin, "at least 1")?;
        Ok(Hpss(self.clone()))
    }
}

/// What belongs to steady and what to sudden sounds.
#[derive(Clone, Debug, PartialEq)]
pub struct HarmonicPercussive<A> {
    /// Lines along time.
    pub harmonic: A,
    /// Lines along frequency.
    pub percussive: A,
}

/// A checked harmonic-percussive separation.
#[derive(Clone, Debug)]
pub struct Hpss(HpssParams);

impl Hpss {
    /// Masks in 0..=1 of a magnitude spectrogram `[frame, bin]`.
    ///
    /// # Errors
    /// [`Error::NotFinite`] for NaN or infinite magnitudes.
    pub fn masks<T: Real>(&self, magnitude: ArrayView2<'_, T>) -> Result<HarmonicPercussive<Array2<T>>> {
        if let Some(at) = magnitude.iter().position(|x| !num_traits::Float::is_finite(*x)) {
            return Err(Error::NotFinite { what: "the spectrogram", at });
        }
        let HpssParams { power, harmonic_margin, percussive_margin, .. } = self.0;
        let harmonic = median_filter(magnitude, Axis(0), self.0.harmonic_frames);
        let percussive = median_filter(magnitude, Axis(1), self.0.percussive_bins);
        let split = harmonic_margin == 1.0 && percussive_margin == 1.0;
        Ok(HarmonicPercussive {
            harmonic: soft_mask(&harmonic, &percussive, T::of(harmonic_margin), T::of(power), split),
            percussive: soft_mask(&percussive, &harmonic, T::of(percussive_margin), T::of(power), split),
        })
    }

    /// Both parts of a spectrogram `[frame, bin]`, with its phase.
    ///
    /// # Errors
    /// As [`masks`](Self::masks).
    pub fn separate<T: Real>(
        &self,
        spectrum: ArrayView2<'_, Complex<T>>,
    ) -> Result<HarmonicPercussive<Array2<Complex<T>>>> {
        let masks = self.masks(magnitude_spectrogram(spectrum).view())?;
        let masked = |mask: &Array2<T>| Zip::from(spectrum).and(mask).map_collect(|&x, &m| x * m);
        Ok(HarmonicPercussive { harmonic: masked(&masks.harmonic), percussive: masked(&masks.percussive) })
    }
}

/// `x^p / (x^p + (margin y)^p)`; where both vanish, a half or nothing: `librosa.util.softmask`.
fn soft_mask<T: Real>(x: &Array2<T>, y: &Array2<T>, margin: T, power: T, split: bool) -> Array2<T> {
    let both_vanish = if split { T::of(0.5) } else { T::zero() };
    let infinite = num_traits::Float::is_infinite(power);
    let square = power == T::of(2.0);
    Zip::from(x).and(y).map_collect(|&x, &y| {
        let y = y * margin;
        let larger = num_traits::Float::max(x, y);
        if infinite {
            return if x > y { T::one() } else { T::zero() };
        }
        if larger < T::min_positive_value() {
            return both_vanish;
        }
        let raised = |v: T| {
            let v = v / larger;
            if square { v * v } else { v.powf(power) }
        };
        let (x, y) = (raised(x), raised(y));
        x / (x + y)
    })
}

/// Running median of `span` values along `axis`, the signal mirrored at its ends with the ends repeated, an even span
/// reaching one further back: `scipy.ndimage.median_filter(mode="reflect")`.
fn median_filter<T: Real>(x: ArrayView2<'_, T>, axis: Axis, span: usize) -> Array2<T> {
    let mut out = Array2::zeros(x.raw_dim());
    if x.is_empty() {
        return out;
    }
    let mut lane_copy = Vec::with_capacity(x.len_of(axis));
    let mut sorted = Vec::with_capacity(span);
    for (lane, mut filtered) in x.lanes(axis).into_iter().zip(out.lanes_mut(axis)) {
        lane_copy.clear();
        lane_copy.extend(lane.iter().copied());
        running_median(&lane_copy, span, &mut sorted, |i, median| filtered[i] = median);
    }
    out
}

fn running_median<T: Real>(x: &[T], span: usize, sorted: &mut Vec<T>, mut give: impl FnMut(usize, T)) {
    let period = 2 * x.len() as isize;
    let at = |i: isize| {
        let folded = i.rem_euclid(period);
        x[folded.min(period - 1 - folded) as usize]
    };
    let before = (span / 2) as isize;
    sorted.clear();
    sorted.extend((0..span as isize).map(|i| at(i - before)));
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    for i in 0..x.len() {
        give(i, sorted[span / 2]);
        let leaving = at(i as isize - before);
        let entering = at(i as isize - before + span as isize);
        replace_sorted(sorted, leaving, entering);
    }
}

/// Replaces one value of a sorted list, moving only those between its old and new place.
fn replace_sorted<T: Real>(sorted: &mut [T], leaving: T, entering: T) {
    let old = sorted.partition_point(|&v| v < leaving);
    let new = sorted.partition_point(|&v| v < entering);
    if new > old {
        sorted.copy_within(old + 1..new, old);
        sorted[new - 1] = entering;
    } else {
        sorted.copy_within(new..old, new + 1);
        sorted[new] = entering;
    }
}
