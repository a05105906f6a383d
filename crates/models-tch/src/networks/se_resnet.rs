//! Residual networks with squeeze and excitation: He et al. (2016) with the gates of Hu et al. (2018), as Gui et al.
//! (2022) detect singing with them at depths from 14 to 200.

use serde::{Deserialize, Serialize};
use tch::{Tensor, nn};

use super::{check_dropout, check_widths};
use crate::error::{During, Error, Result};
use crate::init::Init;
use crate::layers::{BatchNorm, Conv2d, Layer, Linear, LinearNoBias, dropout};

/// Hyper-parameters of the SE-ResNet; the defaults are those of Gui et al. (2022), at its smallest depth.
///
/// A 7x7 convolution of stride 2 and a 3x3 pool of stride 2, then three (depth 14) or four stages of residual blocks,
/// each stage with half the resolution and twice the channels of the one before, then the mean over both axes. Depths
/// up to 34 have blocks of two 3x3 convolutions, the deeper ones bottlenecks of 1x1, 3x3 and 1x1. The stride of a
/// block is on its 3x3 convolution. In every block each channel is scaled by a gate that sees the mean of all channels.
///
/// The paper gives 118 million parameters for depth 200; its table of blocks, (3, 12, 48, 3), makes 80.95 million, as
/// here. All other depths have the paper's count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SeResNetParams {
    /// Number of weighted layers: 14, 18, 34, 50, 101, 152 or 200; default 14.
    pub depth: usize,
    /// Channels of the first stage; default 64. Halving it makes a network of a quarter of the cost.
    pub width: usize,
    /// A gate's hidden layer has the block's channels over this; default 16.
    pub reduction: usize,
    /// Probability that a value of the pooled vector is dropped in training, in [0, 1); default 0.
    pub dropout: f64,
    /// How weights start; default He et al.'s.
    pub init: Init,
}

impl Default for SeResNetParams {
    fn default() -> Self {
        SeResNetParams { depth: 14, width: 64, reduction: 16, dropout: 0.0, init: Init::He }
    }
}

impl SeResNetParams {
    /// The network of this depth, otherwise as published.
    pub fn new(depth: usize) -> Self {
        SeResNetParams { depth, ..Self::default() }
    }

    /// Sets the channels of the first stage.
    pub fn width(mut self, channels: usize) -> Self {
        self.width = channels;
        self
    }

    /// Sets the reduction of the gates.
    pub fn reduction(mut self, factor: usize) -> Self {
        self.reduction = factor;
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

    /// Blocks of each stage, and whether they are bottlenecks (Table 1 of the paper).
    fn stages(&self) -> Result<(&'static [usize], bool)> {
        Ok(match self.depth {
            14 => (&[2, 2, 2], false),
            18 => (&[2, 2, 2, 2], false),
            34 => (&[3, 4, 6, 3], false),
            50 => (&[3, 4, 6, 3], true),
            101 => (&[3, 4, 23, 3], true),
            152 => (&[3, 8, 36, 3], true),
            200 => (&[3, 12, 48, 3], true),
            other => return Err(Error::parameter("depth", other, "14, 18, 34, 50, 101, 152 or 200")),
        })
    }
}

pub(super) struct SeResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    blocks: Vec<Block>,
    dropout: f64,
    fc: Linear,
}

impl SeResNet {
    pub(super) fn new(path: &nn::Path, params: &SeResNetParams, classes: i64) -> Result<Self> {
        let SeResNetParams { width, reduction, dropout, init, .. } = *params;
        let (stages, bottleneck) = params.stages()?;
        check_dropout(dropout)?;
        check_widths("width", &[width])?;
        if reduction == 0 || width < reduction {
            let given = format!("{reduction} with width {width}");
            return Err(Error::parameter("reduction", given, "at least 1 and at most the width"));
        }
        let (width, expansion) = (width as i64, if bottleneck { 4 } else { 1 });
        let mut inputs = width;
        let mut blocks = Vec::new();
        for (stage, &count) in stages.iter().enumerate() {
            let inner = width << stage;
            for index in 0..count {
                let shape = Shape {
                    inputs,
                    inner,
                    outputs: inner * expansion,
                    stride: if index == 0 && stage > 0 { 2 } else { 1 },
                    reduction: reduction as i64,
                };
                let path = path / format!("layer{}", stage + 1) / index as i64;
                blocks.push(Block::new(&path, shape, bottleneck, init)?);
                inputs = shape.outputs;
            }
        }
        Ok(SeResNet {
            conv1: Conv2d::same(&(path / "conv1"), [1, width], 7, 2, init)?,
            bn1: BatchNorm::new(&(path / "bn1"), width)?,
            blocks,
            dropout,
            fc: Linear::new(&(path / "fc"), inputs, classes, Init::Torch)?,
        })
    }
}

impl Layer for SeResNet {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        let x = self.conv1.forward(input, train)?;
        let x = self.bn1.forward(&x, train)?.f_relu_().during("a ReLU")?;
        let mut x = x.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false).during("a pool")?;
        for block in &self.blocks {
            x = block.forward(&x, train)?;
        }
        let x = x.f_mean_dim([2_i64, 3].as_slice(), false, None).during("the mean over both axes")?;
        self.fc.forward(&dropout(&x, self.dropout, train)?, train)
    }
}

/// Sizes of a block.
#[derive(Clone, Copy)]
struct Shape {
    inputs: i64,
    inner: i64,
    outputs: i64,
    stride: i64,
    reduction: i64,
}

/// ReLU(gate(convolutions) + shortcut), a batch norm after every convolution; the shortcut is the input itself, or a
/// 1x1 convolution where the shape changes.
struct Block {
    convolutions: Vec<(Conv2d, BatchNorm)>,
    gate: Gate,
    downsample: Option<(Conv2d, BatchNorm)>,
}

impl Block {
    fn new(path: &nn::Path, shape: Shape, bottleneck: bool, init: Init) -> Result<Self> {
        let Shape { inputs, inner, outputs, stride, reduction } = shape;
        let sizes = if bottleneck {
            vec![([inputs, inner], 1, 1), ([inner, inner], 3, stride), ([inner, outputs], 1, 1)]
        } else {
            vec![([inputs, inner], 3, stride), ([inner, outputs], 3, 1)]
        };
        let convolutions = sizes.into_iter().enumerate().map(|(index, (channels, kernel, stride))| {
            let number = index + 1;
            Ok((
                Conv2d::same(&(path / format!("conv{number}")), channels, kernel, stride, init)?,
                BatchNorm::new(&(path / format!("bn{number}")), channels[1])?,
            ))
        });
        let downsample = path / "downsample";
        Ok(Block {
            convolutions: convolutions.collect::<Result<_>>()?,
            gate: Gate::new(&(path / "se"), outputs, reduction, init)?,
            downsample: if stride != 1 || inputs != outputs {
                Some((
                    Conv2d::same(&(&downsample / 0), [inputs, outputs], 1, stride, init)?,
                    BatchNorm::new(&(&downsample / 1), outputs)?,
                ))
            } else {
                None
            },
        })
    }
}

impl Layer for Block {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = input.shallow_clone();
        for (index, (convolution, norm)) in self.convolutions.iter().enumerate() {
            x = norm.forward(&convolution.forward(&x, train)?, train)?;
            if index + 1 < self.convolutions.len() {
                x = x.f_relu_().during("a ReLU")?;
            }
        }
        let x = self.gate.forward(&x, train)?;
        let shortcut = match &self.downsample {
            Some((convolution, norm)) => norm.forward(&convolution.forward(input, train)?, train)?,
            None => input.shallow_clone(),
        };
        x.f_add(&shortcut).and_then(|mut sum| sum.f_relu_()).during("a residual sum")
    }
}

/// Squeeze and excitation (Hu et al. 2018, eq. 2 to 4): the mean of every channel, two linear layers without biases,
/// and a sigmoid that scales the channels.
struct Gate {
    squeeze: LinearNoBias,
    excite: LinearNoBias,
}

impl Gate {
    fn new(path: &nn::Path, channels: i64, reduction: i64, init: Init) -> Result<Self> {
        let fc = path / "fc";
        Ok(Gate {
            squeeze: LinearNoBias::new(&(&fc / 0), channels, channels / reduction, init)?,
            excite: LinearNoBias::new(&(&fc / 2), channels / reduction, channels, init)?,
        })
    }
}

impl Layer for Gate {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        let means = input.f_mean_dim([2_i64, 3].as_slice(), false, None).during("squeezing")?;
        let hidden = self.squeeze.forward(&means, train)?.f_relu_().during("a ReLU")?;
        let gate = self.excite.forward(&hidden, train)?.f_sigmoid_().during("a sigmoid")?;
        let gate = gate.f_unsqueeze(-1).and_then(|gate| gate.f_unsqueeze(-1)).during("exciting")?;
        input.f_mul(&gate).during("exciting")
    }
}
