//! Recursive WPE, frame by frame: Yoshioka et al., "Adaptive dereverberation of speech signals with speaker-position
//! change detection" (2009); in this form, Drude et al., "NARA-WPE" (2018).
//!
//! With the present power p (the mean over all channels and the frames t - delay - taps + 1, ..., t), in every bin
//!
//! dₜ = xₜ - Gᴴ x̄ₜ,   n = Q x̄ₜ,   k = n / (α p + x̄ₜᴴ n),   Q <- (Q - k nᴴ) / α,   G <- G + k dₜᴴ.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis};
use num_complex::Complex;
use rayon::prelude::*;

use crate::Real;
use crate::error::{Error, Result, check_parameter, check_shape};
use crate::recursion::Recursion;
use crate::stack::StackedPast;

/// Bins handed to a thread at once.
const GROUP: usize = 16;

/// The least denominator of a bin's gain, relative to the largest of all bins: nara_wpe's rule.
const FLOOR: f64 = 1e-10;

/// Parameters of [`OnlineWpe`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct OnlineWpeParams {
    /// Frames of the past the prediction uses, >= 1. Default 10.
    pub taps: usize,
    /// Frames between the present and the newest frame used, >= 1, as in [`WpeParams`](crate::WpeParams). Default 3.
    pub delay: usize,
    /// α: what a frame still counts when the next one has come, in (0, 1]. The memory is about 1 / (1 - α) frames.
    /// Default 0.9999.
    pub forgetting: f64,
}

impl Default for OnlineWpeParams {
    fn default() -> Self {
        Self { taps: 10, delay: 3, forgetting: 0.9999 }
    }
}

impl OnlineWpeParams {
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

    /// Sets the forgetting factor α.
    pub fn forgetting(mut self, forgetting: f64) -> Self {
        self.forgetting = forgetting;
        self
    }

    /// Starts on a signal of this many channels and bins.
    ///
    /// # Errors
    /// [`Error::Parameter`] where a count is zero or α is not in (0, 1].
    pub fn plan<T: Real>(self, channels: usize, bins: usize) -> Result<OnlineWpe<T>> {
        check_parameter(self.taps >= 1, "taps", self.taps as f64, "at least 1")?;
        check_parameter(self.delay >= 1, "delay", self.delay as f64, "at least 1")?;
        let in_range = self.forgetting > 0.0 && self.forgetting <= 1.0;
        check_parameter(in_range, "forgetting", self.forgetting, "0 < forgetting <= 1")?;
        check_parameter(channels >= 1, "channels", channels as f64, "at least 1")?;
        check_parameter(bins >= 1, "bins", bins as f64, "at least 1")?;
        let past = StackedPast { channels, taps: self.taps, delay: self.delay };
        let bin = |_| Tracked { recursion: Recursion::new(past), denominator: T::zero() };
        Ok(OnlineWpe { bins: (0..bins).map(bin).collect(), channels, params: self })
    }
}

/// Dereverberation frame by frame, without delay: each frame comes out cleaned by what the frames before it taught.
///
/// The filters start at zero, so the first frames pass unchanged; after one to three seconds of sound they have
/// learnt the room, and follow it at the pace of the forgetting factor.
///
/// ```
/// use auscult_dereverb::{Complex, OnlineWpeParams, ndarray::Array2};
///
/// let mut wpe = OnlineWpeParams::default().plan::<f32>(2, 257)?;
/// let mut clean = Array2::default((2, 257)); // [channel, bin]
/// for t in 0..20 {
///     let frame = Array2::from_shape_fn((2, 257), |(m, f)| Complex::from_polar(1.0, (m + t * t + f) as f32));
///     wpe.step_into(frame.view(), clean.view_mut())?;
/// }
/// # Ok::<(), auscult_dereverb::Error>(())
/// ```
///
/// # Where it departs from nara_wpe
/// The outputs are those of `online_wpe_step`, whose `delay` counts one less: its newest past frame is `delay + 1`
/// frames old, ours (and that of nara_wpe's offline functions) `delay`. Four cases in which `online_wpe_step` fails
/// are mended: frames 100 dB below the loudest pass and teach nothing (there Q would grow without bound); once Q has grown to
/// where half the digits are lost (in directions that are never heard, such as the difference of two equal
/// microphones) it stops forgetting; if rounding makes Q indefinite all the same it is learnt anew; and only one
/// triangle of Q is computed, so that it cannot cease to be Hermitian.
pub struct OnlineWpe<T> {
    params: OnlineWpeParams,
    channels: usize,
    bins: Vec<Tracked<T>>,
}

struct Tracked<T> {
    recursion: Recursion<T>,
    denominator: T,
}

impl<T> std::fmt::Debug for OnlineWpe<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnlineWpe")
            .field("params", &self.params)
            .field("channels", &self.channels)
            .field("bins", &self.bins.len())
            .finish_non_exhaustive()
    }
}

impl<T: Real> OnlineWpe<T> {
    /// The parameters it was made with.
    pub fn params(&self) -> &OnlineWpeParams {
        &self.params
    }

    /// Number of channels of a frame.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Number of bins of a frame.
    pub fn bins(&self) -> usize {
        self.bins.len()
    }

    /// Forgets the signal and the filters, for the next signal.
    pub fn reset(&mut self) {
        self.bins.iter_mut().for_each(|bin| bin.recursion.reset());
    }

    /// Dereverberates the next frame [channel, bin].
    ///
    /// # Errors
    /// If the frame has another shape or is not finite; the frame is then not taken in.
    pub fn step(&mut self, frame: ArrayView2<Complex<T>>) -> Result<Array2<Complex<T>>> {
        let mut output = Array2::default(frame.dim());
        self.step_into(frame, output.view_mut())?;
        Ok(output)
    }

    /// [`Self::step`] into an array of the same shape. Allocates nothing.
    ///
    /// # Errors
    /// Those of [`Self::step`], or if the output has another shape.
    pub fn step_into(
        &mut self,
        frame: ArrayView2<Complex<T>>,
        mut output: ArrayViewMut2<Complex<T>>,
    ) -> Result<()> {
        let shape = [self.channels, self.bins.len()];
        check_shape("frame", frame.shape(), &shape)?;
        check_shape("output", output.shape(), &shape)?;
        let finite = |value: &Complex<T>| value.re.is_finite() && value.im.is_finite();
        if let Some(((channel, bin), _)) = frame.indexed_iter().find(|(_, value)| !finite(value)) {
            return Err(Error::NotFinite { channel, frame: 0, bin });
        }
        let forgetting = T::of(self.params.forgetting);
        for (bin, column) in self.bins.iter_mut().zip(frame.axis_iter(Axis(1))) {
            bin.denominator = bin.recursion.predict(column.iter().copied(), forgetting);
        }
        let largest = self.bins.iter().map(|bin| bin.denominator).fold(T::zero(), T::max);
        let floor = T::of(FLOOR) * largest;
        self.bins.par_chunks_mut(GROUP).for_each(|bins| {
            bins.iter_mut().for_each(|bin| bin.recursion.learn(bin.denominator, floor, forgetting));
        });
        for (bin, mut column) in self.bins.iter().zip(output.axis_iter_mut(Axis(1))) {
            column.iter_mut().zip(&bin.recursion.output).for_each(|(out, &value)| *out = value);
        }
        Ok(())
    }
}
