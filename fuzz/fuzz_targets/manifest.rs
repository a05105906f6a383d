//! Feeds the reader of `auscult_fuzz::manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::Reader::named("manifest").fuzz(bytes));
