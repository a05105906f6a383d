//! The driver behind `cargo xtask`: prepares the machine, fetches data, builds and spawns the `auscult` command,
//! runs the tests and the gates before a commit.
//!
//! It never computes: no libtorch, no BLAS, no audio. That keeps its build to seconds on a machine where nothing is
//! set up yet, and lets `cargo xtask setup` exist before libtorch does.
//!
//! * [`commands`]: one file per command; start there.
//! * [`libtorch`]: which libtorch the locked `tch` needs, and how it comes from the PyPI wheels.
//! * [`browser`]: reports as a person sees them.
//! * [`datasets`], [`download`], [`unpack`], [`manifest`]: `datasets.toml` and what happens to a file on its way in.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something a person has to do first (the message says what).
//! The exit code of a spawned command is passed through.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
// A driver talks to the person at the terminal; the libraries of the workspace do not.
#![allow(clippy::print_stdout, clippy::print_stderr)]

pub mod browser;
pub mod checksum;
mod cli;
pub mod commands;
pub mod datasets;
pub mod download;
pub mod intervals;
pub mod libtorch;
pub mod lock;
pub mod manifest;
mod outcome;
pub mod pipelines;
pub mod process;
pub mod progress;
pub mod python;
pub mod system;
pub mod unpack;
mod workspace;

pub use crate::{
    cli::Cli,
    outcome::{Stop, exit_code, report_failure},
    workspace::Workspace,
};
