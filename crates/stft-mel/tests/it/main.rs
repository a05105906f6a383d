//! Integration tests, in one binary.

mod features;
mod golden;
mod parity;
mod stft;
mod streaming;
