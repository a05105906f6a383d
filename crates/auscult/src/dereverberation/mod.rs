//! Recordings without their room: files and streams of samples through the estimators of [`dereverb`](crate::dereverb).
//!
//! ```no_run
//! use auscult::dereverberation::{DereverbOptions, dereverberate_file};
//!
//! let options = DereverbOptions::default();
//! dereverberate_file("meeting.wav".as_ref(), "dry.wav".as_ref(), &options, &mut auscult::Quiet)?;
//! # Ok::<(), auscult::Error>(())
//! ```

mod file;
mod segments;
mod streaming;

pub use file::{DereverbMethod, DereverbOptions, DereverbSummary, dereverberate_file};
pub use streaming::StreamingWpe;

use auscult_stft_mel::StftParams;

/// Frames for dereverberation at a sample rate: `window` seconds of Hann window, a multiple of 32 samples, and half of
/// it from frame to frame. The window of 32 ms that published results use has 512 samples at 16 kHz.
#[must_use]
pub fn frames_for(sample_rate: u32, window: f64) -> StftParams {
    let samples = (window * f64::from(sample_rate) / 32.0).round().max(1.0) as usize * 32;
    StftParams::new(samples).hop_length(samples / 2)
}
