//! A residual network for log-mel spectrograms of bird song, small enough to train on a processor.

use serde::{Deserialize, Serialize};
use tch::{Tensor, nn};

use super::{check_dropout, check_widths};
use crate::error::{During, Error, Result};
use crate::init::Init;
use crate::layers::{BatchNorm, Conv1d, Conv2d, Layer, Linear, dropout};

/// Hyper-parameters of the bird ResNet.
///
/// A strided convolution and one residual block per further width, each halving both axes; then frequency joins the
/// channels, a convolution along time follows, and the mean and standard deviation over time make one vector of any
/// number of frames: a network trained on short windows also judges long ones, of the same number of mel bands.
/// Keeping frequency until the last convolution is what tells species apart that differ in pitch only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BirdResNetParams {
    /// Channels after the first convolution and after each residual block; default 16, 32.
    pub widths: Vec<usize>,
    /// Side of the first convolution's kernel, an odd number; default 5.
    pub kernel: usize,
    /// Channels of the convolution along time; default 128.
    pub time_width: usize,
    /// Probability that a value of the pooled vector is dropped in training, in [0, 1); default 0.4.
    pub dropout: f64,
    /// How weights start; default as PyTorch's.
    pub init: Init,
}

impl Default for BirdResNetParams {
    fn default() -> Self {
        BirdResNetParams { widths: vec![16, 32], kernel: 5, time_width: 128, dropout: 0.4, init: Init::Torch }
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

    /// Sets the channels of the convolution along time.
    pub fn time_width(mut self, width: usize) -> Self {
        self.time_width = width;
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
    bn1: BatchNorm,
    blocks: Vec<Residual>,
    conv2: Conv1d,
    bn2: BatchNorm,
    bn3: BatchNorm,
    dropout: f64,
    fc: Linear,
}

impl BirdResNet {
    /// For spectrograms of this many mel bands.
    pub(super) fn new(path: &nn::Path, params: &BirdResNetParams, mels: usize, classes: i64) -> Result<Self> {
        let BirdResNetParams { widths, kernel, time_width, dropout, init } = params;
        check_widths("widths", widths)?;
        check_widths("time_width", &[*time_width])?;
        check_dropout(*dropout)?;
        if kernel % 2 == 0 {
            return Err(Error::parameter("kernel", kernel, "an odd number"));
        }
        let (Some(&first), Some(&last)) = (widths.first(), widths.last()) else {
            return Err(Error::parameter("widths", "[]", "at least one width"));
        };
        let mut blocks = Vec::new();
        for (number, pair) in widths.windows(2).enumerate() {
            let path = path / format!("layer{}", number + 1) / 0;
            blocks.push(Residual::new(&path, [pair[0] as i64, pair[1] as i64], *init)?);
        }
        // Each stride of 2 leaves half of the bands, rounded up.
        let bands = widths.iter().fold(mels, |bands, _| bands.div_ceil(2));
        let (first, last, time_width) = (first as i64, (last * bands) as i64, *time_width as i64);
        Ok(BirdResNet {
            conv1: Conv2d::same(&(path / "conv1"), [1, first], *kernel as i64, 2, *init)?,
            bn1: BatchNorm::new(&(path / "bn1"), first)?,
            blocks,
            conv2: Conv1d::same(&(path / "conv2"), [last, time_width], 3, *init)?,
            bn2: BatchNorm::new(&(path / "bn2"), time_width)?,
            bn3: BatchNorm::new(&(path / "bn3"), 2 * time_width)?,
            dropout: *dropout,
            fc: Linear::new(&(path / "fc"), 2 * time_width, classes, Init::Torch)?,
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
        let x = x.f_flatten(1, 2).during("joining frequency and channels")?;
        let x = self.bn2.forward(&self.conv2.forward(&x, train)?, train)?.f_relu_().during("a ReLU")?;
        let x = self.bn3.forward(&statistics(&x).during("statistics pooling")?, train)?;
        self.fc.forward(&dropout(&x, self.dropout, train)?, train)
    }
}

/// Mean and standard deviation over time (Snyder et al. 2017): `[batch, channel, frame]` to `[batch, 2 channel]`.
fn statistics(x: &Tensor) -> std::result::Result<Tensor, tch::TchError> {
    let mean = x.f_mean_dim([2_i64].as_slice(), false, None)?;
    // The root has no slope at 0.
    let variance = x.f_var_dim([2_i64].as_slice(), false, false)?.f_add_scalar(1e-5)?;
    Tensor::f_cat(&[mean, variance.f_sqrt()?], 1)
}

/// ReLU(two 3x3 convolutions + one 1x1 convolution), all with batch norms; the first of each branch has stride 2.
///
/// The basic block of He et al., "Deep residual learning" (2016), fig. 2, with a projection shortcut.
struct Residual {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    downsample: (Conv2d, BatchNorm),
}

impl Residual {
    fn new(path: &nn::Path, [inputs, outputs]: [i64; 2], init: Init) -> Result<Self> {
        let downsample = path / "downsample";
        Ok(Residual {
            conv1: Conv2d::same(&(path / "conv1"), [inputs, outputs], 3, 2, init)?,
            bn1: BatchNorm::new(&(path / "bn1"), outputs)?,
            conv2: Conv2d::same(&(path / "conv2"), [outputs, outputs], 3, 1, init)?,
            bn2: BatchNorm::new(&(path / "bn2"), outputs)?,
            downsample: (
                Conv2d::same(&(&downsample / 0), [inputs, outputs], 1, 2, init)?,
                BatchNorm::new(&(&downsample / 1), outputs)?,
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
