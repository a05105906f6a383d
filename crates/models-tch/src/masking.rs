//! Training a masker: the distance of masked mixture and source as the objective.

use std::ops::ControlFlow;
use std::path::Path;

use serde_json::json;
use tch::{Kind, nn};

use crate::convert::{dims, to_tensor};
use crate::error::{During, Error, Result};
use crate::examples::{Batch, Examples};
use crate::history::{History, Progress};
use crate::masker::{Masker, patches};
use crate::trainer::{self, Measure, Objective};
use crate::training::TrainParams;

/// Trains a masker by the L1,1 norm of masked mixture less source, `|f(X) * X - Y|` summed over bins, frames and sources
/// (Jansson et al. 2017, eq. 1); the loss of a batch is the mean of its examples'.
///
/// An example's input is the mixture's magnitudes X `[bin, frame]`, its target the sources' Y `[source, bin, frame]`. For
/// the rest (folder, resuming, observer), as [`train_classifier`](crate::train_classifier).
///
/// # Errors
/// As [`train_classifier`](crate::train_classifier), and if `params` ask for label smoothing, which masks have no use for.
pub fn train_masker(
    masker: &mut Masker,
    train: &dyn Examples,
    valid: Option<&dyn Examples>,
    params: &TrainParams,
    folder: Option<&Path>,
    observer: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<History> {
    if params.label_smoothing != 0.0 {
        return Err(Error::parameter("label_smoothing", params.label_smoothing, "0: masks have no labels"));
    }
    trainer::train(&MaskedMagnitude(masker), train, valid, params, folder, observer)
}

/// The L1,1 norm of masked mixture less source.
struct MaskedMagnitude<'a>(&'a Masker);

impl Objective for MaskedMagnitude<'_> {
    fn store(&self) -> &nn::VarStore {
        &self.0.store
    }

    fn input_len(&self) -> usize {
        self.0.patch_len()
    }

    fn target_len(&self) -> usize {
        self.0.patch_len() * self.0.params().sources.len()
    }

    fn description(&self) -> serde_json::Value {
        json!({ "masker": self.0.params() })
    }

    fn measure(&self, batch: &Batch, _epoch: u64, train: bool) -> Result<Measure> {
        let params = self.0.params();
        let device = self.store().device();
        let mixture = patches(&batch.inputs, params.patch, device)?;
        let mut shape = vec![batch.len as i64, params.sources.len() as i64];
        shape.extend(dims(&params.patch));
        let targets = to_tensor(&batch.targets, &shape, device)?;
        let masks = self.0.forward(&batch.inputs, train)?;
        let loss = masks
            .f_mul(&mixture)
            .and_then(|masked| masked.f_l1_loss(&targets, tch::Reduction::Sum))
            .and_then(|sum| sum.f_div_scalar(batch.len as i64))
            .and_then(|loss| loss.f_to_kind(Kind::Float))
            .during("the masked magnitudes' distance")?;
        Ok(Measure { loss, correct: None })
    }
}
