//! A network with all it takes to go from a mixture to masks: trained here, or TorchScript from elsewhere.

use std::path::Path;

use auscult_models_tch::{Device, Masker, ScriptMasker};
use serde::{Deserialize, Serialize};

use super::front_end::FrontEnd;
use super::patches::Source;
use crate::{Error, Result, Run, files};

/// What the checkpoint's sidecar holds besides the network.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Preparation {
    pub(crate) contender: String,
    pub(crate) front_end: FrontEnd,
    /// Songs its weights were fitted on or chosen by: they cannot test it.
    pub(crate) heard: Vec<String>,
}

/// What stands beside a TorchScript file `NAME.pt` in `NAME.json`, where its front end is not the paper's.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Beside {
    front_end: FrontEnd,
}

/// Makes masks of the magnitudes of a mixture.
#[derive(Debug)]
pub struct SeparationModel {
    network: Network,
    pub(crate) preparation: Preparation,
    sources: Vec<Source>,
}

#[derive(Debug)]
enum Network {
    Trained(Masker),
    Script(ScriptMasker),
}

impl SeparationModel {
    /// Loads a run's model.
    ///
    /// # Errors
    /// [`Error::Run`] where the run has none; as [`load`](Self::load).
    pub fn of_run(run: &Run, device: Device) -> Result<Self> {
        if !run.path("model.json").is_file() {
            return Err(run.lacks_model("it is not finished; run the same training again and it goes on"));
        }
        Self::load(&run.path("model"), device)
    }

    /// Loads a TorchScript file (`.pt`, `.pth`, `.ts`), or `STEM.safetensors` with `STEM.json`, named with or without ending.
    ///
    /// TorchScript takes magnitudes `[example, 1, bin, frame]` and gives masks `[example, source, bin, frame]`: of the voice,
    /// or of voice and accompaniment. A `NAME.json` beside it may hold its `front_end`; the paper's is taken otherwise.
    ///
    /// # Errors
    /// [`Error::Part`] where files are missing or are not a separation model's.
    pub fn load(path: &Path, device: Device) -> Result<Self> {
        let context = || format!("the model {}", path.display());
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        if matches!(ending.as_deref(), Some("pt" | "pth" | "ts")) {
            let beside: Beside = files::read_json(&path.with_extension("json"))?.unwrap_or_default();
            let front_end = beside.front_end;
            front_end.check().map_err(|problem| Error::Data(format!("{}: {problem}", context())))?;
            let script =
                ScriptMasker::load(path, front_end.patch(), device).map_err(Error::part(context()))?;
            let sources = match script.sources() {
                1 => vec![Source::Vocals],
                2 => vec![Source::Vocals, Source::Accompaniment],
                sources => {
                    return Err(Error::Data(format!(
                        "{} makes {sources} masks; expected one, of the voice, or two, of voice and accompaniment",
                        context()
                    )));
                }
            };
            let preparation = Preparation { contender: "TorchScript".into(), front_end, heard: Vec::new() };
            return Ok(Self { network: Network::Script(script), preparation, sources });
        }
        let stem = match ending.as_deref() {
            Some("safetensors" | "json") => path.with_extension(""),
            _ => path.to_path_buf(),
        };
        let (masker, metadata) = Masker::load(&stem, device).map_err(Error::part(context()))?;
        let preparation = serde_json::from_value(metadata).map_err(Error::part(context()))?;
        Self::new(masker, preparation)
    }

    pub(crate) fn new(masker: Masker, preparation: Preparation) -> Result<Self> {
        let named = |name: &String| match name.as_str() {
            "vocals" => Ok(Source::Vocals),
            "accompaniment" => Ok(Source::Accompaniment),
            other => Err(Error::Data(format!("the model's source `{other}` is unknown here"))),
        };
        let sources = masker.params().sources.iter().map(named).collect::<Result<Vec<_>>>()?;
        Ok(Self { network: Network::Trained(masker), preparation, sources })
    }

    pub(crate) fn save(&self, stem: &Path) -> Result<()> {
        let Network::Trained(masker) = &self.network else {
            return Err(Error::Data("a TorchScript model is a file already".into()));
        };
        let metadata = serde_json::to_value(&self.preparation).map_err(Error::part("the model's sidecar"))?;
        masker.save(stem, &metadata).map_err(Error::part(format!("the model {}", stem.display())))
    }

    /// The front end mixtures must go through.
    #[must_use]
    pub fn front_end(&self) -> &FrontEnd {
        &self.preparation.front_end
    }

    /// What its masks are of, in their order.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Trainable parameters; 0 for TorchScript.
    #[must_use]
    pub fn parameters(&self) -> usize {
        match &self.network {
            Network::Trained(masker) => masker.parameters(),
            Network::Script(_) => 0,
        }
    }

    /// Masks `[source, bin, frame]` of one patch `[bin, frame]` of scaled magnitudes.
    pub(crate) fn masks(&self, magnitudes: &[f32]) -> Result<Vec<f32>> {
        match &self.network {
            Network::Trained(masker) => masker.masks(magnitudes, 1),
            Network::Script(script) => script.masks(magnitudes, 1),
        }
        .map_err(Error::part("the network"))
    }
}
