//! What a speakers run does: data, front end, models, protocol.

use std::path::PathBuf;

use auscult_fa_speaker::{
    ChangeParams, EigenchannelParams, EigenvoiceParams, GmmParams, PldaParams, VariationalParams,
    ViterbiParams,
};
use serde::{Deserialize, Serialize};

use super::front_end::FrontEnd;
use crate::pipeline::RecipeChoice;
use crate::{Error, Result};

/// The recipes that come along, by name.
pub const RECIPES: &[(&str, &str)] = &[
    ("mini", include_str!("recipes/mini.toml")),
    ("quick", include_str!("recipes/quick.toml")),
    ("paper", include_str!("recipes/paper.toml")),
];

/// Everything that decides a run's result; the resolved recipe is stored in the run folder.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// One sentence for the report.
    pub about: String,
    /// The recordings.
    pub data: Data,
    /// Sound to features.
    #[serde(default)]
    pub front_end: FrontEnd,
    /// What is trained.
    #[serde(default)]
    pub models: Models,
    /// How results are obtained.
    #[serde(default)]
    pub protocol: Protocol,
    /// Who spoke when.
    #[serde(default)]
    pub diarization: Diarization,
}

/// Where the recordings are.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// CSV with the columns `path`, `speaker`, `part` (`background` or `evaluation`).
    pub manifest: PathBuf,
    /// Folder the paths are relative to; default: the manifest's folder.
    #[serde(default)]
    pub root: Option<PathBuf>,
    /// Recordings with several speakers, only ever tested: CSV with the columns `path` and `rttm`, relative to its folder.
    #[serde(default)]
    pub meetings: Option<PathBuf>,
}

/// What is trained on the background speakers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Models {
    /// Numbers of Gaussians to try; the first one's model is kept and diarizes.
    pub components: Vec<usize>,
    /// The background model; `components` and `seed` are set by the run.
    pub ubm: GmmParams,
    /// The eigenvoices.
    pub eigenvoices: EigenvoiceParams,
    /// The eigenchannels.
    pub eigenchannels: EigenchannelParams,
    /// i-vectors and their comparison.
    pub plda: PldaParams,
    /// Seconds of speech in a training chunk: "an utterance" for eigenchannels and i-vectors.
    pub chunk: f64,
    /// Relevance factor of adapted models (CLR), frames.
    pub relevance: f64,
}

impl Default for Models {
    fn default() -> Self {
        Self {
            components: vec![64, 256],
            ubm: GmmParams::default(),
            eigenvoices: EigenvoiceParams::default(),
            eigenchannels: EigenchannelParams::default(),
            plda: PldaParams::default(),
            chunk: 2.0,
            relevance: 16.0,
        }
    }
}

/// How the figures are obtained: conversations put together from utterances of evaluation speakers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Each seed divides the speakers, starts the background model and draws conversations anew.
    pub seeds: Vec<u64>,
    /// Share of the evaluation speakers that choose evidence scale and thresholds; the others are tested.
    pub development: f64,
    /// Conversations of development speakers, a seed.
    pub development_conversations: usize,
    /// Conversations of test speakers, a seed.
    pub test_conversations: usize,
    /// Fewest and most speakers; numbers of speakers are drawn as in CALLHOME: half the conversations have two.
    pub speakers: (usize, usize),
    /// Mean seconds of speech in a segment.
    pub segment: f64,
    /// Fewest and most segments in a conversation.
    pub segments: (usize, usize),
    /// Evidence scales to choose from.
    pub kappas: Vec<f64>,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            seeds: vec![1, 2, 3],
            development: 0.4,
            development_conversations: 40,
            test_conversations: 60,
            speakers: (2, 7),
            segment: 2.2,
            segments: (12, 30),
            kappas: vec![0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0],
        }
    }
}

/// How conversations are diarized from sound to turns.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Diarization {
    /// Simulated conversations of development speakers, a seed.
    pub development_conversations: usize,
    /// Simulated conversations of test speakers, a seed.
    pub test_conversations: usize,
    /// Where speech is cut.
    pub change: ChangeParams,
    /// How turns and voices are inferred together; the penalty is set by `unpenalised`.
    pub variational: VariationalParams,
    /// Mean seconds of speech from one draw of the speaker to the next.
    pub turn: f64,
    /// Probability that a turn goes on after a pause.
    pub resumes: f64,
    /// Seconds of speech up to which the prior of a voice weighs once, to choose from; in recordings with more speech it weighs as many
    /// times more as there is more.
    pub unpenalised: Vec<f64>,
    /// How frames are given to speakers in the end.
    pub viterbi: ViterbiParams,
    /// Evidence scales to choose from.
    pub kappas: Vec<f64>,
    /// Least log-likelihood ratios of a merge to choose from.
    pub thresholds: Vec<f64>,
    /// Seconds of a speaker's pauses that belong to the turn, to choose from.
    pub fills: Vec<f64>,
    /// Clusters of less than so many seconds are no speakers: what they say is given to others.
    pub least_speaker: f64,
    /// Nor are those of less than this share of the speech, up to 12 s.
    pub least_share: f64,
    /// Seconds of speech that a cluster counts for at most, to choose from: more of it is no surer.
    pub most_evidence: Vec<f64>,
    /// Long simulated conversations, as many of development speakers, who choose by them too, as of test speakers, a seed.
    pub long_conversations: usize,
    /// Seconds of a long conversation.
    pub long_seconds: f64,
}

impl Default for Diarization {
    fn default() -> Self {
        Self {
            development_conversations: 30,
            test_conversations: 20,
            change: ChangeParams::default(),
            variational: VariationalParams::default(),
            turn: 20.0,
            resumes: 0.3,
            unpenalised: vec![60.0],
            viterbi: ViterbiParams::default(),
            kappas: vec![0.07, 0.1, 0.15],
            thresholds: vec![0.0, 4.0],
            fills: vec![0.0, 0.3, 0.5, 1.0],
            least_speaker: 1.0,
            least_share: 0.04,
            most_evidence: vec![16.0],
            long_conversations: 3,
            long_seconds: 400.0,
        }
    }
}

impl Recipe {
    /// Reads a recipe by name ([`RECIPES`]) or file, with `key=value` settings on top.
    ///
    /// # Errors
    /// [`Error::Recipe`] where it cannot be read or contradicts itself.
    pub fn read(name: &str, settings: &[String]) -> Result<(String, Self)> {
        let (short, recipe): (String, Self) = crate::pipeline::recipe::read(name, RECIPES, settings)?;
        recipe.check().map_err(|problem| Error::Recipe { name: name.into(), problem })?;
        Ok((short, recipe))
    }

    /// The recipe a command line chooses, and what its run is called after.
    pub(crate) fn choose(choice: &RecipeChoice) -> Result<(String, Self)> {
        let (name, recipe) = Self::read(&choice.recipe, &choice.settings)?;
        Ok((choice.name.clone().unwrap_or(name), recipe))
    }

    fn check(&self) -> Result<(), String> {
        let Protocol { seeds, development, speakers, segments, segment, kappas, .. } = &self.protocol;
        let positive = |values: &[f64]| !values.is_empty() && values.iter().all(|value| *value > 0.0);
        let rules = [
            (!self.models.components.is_empty(), "models.components is empty: give at least one number"),
            (!self.models.components.contains(&0), "models.components has a 0: a mixture has at least 1"),
            (!seeds.is_empty(), "protocol.seeds is empty: give at least one"),
            (*development > 0.0 && *development < 1.0, "protocol.development must lie between 0 and 1"),
            (
                speakers.0 >= 1 && speakers.0 <= speakers.1,
                "protocol.speakers must be [fewest, most], from 1 on",
            ),
            (
                segments.0 >= speakers.1 && segments.0 <= segments.1,
                "protocol.segments must be [fewest, most], and no fewer than the most speakers",
            ),
            (*segment >= 0.5, "protocol.segment must be at least 0.5 s"),
            (positive(kappas), "protocol.kappas must be positive numbers"),
            (positive(&self.diarization.kappas), "diarization.kappas must be positive numbers"),
            (!self.diarization.thresholds.is_empty(), "diarization.thresholds is empty: give at least one"),
            (
                !self.diarization.fills.is_empty() && self.diarization.fills.iter().all(|fill| *fill >= 0.0),
                "diarization.fills must be seconds, 0 or more",
            ),
            (
                positive(&self.diarization.most_evidence),
                "diarization.most_evidence must be seconds, more than 0",
            ),
            (positive(&self.diarization.unpenalised), "diarization.unpenalised must be seconds, more than 0"),
            (self.diarization.turn > 0.0, "diarization.turn must be seconds, more than 0"),
            ((0.0..=1.0).contains(&self.diarization.resumes), "diarization.resumes must be a probability"),
            (self.models.chunk >= 0.5, "models.chunk must be at least 0.5 s"),
            (
                self.protocol.development_conversations > 0,
                "protocol.development_conversations must be at least 1",
            ),
            (self.protocol.test_conversations > 0, "protocol.test_conversations must be at least 1"),
            (
                self.diarization.development_conversations > 0,
                "diarization.development_conversations must be at least 1",
            ),
        ];
        if let Some((_, problem)) = rules.iter().find(|(holds, _)| !holds) {
            return Err((*problem).into());
        }
        if seeds.iter().any(|seed| seeds.iter().filter(|other| *other == seed).count() > 1) {
            return Err("protocol.seeds names a seed twice: the same numbers would count double".into());
        }
        self.front_end.check()
    }

    /// The folder audio paths are relative to.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        let beside = || self.data.manifest.parent().map(PathBuf::from).unwrap_or_default();
        self.data.root.clone().unwrap_or_else(beside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_that_comes_along_is_sound() {
        for (name, _) in RECIPES {
            let (short, recipe) = Recipe::read(name, &[]).unwrap();
            assert_eq!(&short, name);
            assert!(!recipe.about.is_empty());
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let message = |setting: &str| Recipe::read("mini", &[setting.to_owned()]).unwrap_err().to_string();
        assert!(message("protocol.seeds=[]").contains("seeds is empty"));
        assert!(message("protocol.seeds=[1,1]").contains("twice"));
        assert!(message("protocol.development=1.5").contains("between 0 and 1"));
        assert!(message("protocol.speakers=[3,2]").contains("fewest"));
        assert!(message("models.components=[]").contains("components"));
        assert!(message("front_end.sample_rate=4000").contains("sample_rate"));
    }
}
