//! Integration tests of auscult-dereverb.
mod golden;
mod online;
mod scenes;
mod unified;
mod wpe;
