//! The U-Net of Jansson et al., "Singing voice separation with deep U-Net convolutional networks" (2017), sec. 3.1.

use serde::{Deserialize, Serialize};
use tch::{Tensor, nn};

use crate::error::{During, Error, Result};
use crate::init::Init;
use crate::layers::{BatchNorm, Conv2d, ConvTranspose2d, Layer, dropout, leaky_relu};

/// Layers of the encoder, and of the decoder.
const DEPTH: usize = 6;

/// A U-Net that turns the magnitudes of a mixture into masks.
///
/// The encoder halves both axes six times with strided 5x5 convolutions, batch norms and leaky ReLUs (0.2), doubling
/// the channels; the decoder undoes it with transposed convolutions, batch norms, ReLUs, and dropout in its first three
/// layers; each decoder layer but the first also sees the encoder's output of its own size. A sigmoid ends it.
///
/// Parameters are named as in PyTorch where `enc` and `dec` are lists: `enc.0.0` is the first convolution, `enc.0.1` its
/// batch norm, `dec.0` the first transposed convolution, `dbn.0` its batch norm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct UNetParams {
    /// Channels after the first layer; the paper's and the default is 16, which gives 9,823,313 parameters for one mask.
    pub base: usize,
    /// Whether the decoder sees the encoder's outputs; without, it is the paper's baseline. Default true.
    pub skip: bool,
    /// Probability that a value of the decoder's first three layers is dropped in training, in [0, 1). Default 0.5.
    pub dropout: f64,
    /// The network sees magnitudes to this power, in (0, 1]; the paper's and the default is 1. Below 1, quiet parts
    /// are seen better.
    pub input_power: f64,
    /// How the weights start; default PyTorch's own.
    pub init: Init,
}

impl Default for UNetParams {
    fn default() -> Self {
        UNetParams { base: 16, skip: true, dropout: 0.5, input_power: 1.0, init: Init::Torch }
    }
}

impl UNetParams {
    /// Both sides of a patch must be multiples of this.
    pub const STRIDE: usize = 1 << DEPTH;

    /// Sets the channels after the first layer.
    pub fn base(mut self, base: usize) -> Self {
        self.base = base;
        self
    }

    /// Sets whether the decoder sees the encoder's outputs.
    pub fn skip(mut self, skip: bool) -> Self {
        self.skip = skip;
        self
    }

    /// Sets the power of the magnitudes the network sees.
    pub fn input_power(mut self, input_power: f64) -> Self {
        self.input_power = input_power;
        self
    }

    /// A name for people, such as `U-Net 16`.
    pub fn name(&self) -> String {
        format!("U-Net {}{}", self.base, if self.skip { "" } else { " without skip connections" })
    }

    pub(crate) fn check(&self) -> Result<()> {
        super::check_widths("base", &[self.base])?;
        if !(self.input_power > 0.0 && self.input_power <= 1.0) {
            return Err(Error::parameter("input_power", self.input_power, "a power in (0, 1]"));
        }
        super::check_dropout(self.dropout)
    }
}

/// One encoder layer.
struct Down {
    convolution: Conv2d,
    norm: BatchNorm,
}

/// One decoder layer; the last has no batch norm.
struct Up {
    convolution: ConvTranspose2d,
    norm: Option<BatchNorm>,
}

/// `[example, 1, bin, frame]` magnitudes to `[example, mask, bin, frame]` in (0, 1).
pub(crate) struct UNet {
    down: Vec<Down>,
    up: Vec<Up>,
    params: UNetParams,
}

impl UNet {
    pub(crate) fn new(path: &nn::Path, params: &UNetParams, masks: usize) -> Result<Self> {
        params.check()?;
        let width = |layer: usize| (params.base << layer) as i64;
        let down = (0..DEPTH).map(|layer| {
            let inputs = if layer == 0 { 1 } else { width(layer - 1) };
            let below = path / "enc" / layer;
            Ok(Down {
                convolution: Conv2d::halving(&(&below / 0), [inputs, width(layer)], 5, params.init)?,
                norm: BatchNorm::new(&(&below / 1), width(layer))?,
            })
        });
        let up = (0..DEPTH).map(|layer| {
            let from_encoder = params.skip && layer > 0;
            let inputs = width(DEPTH - 1 - layer) * if from_encoder { 2 } else { 1 };
            let last = layer == DEPTH - 1;
            let outputs = if last { masks as i64 } else { width(DEPTH - 2 - layer) };
            let norm = (!last).then(|| BatchNorm::new(&(path / "dbn" / layer), outputs));
            Ok(Up {
                convolution: ConvTranspose2d::doubling(
                    &(path / "dec" / layer),
                    [inputs, outputs],
                    5,
                    params.init,
                )?,
                norm: norm.transpose()?,
            })
        });
        Ok(UNet {
            down: down.collect::<Result<_>>()?,
            up: up.collect::<Result<_>>()?,
            params: params.clone(),
        })
    }
}

impl Layer for UNet {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        let mut x = match self.params.input_power {
            1.0 => input.shallow_clone(),
            power => input.f_pow_tensor_scalar(power).during("compressing magnitudes")?,
        };
        let mut encoded = Vec::with_capacity(DEPTH);
        for Down { convolution, norm } in &self.down {
            let normed = norm.forward(&convolution.forward(&x, train)?, train)?;
            x = leaky_relu(&normed, 0.2)?;
            encoded.push(x.shallow_clone());
        }
        for (layer, Up { convolution, norm }) in self.up.iter().enumerate() {
            if layer > 0 && self.params.skip {
                let mirrored = &encoded[DEPTH - 1 - layer];
                x = Tensor::f_cat(&[&x, mirrored], 1).during("a skip connection")?;
            }
            x = convolution.forward(&x, train)?;
            let Some(norm) = norm else { break };
            x = norm.forward(&x, train)?;
            if layer < 3 {
                x = dropout(&x, self.params.dropout, train)?;
            }
            x = x.f_relu().during("a ReLU")?;
        }
        x.f_sigmoid().during("a sigmoid")
    }
}
