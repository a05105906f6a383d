//! Everything seen from outside the crate.

mod classifier;
mod common;
mod networks;
mod resume;
mod training;
