//! Parity with the reference packages, properties, and bad input.

mod assignment;
mod classification;
mod clustering;
mod diarization;
mod events;
mod golden;
mod ranking;
mod separation;
mod uncertainty;
