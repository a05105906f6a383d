//! Does that machine sound as it should? Paper 000 (Kawaguchi et al., ICASSP 2019).
//!
//! | sentence of the paper | here |
//! |---|---|
//! | "18 machines", "recorded", "swept from 0.3 to 7 kHz" (4) | `sounds`, `simulator` |
//! | blind dereverberation (3.1), anomalous sound extraction (3.2) | `front_ends` |
//! | "a 200-dimensional feature vector is made every five frames" (3.3) | `features` |
//! | "200-40-40-40-200 units", Gaussian mixtures (3.3) | `back_ends` |
//! | one autoencoder for each front end, μ and σ of eq. (8) | `detector` |
//! | eq. (8), Fig. 3 | `ensemble` |
//! | Table 1 and what is claimed from it | `results`, `report` |
//! | MIMII, DCASE 2020 | `recordings` |
//! | "thresholding E" (3.3) at work | [`Monitor`], `gamma` |
//!
//! Doors: [`Recipe`], [`train`](train()), [`evaluate`](evaluate()); there is nothing to prepare, sounds are made or read as
//! they are needed.

mod back_ends;
mod detector;
mod ensemble;
mod evaluate;
mod features;
mod front_ends;
mod gamma;
mod mixing;
mod monitor;
mod parallel;
mod recipe;
mod recordings;
mod report;
mod results;
mod simulator;
mod sounds;
mod summary;
mod train;

pub use back_ends::{AutoencoderParams, BackEnd};
pub use detector::DetectorParams;
pub use evaluate::evaluate;
pub use features::FeatureParams;
pub use front_ends::{Dereverberation, ExtractionParams, FrontEnd};
pub use monitor::{Monitor, MonitorParams, Verdict, picture};
pub use recipe::{Data, Protocol, RECIPES, Recipe, Recordings};
pub use recordings::{Recording, read_manifest};
pub use report::section;
pub use results::{Cell, Claim, Results};
pub use simulator::Factory;
pub use summary::summary;
pub use train::{run_name, train};

use super::{EvaluateOptions, Evaluation, Pipeline, RecipeChoice, TrainOptions};
use crate::{Observer, Result, Run};

/// The pipeline as the commands see it.
#[derive(Clone, Copy, Debug)]
pub struct Asd;

impl Pipeline for Asd {
    fn name(&self) -> &'static str {
        "asd"
    }

    fn about(&self) -> &'static str {
        "whether a machine sounds as it should"
    }

    fn question(&self) -> &'static str {
        "Is that machine well?"
    }

    fn headline(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("auc_proposed_b_d_f_h_10_db", "AUC of the proposed ensemble at -10 dB"),
            ("auc_a_none_10_db", "AUC of the plain autoencoder there"),
        ]
    }

    fn at_work(&self) -> &'static str {
        "auscult monitor --train normal/ -o model"
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
