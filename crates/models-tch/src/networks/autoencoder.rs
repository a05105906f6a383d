//! Fully connected autoencoders.

use tch::{Tensor, nn};

use super::check_widths;
use crate::error::{During, Result};
use crate::init::Init;
use crate::layers::{BatchNorm, Layer, Linear};

/// Hidden layers with batch norm before the ReLU, then a linear layer back to the width of the input; `fc1`, `bn1`,
/// `fc2`, ... in files.
pub(super) struct Autoencoder {
    hidden: Vec<(Linear, BatchNorm)>,
    head: Linear,
}

impl Autoencoder {
    pub(super) fn new(path: &nn::Path, features: i64, hidden: &[usize]) -> Result<Self> {
        check_widths("hidden", hidden)?;
        let linear = |number: usize, inputs, outputs| {
            Linear::new(&(path / format!("fc{number}")), inputs, outputs, Init::KerasGlorot)
        };
        let mut inputs = features;
        let mut layers = Vec::new();
        for (number, &width) in (1..).zip(hidden) {
            let norm = BatchNorm::new(&(path / format!("bn{number}")), width as i64)?;
            layers.push((linear(number, inputs, width as i64)?, norm));
            inputs = width as i64;
        }
        Ok(Self { head: linear(hidden.len() + 1, inputs, features)?, hidden: layers })
    }
}

impl Layer for Autoencoder {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = input.shallow_clone();
        for (linear, norm) in &self.hidden {
            x = norm.forward(&linear.forward(&x, train)?, train)?.f_relu().during("a ReLU")?;
        }
        self.head.forward(&x, train)
    }
}
