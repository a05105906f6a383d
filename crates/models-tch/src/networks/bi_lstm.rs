//! The recurrent network for singing of Leglaive et al. (2015): a decision for every frame.

use tch::{Tensor, nn};

use crate::error::{During, Result};
use crate::init::Init;
use crate::layers::{BiLstm, Layer, Linear, against_first};

/// Units in each direction of the three layers.
const UNITS: [i64; 3] = [30, 20, 40];

/// Three bidirectional LSTM layers of 30, 20 and 40 units and a dense layer; `[batch, frame, feature]` to
/// `[batch, frame, class]`.
pub(super) struct StackedBiLstm {
    layers: Vec<BiLstm>,
    fc: Linear,
}

impl StackedBiLstm {
    pub(super) fn new(path: &nn::Path, features: i64, classes: i64) -> Result<Self> {
        let mut inputs = features;
        let mut layers = Vec::new();
        for (index, units) in UNITS.into_iter().enumerate() {
            layers.push(BiLstm::new(&(path / format!("lstm{}", index + 1)), inputs, units)?);
            inputs = 2 * units;
        }
        Ok(StackedBiLstm { layers, fc: Linear::new(&(path / "fc"), inputs, classes - 1, Init::Torch)? })
    }
}

impl Layer for StackedBiLstm {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = input.shallow_clone();
        for layer in &self.layers {
            x = layer.forward(&x, train)?;
        }
        against_first(&self.fc.forward(&x, train)?.f_contiguous().during("a dense layer")?)
    }
}
