//! The convolutional network for singing of Schlüter and Grill (2015), and Lee et al.'s (2018) reading of it.

use serde::{Deserialize, Serialize};
use tch::{Tensor, nn};

use crate::error::{During, Result};
use crate::init::Init;
use crate::layers::{Conv2d, Layer, Linear, against_first, dropout};

/// Which of the two networks that go by the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ScnnVariant {
    /// Schlüter and Grill: dropout of a half before every dense layer, leaky ReLUs, orthogonal initial weights.
    Schlueter,
    /// Lee et al.: dropout of 0.2 after the dense layers, which have no non-linearity; Keras' initial weights.
    Lee,
}

/// Four 3x3 convolutions with pools of 3x3 after the second and the fourth, then dense layers of 256 and 64.
pub(super) struct Scnn {
    variant: ScnnVariant,
    convolutions: [Conv2d; 4],
    dense: [Linear; 2],
    fc: Linear,
}

impl Scnn {
    /// For inputs of `rows` by `columns`; both must be at least 24, or the pools leave nothing.
    pub(super) fn new(
        path: &nn::Path,
        variant: ScnnVariant,
        [rows, columns]: [usize; 2],
        classes: i64,
    ) -> Result<Self> {
        let init = match variant {
            ScnnVariant::Schlueter => Init::Orthogonal,
            ScnnVariant::Lee => Init::KerasGlorot,
        };
        let convolution = |number: usize, channels: [i64; 2]| {
            Conv2d::valid(&(path / format!("conv{number}")), channels, [3, 3], init)
        };
        // Two convolutions take 4 off, the pool a third of the rest; both twice.
        let left = |size: usize| (size.saturating_sub(4) / 3).saturating_sub(4) / 3;
        let pixels = (64 * left(rows) * left(columns)).max(1) as i64;
        Ok(Scnn {
            variant,
            convolutions: [
                convolution(1, [1, 64])?,
                convolution(2, [64, 32])?,
                convolution(3, [32, 128])?,
                convolution(4, [128, 64])?,
            ],
            dense: [
                Linear::new(&(path / "fc1"), pixels, 256, init)?,
                Linear::new(&(path / "fc2"), 256, 64, init)?,
            ],
            fc: Linear::new(&(path / "fc3"), 64, classes - 1, init)?,
        })
    }
}

impl Layer for Scnn {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = input.shallow_clone();
        for (index, convolution) in self.convolutions.iter().enumerate() {
            x = leaky_relu(&convolution.forward(&x, train)?)?;
            if index % 2 == 1 {
                x = x.f_max_pool2d([3, 3], [3, 3], [0, 0], [1, 1], false).during("a pool")?;
            }
        }
        let mut x = x.f_flatten(1, 3).during("flattening")?;
        for dense in &self.dense {
            x = match self.variant {
                ScnnVariant::Schlueter => leaky_relu(&dense.forward(&dropout(&x, 0.5, train)?, train)?)?,
                ScnnVariant::Lee => dropout(&dense.forward(&x, train)?, 0.2, train)?,
            };
        }
        if self.variant == ScnnVariant::Schlueter {
            x = dropout(&x, 0.5, train)?;
        }
        against_first(&self.fc.forward(&x, train)?)
    }
}

/// The larger of x and 0.01 x.
fn leaky_relu(x: &Tensor) -> Result<Tensor> {
    x.f_leaky_relu().during("a leaky ReLU")
}
