//! The `auscult` command and its pipelines, end to end, on a small data set that the tests make themselves.
// clippy.toml allows these in test functions; here the helpers are tests too.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod asd;
mod bad_manifests;
mod bad_places;
mod bad_recipes;
mod bad_recordings;
mod evaluating;
mod killing;
mod listening;
mod long_files;
mod monitoring;
mod separating;
mod shell;
mod singing;
mod songs;
mod speakers;
mod support;
mod training;
