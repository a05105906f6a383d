//! Nothing but the examples of the front page: the benches, and the programs that their peers run, stand beside it.

/// The front page's examples, for the compiler to read.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
