//! The pipelines: each has the same five doors, `Recipe`, `prepare`, `train`, `evaluate` and `infer`.
//!
//! * `Recipe`: what is done, as a TOML file with documented defaults;
//! * `prepare`: recordings to features, cached by content;
//! * `train`: recipe to run folder, resuming where it was left;
//! * `evaluate`: run and manifest to scores with intervals;
//! * `infer`: run and files to what a person uses.
//!
//! The commands open them through [`Pipeline`], and find them in [`PIPELINES`].

mod doors;
mod metrics;
mod preparation;

pub mod asd;
pub mod birds;
pub mod recipe;
pub mod separation;
pub mod speakers;
pub mod svd;

pub use doors::{EvaluateOptions, Evaluation, Pipeline, RecipeChoice, TrainOptions};
pub use metrics::{Figure, Metrics};

/// Every pipeline, by name.
pub const PIPELINES: &[&dyn Pipeline] =
    &[&birds::Birds, &speakers::Speakers, &svd::Svd, &separation::Separation, &asd::Asd];

/// The pipeline of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Pipeline> {
    PIPELINES.iter().copied().find(|pipeline| pipeline.name() == name)
}
