//! A trained network with all it takes to go from sound to species.

use std::path::Path;

use auscult_models_tch::{Classifier, Device};
use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use super::features::{FeatureExtractor, Features, FrontEnd};
use super::patches::{Picture, Scaling, Window};
use crate::{Error, Result, Run};

/// Windows scored at once: enough to fill two cores, little memory.
const BATCH: usize = 32;

/// What the checkpoint's sidecar holds besides the network.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Preparation {
    pub(crate) contender: String,
    pub(crate) front_end: FrontEnd,
    pub(crate) window: Window,
    pub(crate) scaling: Scaling,
}

impl Preparation {
    /// Whether sound prepared so has the shape that the network takes.
    fn fits(&self, classifier: &Classifier) -> bool {
        FeatureExtractor::new(&self.front_end).is_ok()
            && self.window.check(&self.front_end).is_ok()
            && self.window.shape(&self.front_end) == classifier.input_shape()
            && self.scaling.fits(self.front_end.width())
    }
}

/// A bird classifier: features in, species probabilities out.
#[derive(Debug)]
pub struct BirdModel {
    pub(crate) classifier: Classifier,
    pub(crate) preparation: Preparation,
}

/// Probabilities of the windows that cover a recording.
#[derive(Clone, Debug)]
pub struct Windows {
    /// First frame of each window.
    pub starts: Vec<usize>,
    /// `[window, species]`, rows sum to one.
    pub probabilities: Array2<f64>,
}

impl Windows {
    /// Mean over the windows, `[species]`.
    #[must_use]
    pub fn mean(&self) -> Array1<f64> {
        self.probabilities.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(self.probabilities.ncols()))
    }
}

impl BirdModel {
    /// Loads a run's model.
    ///
    /// # Errors
    /// [`Error::Run`] where the run has none; as [`load`](Self::load).
    pub fn of_run(run: &Run, device: Device) -> Result<Self> {
        if !run.path("model.json").is_file() {
            return Err(run.lacks_model(
                "either it is not finished (run the same training again and it goes on), or its recipe says \
                 protocol.final_fit = false",
            ));
        }
        Self::load(&run.path("model"), device)
    }

    /// Loads `STEM.safetensors` and `STEM.json`.
    ///
    /// # Errors
    /// [`Error::Part`] where they are missing or are not a bird model's.
    pub fn load(stem: &Path, device: Device) -> Result<Self> {
        let context = format!("the model {}", stem.display());
        let (classifier, metadata) = Classifier::load(stem, device).map_err(Error::part(context.clone()))?;
        let preparation: Preparation =
            serde_json::from_value(metadata).map_err(Error::part(context.clone()))?;
        if !preparation.fits(&classifier) {
            return Err(Error::Data(format!(
                "{context}: its parts do not fit each other; train the model again"
            )));
        }
        Ok(Self { classifier, preparation })
    }

    pub(crate) fn save(&self, stem: &Path) -> Result<()> {
        let metadata = serde_json::to_value(&self.preparation).map_err(Error::part("the model's sidecar"))?;
        self.classifier.save(stem, &metadata).map_err(Error::part(format!("the model {}", stem.display())))
    }

    /// Species, in the order of the probabilities.
    #[must_use]
    pub fn species(&self) -> &[String] {
        self.classifier.classes()
    }

    /// The front end recordings must go through.
    #[must_use]
    pub fn front_end(&self) -> &FrontEnd {
        &self.preparation.front_end
    }

    /// Length of a window in seconds.
    #[must_use]
    pub fn window_seconds(&self) -> f64 {
        self.preparation.window.frames as f64 / self.preparation.front_end.frame_rate()
    }

    pub(crate) fn picture(&self, features: &Features) -> Picture {
        let Preparation { scaling, window, front_end, .. } = &self.preparation;
        Picture::new(features, scaling, window, front_end)
    }

    /// Scores windows `hop` frames apart that cover the recording.
    ///
    /// # Errors
    /// [`Error::Part`] where libtorch refuses.
    pub fn score(&self, features: &Features, hop: usize) -> Result<Windows> {
        let picture = self.picture(features);
        let starts = picture.covering(&self.preparation.window, hop);
        let probabilities = self.score_at(&picture, &starts)?;
        Ok(Windows { starts, probabilities })
    }

    /// Scores windows half a window apart: the "whole recording" figures of reports.
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub fn score_recording(&self, features: &Features) -> Result<Array1<f64>> {
        Ok(self.score(features, self.preparation.window.frames.div_ceil(2))?.mean())
    }

    /// Probabilities `[window, species]` of the windows at `starts`.
    pub(crate) fn score_at(&self, picture: &Picture, starts: &[usize]) -> Result<Array2<f64>> {
        let window = &self.preparation.window;
        let patch = picture.rows() * window.frames;
        let species = self.species().len();
        let mut probabilities = Vec::with_capacity(starts.len() * species);
        for starts in starts.chunks(BATCH) {
            let mut inputs = vec![0.0; starts.len() * patch];
            for (&start, patch) in starts.iter().zip(inputs.chunks_exact_mut(patch)) {
                picture.cut(window, start, patch);
            }
            let scores =
                self.classifier.predict(&inputs, starts.len()).map_err(Error::part("scoring windows"))?;
            probabilities.extend(scores.into_iter().map(f64::from));
        }
        Array2::from_shape_vec((starts.len(), species), probabilities).map_err(Error::part("scoring windows"))
    }
}
