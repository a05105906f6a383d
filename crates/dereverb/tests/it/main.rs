//! Integration tests of auscult-dereverb.
mod golden;
mod wpe;
