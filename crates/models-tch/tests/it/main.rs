//! Everything seen from outside the crate.

// Helpers of tests may unwrap as tests do; clippy sees only the tests themselves.
#![allow(clippy::unwrap_used)]

mod autoencoder;
mod classifier;
mod common;
mod killed;
mod masker;
mod networks;
mod pytorch;
mod resume;
mod singing_networks;
mod training;
