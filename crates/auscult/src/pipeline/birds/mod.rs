//! Which bird is that? Paper 001 (Hiatt, 2020) and a better network.
//!
//! | sentence of the paper | here |
//! |---|---|
//! | log-scaled mel spectrograms and MFCCs (2.2, 3.1) | `features` |
//! | random windows, padding, the two ways to combine (3.1) | `patches`, `examples` |
//! | three convolution and pooling stacks (3.2) | [`auscult_models_tch::Network`] |
//! | `StratifiedShuffleSplit` (3.2) | `splits` |
//! | Gaussian naive Bayes (2.4) | `naive_bayes` |
//! | final fit, five test offsets (4.1) | `train` |
//! | does duration leak the species? (Fig. 13) | `results`, `report` |
//!
//! Five doors: [`Recipe`], [`prepare`], [`train`], [`evaluate`](evaluate()), [`infer`].

mod augment;
mod evaluate;
mod examples;
mod features;
mod infer;
mod model;
mod naive_bayes;
mod outcomes;
mod patches;
mod recipe;
mod report;
mod results;
mod splits;
mod summary;
mod train;

use std::path::{Path, PathBuf};

pub use augment::Augment;
pub use evaluate::evaluate;
pub use features::{FeatureExtractor, Features, FrontEnd, Level, prepare};
pub use infer::{Detection, Heard, InferOptions, Listener, Summary, infer};
pub use model::{BirdModel, Windows};
pub use naive_bayes::GaussianNaiveBayes;
pub use patches::{Combine, Normalisation, Padding, Picture, Scaling, Window};
pub use recipe::{Baseline, Contender, Data, Protocol, RECIPES, Recipe};
pub use report::section;
pub use results::{Comparison, Results, Score, SpeciesScore};
pub use splits::{Split, recordist_disjoint_folds, stratified_shuffle_splits};
pub use summary::summary;
pub use train::{Scheme, run_name, train};

use super::{EvaluateOptions, Evaluation, Pipeline, RecipeChoice, TrainOptions};
use crate::table::Table;
use crate::{Observer, Result, Run};

/// The pipeline as the commands see it.
#[derive(Clone, Copy, Debug)]
pub struct Birds;

impl Pipeline for Birds {
    fn name(&self) -> &'static str {
        "birds"
    }

    fn about(&self) -> &'static str {
        "which species sings in a recording"
    }

    fn question(&self) -> &'static str {
        "Which bird is that?"
    }

    fn headline(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("accuracy", "accuracy, new recordings"),
            ("recordist_disjoint_accuracy", "accuracy, new recordists"),
        ]
    }

    fn at_work(&self) -> &'static str {
        "auscult birds dawn.mp3"
    }

    fn resolved(&self, choice: &RecipeChoice) -> Result<String> {
        super::recipe::text(&Recipe::choose(choice)?.1)
    }

    fn run_name(&self, choice: &RecipeChoice, options: &TrainOptions) -> Result<String> {
        let (name, recipe) = Recipe::choose(choice)?;
        run_name(&name, &recipe, options)
    }

    fn train(
        &self,
        choice: &RecipeChoice,
        options: &TrainOptions,
        observer: &mut dyn Observer,
    ) -> Result<Run> {
        let (name, recipe) = Recipe::choose(choice)?;
        train(&name, &recipe, options, observer)
    }

    fn evaluate(
        &self,
        run: &Run,
        options: &EvaluateOptions,
        observer: &mut dyn Observer,
    ) -> Result<Evaluation> {
        evaluate(run, options, observer)
    }

    fn summary(&self, run: &Run) -> Result<String> {
        Ok(summary(&run.results()?))
    }

    fn section(&self, run: &Run) -> Result<maud::Markup> {
        section(run)
    }
}

/// A row of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// The sound file.
    pub path: PathBuf,
    /// Species, by any consistent name.
    pub species: String,
    /// Who recorded it, where known.
    pub recordist: Option<String>,
    /// Whether the manifest's `split` says `test`.
    pub test: bool,
    /// Line in the manifest, for messages.
    pub line: u64,
}

/// Reads a manifest: columns `path` (relative to `root`) and `species`; `recordist` and `split` where there.
///
/// # Errors
/// [`Error::Table`](crate::Error::Table) with file and line for missing columns, empty fields, a `split` that is
/// neither `train` nor `test`, a path listed twice.
pub fn read_manifest(manifest: &Path, root: &Path) -> Result<Vec<Recording>> {
    let table = Table::read(manifest, &["path", "species"])?;
    let mut seen = std::collections::HashMap::new();
    let mut recordings = Vec::new();
    for row in table.rows() {
        let path = row.require("path")?;
        if let Some(first) = seen.insert(path, row.line()) {
            return Err(
                row.problem(format!("`{path}` is listed on line {first} already; list each recording once"))
            );
        }
        let test = match row.get("split") {
            None | Some("train") => false,
            Some("test") => true,
            Some(other) => return Err(row.problem(format!("split is `{other}`; write `train` or `test`"))),
        };
        recordings.push(Recording {
            path: root.join(path),
            species: row.require("species")?.to_owned(),
            recordist: row.get("recordist").map(str::to_owned),
            test,
            line: row.line(),
        });
    }
    Ok(recordings)
}
