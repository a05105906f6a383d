//! Integration tests of auscult-dereverb.
// Helpers of tests may unwrap as tests do; clippy sees only the tests themselves.
#![allow(clippy::unwrap_used)]

mod golden;
mod online;
mod room;
mod scenes;
mod unified;
mod wpe;
