//! Weighted prediction error (WPE), offline: Nakatani et al. (2010); multichannel, Yoshioka and Nakatani (2012).
//!
//! In every frequency bin on its own, the late reverberation of frame t is what a filter G predicts from the frames
//! t - delay, ..., t - delay - taps + 1 of all channels, stacked to x̄ₜ:
//!
//! dₜ = xₜ - Gᴴ x̄ₜ,   dₜ ~ CN(0, λₜ I).
//!
//! Maximising the likelihood in turns gives λₜ = |dₜ|² / M and the weighted least squares solution
//! G = (Σ x̄ₜ x̄ₜᴴ / λₜ)⁻¹ Σ x̄ₜ xₜᴴ / λₜ.

use ndarray::{Array3, ArrayView2, ArrayView3, ArrayViewMut3, Axis};
use num_complex::Complex;
use rayon::prelude::*;

use crate::Real;
use crate::bin::Bin;
use crate::error::{Error, Result, check_parameter, check_shape, check_spectrum};
use crate::stack::StackedPast;

/// Bins handed to a thread at once: values of neighbouring bins share cache lines.
const GROUP: usize = 8;

/// How many frames around t the power λₜ is averaged over.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum PsdContext {
    /// The frames t - n, ..., t + n; at the ends, those of them that exist.
    Frames(usize),
    /// All frames: every frame weighs the same.
    All,
}

/// Which frames the filter is estimated from.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Statistics {
    /// All frames; the signal before the first is taken to be silence.
    Full,
    /// The frames whose whole past is known: from delay + taps - 1 on.
    Valid,
}

/// The least power λₜ a frame is credited with, so that nearly silent frames do not outweigh all others.
///
/// A floor keeps the equations well-conditioned; it does not make padding fit the model, in which reverberation goes
/// on after the sound. With [`PowerFloor::Mean`], frames whose input is 100 dB below the mean (no room is so quiet)
/// therefore weigh next to nothing, and stay as they are. Exclude others by [`Wpe::process_masked`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum PowerFloor {
    /// This fraction of the bin's mean power.
    Mean(f64),
    /// This fraction of the bin's highest power, and no more. `Max(1e-10)` is the rule of nara_wpe: the nearly silent
    /// frames of a padded signal then weigh up to 10¹⁰ times as much as the others, and make the equations
    /// ill-conditioned.
    Max(f64),
}

/// Parameters of [`Wpe`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct WpeParams {
    /// Frames of the past the prediction uses, >= 1. Default 10.
    pub taps: usize,
    /// Frames between the present and the newest frame used, >= 1: what the prediction must leave alone. Default 3.
    pub delay: usize,
    /// Rounds of power and filter estimation, >= 1. Default 3.
    pub iterations: usize,
    /// Frames averaged for the power. Default `Frames(0)`.
    pub psd_context: PsdContext,
    /// Frames the filter is estimated from. Default `Full`.
    pub statistics: Statistics,
    /// Least power of a frame. Default `Mean(1e-6)`.
    pub power_floor: PowerFloor,
}

impl Default for WpeParams {
    fn default() -> Self {
        Self {
            taps: 10,
            delay: 3,
            iterations: 3,
            psd_context: PsdContext::Frames(0),
            statistics: Statistics::Full,
            power_floor: PowerFloor::Mean(1e-6),
        }
    }
}

impl WpeParams {
    /// Sets the number of past frames used.
    pub fn taps(mut self, taps: usize) -> Self {
        self.taps = taps;
        self
    }

    /// Sets the prediction delay in frames.
    pub fn delay(mut self, delay: usize) -> Self {
        self.delay = delay;
        self
    }

    /// Sets the number of iterations.
    pub fn iterations(mut self, iterations: usize) -> Self {
        self.iterations = iterations;
        self
    }

    /// Sets the frames averaged for the power.
    pub fn psd_context(mut self, psd_context: PsdContext) -> Self {
        self.psd_context = psd_context;
        self
    }

    /// Sets the frames the filter is estimated from.
    pub fn statistics(mut self, statistics: Statistics) -> Self {
        self.statistics = statistics;
        self
    }

    /// Sets the least power of a frame.
    pub fn power_floor(mut self, power_floor: PowerFloor) -> Self {
        self.power_floor = power_floor;
        self
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::Parameter`] where a count is zero or the floor is not in 0..1.
    pub fn plan(self) -> Result<Wpe> {
        check_parameter(self.taps >= 1, "taps", self.taps as f64, "at least 1")?;
        check_parameter(self.delay >= 1, "delay", self.delay as f64, "at least 1")?;
        check_parameter(self.iterations >= 1, "iterations", self.iterations as f64, "at least 1")?;
        let (PowerFloor::Mean(floor) | PowerFloor::Max(floor)) = self.power_floor;
        check_parameter((0.0..1.0).contains(&floor), "power_floor", floor, "0 <= power_floor < 1")?;
        Ok(Wpe { params: self })
    }
}

/// Offline dereverberation of whole recordings. All channels go in and all come out, early parts and phases kept.
///
/// ```
/// use auscult_dereverb::{Complex, WpeParams, ndarray::Array3};
///
/// let wpe = WpeParams::default().taps(4).delay(2).plan()?;
/// let spectrum = Array3::from_shape_fn((2, 100, 3), |(m, t, f)| Complex::from_polar(1.0, (m + t * t + f) as f64));
/// assert_eq!(wpe.process(spectrum.view())?.dim(), (2, 100, 3));
/// # Ok::<(), auscult_dereverb::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Wpe {
    params: WpeParams,
}

impl Wpe {
    /// The parameters of the plan.
    pub fn params(&self) -> &WpeParams {
        &self.params
    }

    /// Dereverberates a spectrum [channel, frame, bin] of any scale.
    ///
    /// Bins are shared out to the threads of rayon's current pool; the result does not depend on their number.
    ///
    /// # Errors
    /// If the spectrum is empty, not finite, or with [`Statistics::Valid`] not longer than the filter.
    pub fn process<T: Real>(&self, spectrum: ArrayView3<Complex<T>>) -> Result<Array3<Complex<T>>> {
        let mut output = Array3::default(spectrum.dim());
        self.process_into(spectrum, output.view_mut())?;
        Ok(output)
    }

    /// [`Self::process`] into an array of the same shape.
    ///
    /// # Errors
    /// Those of [`Self::process`], or if the shapes differ.
    pub fn process_into<T: Real>(
        &self,
        spectrum: ArrayView3<Complex<T>>,
        output: ArrayViewMut3<Complex<T>>,
    ) -> Result<()> {
        self.run(spectrum, None, output)
    }

    /// [`Self::process`] with the filters estimated from part of the signal only.
    ///
    /// `mask` [frame, bin] holds the weight, from 0 to 1, of each frame in the statistics of each bin: 0 where
    /// another source dominates, or where the recording is damaged. The filters are applied to all frames.
    ///
    /// # Errors
    /// Those of [`Self::process`], or if the mask has another shape or a value not in 0..=1.
    pub fn process_masked<T: Real>(
        &self,
        spectrum: ArrayView3<Complex<T>>,
        mask: ArrayView2<T>,
    ) -> Result<Array3<Complex<T>>> {
        let (_, frames, bins) = spectrum.dim();
        check_shape("mask", mask.shape(), &[frames, bins])?;
        // NaN is not in the range either
        let wrong = mask.indexed_iter().find(|(_, value)| !(T::zero()..=T::one()).contains(*value));
        if let Some(((frame, bin), value)) = wrong {
            return Err(Error::Mask { frame, bin, value: value.wide() });
        }
        let mut output = Array3::default(spectrum.dim());
        self.run(spectrum, Some(mask), output.view_mut())?;
        Ok(output)
    }

    fn run<T: Real>(
        &self,
        spectrum: ArrayView3<Complex<T>>,
        mask: Option<ArrayView2<T>>,
        mut output: ArrayViewMut3<Complex<T>>,
    ) -> Result<()> {
        let (channels, frames, _) = spectrum.dim();
        check_shape("output", output.shape(), spectrum.shape())?;
        check_spectrum(spectrum.view())?;
        let past = StackedPast { channels, taps: self.params.taps, delay: self.params.delay };
        if self.params.statistics == Statistics::Valid && frames <= past.lead() {
            return Err(Error::TooShort { frames, needed: past.lead() + 1 });
        }
        let groups: Vec<_> = spectrum
            .axis_chunks_iter(Axis(2), GROUP)
            .zip(output.axis_chunks_iter_mut(Axis(2), GROUP))
            .enumerate()
            .collect();
        let workspace = || (Bin::<T>::new(past, frames), vec![Complex::default(); GROUP * frames * channels]);
        groups.into_par_iter().for_each_init(workspace, |(bin, staged), (group, (input, mut output))| {
            let bins = input.len_of(Axis(2));
            let size = frames * channels;
            // [channel, frame, bin] -> [bin][frame][channel]
            for ((m, t, f), &value) in input.indexed_iter() {
                staged[f * size + t * channels + m] = value;
            }
            for (f, staged) in staged.chunks_exact_mut(size).take(bins).enumerate() {
                let mask = mask.as_ref().map(|mask| mask.column(group * GROUP + f));
                bin.dereverberate(&self.params, staged, mask);
            }
            for ((m, t, f), value) in output.indexed_iter_mut() {
                *value = staged[f * size + t * channels + m];
            }
        });
        Ok(())
    }
}
