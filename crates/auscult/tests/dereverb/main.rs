//! `auscult dereverb`, end to end: rooms it must take out, files of any kind, and files that are none.
// clippy.toml allows these in test functions; here the helpers are tests too.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod bad_input;
mod long_files;
mod methods;
mod support;
