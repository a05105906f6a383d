//! A residual network for log-mel spectrograms of bird song, small enough to train on a processor.

use serde::{Deserialize, Serialize};
use tch::{Tensor, nn};

use super::{check_dropout, check_widths};
use crate::error::{During, Error, Result};
use crate::init::Init;
use crate::layers::{BatchNorm2d, Conv2d, Layer, Linear, dropout};

/// Hyper-parameters of the bird ResNet.
///
/// A strided convolution, then one residual block per further width, each halving both axes. The mean over
/// frequency, then mean plus maximum over time, make one vector of any length of input: a network trained on short
/// windows also judges long ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BirdResNetParams {
    /// Channels after the first convolution and after each residual block; default 16, 32, 64, 128.
    pub widths: Vec<usize>,
    /// Side of the first convolution's kernel, an odd number; default 5.
    pub kernel: usize,
    /// Probability that a value of the pooled vector is dropped in training, in [0, 1); default 0.3.
    pub dropout: f64,
    /// How weights start; default He normal by fan out.
    pub init: Init,
}

impl Default for BirdResNetParams {
    fn default() -> Self {
        BirdResNetParams { widths: vec![16, 32, 64, 128], kernel: 5, dropout: 0.3, init: Init::He }
    }
}

impl BirdResNetParams {
    /// Sets the channels after the first convolution and after each residual block.
    pub fn widths(mut self, widths: impl Into<Vec<usize>>) -> Self {
        self.widths = widths.into();
        self
    }

    /// Sets the side of the first convolution's kernel.
    pub fn kernel(mut self, kernel: usize) -> Self {
        self.kernel = kernel;
        self
    }

    /// Sets the dropout before the last layer.
    pub fn dropout(mut self, probability: f64) -> Self {
        self.dropout = probability;
        self
    }

    /// Sets how weights start.
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }
}

pub(super) struct BirdResNet {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    blocks: Vec<Residual>,
    dropout: f64,
    fc: Linear,
}

impl BirdResNet {
    pub(super) fn new(path: &nn::Path, params: &BirdResNetParams, classes: i64) -> Result<Self> {
        let BirdResNetParams { widths, kernel, dropout, init } = params;
        check_widths("widths", widths)?;
        check_dropout(*dropout)?;
        if kernel % 2 == 0 {
            return Err(Error::parameter("kernel", kernel, "an odd number"));
        }
        let widths: Vec<i64> = widths.iter().map(|&width| width as i64).collect();
        let (Some(&first), Some(&last)) = (widths.first(), widths.last()) else {
            return Err(Error::parameter("widths", "[]", "at least one width"));
        };
        let mut blocks = Vec::new();
        for (number, pair) in widths.windows(2).enumerate() {
            let path = path / format!("layer{}", number + 1) / 0;
            blocks.push(Residual::new(&path, [pair[0], pair[1]], *init)?);
        }
        Ok(BirdResNet {
            conv1: Conv2d::same(&(path / "conv1"), [1, first], *kernel as i64, 2, *init)?,
            bn1: BatchNorm2d::new(&(path / "bn1"), first)?,
            blocks,
            dropout: *dropout,
            fc: Linear::new(&(path / "fc"), last, classes, Init::Torch)?,
        })
    }
}

impl Layer for BirdResNet {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        let x = self.conv1.forward(input, train)?;
        let mut x = self.bn1.forward(&x, train)?.f_relu_().during("a ReLU")?;
        for block in &self.blocks {
            x = block.forward(&x, train)?;
        }
        let pooled = || {
            let x = x.f_mean_dim([2_i64].as_slice(), false, None)?;
            x.f_mean_dim([2_i64].as_slice(), false, None)?.f_add(&x.f_amax([2_i64].as_slice(), false)?)
        };
        self.fc.forward(&dropout(&pooled().during("pooling")?, self.dropout, train)?, train)
    }
}

/// ReLU(two 3x3 convolutions + one 1x1 convolution), all with batch norms; the first of each branch has stride 2.
///
/// The basic block of He et al., "Deep residual learning" (2016), fig. 2, with a projection shortcut.
struct Residual {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    downsample: (Conv2d, BatchNorm2d),
}

impl Residual {
    fn new(path: &nn::Path, [inputs, outputs]: [i64; 2], init: Init) -> Result<Self> {
        let downsample = path / "downsample";
        Ok(Residual {
            conv1: Conv2d::same(&(path / "conv1"), [inputs, outputs], 3, 2, init)?,
            bn1: BatchNorm2d::new(&(path / "bn1"), outputs)?,
            conv2: Conv2d::same(&(path / "conv2"), [outputs, outputs], 3, 1, init)?,
            bn2: BatchNorm2d::new(&(path / "bn2"), outputs)?,
            downsample: (
                Conv2d::same(&(&downsample / 0), [inputs, outputs], 1, 2, init)?,
                BatchNorm2d::new(&(&downsample / 1), outputs)?,
            ),
        })
    }
}

impl Layer for Residual {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        let x = self.conv1.forward(input, train)?;
        let x = self.bn1.forward(&x, train)?.f_relu_().during("a ReLU")?;
        let x = self.bn2.forward(&self.conv2.forward(&x, train)?, train)?;
        let (convolution, norm) = &self.downsample;
        let shortcut = norm.forward(&convolution.forward(input, train)?, train)?;
        x.f_add(&shortcut).and_then(|mut sum| sum.f_relu_()).during("a residual sum")
    }
}
