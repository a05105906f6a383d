//! The pipelines: each has the same five doors, `Recipe`, `prepare`, `train`, `evaluate` and `infer`.
//!
//! * `Recipe`: what is done, as a TOML file with documented defaults;
//! * `prepare`: recordings to features, cached by content;
//! * `train`: recipe to run folder, resuming where it was left;
//! * `evaluate`: run and manifest to scores with intervals;
//! * `infer`: run and files to what a person uses.

pub mod birds;
pub mod recipe;
