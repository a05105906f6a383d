//! Integration tests, one binary.

// clippy.toml allows these in test functions; here the helpers are tests too.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod errors;
mod formats;
mod hostile;
mod resampling;
mod streaming;
mod support;
mod writing;
