//! Integration tests, one binary.

mod errors;
mod formats;
mod hostile;
mod resampling;
mod streaming;
mod support;
mod writing;
