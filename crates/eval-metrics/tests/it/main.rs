//! Parity with the reference packages, properties, and bad input.

// In tests a panic is the report; clippy's own exception covers the test functions but not their helpers.
#![allow(clippy::unwrap_used)]

mod assignment;
mod classification;
mod clustering;
mod diarization;
mod events;
mod golden;
mod ranking;
mod separation;
mod uncertainty;
