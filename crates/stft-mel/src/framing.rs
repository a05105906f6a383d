//! Where frames lie on a signal, and what the samples beyond its ends are.

use ndarray::{Array2, ArrayView1};

use crate::error::{Error, Result, check};
use crate::{Real, StftParams};

/// What a centred frame sees beyond the ends of the signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum PadMode {
    /// Zeros: librosa's default since 0.10.
    #[default]
    Constant,
    /// The signal mirrored about its first and last sample, which are not repeated (`c b | a b c | b a`): librosa's
    /// default before 0.10, and that of `torch.stft`.
    Reflect,
    /// The first and last sample repeated.
    Edge,
}

/// Frame `t` covers samples `t*hop - pad .. t*hop - pad + length` of the signal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Framing {
    pub(crate) length: usize,
    pub(crate) hop: usize,
    /// Virtual samples before the first and after the last.
    pub(crate) pad: usize,
    pub(crate) mode: PadMode,
    /// Zeros follow the padded signal until its last sample is in a frame.
    pub(crate) pad_end: bool,
}

impl Framing {
    pub(crate) fn new(params: &StftParams) -> Self {
        Framing {
            length: params.n_fft,
            hop: params.hop(),
            pad: if params.center { params.n_fft / 2 } else { 0 },
            mode: params.pad_mode,
            pad_end: params.pad_end,
        }
    }

    /// Number of frames of a signal of `len` samples; 0 if the signal is too short for one.
    pub(crate) fn count(&self, len: usize) -> usize {
        let padded = len + 2 * self.pad;
        match (padded.checked_sub(self.length), self.pad_end) {
            (None, false) => 0,
            (None, true) => usize::from(len > 0),
            (Some(room), false) => 1 + room / self.hop,
            (Some(room), true) => 1 + room.div_ceil(self.hop),
        }
    }

    /// Number of frames, or why there are none.
    pub(crate) fn checked_count(&self, len: usize) -> Result<usize> {
        if len == 0 {
            return Err(Error::EmptySignal);
        }
        if self.pad > 0 && self.mode == PadMode::Reflect && len <= self.pad {
            return Err(Error::SignalTooShort {
                got: len,
                needed: self.pad + 1,
                reason: "reflect padding by n_fft/2",
                remedy: "use PadMode::Constant or a smaller n_fft",
            });
        }
        match self.count(len) {
            0 => Err(Error::SignalTooShort {
                got: len,
                needed: self.length,
                reason: "one frame without padding",
                remedy: "set pad_end(true) or center(true), or use a smaller n_fft",
            }),
            frames => Ok(frames),
        }
    }

    /// Writes the frame whose first sample is at `start` (negative: in the padding), times `window`, to `frame`.
    pub(crate) fn windowed<T: Real>(&self, signal: &[T], start: isize, window: &[T], frame: &mut [T]) {
        let inside = usize::try_from(start).ok().and_then(|s| signal.get(s..s + self.length));
        if let Some(samples) = inside {
            for ((out, &x), &w) in frame.iter_mut().zip(samples).zip(window) {
                *out = x * w;
            }
        } else {
            for (i, (out, &w)) in frame.iter_mut().zip(window).enumerate() {
                *out = self.sample(signal, start + i as isize) * w;
            }
        }
    }

    /// The sample at `position` of the padded signal.
    fn sample<T: Real>(&self, signal: &[T], position: isize) -> T {
        let last = signal.len() as isize - 1;
        if (0..=last).contains(&position) {
            return signal[position as usize];
        }
        if position > last + self.pad as isize {
            return T::zero(); // only pad_end reaches this far
        }
        match self.mode {
            PadMode::Constant => T::zero(),
            PadMode::Edge => signal[position.clamp(0, last) as usize],
            PadMode::Reflect => {
                let mirrored = if position < 0 { -position } else { 2 * last - position };
                signal[mirrored as usize]
            }
        }
    }
}

/// Time in seconds of frame `frame`: of its centre for centred framing, of its first sample otherwise.
pub fn frame_to_time(frame: usize, hop_length: usize, sample_rate: u32) -> f64 {
    (frame * hop_length) as f64 / f64::from(sample_rate)
}

/// The last frame that starts (centred: whose centre lies) at or before `time` seconds, as in
/// `librosa.time_to_frames`. Negative times give frame 0.
pub fn time_to_frame(time: f64, hop_length: usize, sample_rate: u32) -> usize {
    // The sample is floored first, as in librosa.
    let sample = (time * f64::from(sample_rate)).max(0.0) as usize;
    sample / hop_length
}

/// The whole frames of a signal, `[frame, sample]`, `hop_length` apart and not windowed: `librosa.util.frame`
/// transposed. For energies, zero crossings and whatever else is counted frame by frame.
///
/// # Errors
/// [`Error::BadParam`] for a length or hop of 0, [`Error::SignalTooShort`] where not one frame fits.
pub fn frames<T: Real>(
    signal: ArrayView1<'_, T>,
    frame_length: usize,
    hop_length: usize,
) -> Result<Array2<T>> {
    check(frame_length > 0, "frame_length", frame_length, "at least 1")?;
    check(hop_length > 0, "hop_length", hop_length, "at least 1")?;
    let Some(rest) = signal.len().checked_sub(frame_length) else {
        return Err(Error::SignalTooShort {
            got: signal.len(),
            needed: frame_length,
            reason: "a frame",
            remedy: "use shorter frames or pad the signal",
        });
    };
    let shape = (rest / hop_length + 1, frame_length);
    Ok(Array2::from_shape_fn(shape, |(frame, sample)| signal[frame * hop_length + sample]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, array};

    #[test]
    fn frames_are_librosas() {
        let signal = Array1::from_iter((0..7).map(f64::from));
        let expected = array![[0.0, 1.0, 2.0], [2.0, 3.0, 4.0], [4.0, 5.0, 6.0]];
        assert_eq!(frames(signal.view(), 3, 2).unwrap(), expected);
        assert_eq!(frames(signal.view(), 7, 1).unwrap().dim(), (1, 7));
        assert!(frames(signal.view(), 8, 1).unwrap_err().to_string().contains("7 samples"));
        assert!(frames(signal.view(), 0, 1).is_err() && frames(signal.view(), 1, 0).is_err());
    }
}
