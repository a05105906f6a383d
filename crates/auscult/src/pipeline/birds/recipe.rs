//! What a birds run does: data, front end, contenders, protocol.

use std::path::PathBuf;

use auscult_models_tch::{Classifier, Device, Network, TrainParams};
use serde::{Deserialize, Serialize};

use super::augment::Augment;
use super::features::{FeatureExtractor, FrontEnd};
use super::patches::{Normalisation, Window};
use crate::pipeline::RecipeChoice;
use crate::{Error, Result};

/// The recipes that come along, by name.
pub const RECIPES: &[(&str, &str)] = &[
    ("mini", include_str!("recipes/mini.toml")),
    ("best", include_str!("recipes/best.toml")),
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
    /// How results are obtained.
    #[serde(default)]
    pub protocol: Protocol,
    /// The networks to train, all on the same splits; the first one becomes the run's model.
    #[serde(rename = "contender")]
    pub contenders: Vec<Contender>,
    /// Baselines to fit on the same splits.
    #[serde(default)]
    pub baselines: Vec<Baseline>,
}

/// Where the recordings are.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// CSV with the columns `path`, `species`, and where known `recordist`, `split` (`train`/`test`).
    pub manifest: PathBuf,
    /// Folder the paths are relative to; default: the manifest's folder.
    #[serde(default)]
    pub root: Option<PathBuf>,
}

/// How the figures are obtained.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Stratified shuffle splits (paper 001, 3.2: 3 with a quarter held out).
    pub shuffle_splits: usize,
    /// Share of each species held out in a shuffle split.
    pub held_out: f64,
    /// Recordist-disjoint folds: every recording is tested once, by a model that never heard its
    /// recordist. 0 leaves them out.
    pub disjoint_folds: usize,
    /// Each seed repeats every split with other splits, initial weights and crops.
    pub seeds: Vec<u64>,
    /// Random single crops a test recording is scored at, one after the other (the paper's five offsets).
    pub offsets: usize,
    /// Whether to fit the first contender on all recordings (or the `train` part) at the end.
    pub final_fit: bool,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            shuffle_splits: 3,
            held_out: 0.25,
            disjoint_folds: 3,
            seeds: vec![37],
            offsets: 5,
            final_fit: true,
        }
    }
}

/// A network with everything it is fed by.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Contender {
    /// Name in tables, e.g. `avian-v20`.
    pub name: String,
    /// Sound to features.
    #[serde(default)]
    pub front_end: FrontEnd,
    /// Features to network input.
    #[serde(default)]
    pub window: Window,
    /// Scaling, fitted on training recordings.
    #[serde(default)]
    pub normalisation: Normalisation,
    /// Random changes to training examples.
    #[serde(default)]
    pub augment: Augment,
    /// Crops of each recording in an epoch.
    #[serde(default = "one")]
    pub crops: usize,
    /// Architecture.
    pub network: Network,
    /// Optimiser, schedule, length.
    #[serde(default)]
    pub training: TrainParams,
}

fn one() -> usize {
    1
}

impl Contender {
    /// What would stop it later, perhaps after hours; `always_tested` where no fit goes without held-out recordings.
    fn check(&self, always_tested: bool) -> Result<(), String> {
        let plain = |letter: char| letter.is_alphanumeric() || "-_.+ ".contains(letter);
        if !self.name.starts_with(char::is_alphanumeric) || !self.name.chars().all(plain) {
            return Err("the name becomes a folder's: use letters, digits, `-`, `_`".into());
        }
        self.window.check(&self.front_end)?;
        self.augment.check()?;
        if self.crops == 0 {
            return Err("crops must be at least 1".into());
        }
        FeatureExtractor::new(&self.front_end).map_err(|error| error.to_string())?;
        self.training.check(always_tested).map_err(|error| format!("training: {error}"))?;
        let classes = ["one", "other"].map(str::to_owned);
        let shape = self.window.shape(&self.front_end);
        Classifier::new(&self.network, &shape, &classes, 0, Device::Cpu)
            .map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// What a network has to beat.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// Always the most frequent species of the training part.
    Majority,
    /// Gaussian naive Bayes on the pixels of one crop (the paper's 2.4).
    NaiveBayes,
    /// A perceptron on mean and standard deviation of 20 MFCC over the whole file: the paper's author found
    /// later that it beats the paper's network.
    MfccStatistics,
}

impl Baseline {
    /// Name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Majority => "majority",
            Self::NaiveBayes => "gaussian-nb",
            Self::MfccStatistics => "mfcc-statistics-mlp",
        }
    }
}

impl Recipe {
    /// Reads a recipe by name ([`RECIPES`]) or file, with `key=value` settings on top.
    ///
    /// # Errors
    /// [`Error::Recipe`] where it cannot be read or contradicts itself.
    pub fn read(name: &str, settings: &[String]) -> Result<(String, Self)> {
        let (short, recipe): (String, Self) = super::super::recipe::read(name, RECIPES, settings)?;
        recipe.check().map_err(|problem| Error::Recipe { name: name.into(), problem })?;
        Ok((short, recipe))
    }

    /// The recipe a command line chooses, and what its run is called after.
    pub(crate) fn choose(choice: &RecipeChoice) -> Result<(String, Self)> {
        let (name, recipe) = Self::read(&choice.recipe, &choice.settings)?;
        Ok((choice.name.clone().unwrap_or(name), recipe))
    }

    fn check(&self) -> Result<(), String> {
        let protocol = &self.protocol;
        if self.contenders.is_empty() {
            return Err("there is no [[contender]]: name at least one network".into());
        }
        let mut names: Vec<&str> = Vec::new();
        let of_contenders = self.contenders.iter().map(|contender| contender.name.as_str());
        for name in of_contenders.chain(self.baselines.iter().map(|baseline| baseline.name())) {
            if names.contains(&name) {
                return Err(format!("`{name}` is the name of two contenders or baselines"));
            }
            names.push(name);
        }
        for contender in &self.contenders {
            contender
                .check(!protocol.final_fit)
                .map_err(|problem| format!("contender `{}`: {problem}", contender.name))?;
        }
        if protocol.seeds.is_empty() {
            return Err("protocol.seeds is empty: give at least one".into());
        }
        if let Some(seed) =
            protocol.seeds.iter().find(|seed| protocol.seeds.iter().filter(|other| other == seed).count() > 1)
        {
            return Err(format!(
                "protocol.seeds names seed {seed} twice: the same numbers would count double"
            ));
        }
        if protocol.disjoint_folds == 1 {
            return Err("protocol.disjoint_folds is 1; give 0, or at least 2 so that one can test what the others teach".into());
        }
        if !(protocol.held_out > 0.0 && protocol.held_out < 1.0) {
            return Err(format!("protocol.held_out is {}, it must lie between 0 and 1", protocol.held_out));
        }
        if protocol.offsets == 0 {
            return Err("protocol.offsets must be at least 1".into());
        }
        Ok(())
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
        assert!(message("protocol.held_out=1.5").contains("between 0 and 1"));
        assert!(message("contender.0.crops=0").contains("crops"));
        assert!(message("contender.0.window.frames=0").contains("frames"));
    }
}
