//! All integration tests in one binary: one link, one run.
// clippy.toml lets tests unwrap, but does not count their helper functions.
#![allow(clippy::unwrap_used)]

mod archive;
mod catalogue;
mod download;
mod fetch;
mod libtorch;
mod server;
mod spawn;
