//! What an svd run does: songs, contenders, protocol.

use std::path::PathBuf;

use auscult_models_tch::{Classifier, Device, Network, TrainParams};
use serde::{Deserialize, Serialize};

use super::augment::Augment;
use super::front_end::{FrontEnd, Kind};
use super::patches::Window;
use crate::pipeline::RecipeChoice;
use crate::{Error, Result};

/// The recipes that come along, by name.
pub const RECIPES: &[(&str, &str)] = &[
    ("mini", include_str!("recipes/mini.toml")),
    ("best", include_str!("recipes/best.toml")),
    ("depths", include_str!("recipes/depths.toml")),
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
    /// How results are obtained.
    #[serde(default)]
    pub protocol: Protocol,
    /// The networks to train, all on the same splits; the first one becomes the run's model.
    #[serde(rename = "contender")]
    pub contenders: Vec<Contender>,
}

/// Where the songs are.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The table of songs, or several: their union is used.
    pub manifest: OneOrMore,
    /// Folder the paths are relative to; default: each manifest's folder.
    #[serde(default)]
    pub root: Option<PathBuf>,
}

/// A path, or a list of them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum OneOrMore {
    /// One.
    One(PathBuf),
    /// Several.
    More(Vec<PathBuf>),
}

impl Data {
    /// The manifests.
    #[must_use]
    pub fn manifests(&self) -> &[PathBuf] {
        match &self.manifest {
            OneOrMore::One(path) => std::slice::from_ref(path),
            OneOrMore::More(paths) => paths,
        }
    }
}

/// How the figures are obtained.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Each seed repeats every split with other validation songs, initial weights and patches.
    pub seeds: Vec<u64>,
    /// Artist-disjoint folds: whoever sings a test song is not heard in training. An artist with more than half of all
    /// songs is never tested: without those there would be nothing to learn from. 0 leaves them out.
    pub artist_folds: usize,
    /// Folds of songs, whose artists may be heard in training. 0 leaves them out.
    pub song_folds: usize,
    /// Songs taken from those that train, to choose epoch, threshold and smoothing on, where the manifest has no
    /// `valid` songs.
    pub validation_songs: usize,
    /// Frames between the moments that are scored; 1 scores every frame.
    pub test_hop: usize,
    /// Whether to fit the first contender on all songs that may train at the end.
    pub final_fit: bool,
    /// Whether to repeat the first contender's tests at other levels, and on synthetic instruments with vibrato (Lee et
    /// al. 2018).
    pub stress: bool,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            seeds: vec![0],
            artist_folds: 1,
            song_folds: 0,
            validation_songs: 2,
            test_hop: 5,
            final_fit: true,
            stress: false,
        }
    }
}

/// A network with everything it is fed by.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Contender {
    /// Name in tables, e.g. `se-resnet-14`.
    pub name: String,
    /// Sound to features.
    #[serde(default)]
    pub front_end: FrontEnd,
    /// Features to network input.
    #[serde(default)]
    pub window: Window,
    /// Random changes to training patches.
    #[serde(default)]
    pub augment: Augment,
    /// Examples of an epoch, drawn at random; default: all.
    #[serde(default)]
    pub epoch_examples: Option<usize>,
    /// Architecture.
    pub network: Network,
    /// Optimiser, schedule, length. What needs validation is given the validation songs.
    #[serde(default)]
    pub training: TrainParams,
}

impl Contender {
    /// Whether its network decides every frame of a sequence.
    pub(crate) fn is_sequential(&self) -> bool {
        matches!(self.network, Network::BiLstm)
    }

    /// What would stop it later, perhaps after hours.
    fn check(&self) -> Result<(), String> {
        let plain = |letter: char| letter.is_alphanumeric() || "-_.+ ".contains(letter);
        if !self.name.starts_with(char::is_alphanumeric) || !self.name.chars().all(plain) {
            return Err("the name becomes a folder's: use letters, digits, `-`, `_`".into());
        }
        if self.window.frames == 0 || self.window.hop == 0 {
            return Err("window.frames and window.hop must be at least 1".into());
        }
        self.augment.check()?;
        if self.is_sequential() && !self.augment.is_off() {
            return Err("augment changes patches; sequences are learnt as they are".into());
        }
        if self.front_end.kind == Kind::Leglaive && (self.augment.pitch > 0.0 || self.augment.filter > 0.0) {
            return Err(
                "augment.pitch and filter need a front end whose bands come once: not leglaive".into()
            );
        }
        if self.epoch_examples == Some(0) {
            return Err("epoch_examples must be at least 1; leave it out for all".into());
        }
        self.training.check(true).map_err(|error| format!("training: {error}"))?;
        let classes = ["one", "other"].map(str::to_owned);
        let shape = self.window.shape(&self.network, self.front_end);
        Classifier::new(&self.network, &shape, &classes, 0, Device::Cpu)
            .map_err(|error| error.to_string())?;
        Ok(())
    }
}

impl Recipe {
    /// The recipe a command line chooses, and what its run is called after.
    pub(crate) fn choose(choice: &RecipeChoice) -> Result<(String, Self)> {
        let (name, recipe) = Self::read(&choice.recipe, &choice.settings)?;
        Ok((choice.name.clone().unwrap_or(name), recipe))
    }

    /// Reads a recipe by name ([`RECIPES`]) or file, with `key=value` settings on top.
    ///
    /// # Errors
    /// [`Error::Recipe`] where it cannot be read or contradicts itself.
    pub fn read(name: &str, settings: &[String]) -> Result<(String, Self)> {
        let (short, recipe): (String, Self) = super::super::recipe::read(name, RECIPES, settings)?;
        recipe.check().map_err(|problem| Error::Recipe { name: name.into(), problem })?;
        Ok((short, recipe))
    }

    fn check(&self) -> Result<(), String> {
        let protocol = &self.protocol;
        if self.contenders.is_empty() {
            return Err("there is no [[contender]]: name at least one network".into());
        }
        if self.data.manifests().is_empty() {
            return Err("data.manifest is an empty list: name at least one table of songs".into());
        }
        for (index, contender) in self.contenders.iter().enumerate() {
            let name = &contender.name;
            if name == "majority" || self.contenders[..index].iter().any(|earlier| earlier.name == *name) {
                return Err(format!("`{name}` is the name of two contenders or baselines"));
            }
            contender.check().map_err(|problem| format!("contender `{name}`: {problem}"))?;
        }
        if protocol.seeds.is_empty() {
            return Err("protocol.seeds is empty: give at least one".into());
        }
        let twice = |seed: &&u64| protocol.seeds.iter().filter(|other| other == seed).count() > 1;
        if let Some(seed) = protocol.seeds.iter().find(twice) {
            return Err(format!(
                "protocol.seeds names seed {seed} twice: the same numbers would count double"
            ));
        }
        if protocol.song_folds == 1 {
            return Err("protocol.song_folds is 1: it takes at least 2, or 0 for none".into());
        }
        for (name, value) in
            [("validation_songs", protocol.validation_songs), ("test_hop", protocol.test_hop)]
        {
            if value == 0 {
                return Err(format!("protocol.{name} must be at least 1"));
            }
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
        assert!(message("protocol.seeds=[1,1]").contains("seed 1 twice"));
        assert!(message("protocol.song_folds=1").contains("song_folds"));
        assert!(message("protocol.test_hop=0").contains("test_hop"));
        assert!(message("data.manifest=[]").contains("empty list"));
        assert!(message("contender.0.window.hop=0").contains("hop"));
        assert!(message("contender.0.epoch_examples=0").contains("epoch_examples"));
        assert!(message("contender.0.network.depth=20").contains("depth"));
        assert!(message("contender.0.name=\"majority\"").contains("majority"));
    }
}
