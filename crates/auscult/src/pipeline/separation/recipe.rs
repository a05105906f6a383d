//! What a separation run does: songs, front end, contenders, protocol.

use std::path::PathBuf;

use auscult_models_tch::{Device, Masker, MaskerParams, TrainParams, UNetParams};
use serde::{Deserialize, Serialize};

use super::collections::{self, Layout};
use super::front_end::FrontEnd;
use super::patches::{Augment, Source};
use super::separate::SeparateOptions;
use super::songs::Song;
use crate::pipeline::RecipeChoice;
use crate::{Error, Result};

/// The recipes that come along, by name.
pub const RECIPES: &[(&str, &str)] = &[
    ("mini", include_str!("recipes/mini.toml")),
    ("best", include_str!("recipes/best.toml")),
    ("mir-1k", include_str!("recipes/mir-1k.toml")),
    ("paper", include_str!("recipes/paper.toml")),
];

/// Everything that decides a run's result; the resolved recipe is stored in the run folder.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// One sentence for the report.
    pub about: String,
    /// The songs.
    pub data: Data,
    /// Songs of another collection that are only tested; those of `data` then only train and validate.
    #[serde(default)]
    pub test_data: Option<Data>,
    /// How results are obtained.
    #[serde(default)]
    pub protocol: Protocol,
    /// The networks to train, all on the same splits; the first one becomes the run's model.
    #[serde(rename = "contender")]
    pub contenders: Vec<Contender>,
    /// What needs no training.
    #[serde(default)]
    pub baselines: Vec<Baseline>,
}

/// Where songs are.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// How they lie there.
    #[serde(default)]
    pub layout: Layout,
    /// The collection's folder; for manifests, the folder paths are relative to: by default the manifest's.
    #[serde(default)]
    pub root: Option<PathBuf>,
    /// The manifest, for layout `manifest`.
    #[serde(default)]
    pub manifest: Option<PathBuf>,
}

impl Data {
    /// The folder.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        let beside = || self.manifest.as_ref().and_then(|manifest| manifest.parent()).map(PathBuf::from);
        self.root.clone().or_else(beside).unwrap_or_default()
    }

    /// The songs.
    ///
    /// # Errors
    /// As [`collections::songs`].
    pub fn songs(&self) -> Result<Vec<Song>> {
        collections::songs(self.layout, &self.root(), self.manifest.as_deref())
    }

    fn check(&self) -> Result<(), String> {
        match (self.layout, &self.manifest, &self.root) {
            (Layout::Manifest, None, _) => Err("data: layout `manifest` needs `manifest = FILE`".into()),
            (Layout::Manifest, Some(_), _) | (_, None, Some(_)) => Ok(()),
            (_, None, None) => Err("data: say where the collection is, with `root = FOLDER`".into()),
            (_, Some(_), _) => Err("data: only layout `manifest` takes a `manifest`".into()),
        }
    }
}

/// How the figures are obtained.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Parts that the groups (singers, songs) are dealt into; each tested part is tested by networks that learnt from the
    /// others, but for the next part, which validates. Not used where the collection has its own split.
    pub folds: usize,
    /// How many of the parts are tested, at most `folds`.
    pub tested_folds: usize,
    /// Seed of the deal.
    pub deal: u64,
    /// Each seed repeats every training with other initial weights and patches.
    pub seeds: Vec<u64>,
    /// Shares of the training songs that the first contender is also trained on, for a learning curve.
    pub amounts: Vec<f64>,
    /// Whether to score at the songs' own rate too, not only at the network's.
    pub native: bool,
}

impl Default for Protocol {
    fn default() -> Self {
        Self { folds: 4, tested_folds: 1, deal: 0, seeds: vec![1], amounts: Vec::new(), native: true }
    }
}

/// A network with everything it is fed by.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Contender {
    /// Name in tables, e.g. `u-net`.
    pub name: String,
    /// Sound to magnitudes.
    #[serde(default)]
    pub front_end: FrontEnd,
    /// What it learns masks of.
    #[serde(default = "both")]
    pub sources: Vec<Source>,
    /// One network with a mask for each source, instead of a network for each.
    #[serde(default)]
    pub joint: bool,
    /// Architecture.
    #[serde(default)]
    pub network: UNetParams,
    /// Random changes to training examples.
    #[serde(default)]
    pub augment: Augment,
    /// Patches of an epoch.
    #[serde(default = "patches")]
    pub patches: usize,
    /// Optimiser, schedule, length.
    #[serde(default)]
    pub training: TrainParams,
    /// Masks to stems.
    #[serde(default)]
    pub separate: SeparateOptions,
}

fn both() -> Vec<Source> {
    vec![Source::Vocals, Source::Accompaniment]
}

fn patches() -> usize {
    1000
}

impl Contender {
    pub(crate) fn masker(&self) -> MaskerParams {
        let names: Vec<&str> = self.sources.iter().map(|source| source.name()).collect();
        MaskerParams::new(self.network.clone(), &names).joint(self.joint).patch(self.front_end.patch())
    }

    /// What would stop it later, perhaps after hours.
    fn check(&self) -> Result<(), String> {
        let plain = |letter: char| letter.is_alphanumeric() || "-_.+ ".contains(letter);
        if !self.name.starts_with(char::is_alphanumeric) || !self.name.chars().all(plain) {
            return Err("the name becomes a folder's: use letters, digits, `-`, `_`".into());
        }
        if self.patches == 0 {
            return Err("patches must be at least 1".into());
        }
        self.front_end.check()?;
        self.augment.check()?;
        self.separate.check().map_err(|error| error.to_string())?;
        self.training.check(true).map_err(|error| format!("training: {error}"))?;
        Masker::new(&self.masker(), 0, Device::Cpu).map_err(|error| error.to_string())?;
        Ok(())
    }
}

/// What a network is measured against.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// The mixture as estimate of both stems.
    Mixture,
    /// Each bin to the stronger source, which only who knows the sources can tell: a bound from above.
    IdealBinaryMask,
    /// Each bin by the sources' true powers.
    IdealRatioMask,
}

impl Baseline {
    /// Name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mixture => "mixture",
            Self::IdealBinaryMask => "ideal binary mask",
            Self::IdealRatioMask => "ideal ratio mask",
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
        self.data.check()?;
        if let Some(data) = &self.test_data {
            data.check().map_err(|problem| format!("test_{problem}"))?;
        }
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
        let rate = self.contenders[0].front_end.sample_rate;
        for contender in &self.contenders {
            contender.check().map_err(|problem| format!("contender `{}`: {problem}", contender.name))?;
            if contender.front_end.sample_rate != rate {
                return Err(
                    "contenders hear at different rates, so their scores could not be compared: give one sample_rate"
                        .into(),
                );
            }
        }
        let Protocol { folds, tested_folds, seeds, amounts, .. } = &self.protocol;
        if *folds < 3 {
            return Err(format!("protocol.folds is {folds}: it takes 3 to train, validate and test"));
        }
        if *tested_folds == 0 || tested_folds > folds {
            return Err(format!("protocol.tested_folds is {tested_folds}: test 1 to {folds}"));
        }
        if seeds.is_empty() {
            return Err("protocol.seeds is empty: give at least one".into());
        }
        if let Some(seed) = seeds.iter().find(|seed| seeds.iter().filter(|other| other == seed).count() > 1) {
            return Err(format!(
                "protocol.seeds names seed {seed} twice: the same numbers would count double"
            ));
        }
        if let Some(amount) = amounts.iter().find(|amount| !(**amount > 0.0 && **amount < 1.0)) {
            return Err(format!(
                "protocol.amounts has {amount}: shares lie between 0 and 1, and the whole is trained on anyway"
            ));
        }
        Ok(())
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
        assert!(message("protocol.folds=2").contains("takes 3"));
        assert!(message("protocol.amounts=[1.0]").contains("between 0 and 1"));
        assert!(message("contender.0.patches=0").contains("patches"));
        assert!(message("contender.0.front_end.bins=600").contains("at most"));
        assert!(message("contender.0.front_end.bins=100").contains("multiples of 64"));
        assert!(message("contender.0.augment.remix=2").contains("between 0 and 1"));
        assert!(message("contender.0.separate.overlap=1").contains("overlap"));
        assert!(message("data.layout='mir-1k'").contains("only layout `manifest`"));
    }
}
