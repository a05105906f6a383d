//! Feeds the reader of `auscult_fuzz::audio`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::Reader::named("audio").fuzz(bytes));
