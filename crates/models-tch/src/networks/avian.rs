//! The four CNNs of Hiatt, "Avian vocalizations" (2020), sec. 3.3.

use tch::{Tensor, nn};

use crate::error::{During, Result};
use crate::init::Init;
use crate::layers::{Conv2d, Layer, Linear, dropout};

/// Three times convolution, ReLU, maximum pool and dropout; then the mean over both axes and a linear layer.
///
/// As in the author's Keras model, convolutions are not padded, pools drop what does not fill them, and weights
/// start Glorot uniform with zero biases.
pub(super) struct AvianCnn {
    convolutions: [Conv2d; 3],
    pools: [[i64; 2]; 3],
    fc: Linear,
}

/// Probability that a pooled value is dropped in training.
const DROPOUT: f64 = 0.2;

impl AvianCnn {
    /// Kernels of one frequency row by four frames: the frequency axis is never pooled.
    pub(super) fn v16(path: &nn::Path, classes: i64) -> Result<Self> {
        Self::new(path, 64, [1, 4], [[1, 4], [1, 3], [1, 2]], classes)
    }

    pub(super) fn v17(path: &nn::Path, classes: i64) -> Result<Self> {
        Self::new(path, 60, [3, 3], [[3, 3]; 3], classes)
    }

    pub(super) fn v18(path: &nn::Path, classes: i64) -> Result<Self> {
        Self::new(path, 64, [3, 3], [[2, 2]; 3], classes)
    }

    /// The paper calls it identical to version 17, its code has 64 filters: so have we.
    pub(super) fn v20(path: &nn::Path, classes: i64) -> Result<Self> {
        Self::new(path, 64, [3, 3], [[3, 3]; 3], classes)
    }

    fn new(
        path: &nn::Path,
        filters: i64,
        kernel: [i64; 2],
        pools: [[i64; 2]; 3],
        classes: i64,
    ) -> Result<Self> {
        let convolution =
            |name: &str, inputs| Conv2d::valid(&(path / name), [inputs, filters], kernel, Init::KerasGlorot);
        Ok(AvianCnn {
            convolutions: [
                convolution("conv1", 1)?,
                convolution("conv2", filters)?,
                convolution("conv3", filters)?,
            ],
            pools,
            fc: Linear::new(&(path / "fc"), filters, classes, Init::KerasGlorot)?,
        })
    }
}

impl Layer for AvianCnn {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = input.shallow_clone();
        for (convolution, pool) in self.convolutions.iter().zip(self.pools) {
            x = convolution.forward(&x, train)?.f_relu().during("a ReLU")?;
            x = x.f_max_pool2d(pool, pool, [0, 0], [1, 1], false).during("a pool")?;
            x = dropout(&x, DROPOUT, train)?;
        }
        let x = x.f_mean_dim([2_i64, 3].as_slice(), false, None).during("the mean over both axes")?;
        self.fc.forward(&x, train)
    }
}
