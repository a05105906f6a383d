//! Fully connected layers with ReLUs.

use tch::{Tensor, nn};

use super::{check_dropout, check_widths};
use crate::error::{During, Result};
use crate::init::Init;
use crate::layers::{Layer, Linear, dropout};

/// Hidden layers with ReLU and dropout, then a linear layer; `fc1`, `fc2`, ... in files.
///
/// Weights start Glorot uniform, as in scikit-learn's and Keras' perceptrons.
pub(super) struct Mlp {
    hidden: Vec<Linear>,
    head: Linear,
    dropout: f64,
}

impl Mlp {
    pub(super) fn new(
        path: &nn::Path,
        features: i64,
        hidden: &[usize],
        dropout: f64,
        classes: i64,
    ) -> Result<Self> {
        check_widths("hidden", hidden)?;
        check_dropout(dropout)?;
        let layer = |number: usize, inputs, outputs| {
            Linear::new(&(path / format!("fc{number}")), inputs, outputs, Init::KerasGlorot)
        };
        let mut inputs = features;
        let mut layers = Vec::new();
        for &width in hidden {
            layers.push(layer(layers.len() + 1, inputs, width as i64)?);
            inputs = width as i64;
        }
        Ok(Mlp { head: layer(layers.len() + 1, inputs, classes)?, hidden: layers, dropout })
    }
}

impl Layer for Mlp {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = input.shallow_clone();
        for layer in &self.hidden {
            x = layer.forward(&x, train)?.f_relu().during("a ReLU")?;
            x = dropout(&x, self.dropout, train)?;
        }
        self.head.forward(&x, train)
    }
}
