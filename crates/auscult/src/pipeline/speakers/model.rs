//! A trained model with all it takes to go from sound to speakers.

use std::path::Path;

use auscult_fa_speaker::SpeakerModel;
use serde::{Deserialize, Serialize};

use super::front_end::FrontEnd;
use super::recipe::Diarization;
use crate::{Error, Result, Run};

/// What development speakers chose.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Tuned {
    /// Evidence scale.
    pub kappa: f64,
    /// Least log-likelihood ratio at which two clusters become one.
    pub threshold: f64,
    /// Seconds of a speaker's pauses that belong to the turn.
    pub fill: f64,
    /// Seconds of speech that a cluster counts for at most.
    pub most_evidence: f64,
    /// Seconds of speech up to which the prior of a voice weighs once.
    pub unpenalised: f64,
}

/// What the model's sidecar holds besides the model.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Notes {
    /// For segments that a change detector cut.
    pub(crate) tuned: Tuned,
    pub(crate) diarization: Diarization,
}

/// A model ready to compare utterances and to diarize.
#[derive(Clone, Debug)]
pub struct DiarizationModel {
    pub(crate) speakers: SpeakerModel,
    pub(crate) front_end: FrontEnd,
    pub(crate) notes: Notes,
}

impl DiarizationModel {
    /// Loads a run's model.
    ///
    /// # Errors
    /// [`Error::Run`] where the run has none yet; [`Error::Part`] where its files are damaged.
    pub fn of_run(run: &Run) -> Result<Self> {
        if !run.path("model.json").is_file() {
            return Err(Error::Run {
                path: run.folder().into(),
                problem: "it has no model: it is not finished; run the same training again and it goes on"
                    .into(),
            });
        }
        let stem = run.path("model");
        let loaded = SpeakerModel::load_any(&stem).map_err(Error::part("the model"))?;
        Self::assemble(loaded, &stem)
    }

    /// The model that comes along: 64 Gaussians, trained on the speech in `data/speakers` by `auscult train speakers`.
    ///
    /// # Errors
    /// None, unless the crate was built from damaged files.
    pub fn shipped() -> Result<Self> {
        let stem = Path::new("the model that comes along");
        let json = include_bytes!("shipped/model.json");
        let arrays = include_bytes!("shipped/model.safetensors");
        let loaded = SpeakerModel::parse(json, arrays, stem).map_err(Error::part("the model"))?;
        Self::assemble(loaded, stem)
    }

    fn assemble(
        (speakers, front_end, notes): (SpeakerModel, serde_json::Value, serde_json::Value),
        stem: &Path,
    ) -> Result<Self> {
        let context = || Error::part(format!("{}", stem.display()));
        let front_end = serde_json::from_value(front_end).map_err(context())?;
        let notes = serde_json::from_value(notes).map_err(context())?;
        Ok(Self { speakers, front_end, notes })
    }

    pub(crate) fn save(&self, stem: &Path) -> Result<()> {
        let context = || Error::part(format!("{}", stem.display()));
        let front_end = serde_json::to_value(&self.front_end).map_err(context())?;
        let notes = serde_json::to_value(&self.notes).map_err(context())?;
        self.speakers.save(stem, &front_end, &notes).map_err(Error::part("the model"))
    }

    /// The front end recordings must go through.
    #[must_use]
    pub fn front_end(&self) -> &FrontEnd {
        &self.front_end
    }

    /// The model of speakers; its evidence scale is for whole utterances.
    #[must_use]
    pub fn speakers(&self) -> &SpeakerModel {
        &self.speakers
    }

    /// What development speakers chose for diarization.
    #[must_use]
    pub fn tuned(&self) -> Tuned {
        self.notes.tuned
    }
}
