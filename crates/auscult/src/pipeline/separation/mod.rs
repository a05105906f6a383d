//! The voice and the band, apart. Paper 004 (Jansson et al., 2017).
//!
//! | sentence of the paper | here |
//! |---|---|
//! | downsample to 8192 Hz, STFT of 1024 with hop 768, magnitudes in [0, 1] (3.1.2) | [`FrontEnd`] |
//! | patches of 128 frames (3.1.2) | `patches`, for training; `masks`, cross-faded, for listening |
//! | U-Net, and the same without skip connections (3.1.2, 4) | [`auscult_models_tch::UNetParams`] |
//! | `||f(X) * X - Y||` (eq. 1) | [`auscult_models_tch::train_masker`] |
//! | phase of the mixture (3.1.3) | `estimates`, and `render` for songs at their own rate |
//! | instrumental versions, half-wave rectified difference (3.2) | `sounds`, `patches` |
//! | iKala, MedleyDB (4) | `collections` |
//! | NSDR, SIR, SAR (4, eq. 2) | `scores`, `results` |
//! | subjective evaluation (4.1) | `listening` |
//!
//! Five doors: [`Recipe`], [`prepare`], [`train`], [`evaluate`](evaluate()), [`infer`].

mod collections;
mod estimates;
mod evaluate;
mod filter;
mod front_end;
mod infer;
mod listening;
mod masks;
mod model;
mod patches;
mod recipe;
mod render;
mod report;
mod results;
mod scores;
mod separate;
mod songs;
mod sounds;
mod splits;
mod summary;
mod train;

pub use collections::{Layout, overlap, songs};
pub use estimates::{Rendering, of_baseline};
pub use evaluate::evaluate;
pub use filter::Filter;
pub use front_end::FrontEnd;
pub use infer::{InferOptions, Separated, infer, stem_path};
pub use listening::{
    ListeningTest, Opinion, Opinions, Question, analyse as analyse_listening, make as make_listening,
};
pub use model::SeparationModel;
pub use patches::{Augment, Source};
pub use recipe::{Baseline, Contender, Data, Protocol, RECIPES, Recipe};
pub use render::Extension;
pub use report::section;
pub use results::{Amount, Clip, Comparison, Results, Row, STEMS, Spread};
pub use scores::{MEASURES, Measure, StemScore, score};
pub use separate::{PeakMeter, SeparateOptions, Separator, Stems, separate};
pub use songs::{Song, Split, Stem, read_manifest};
pub use sounds::{Sound, Tracks, prepare};
pub use splits::{Parts, parts};
pub use summary::summary;
pub use train::{CurvePoint, run_name, train};

use super::{EvaluateOptions, Evaluation, Pipeline, RecipeChoice, TrainOptions};
use crate::{Observer, Result, Run};

/// The pipeline as the commands see it.
#[derive(Clone, Copy, Debug)]
pub struct Separation;

impl Pipeline for Separation {
    fn name(&self) -> &'static str {
        "separation"
    }

    fn about(&self) -> &'static str {
        "the voice and the band of a song, apart"
    }

    fn question(&self) -> &'static str {
        "The voice and the band, apart"
    }

    fn headline(&self) -> &'static [(&'static str, &'static str)] {
        &[("vocals_nsdr", "NSDR of the voice, dB"), ("accompaniment_nsdr", "NSDR of the rest, dB")]
    }

    fn at_work(&self) -> &'static str {
        "auscult separate song.mp3"
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
