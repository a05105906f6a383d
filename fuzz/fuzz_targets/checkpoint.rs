//! Feeds the reader of `auscult_fuzz::checkpoint`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::Reader::named("checkpoint").fuzz(bytes));
