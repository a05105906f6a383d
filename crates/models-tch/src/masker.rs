//! Networks that find the sources in the magnitudes of a mixture: one mask a source.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::{Tensor, nn};

use crate::budget;
use crate::convert::{dims, to_tensor, to_vec};
use crate::device::Device;
use crate::error::{During, Error, Result};
use crate::layers::Layer;
use crate::networks::UNetParams;
use crate::networks::unet::UNet;
use crate::optimizer::sorted;
use crate::random::{mix, with_seed};
use crate::storage::{Stored, appended, read_sidecar, save_model};

/// What a [`Masker`] is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct MaskerParams {
    /// The network, or each of them.
    pub network: UNetParams,
    /// Names of the sources, in the order of the masks.
    pub sources: Vec<String>,
    /// One network with a mask for each source, instead of a network for each source.
    pub joint: bool,
    /// Frequency bins and frames of a patch, multiples of [`UNetParams::STRIDE`].
    pub patch: [usize; 2],
}

impl MaskerParams {
    /// A network of its own for each source, patches of 512 bins and 128 frames, as in the paper.
    pub fn new(network: UNetParams, sources: &[&str]) -> Self {
        let sources = sources.iter().map(|&name| name.to_owned()).collect();
        MaskerParams { network, sources, joint: false, patch: [512, 128] }
    }

    /// Sets whether one network makes all masks.
    pub fn joint(mut self, joint: bool) -> Self {
        self.joint = joint;
        self
    }

    /// Sets bins and frames of a patch.
    pub fn patch(mut self, patch: [usize; 2]) -> Self {
        self.patch = patch;
        self
    }

    fn check(&self) -> Result<()> {
        let named = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let repeated = |name: &String| self.sources.iter().filter(|other| *other == name).count() > 1;
        if self.sources.is_empty() || !self.sources.iter().all(named) || self.sources.iter().any(repeated) {
            let expected = "different names of letters, digits and `_`, at least one";
            return Err(Error::parameter("sources", format!("{:?}", self.sources), expected));
        }
        if self.patch.iter().any(|side| *side == 0 || !side.is_multiple_of(UNetParams::STRIDE)) {
            return Err(Error::parameter(
                "patch",
                format!("{:?}", self.patch),
                "bins and frames that are multiples of 64",
            ));
        }
        if self.patch.iter().any(|side| *side > MOST_SIDE) {
            let given = format!("{:?}", self.patch);
            return Err(Error::parameter("patch", given, "at most 2^14 bins and frames"));
        }
        Ok(())
    }
}

/// Networks with weights that turn patches of a mixture's magnitudes into a mask for each source.
///
/// With several networks, each one's parameters are named after its source (`vocals.enc.0.0.weight`), as in PyTorch's
/// `ModuleDict`; a single network's have no such prefix.
pub struct Masker {
    params: MaskerParams,
    device: Device,
    pub(crate) store: nn::VarStore,
    networks: Vec<UNet>,
}

/// What stands beside the weights, in `NAME.json`.
#[derive(Serialize, Deserialize)]
struct Sidecar {
    /// Layout of the two files; raised when it changes.
    format: u32,
    masker: MaskerParams,
    /// Of this crate, when the file was written.
    version: String,
    metadata: serde_json::Value,
}

const FORMAT: u32 = 1;

/// Bins or frames of the largest patch.
const MOST_SIDE: usize = 1 << 14;

impl Masker {
    /// Fresh networks; the same seed gives the same weights.
    ///
    /// # Errors
    /// If a parameter is out of range or the device is not there.
    pub fn new(params: &MaskerParams, seed: u64, device: Device) -> Result<Self> {
        params.check()?;
        let store = nn::VarStore::new(device.open()?);
        let root = store.root();
        let build = || -> Result<Vec<UNet>> {
            if params.joint || params.sources.len() == 1 {
                return Ok(vec![UNet::new(&root, &params.network, params.sources.len())?]);
            }
            params.sources.iter().map(|source| UNet::new(&(&root / source), &params.network, 1)).collect()
        };
        let networks = budget::network(|| with_seed(mix(&[seed]), build))?;
        Ok(Masker { params: params.clone(), device, store, networks })
    }

    /// What it is made of.
    pub fn params(&self) -> &MaskerParams {
        &self.params
    }

    /// Where the networks compute.
    pub fn device(&self) -> Device {
        self.device
    }

    /// How many numbers training adjusts.
    pub fn parameters(&self) -> usize {
        self.store.trainable_variables().iter().map(Tensor::numel).sum()
    }

    /// Values in one patch.
    pub(crate) fn patch_len(&self) -> usize {
        self.params.patch.iter().product()
    }

    /// Masks in (0, 1), row-major `[example, source, bin, frame]`, for magnitudes `[example, bin, frame]`.
    ///
    /// `batch` patches are computed at a time.
    ///
    /// # Errors
    /// If `magnitudes` is no whole number of patches, holds negative, NaN or infinite values, or `batch` is 0.
    pub fn masks(&self, magnitudes: &[f32], batch: usize) -> Result<Vec<f32>> {
        let _no_grad = tch::no_grad_guard();
        in_batches(magnitudes, self.params.patch, batch, |chunk| to_vec(&self.forward(chunk, false)?))
    }

    /// `[example, source, bin, frame]` for a batch `[example, bin, frame]`.
    pub(crate) fn forward(&self, magnitudes: &[f32], train: bool) -> Result<Tensor> {
        let input = patches(magnitudes, self.params.patch, self.store.device())?;
        let masks = self.networks.iter().map(|network| network.forward(&input, train));
        let masks = masks.collect::<Result<Vec<Tensor>>>()?;
        Tensor::f_cat(&masks, 1).during("joining masks")
    }

    /// Writes `STEM.safetensors` and `STEM.json` (what it is made of and your `metadata`, which must hold what is
    /// needed to prepare inputs). Each file is replaced at once, or not at all.
    ///
    /// # Errors
    /// If a file cannot be written or a weight is NaN.
    pub fn save(&self, path_stem: &Path, metadata: &serde_json::Value) -> Result<()> {
        let sidecar = Sidecar {
            format: FORMAT,
            masker: self.params.clone(),
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
        let masker = budget::filled_from(stored.numbers(), || Masker::new(&sidecar.masker, 0, device))?;
        stored.copy_into(sorted(&masker.store))?;
        Ok((masker, sidecar.metadata))
    }

    /// Sets the weights to those of a safetensors file, such as PyTorch's `save_file(module.state_dict(), path)`.
    ///
    /// # Errors
    /// If names or shapes differ from these networks'; the weights are then as before.
    pub fn load_weights(&mut self, path: &Path) -> Result<()> {
        Stored::read(path)?.copy_into(sorted(&self.store))
    }
}

/// `[example, 1, bin, frame]` on its device.
pub(crate) fn patches(magnitudes: &[f32], patch: [usize; 2], device: tch::Device) -> Result<Tensor> {
    let mut shape = vec![(magnitudes.len() / (patch[0] * patch[1])) as i64, 1];
    shape.extend(dims(&patch));
    to_tensor(magnitudes, &shape, device)
}

/// Checks magnitudes and hands them to `masks`, so many patches at a time.
pub(crate) fn in_batches(
    magnitudes: &[f32],
    [bins, frames]: [usize; 2],
    batch: usize,
    masks: impl Fn(&[f32]) -> Result<Vec<f32>>,
) -> Result<Vec<f32>> {
    let patch = bins * frames;
    if patch == 0 || !magnitudes.len().is_multiple_of(patch) {
        let expected = format!("a multiple of {bins} bins x {frames} frames");
        return Err(Error::Length { what: "`magnitudes`", expected, got: magnitudes.len() });
    }
    if batch == 0 {
        return Err(Error::parameter("batch", batch, "at least 1"));
    }
    if !magnitudes.iter().all(|value| value.is_finite() && *value >= 0.0) {
        let expected = "finite numbers of at least 0";
        return Err(Error::parameter("magnitudes", "negative, NaN or infinite somewhere", expected));
    }
    let mut all = Vec::with_capacity(magnitudes.len());
    for chunk in magnitudes.chunks(batch.saturating_mul(patch)) {
        all.extend(masks(chunk)?);
    }
    Ok(all)
}

impl std::fmt::Debug for Masker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Masker")
            .field("params", &self.params)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}
