//! Inputs the benches share: fixed seeds, sizes named in each bench id.

/// The front page's examples, for the compiler to read.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
