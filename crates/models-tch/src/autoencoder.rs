//! Networks that reconstruct their input: the error tells how unlike the training data an example is.

use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::{Kind, Reduction, Tensor, nn};

use crate::budget;
use crate::convert::{to_tensor, to_vec};
use crate::device::Device;
use crate::error::{During, Error, Result};
use crate::examples::{Batch, Examples};
use crate::history::{History, Progress};
use crate::layers::Layer;
use crate::networks::Network;
use crate::optimizer::sorted;
use crate::random::{mix, with_seed};
use crate::storage::{Stored, appended, read_sidecar, save_model};
use crate::trainer::{self, Measure, Objective};
use crate::training::TrainParams;

/// A [`Network::Autoencoder`] with weights, for feature vectors.
pub struct Autoencoder {
    network: Network,
    features: usize,
    store: nn::VarStore,
    layers: Box<dyn Layer>,
}

/// What stands beside the weights, in `NAME.json`.
#[derive(Serialize, Deserialize)]
struct Sidecar {
    /// Layout of the two files; raised when it changes.
    format: u32,
    network: Network,
    features: usize,
    /// Of this crate, when the file was written.
    version: String,
    metadata: serde_json::Value,
}

const FORMAT: u32 = 1;

impl Autoencoder {
    /// A fresh network for vectors of `features` values. The same seed gives the same weights.
    ///
    /// # Errors
    /// If the device is not there, or `network` is no [`Network::Autoencoder`] for such vectors.
    pub fn new(network: &Network, features: usize, seed: u64, device: Device) -> Result<Self> {
        if !matches!(network, Network::Autoencoder { .. }) {
            return Err(Error::parameter("network", network.name(), "an autoencoder"));
        }
        let store = nn::VarStore::new(device.open()?);
        let build = || network.build(&store.root(), &[features], features);
        let layers = budget::network(|| with_seed(mix(&[seed]), build))?;
        Ok(Self { network: network.clone(), features, store, layers })
    }

    /// The network's description.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Values of an example.
    pub fn features(&self) -> usize {
        self.features
    }

    /// How many numbers training adjusts.
    pub fn parameters(&self) -> usize {
        self.store.trainable_variables().iter().map(Tensor::numel).sum()
    }

    /// The reconstructions of `inputs` (examples one after the other), in the same layout; `batch` examples are
    /// computed at a time.
    ///
    /// # Errors
    /// If `inputs` is no whole number of examples, holds NaN or infinity, or `batch` is 0.
    pub fn reconstruct(&self, inputs: &[f32], batch: usize) -> Result<Vec<f32>> {
        check_rows(inputs, self.features)?;
        if batch == 0 {
            return Err(Error::parameter("batch", batch, "at least 1"));
        }
        let _no_grad = tch::no_grad_guard();
        let mut outputs = Vec::with_capacity(inputs.len());
        for chunk in inputs.chunks(batch.saturating_mul(self.features)) {
            outputs.extend(to_vec(&self.output(chunk, false)?)?);
        }
        Ok(outputs)
    }

    /// The mean squared error of each example's reconstruction.
    ///
    /// # Errors
    /// As [`Self::reconstruct`].
    pub fn errors(&self, inputs: &[f32], batch: usize) -> Result<Vec<f32>> {
        let outputs = self.reconstruct(inputs, batch)?;
        let rows = inputs.chunks_exact(self.features).zip(outputs.chunks_exact(self.features));
        let mean_square = |(input, output): (&[f32], &[f32])| {
            let sum: f32 = input.iter().zip(output).map(|(a, b)| (a - b) * (a - b)).sum();
            sum / self.features as f32
        };
        Ok(rows.map(mean_square).collect())
    }

    fn output(&self, inputs: &[f32], train: bool) -> Result<Tensor> {
        let shape = [(inputs.len() / self.features) as i64, self.features as i64];
        self.layers.forward(&to_tensor(inputs, &shape, self.store.device())?, train)
    }

    /// Writes `STEM.safetensors` (weights) and `STEM.json` (network and your `metadata`, which must hold what is needed
    /// to prepare inputs). Each file is replaced at once, or not at all.
    ///
    /// # Errors
    /// If a file cannot be written or a weight is NaN.
    pub fn save(&self, path_stem: &Path, metadata: &serde_json::Value) -> Result<()> {
        let sidecar = Sidecar {
            format: FORMAT,
            network: self.network.clone(),
            features: self.features,
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
        let autoencoder = budget::filled_from(stored.numbers(), || {
            Self::new(&sidecar.network, sidecar.features, 0, device)
        })?;
        stored.copy_into(sorted(&autoencoder.store))?;
        Ok((autoencoder, sidecar.metadata))
    }
}

impl std::fmt::Debug for Autoencoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Autoencoder")
            .field("network", &self.network)
            .field("features", &self.features)
            .finish_non_exhaustive()
    }
}

/// Trains an autoencoder to reconstruct `train` (examples one after the other) with the least mean squared error;
/// `valid` is only looked at. Folder, resuming, observer and the rest are as in
/// [`train_classifier`](crate::train_classifier); `label_smoothing` has no meaning here and must be 0.
///
/// # Errors
/// As [`train_classifier`](crate::train_classifier).
pub fn train_autoencoder(
    autoencoder: &mut Autoencoder,
    train: &[f32],
    valid: Option<&[f32]>,
    params: &TrainParams,
    folder: Option<&Path>,
    observer: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<History> {
    if params.label_smoothing != 0.0 {
        return Err(Error::parameter("label_smoothing", params.label_smoothing, "0 for an autoencoder"));
    }
    let rows = |values| Rows::new(values, autoencoder.features);
    let (train, valid) = (rows(train)?, valid.map(rows).transpose()?);
    let valid = valid.as_ref().map(|rows| rows as &dyn Examples);
    trainer::train(&Reconstruction { autoencoder }, &train, valid, params, folder, observer)
}

/// Mean squared error between the network's output and the target.
struct Reconstruction<'a> {
    autoencoder: &'a Autoencoder,
}

impl Objective for Reconstruction<'_> {
    fn store(&self) -> &nn::VarStore {
        &self.autoencoder.store
    }

    fn input_len(&self) -> usize {
        self.autoencoder.features
    }

    fn target_len(&self) -> usize {
        self.autoencoder.features
    }

    fn description(&self) -> serde_json::Value {
        json!({ "network": self.autoencoder.network, "features": self.autoencoder.features })
    }

    fn measure(&self, batch: &Batch, _epoch: u64, train: bool) -> Result<Measure> {
        let output = self.autoencoder.output(&batch.inputs, train)?;
        let shape = [batch.len as i64, self.autoencoder.features as i64];
        let target = to_tensor(&batch.targets, &shape, self.store().device())?;
        let loss = output
            .f_mse_loss(&target, Reduction::Mean)
            .and_then(|loss| loss.f_to_kind(Kind::Float))
            .during("a mean squared error")?;
        Ok(Measure { loss, correct: None })
    }
}

/// Vectors that are their own targets.
struct Rows<'a> {
    values: &'a [f32],
    features: usize,
}

impl<'a> Rows<'a> {
    fn new(values: &'a [f32], features: usize) -> Result<Self> {
        check_rows(values, features)?;
        Ok(Self { values, features })
    }
}

impl Examples for Rows<'_> {
    fn len(&self) -> usize {
        self.values.len() / self.features
    }

    fn fill(&self, _epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
        let row = &self.values[index * self.features..][..self.features];
        input.copy_from_slice(row);
        target.copy_from_slice(row);
    }
}

fn check_rows(values: &[f32], features: usize) -> Result<()> {
    if !values.len().is_multiple_of(features) {
        let expected = format!("a multiple of {features} for vectors of {features} values");
        return Err(Error::Length { what: "`inputs`", expected, got: values.len() });
    }
    if !values.iter().all(|value| value.is_finite()) {
        return Err(Error::parameter("inputs", "NaN or infinite somewhere", "finite numbers"));
    }
    Ok(())
}
