//! All integration tests in one binary: one link, one run.
mod archive;
mod catalogue;
mod download;
mod fetch;
mod libtorch;
mod server;
mod spawn;
