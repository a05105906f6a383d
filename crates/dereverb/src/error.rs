//! What can be wrong with the input.

use ndarray::ArrayView3;
use num_complex::Complex;

use crate::Real;

/// Why a signal could not be dereverberated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter out of its range.
    #[error("{name} = {value}: expected {expected}")]
    Parameter {
        /// The setter.
        name: &'static str,
        /// The value given.
        value: f64,
        /// The values it takes.
        expected: &'static str,
    },
    /// A spectrum without entries.
    #[error(
        "the spectrum is empty ({channels} channels, {frames} frames, {bins} bins): pass at least one of each"
    )]
    Empty {
        /// Number of channels given.
        channels: usize,
        /// Number of frames given.
        frames: usize,
        /// Number of bins given.
        bins: usize,
    },
    /// A signal with fewer frames than the statistics need.
    #[error(
        "{frames} frames are too few for this filter, which needs at least {needed}: \
         pass a longer signal, or use fewer taps, a shorter delay, or Statistics::Full"
    )]
    TooShort {
        /// Number of frames given.
        frames: usize,
        /// The least number of frames.
        needed: usize,
    },
    /// A NaN or an infinity.
    #[error(
        "the spectrum is not finite at channel {channel}, frame {frame}, bin {bin}: mend the samples first"
    )]
    NotFinite {
        /// Channel of the first such entry.
        channel: usize,
        /// Frame of the first such entry.
        frame: usize,
        /// Bin of the first such entry.
        bin: usize,
    },
    /// A mask entry that is no weight.
    #[error("mask[{frame}, {bin}] is {value}: expected a weight from 0 to 1")]
    Mask {
        /// Frame of the first such entry.
        frame: usize,
        /// Bin of the first such entry.
        bin: usize,
        /// The entry.
        value: f64,
    },
    /// Arrays that do not fit together.
    #[error("{what} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Which argument.
        what: &'static str,
        /// The shape it needs.
        expected: Vec<usize>,
        /// The shape given.
        found: Vec<usize>,
    },
    /// A point that is not in the room.
    #[error(
        "{what} {index} at {point:?} m is not inside the room of {size:?} m: move it, or enlarge the room"
    )]
    OutsideRoom {
        /// Source, microphone, or point of a path.
        what: &'static str,
        /// Which of them.
        index: usize,
        /// Where it is.
        point: [f64; 3],
        /// The size of the room.
        size: [f64; 3],
    },
    /// A source where a microphone is: the level there would be infinite.
    #[error("the source at {point:?} m is at microphone {index}: move one of them")]
    SourceAtMicrophone {
        /// Which microphone.
        index: usize,
        /// Where both are.
        point: [f64; 3],
    },
    /// A reverberation time no walls can give.
    #[error(
        "a reverberation time of {seconds} s is too short for a room of this size, even if its walls absorb all \
         sound ({least:.3} s): take a longer one, a smaller room, or 0 for no reflections"
    )]
    ReverberationTime {
        /// The time asked for.
        seconds: f64,
        /// The time with walls that absorb everything.
        least: f64,
    },
    /// A NaN or an infinity in a signal or an impulse response.
    #[error("sample {sample} is not finite: mend the samples first")]
    SignalNotFinite {
        /// The first such sample.
        sample: usize,
    },
    /// An impulse response that does not die away.
    #[error("the impulse response does not fall by {decibels} dB: pass a longer one, with less noise")]
    NoDecay {
        /// The fall that was looked for.
        decibels: f64,
    },
}

/// Result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

pub(crate) fn check_parameter(
    holds: bool,
    name: &'static str,
    value: f64,
    expected: &'static str,
) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Parameter { name, value, expected }) }
}

pub(crate) fn check_shape(what: &'static str, found: &[usize], expected: &[usize]) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape { what, expected: expected.to_vec(), found: found.to_vec() })
}

/// Requires a spectrum with entries, all finite.
pub(crate) fn check_spectrum<T: Real>(x: ArrayView3<Complex<T>>) -> Result<()> {
    let (channels, frames, bins) = x.dim();
    if x.is_empty() {
        return Err(Error::Empty { channels, frames, bins });
    }
    let finite = |value: &Complex<T>| value.re.is_finite() && value.im.is_finite();
    match x.indexed_iter().find(|(_, value)| !finite(value)) {
        Some(((channel, frame, bin), _)) => Err(Error::NotFinite { channel, frame, bin }),
        None => Ok(()),
    }
}

/// Requires finite samples.
pub(crate) fn check_samples<'a>(samples: impl IntoIterator<Item = &'a f64>) -> Result<()> {
    match samples.into_iter().position(|sample| !sample.is_finite()) {
        Some(sample) => Err(Error::SignalNotFinite { sample }),
        None => Ok(()),
    }
}
