//! Read, resample, stream and write audio.
//!
//! # Conventions
//! * Samples are `Array2<f32>`, `[channel, frame]`, in [-1, 1]. Integer formats scale by their most negative value,
//!   as in libsndfile and librosa: a 16-bit sample is `value / 32768`. Floats are taken as they are.
//! * Times are `f64` seconds and round to the nearest frame; positions are frames.
//! * A file's content decides its format, never its extension.
//! * Resampling is free of delay and returns `ceil(frames * to / from)` frames, as librosa does.
//! * A stream, joined, equals the whole file bit for bit.
//!
//! # Example
//! ```
//! use auscult_audio_io::{Audio, AudioReader, ReadOptions, SampleFormat, ndarray::Array2, write_wav};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("tone.wav");
//! let tone = Array2::from_shape_fn((2, 44_100), |(_, n)| (n as f32 * 0.05).sin());
//! write_wav(&path, &Audio::new(tone, 44_100)?, SampleFormat::I16)?;
//!
//! let speech = ReadOptions::default().mono(true).sample_rate(16_000).read(&path)?;
//! assert_eq!((speech.channels(), speech.frames(), speech.duration()), (1, 16_000, 1.0));
//!
//! let mut reader = AudioReader::open(&path)?; // block by block, in bounded memory
//! while let Some(block) = reader.next_block(4096)? {
//!     assert_eq!(block.nrows(), 2);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Formats and features
//! | Read | Feature | Gapless | Where it starts a stretch in mid-file |
//! |---|---|---|---|
//! | WAV: 8, 16, 24, 32-bit integer, 32-bit float | always | yes | seeks |
//! | WAV: 64-bit float, WAVE_FORMAT_EXTENSIBLE oddities, µ-law, unknown length (pipes) | `symphonia` (default) | yes | seeks |
//! | FLAC | `symphonia` | yes | seeks |
//! | Ogg Vorbis | `symphonia` | yes | decodes up to it |
//! | mp3 | `symphonia` | with a LAME header | decodes up to it |
//! | AAC (ADTS, m4a) | `symphonia` | no: the encoder's delay stays in front | decodes up to it |
//!
//! Written is WAV: 16 and 24-bit integer, 32-bit float. Opus, WMA, AIFF, RF64 and others are named in an error
//! that tells how to convert them.
//!
//! # References
//! Whole-file decoding is tested against libsndfile, resampling against `librosa.resample` (soxr_hq) and
//! `scipy.signal.resample_poly`; the tolerances are in this crate's README.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod audio;
mod decode;
mod error;
mod reader;
mod resample;
mod write;

pub use audio::Audio;
pub use decode::Warning;
pub use error::{Error, Result};
pub use ndarray;
pub use reader::{AudioReader, ReadOptions, read};
pub use resample::{Resampler, resample};
pub use write::{SampleFormat, WavWriter, Written, write_wav};

/// The README's examples, for the compiler to read.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
