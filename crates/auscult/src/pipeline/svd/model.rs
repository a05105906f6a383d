//! A trained network with all it takes to go from sound to singing.

use std::path::Path;

use auscult_models_tch::{Classifier, Device};
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::decision::Decision;
use super::front_end::FrontEnd;
use super::patches::{Scaling, Window, cut, cut_sequence};
use crate::{Error, Result, Run};

/// Windows computed at once: enough to fill two cores, little memory.
const BATCH: usize = 32;

/// The classes, in the order of the network's outputs.
pub(crate) const CLASSES: [&str; 2] = ["nosing", "sing"];

/// What the checkpoint's sidecar holds besides the network.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Preparation {
    pub(crate) contender: String,
    pub(crate) front_end: FrontEnd,
    pub(crate) window: Window,
    pub(crate) scaling: Scaling,
    pub(crate) decision: Decision,
}

impl Preparation {
    /// Whether songs prepared so have the shape that the network takes, and the decision is one.
    fn fits(&self, classifier: &Classifier) -> bool {
        let shape = self.window.shape(classifier.network(), self.front_end);
        classifier.input_shape() == shape
            && classifier.classes().len() == 2
            && self.scaling.fits(self.front_end.width())
            && (0.0..=60.0).contains(&self.decision.median_seconds)
    }
}

/// A singing detector: features in, probability of singing out.
#[derive(Debug)]
pub struct SvdModel {
    pub(crate) classifier: Classifier,
    pub(crate) preparation: Preparation,
}

impl SvdModel {
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
    /// [`Error::Part`] where they are missing or are not a singing detector's.
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

    /// The front end songs must go through.
    #[must_use]
    pub fn front_end(&self) -> FrontEnd {
        self.preparation.front_end
    }

    /// How its probabilities become decisions, as validation songs chose.
    #[must_use]
    pub fn decision(&self) -> Decision {
        self.preparation.decision
    }

    /// Frames beyond a frame that its probability depends on, to either side.
    pub(crate) fn context(&self) -> usize {
        self.preparation.window.frames
    }

    /// The probability of singing at `frames` of a song `[frame, value]`.
    ///
    /// Networks for patches see one patch around each frame; those for sequences see the song in sequences that
    /// overlap by half, and the mean of what they say counts.
    ///
    /// # Errors
    /// [`Error::Part`] where libtorch refuses.
    pub fn probabilities(&self, song: ArrayView2<f32>, frames: &[usize]) -> Result<Vec<f64>> {
        let failed = |error| Error::part("scoring frames")(error);
        let Preparation { window, scaling, .. } = &self.preparation;
        let size = window.frames * self.preparation.front_end.width();
        if self.classifier.input_shape().len() == 2 {
            let everywhere = self.sequence_probabilities(song)?;
            return Ok(frames.iter().map(|&frame| everywhere[frame]).collect());
        }
        let mut probabilities = Vec::with_capacity(frames.len());
        for centres in frames.chunks(BATCH) {
            let mut inputs = vec![0.0; centres.len() * size];
            for (&centre, patch) in centres.iter().zip(inputs.chunks_exact_mut(size)) {
                cut(song, centre, window.frames, 1.0, patch);
                scaling.apply(patch, window.frames);
            }
            let both = self.classifier.predict(&inputs, centres.len()).map_err(failed)?;
            probabilities.extend(both.chunks_exact(2).map(|pair| f64::from(pair[1])));
        }
        Ok(probabilities)
    }

    fn sequence_probabilities(&self, song: ArrayView2<f32>) -> Result<Vec<f64>> {
        let Preparation { window, scaling, .. } = &self.preparation;
        let (count, size) = (song.nrows(), window.frames * self.preparation.front_end.width());
        let last = count.saturating_sub(window.frames);
        let mut starts: Vec<usize> = (0..last).step_by(window.frames.div_ceil(2)).collect();
        starts.push(last);
        let mut sums = vec![(0.0, 0.0); count];
        for starts in starts.chunks(BATCH) {
            let mut inputs = vec![0.0; starts.len() * size];
            for (&start, sequence) in starts.iter().zip(inputs.chunks_exact_mut(size)) {
                cut_sequence(song, start, scaling, sequence);
            }
            let both =
                self.classifier.predict(&inputs, starts.len()).map_err(Error::part("scoring frames"))?;
            for (&start, both) in starts.iter().zip(both.chunks_exact(2 * window.frames)) {
                for ((sum, times), pair) in sums[start..].iter_mut().zip(both.chunks_exact(2)) {
                    *sum += f64::from(pair[1]);
                    *times += 1.0;
                }
            }
        }
        Ok(sums.into_iter().map(|(sum, times)| sum / times).collect())
    }
}
