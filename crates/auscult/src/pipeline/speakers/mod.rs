//! Who is the same speaker, and who spoke when? Paper 002 (Jeon, Ma and Macho, ICASSP 2011).
//!
//! | sentence of the slides | here |
//! |---|---|
//! | 12 MFCC coefficients + E/D | [`FrontEnd`] |
//! | harmonicity-based speech detection | [`auscult_stft_mel::VoiceActivityParams`] |
//! | eigenvoices, y_ML, P(H₁ given A, B), eigenchannels | [`auscult_fa_speaker`] |
//! | CLR, GLR, EV, BIC | `systems` |
//! | hierarchical clustering of CALLHOME conversations | `conversations` (put together from readers), `clusterings` |
//! | I_PUR, I_SPK | [`Measures`] |
//! | diarization | `diarize`, [`Diarizer`] |
//!
//! Five doors: [`Recipe`], preparation within [`train`](train()) (features take seconds), [`train`](train()),
//! [`evaluate`](evaluate()), [`Diarizer`].

mod clusterings;
mod conversations;
mod corpus;
mod diarize;
mod evaluate;
mod front_end;
mod infer;
mod model;
mod recipe;
mod report;
mod results;
mod summary;
mod systems;
mod train;

pub use clusterings::{Calibration, Measures};
pub use corpus::{Meeting, Part, Recording, read_manifest, read_meetings};
pub use diarize::SpeakerCount;
pub use evaluate::evaluate;
pub use front_end::{FeatureExtractor, FrontEnd, Normalisation, Speech};
pub use infer::{Comparison, DiarizeOptions, Diarized, Diarizer};
pub use model::{DiarizationModel, Tuned};
pub use recipe::{Data, Diarization, Models, Protocol, RECIPES, Recipe};
pub use report::{section, timeline_page};
pub use results::{Results, Scale, Score, Turns};
pub use summary::summary;
pub use systems::System;
pub use train::{Clustered, ScoredTurns, run_name, train};

use super::{EvaluateOptions, Evaluation, Pipeline, RecipeChoice, TrainOptions};
use crate::{Observer, Result, Run};

/// The pipeline as the commands see it.
#[derive(Clone, Copy, Debug)]
pub struct Speakers;

impl Pipeline for Speakers {
    fn name(&self) -> &'static str {
        "speakers"
    }

    fn about(&self) -> &'static str {
        "who is the same speaker, and who spoke when"
    }

    fn question(&self) -> &'static str {
        "Who is the same speaker, and who spoke when?"
    }

    fn headline(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("known_one_to_one/proposed/64", "speakers told apart, their number given"),
            ("der", "diarization error rate, no collar"),
        ]
    }

    fn at_work(&self) -> &'static str {
        "auscult diarize call.mp3"
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
