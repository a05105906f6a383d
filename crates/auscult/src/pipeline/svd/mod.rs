//! Where does somebody sing? Paper 003 (Gui et al., 2022), the networks it compares with, and their training improved.
//!
//! | sentence of the paper | here |
//! |---|---|
//! | log-mel front end of Lee et al. (3.1) | `front_end`, `features` |
//! | 80 x 80 patches every 5 frames (3.1) | `patches`, `examples` |
//! | squeeze-and-excitation residual networks (3.2, 3.3) | [`auscult_models_tch::Network::SeResNet`] |
//! | SCNN, Bi-LSTM (4.2) | [`auscult_models_tch::Network::Scnn`], [`auscult_models_tch::Network::BiLstm`] |
//! | JMD, RWC, MIR-1K and their union (4.1) | `corpora`, `manifest`, `splits` |
//! | accuracies (Table 2), costs (Table 3) | `results`, `report` |
//!
//! Ours: augmentation after Schlüter and Grill (`augment`), threshold and smoothing from validation songs
//! (`decision`), stress tests after Lee et al. (`stress`), segments (`segments`, `infer`).
//!
//! Five doors: [`Recipe`], [`prepare`], [`train`], [`evaluate`](evaluate()), [`infer`].

mod augment;
mod corpora;
mod decision;
mod evaluate;
mod examples;
mod features;
mod front_end;
mod infer;
mod labels;
mod manifest;
mod model;
mod moments;
mod patches;
mod picture;
mod recipe;
mod report;
mod results;
mod segments;
mod splits;
mod stress;
mod summary;
mod train;

pub use augment::Augment;
pub use corpora::{Corpus, write_manifest};
pub use decision::Decision;
pub use evaluate::evaluate;
pub use features::{Features, prepare};
pub use front_end::{FeatureExtractor, FrontEnd, Kind, Level};
pub use infer::{Heard, InferOptions, Listener, infer};
pub use labels::Labels;
pub use manifest::{Part, Song, read_manifest};
pub use model::SvdModel;
pub use patches::{Scaling, Window};
pub use picture::picture;
pub use recipe::{Contender, Data, OneOrMore, Protocol, RECIPES, Recipe};
pub use report::section;
pub use results::{Comparison, Results, Score};
pub use segments::{SegmentOptions, SungSegment};
pub use splits::Scheme;
pub use stress::Stress;
pub use summary::summary;
pub use train::{run_name, train};

use super::{EvaluateOptions, Evaluation, Pipeline, RecipeChoice, TrainOptions};
use crate::{Observer, Result, Run};

/// On the command line and in `runs/`.
const NAME: &str = "svd";

/// The pipeline as the commands see it.
#[derive(Clone, Copy, Debug)]
pub struct Svd;

impl Pipeline for Svd {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "where somebody sings in a song"
    }

    fn question(&self) -> &'static str {
        "Where does somebody sing?"
    }

    fn headline(&self) -> &'static [(&'static str, &'static str)] {
        &[("auc", "AUC, unseen artists"), ("accuracy", "accuracy, unseen artists")]
    }

    fn at_work(&self) -> &'static str {
        "auscult singing song.mp3"
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
