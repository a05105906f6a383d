//! What an asd run does: sounds, detector, protocol.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::detector::DetectorParams;
use super::ensemble::Ensemble;
use super::front_ends::Dereverberation;
use super::simulator::Factory;
use crate::pipeline::RecipeChoice;
use crate::{Error, Result};

/// The recipes that come along, by name.
pub const RECIPES: &[(&str, &str)] = &[
    ("mini", include_str!("recipes/mini.toml")),
    ("smoke", include_str!("recipes/smoke.toml")),
    ("pilot", include_str!("recipes/pilot.toml")),
    ("half", include_str!("recipes/half.toml")),
    ("full", include_str!("recipes/full.toml")),
    ("mimii", include_str!("recipes/mimii.toml")),
    ("dcase2020", include_str!("recipes/dcase2020.toml")),
    ("dcase2020-baseline", include_str!("recipes/dcase2020-baseline.toml")),
];

/// Everything that decides a run's result; the resolved recipe is stored in the run folder.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// One sentence for the report.
    pub about: String,
    /// The sounds.
    pub data: Data,
    /// The system of Fig. 1.
    #[serde(default)]
    pub detector: DetectorParams,
    /// How results are obtained.
    #[serde(default)]
    pub protocol: Protocol,
}

/// Where the sounds come from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Data {
    /// A simulated factory hall.
    Simulation(Factory),
    /// Recordings of real machines.
    Manifest(Recordings),
}

/// Recordings and how they are cut.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recordings {
    /// CSV with the columns `path`, `machine`, `condition` (`normal`, `abnormal`), and where known `machine_id` and
    /// `part` (`train`, `test`).
    pub manifest: PathBuf,
    /// Folder the paths are relative to; default: the manifest's folder.
    #[serde(default)]
    pub root: Option<PathBuf>,
    /// Seconds of the segments that are scored; 0 scores recordings whole.
    #[serde(default)]
    pub segment_seconds: f64,
    /// Microphones used, the first of each recording; recordings with fewer are left out.
    #[serde(default = "one")]
    pub channels: usize,
}

fn one() -> usize {
    1
}

/// How the figures are obtained.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protocol {
    /// Each seed is another hall with other machines and other initial weights; figures are means over them.
    pub seeds: Vec<u64>,
    /// Input SNRs of the anomaly in dB (simulation).
    pub snrs_db: Vec<f64>,
    /// Input SNRs at which the effect of dereverberation is taken apart (simulation): the SNR shift it causes, row (A)
    /// with the anomaly raised by it, row (A) on early images, dereverberation fitted without the anomaly.
    pub control_snrs_db: Vec<f64>,
    /// Ensembles besides those of Fig. 3, as letters by name, such as `pair = "BF"`.
    pub ensembles: BTreeMap<String, String>,
    /// Resamples of the bootstrap.
    pub resamples: usize,
    /// Whether to keep every tested segment as a WAV file in the run (simulation).
    pub keep_audio: bool,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            seeds: vec![1],
            snrs_db: vec![-5.0, -10.0, -15.0],
            control_snrs_db: Vec::new(),
            ensembles: BTreeMap::new(),
            resamples: 1000,
            keep_audio: false,
        }
    }
}

impl Recipe {
    /// Reads a recipe by name ([`RECIPES`]) or file, with `key=value` settings on top.
    ///
    /// # Errors
    /// [`Error::Recipe`] where it cannot be read or contradicts itself.
    pub fn choose(choice: &RecipeChoice) -> Result<(String, Self)> {
        let (short, recipe): (String, Self) =
            super::super::recipe::read(&choice.recipe, RECIPES, &choice.settings)?;
        recipe.check().map_err(|problem| Error::Recipe { name: choice.recipe.clone(), problem })?;
        Ok((choice.name.clone().unwrap_or(short), recipe))
    }

    fn check(&self) -> Result<(), String> {
        let protocol = &self.protocol;
        if protocol.seeds.is_empty() {
            return Err("protocol.seeds is empty: give at least one".into());
        }
        for (index, seed) in protocol.seeds.iter().enumerate() {
            if protocol.seeds[..index].contains(seed) {
                return Err(format!(
                    "protocol.seeds names seed {seed} twice: the same numbers would count double"
                ));
            }
        }
        if protocol.resamples == 0 {
            return Err("protocol.resamples must be at least 1".into());
        }
        if !protocol.snrs_db.iter().chain(&protocol.control_snrs_db).all(|snr| snr.is_finite()) {
            return Err("protocol.snrs_db and control_snrs_db must be finite".into());
        }
        self.detector.check().map_err(|problem| format!("detector: {problem}"))?;
        Ensemble::table(&self.detector.front_ends, &protocol.ensembles)?;
        match &self.data {
            Data::Simulation(factory) => {
                if self.detector.features.sample_rate != super::sounds::SAMPLE_RATE {
                    return Err("detector.features.sample_rate must be 16000 for a simulation".into());
                }
                let linear = matches!(self.detector.dereverberation, Dereverberation::Wpe(_));
                if !linear && !protocol.control_snrs_db.is_empty() {
                    return Err("protocol.control_snrs_db needs a linear dereverberation; set \
                                detector.dereverberation.kind = 'wpe' or control_snrs_db = []"
                        .into());
                }
                if protocol.snrs_db.is_empty() {
                    return Err("protocol.snrs_db is empty: nothing would be tested".into());
                }
                factory.check().map_err(|problem| format!("data: {problem}"))
            }
            Data::Manifest(recordings) => {
                if recordings.channels == 0 {
                    return Err("data.channels must be at least 1".into());
                }
                if !(recordings.segment_seconds.is_finite() && recordings.segment_seconds >= 0.0) {
                    return Err("data.segment_seconds must be 0 or more".into());
                }
                Ok(())
            }
        }
    }
}
