//! The networks, as plain descriptions that a recipe or a checkpoint can hold.

mod autoencoder;
mod avian;
mod bi_lstm;
mod bird_resnet;
mod mlp;
mod scnn;
mod se_resnet;
pub(crate) mod unet;

use serde::{Deserialize, Serialize};
use tch::nn;

pub use bird_resnet::BirdResNetParams;
pub use scnn::ScnnVariant;
pub use se_resnet::SeResNetParams;
pub use unet::UNetParams;

use crate::error::{Error, Result};
use crate::layers::Layer;

/// A network with its hyper-parameters; in TOML or JSON a table with a `kind`.
///
/// Every network maps examples of one shape to one logit per class; those for sequences do so for every frame. Images
/// are `[channel, mel, frame]`, sequences `[frame, feature]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Network {
    /// Fully connected layers with batch norm and ReLU that lead back to their input `[feature]`; see
    /// [`Autoencoder`](crate::Autoencoder). Kawaguchi et al. (2019) use `hidden = [40, 40, 40]` on 200 features, the
    /// DCASE 2020 Task 2 baseline `[128, 128, 128, 128, 8, 128, 128, 128, 128]` on 640.
    Autoencoder {
        /// Width of each hidden layer.
        hidden: Vec<usize>,
    },
    /// Hiatt's CNN, version 16: 1x4 kernels that look along time only. Designed for MFCC stacked on mel, `[1, 148, 128]`.
    #[serde(rename = "avian_v16")]
    AvianV16,
    /// Hiatt's CNN, version 17: 60 filters of 3x3, pools of 3x3. Designed for `[1, 148, 128]`.
    #[serde(rename = "avian_v17")]
    AvianV17,
    /// Hiatt's CNN, version 18: 64 filters of 3x3, pools of 2x2. Designed for `[1, 148, 128]`.
    #[serde(rename = "avian_v18")]
    AvianV18,
    /// Hiatt's final CNN, version 20: 64 filters of 3x3, pools of 3x3. Designed for `[1, 128, 128]`.
    #[serde(rename = "avian_v20")]
    AvianV20,
    /// Three bidirectional LSTM layers that decide every frame of a sequence `[frame, feature]` (Leglaive et al. 2015).
    #[serde(rename = "bi_lstm")]
    BiLstm,
    /// Our residual network for log-mel spectrograms of any number of bands, and of frames.
    #[serde(rename = "bird_resnet")]
    BirdResNet(BirdResNetParams),
    /// Fully connected layers with ReLUs, for feature vectors `[feature]`.
    Mlp {
        /// Width of each hidden layer.
        hidden: Vec<usize>,
        /// Probability that a hidden value is dropped in training, in [0, 1).
        #[serde(default)]
        dropout: f64,
    },
    /// The convolutional network for singing of Schlüter and Grill (2015); designed for `[1, 80, 115]`.
    Scnn {
        /// The original, or Lee et al.'s (2018) reading of it.
        variant: ScnnVariant,
    },
    /// Residual network with squeeze and excitation (Gui et al. 2022), for log-mel spectrograms of any size.
    #[serde(rename = "se_resnet")]
    SeResNet(SeResNetParams),
}

impl Network {
    /// A name for people, such as `avian CNN v20`.
    pub fn name(&self) -> String {
        match self {
            Network::Autoencoder { hidden } => format!("autoencoder {hidden:?}"),
            Network::AvianV16 => "avian CNN v16".into(),
            Network::AvianV17 => "avian CNN v17".into(),
            Network::AvianV18 => "avian CNN v18".into(),
            Network::AvianV20 => "avian CNN v20".into(),
            Network::BiLstm => "Bi-LSTM".into(),
            Network::BirdResNet(params) => format!("bird ResNet {:?}", params.widths),
            Network::Mlp { hidden, .. } => format!("MLP {hidden:?}"),
            Network::Scnn { variant: ScnnVariant::Schlueter } => "SCNN".into(),
            Network::Scnn { variant: ScnnVariant::Lee } => "SCNN (Lee)".into(),
            Network::SeResNet(params) if params.width == 64 => format!("SE-ResNet-{}", params.depth),
            Network::SeResNet(params) => format!("SE-ResNet-{} of width {}", params.depth, params.width),
        }
    }

    /// The shape of one example the network was designed for; `None` stands for an axis of any size.
    ///
    /// The avian networks end in a mean over both axes, so they also take other sizes than their paper's.
    pub fn input_shape(&self) -> Vec<Option<usize>> {
        match self {
            Network::AvianV16 | Network::AvianV17 | Network::AvianV18 => vec![Some(1), Some(148), Some(128)],
            Network::AvianV20 => vec![Some(1), Some(128), Some(128)],
            Network::BiLstm => vec![None, None],
            Network::BirdResNet(_) | Network::SeResNet(_) => vec![Some(1), None, None],
            Network::Autoencoder { .. } | Network::Mlp { .. } => vec![None],
            Network::Scnn { .. } => vec![Some(1), Some(80), Some(115)],
        }
    }

    /// How many decisions the network makes about one example: one, or one for each frame of a sequence.
    pub fn decisions(&self, input_shape: &[usize]) -> usize {
        match self {
            Network::BiLstm => input_shape.first().copied().unwrap_or(1),
            _ => 1,
        }
    }

    /// Makes the layers below `path`, with one logit for each of `classes`.
    pub(crate) fn build(
        &self,
        path: &nn::Path,
        input_shape: &[usize],
        classes: usize,
    ) -> Result<Box<dyn Layer>> {
        self.check(input_shape)?;
        let classes = classes as i64;
        Ok(match self {
            Network::Autoencoder { hidden } if classes == input_shape[0] as i64 => {
                Box::new(autoencoder::Autoencoder::new(path, classes, hidden)?)
            }
            Network::Autoencoder { .. } => {
                return Err(Error::parameter("network", self.name(), "one that tells classes apart"));
            }
            Network::AvianV16 => Box::new(avian::AvianCnn::v16(path, classes)?),
            Network::AvianV17 => Box::new(avian::AvianCnn::v17(path, classes)?),
            Network::AvianV18 => Box::new(avian::AvianCnn::v18(path, classes)?),
            Network::AvianV20 => Box::new(avian::AvianCnn::v20(path, classes)?),
            Network::BiLstm => Box::new(bi_lstm::StackedBiLstm::new(path, input_shape[1] as i64, classes)?),
            Network::BirdResNet(params) => {
                Box::new(bird_resnet::BirdResNet::new(path, params, input_shape[1], classes)?)
            }
            Network::Mlp { hidden, dropout } => {
                Box::new(mlp::Mlp::new(path, input_shape[0] as i64, hidden, *dropout, classes)?)
            }
            Network::Scnn { variant } => {
                Box::new(scnn::Scnn::new(path, *variant, [input_shape[1], input_shape[2]], classes)?)
            }
            Network::SeResNet(params) => Box::new(se_resnet::SeResNet::new(path, params, classes)?),
        })
    }

    /// Checks the number of axes and of channels; sizes that vanish in a pool show when the network is first run.
    pub(crate) fn check(&self, input_shape: &[usize]) -> Result<()> {
        let axes = self.input_shape().len();
        let image = axes == 3;
        let fits = input_shape.len() == axes
            && input_shape.iter().all(|&size| size > 0)
            && (!image || input_shape[0] == 1);
        let expected = match axes {
            3 => "[1, mel, frame]",
            2 => "[frame, feature]",
            _ => "[feature]",
        };
        if fits { Ok(()) } else { Err(self.refuse(input_shape, expected)) }
    }

    pub(crate) fn refuse(&self, shape: &[usize], expected: &str) -> Error {
        Error::InputShape { network: self.name(), shape: shape.to_vec(), expected: expected.into() }
    }
}

/// A dropout probability must leave something.
fn check_dropout(probability: f64) -> Result<()> {
    if (0.0..1.0).contains(&probability) {
        Ok(())
    } else {
        Err(Error::parameter("dropout", probability, "a probability in [0, 1)"))
    }
}

/// Layer widths must be positive, and small enough to be multiplied with each other.
fn check_widths(name: &'static str, widths: &[usize]) -> Result<()> {
    if widths.iter().any(|width| !(1..=1 << 20).contains(width)) {
        return Err(Error::parameter(name, format!("{widths:?}"), "widths of at least 1 and at most 2^20"));
    }
    Ok(())
}
