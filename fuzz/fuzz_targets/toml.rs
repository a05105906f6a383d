//! Feeds the reader of `auscult_fuzz::toml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::Reader::named("toml").fuzz(bytes));
