//! Integration tests, in one binary.

mod features;
mod golden;
mod harmonicity;
mod parity;
#[cfg(feature = "serde")]
mod recipes;
mod stft;
mod streaming;
