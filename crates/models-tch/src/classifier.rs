//! A network with weights and class names.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, nn};

use crate::budget;
use crate::convert::{dims, to_tensor, to_vec};
use crate::device::Device;
use crate::error::{During, Error, Result};
use crate::layers::Layer;
use crate::networks::Network;
use crate::optimizer::sorted;
use crate::random::{mix, with_seed};
use crate::storage::{Stored, appended, read_sidecar, save_model};

/// A network that tells classes apart: weights, the shape of its examples and the names of its classes.
pub struct Classifier {
    network: Network,
    input_shape: Vec<usize>,
    classes: Vec<String>,
    device: Device,
    pub(crate) store: nn::VarStore,
    layers: Box<dyn Layer>,
}

/// What stands beside the weights, in `NAME.json`.
#[derive(Serialize, Deserialize)]
struct Sidecar {
    /// Layout of the two files; raised when it changes.
    format: u32,
    network: Network,
    input_shape: Vec<usize>,
    classes: Vec<String>,
    /// Of this crate, when the file was written.
    version: String,
    metadata: serde_json::Value,
}

const FORMAT: u32 = 1;

/// Values of the largest example: three minutes of 128 bands.
const MOST_VALUES: usize = 1 << 20;

impl Classifier {
    /// A fresh network for examples of `input_shape` (without the batch axis, such as `[1, 128, 128]`).
    ///
    /// The same seed gives the same weights.
    ///
    /// # Errors
    /// If the device is not there, the network cannot take that shape, or there are fewer than two classes.
    pub fn new(
        network: &Network,
        input_shape: &[usize],
        classes: &[String],
        seed: u64,
        device: Device,
    ) -> Result<Self> {
        if classes.len() < 2 {
            return Err(Error::parameter("classes", classes.len(), "at least two names"));
        }
        let store = nn::VarStore::new(device.open()?);
        let values = input_shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
        if values.is_none_or(|values| values > MOST_VALUES) {
            return Err(network.refuse(input_shape, "at most 2^20 values"));
        }
        let build = || network.build(&store.root(), input_shape, classes.len());
        let layers = budget::network(|| with_seed(mix(&[seed]), build))?;
        let classifier = Classifier {
            network: network.clone(),
            input_shape: input_shape.to_vec(),
            classes: classes.to_vec(),
            device,
            store,
            layers,
        };
        // Pools may leave nothing of a small input: better known now than after an hour of feature extraction.
        let silence = vec![0.0; classifier.example_len()];
        if let Err(Error::Torch { message, .. }) = classifier.predict(&silence, 1) {
            return Err(network.refuse(input_shape, &format!("a larger input ({message})")));
        }
        Ok(classifier)
    }

    /// The network's description.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The shape of one example, without the batch axis.
    pub fn input_shape(&self) -> &[usize] {
        &self.input_shape
    }

    /// The names of the classes, in the order of the probabilities.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Where the network computes.
    pub fn device(&self) -> Device {
        self.device
    }

    /// How many numbers training adjusts.
    pub fn parameters(&self) -> usize {
        self.store.trainable_variables().iter().map(Tensor::numel).sum()
    }

    /// How many decisions the network makes about one example.
    pub(crate) fn decisions(&self) -> usize {
        self.network.decisions(&self.input_shape)
    }

    /// How many values one example has.
    pub(crate) fn example_len(&self) -> usize {
        self.input_shape.iter().product()
    }

    /// The probability of each class for each example, row-major `[example, class]`; of sequences `[example, frame,
    /// class]`.
    ///
    /// `inputs` holds the examples one after the other, flattened; `batch` of them are computed at a time.
    ///
    /// # Errors
    /// If `inputs` is no whole number of examples, holds NaN or infinity, or `batch` is 0.
    pub fn predict(&self, inputs: &[f32], batch: usize) -> Result<Vec<f32>> {
        self.predict_shaped(inputs, &self.input_shape, batch)
    }

    /// [`predict`](Self::predict) for examples of another shape than the network was trained on: networks that end
    /// in a mean over frames take windows of any length.
    ///
    /// # Errors
    /// As `predict`, and if the network cannot take that shape.
    pub fn predict_shaped(&self, inputs: &[f32], input_shape: &[usize], batch: usize) -> Result<Vec<f32>> {
        self.network.check(input_shape)?;
        let example_len: usize = input_shape.iter().product();
        if !inputs.len().is_multiple_of(example_len) {
            let expected = format!("a multiple of {example_len} for examples of shape {input_shape:?}");
            return Err(Error::Length { what: "`inputs`", expected, got: inputs.len() });
        }
        if batch == 0 {
            return Err(Error::parameter("batch", batch, "at least 1"));
        }
        if !inputs.iter().all(|value| value.is_finite()) {
            return Err(Error::parameter("inputs", "NaN or infinite somewhere", "finite numbers"));
        }
        let _no_grad = tch::no_grad_guard();
        let mut probabilities = Vec::with_capacity(inputs.len() / example_len * self.classes.len());
        for chunk in inputs.chunks(batch.saturating_mul(example_len)) {
            let logits = self.logits(chunk, input_shape, false)?;
            let softmax = logits.f_softmax(-1, Kind::Float).during("a softmax")?;
            probabilities.extend(to_vec(&softmax)?);
        }
        Ok(probabilities)
    }

    /// The network's output for one batch, `[example, class]`; of sequences `[example, frame, class]`.
    pub(crate) fn logits(&self, inputs: &[f32], input_shape: &[usize], train: bool) -> Result<Tensor> {
        let example_len: usize = input_shape.iter().product();
        let mut shape = vec![(inputs.len() / example_len) as i64];
        shape.extend(dims(input_shape));
        self.layers.forward(&to_tensor(inputs, &shape, self.store.device())?, train)
    }

    /// Writes `STEM.safetensors` (weights, named as PyTorch's modules name theirs) and `STEM.json` (network,
    /// classes and your `metadata`, which must hold what is needed to prepare inputs).
    ///
    /// Each file is replaced at once, or not at all.
    ///
    /// # Errors
    /// If a file cannot be written or a weight is NaN.
    pub fn save(&self, path_stem: &Path, metadata: &serde_json::Value) -> Result<()> {
        let sidecar = Sidecar {
            format: FORMAT,
            network: self.network.clone(),
            input_shape: self.input_shape.clone(),
            classes: self.classes.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            metadata: metadata.clone(),
        };
        save_model(path_stem, &self.store, &sidecar)
    }

    /// Reads what [`save`](Self::save) wrote, with the metadata.
    ///
    /// # Errors
    /// If a file is missing or broken, or the two do not belong together.
    pub fn load(path_stem: &Path, device: Device) -> Result<(Self, serde_json::Value)> {
        let sidecar: Sidecar = read_sidecar(path_stem, FORMAT)?;
        let stored = Stored::read(&appended(path_stem, ".safetensors"))?;
        let classifier = budget::filled_from(stored.numbers(), || {
            Classifier::new(&sidecar.network, &sidecar.input_shape, &sidecar.classes, 0, device)
        })?;
        stored.copy_into(sorted(&classifier.store))?;
        Ok((classifier, sidecar.metadata))
    }

    /// Sets the weights to those of a safetensors file, such as PyTorch's
    /// `save_file(module.state_dict(), path)`.
    ///
    /// # Errors
    /// If names or shapes differ from this network's; the weights are then as before.
    pub fn load_weights(&mut self, path: &Path) -> Result<()> {
        Stored::read(path)?.copy_into(sorted(&self.store))
    }
}

impl std::fmt::Debug for Classifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Classifier")
            .field("network", &self.network)
            .field("input_shape", &self.input_shape)
            .field("classes", &self.classes.len())
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}
