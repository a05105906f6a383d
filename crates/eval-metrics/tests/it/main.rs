//! Parity with the reference packages, properties, and bad input.

// In tests a panic or a line is the report; clippy's own exceptions cover the test functions but not their helpers.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod assignment;
mod classification;
mod clustering;
mod diarization;
mod events;
mod golden;
mod ranking;
mod separation;
mod uncertainty;
