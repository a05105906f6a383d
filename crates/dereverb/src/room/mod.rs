//! A room to test dereverberation in: impulse responses of a shoebox by the image-source method (Allen and Berkley,
//! 1979), microphone arrays, and sources at rest or moving.
//!
//! ```
//! use auscult_dereverb::room::{RoomParams, circular_array, split_early};
//!
//! let room = RoomParams::default().size([4.0, 3.0, 2.5]).reverberation_time(0.15).plan()?;
//! let microphones = circular_array([2.0, 1.5, 1.2], 0.05, 8);
//! let responses = room.impulse_responses([1.0, 1.0, 1.5], &microphones)?;
//! let click: Vec<f64> = (0..4000).map(|n| if n == 100 { 1.0 } else { 0.0 }).collect();
//! assert_eq!(room.render(&click, [1.0, 1.0, 1.5], &microphones)?.dim(), (8, 4000));
//! // what a dereverberation should leave: the first 32 ms
//! assert!(split_early(responses.view(), 512)?.ratio_db(0) > 0.0);
//! # Ok::<(), auscult_dereverb::Error>(())
//! ```
//!
//! # Conventions
//! - Metres, seconds, hertz; a [`Point`] is x, y, z from one corner of the room.
//! - A source is heard with gain 1 at a distance of 1 m: images are scaled by 1 / distance, as in pyroomacoustics,
//!   and not by 1 / (4 π distance).
//! - Impulse responses are [microphone, sample] and begin [`LEAD`] samples before the sound leaves the source, so
//!   that no interpolation filter is cut. [`Room::render`] takes the lead off again.
//! - Walls absorb all frequencies alike, and there is no high-pass. At 0 Hz all images are in phase and pile up, which
//!   no real room does: what is played should have no offset, and reverberation times are measured above that.
//! - The result does not depend on the number of threads.
//!
//! # Exact to
//! pyroomacoustics 0.10.1 to 1e-6 of the strongest sample, with its high-pass off and its sinc table fine enough:
//! by default it interpolates in single precision from a table of 20 values a sample, which costs three digits.

mod acoustics;
mod arrays;
mod images;
mod render;
mod response;
mod shoebox;

pub use {
    acoustics::{EarlyLate, measured_reverberation_time, split_early},
    arrays::{circular_array, linear_array},
    render::render,
    response::LEAD,
    shoebox::{Point, Room, RoomParams},
};
