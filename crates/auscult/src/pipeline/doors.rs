//! The doors every pipeline has, as the commands open them, and the options that go through them.

use std::path::{Path, PathBuf};

use auscult_models_tch::Device;

use super::metrics::Metrics;
use crate::observer::Observer;
use crate::{Error, Result, Run};

/// A pipeline as the `auscult` command and the report see it. What only one pipeline can do is in its own module.
pub trait Pipeline: Sync {
    /// Its name on the command line and in `runs/`.
    fn name(&self) -> &'static str;

    /// What it does, in a few words.
    fn about(&self) -> &'static str;

    /// The question it answers, as the report asks it.
    fn question(&self) -> &'static str;

    /// The figures that answer it: their names in `metrics.json`, and what the report calls them.
    fn headline(&self) -> &'static [(&'static str, &'static str)];

    /// A command that puts a trained run to work.
    fn at_work(&self) -> &'static str;

    /// The recipe as it would be followed, every default written out, as TOML.
    ///
    /// # Errors
    /// Recipes that cannot be read or hold what they must not.
    fn resolved(&self, choice: &RecipeChoice) -> Result<String>;

    /// The name of the run that [`Pipeline::train`] would begin or go on with.
    ///
    /// # Errors
    /// Recipes and manifests that cannot be read.
    fn run_name(&self, choice: &RecipeChoice, options: &TrainOptions) -> Result<String>;

    /// Recipe to run folder; goes on where it was left, or returns at once where it is complete.
    ///
    /// # Errors
    /// Bad recipes, manifests and recordings, each named; [`Error::Interrupted`] when the observer stops it.
    fn train(
        &self,
        choice: &RecipeChoice,
        options: &TrainOptions,
        observer: &mut dyn Observer,
    ) -> Result<Run>;

    /// Scores a run on a manifest.
    ///
    /// # Errors
    /// Bad manifests and recordings, each named with file and line.
    fn evaluate(
        &self,
        run: &Run,
        options: &EvaluateOptions,
        observer: &mut dyn Observer,
    ) -> Result<Evaluation>;

    /// The results of a finished run as a text table, for the terminal.
    ///
    /// # Errors
    /// [`Error::Run`] where the run is not finished.
    fn summary(&self, run: &Run) -> Result<String>;

    /// The section of a finished run in the report.
    ///
    /// # Errors
    /// [`Error::Run`] where the run is not finished.
    fn section(&self, run: &Run) -> Result<maud::Markup>;

    /// Goes on with `run` by its own recipe, where it lies, whatever `options.runs` says.
    ///
    /// # Errors
    /// [`Error::Run`] where the manifest, the version or `skip_bad` is not what the run was begun with, or the run lies in
    /// no folder of runs, and as [`Pipeline::train`].
    fn resume(&self, run: &Run, options: &TrainOptions, observer: &mut dyn Observer) -> Result<Run> {
        let choice = RecipeChoice {
            recipe: run.path("recipe.toml").display().to_string(),
            settings: Vec::new(),
            name: Some(run.about().recipe.clone()),
        };
        if self.run_name(&choice, options)? != run.name() {
            return Err(Error::Run {
                path: run.folder().into(),
                problem:
                    "it cannot go on: the manifest, auscult's version or --skip-bad has changed since it was \
                          begun; undo that, or train anew with --recipe"
                        .into(),
            });
        }
        let beside = run.folder().ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default();
        if beside.join(self.name()).join(run.name()) != run.folder() {
            return Err(Error::Run {
                path: run.folder().into(),
                problem: format!("it cannot go on here; move it back into a folder named `{}`", self.name()),
            });
        }
        self.train(&choice, &TrainOptions { runs: beside, ..options.clone() }, observer)
    }
}

/// Which recipe to train by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecipeChoice {
    /// The name of one that comes along, or a TOML file.
    pub recipe: String,
    /// `dotted.key=value` settings on top.
    pub settings: Vec<String>,
    /// What the run is called after; the recipe's own name or file name by default.
    pub name: Option<String>,
}

impl RecipeChoice {
    /// The recipe `recipe` as it is.
    #[must_use]
    pub fn new(recipe: impl Into<String>) -> Self {
        Self { recipe: recipe.into(), ..Self::default() }
    }
}

/// Where and how to train; none of it changes the recipe.
#[derive(Clone, Debug)]
pub struct TrainOptions {
    /// Folder of all runs.
    pub runs: PathBuf,
    /// Folder of the feature cache.
    pub cache: PathBuf,
    /// Processor or GPU.
    pub device: Device,
    /// Leave out recordings that cannot be used instead of stopping at the first.
    pub skip_bad: bool,
}

/// What to score a run on.
#[derive(Clone, Debug)]
pub struct EvaluateOptions {
    /// Labels: the columns the pipeline's guide names.
    pub manifest: PathBuf,
    /// Folder the paths are relative to.
    pub root: PathBuf,
    /// Folder of the feature cache.
    pub cache: PathBuf,
    /// Processor or GPU.
    pub device: Device,
    /// Leave out (and count) recordings that cannot be used.
    pub skip_bad: bool,
}

/// What an evaluation found and where it is written.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The scores.
    pub metrics: Metrics,
    /// Folder with `metrics.json`, a table with a row per recording, and figures.
    pub folder: PathBuf,
    /// Recordings left out.
    pub skipped: usize,
}

/// The folder of an evaluation in `run`: the manifest's name and a hash of its content.
///
/// # Errors
/// [`Error::Io`] where the manifest cannot be read.
pub(crate) fn evaluation_folder(run: &Run, manifest: &Path) -> Result<PathBuf> {
    let bytes = std::fs::read(manifest).map_err(Error::io("read", manifest))?;
    let stem = manifest.file_stem().map_or_else(|| "manifest".into(), |stem| stem.to_string_lossy());
    let hash = crate::run::fingerprint(&[&bytes]);
    Ok(run.path("eval").join(format!("{stem}-{}", &hash[..8])))
}
