//! The networks, as plain descriptions that a recipe or a checkpoint can hold.

mod avian;
mod bird_resnet;
mod mlp;
pub(crate) mod unet;

use serde::{Deserialize, Serialize};
use tch::nn;

pub use bird_resnet::BirdResNetParams;
pub use unet::UNetParams;

use crate::error::{Error, Result};
use crate::layers::Layer;

/// A network with its hyper-parameters; in TOML or JSON a table with a `kind`.
///
/// Every network maps examples of one shape to one logit per class. Images are `[channel, mel, frame]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Network {
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
}

impl Network {
    /// A name for people, such as `avian CNN v20`.
    pub fn name(&self) -> String {
        match self {
            Network::AvianV16 => "avian CNN v16".into(),
            Network::AvianV17 => "avian CNN v17".into(),
            Network::AvianV18 => "avian CNN v18".into(),
            Network::AvianV20 => "avian CNN v20".into(),
            Network::BirdResNet(params) => format!("bird ResNet {:?}", params.widths),
            Network::Mlp { hidden, .. } => format!("MLP {hidden:?}"),
        }
    }

    /// The shape of one example the network was designed for; `None` stands for an axis of any size.
    ///
    /// The avian networks end in a mean over both axes, so they also take other sizes than their paper's.
    pub fn input_shape(&self) -> Vec<Option<usize>> {
        match self {
            Network::AvianV16 | Network::AvianV17 | Network::AvianV18 => vec![Some(1), Some(148), Some(128)],
            Network::AvianV20 => vec![Some(1), Some(128), Some(128)],
            Network::BirdResNet(_) => vec![Some(1), None, None],
            Network::Mlp { .. } => vec![None],
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
            Network::AvianV16 => Box::new(avian::AvianCnn::v16(path, classes)?),
            Network::AvianV17 => Box::new(avian::AvianCnn::v17(path, classes)?),
            Network::AvianV18 => Box::new(avian::AvianCnn::v18(path, classes)?),
            Network::AvianV20 => Box::new(avian::AvianCnn::v20(path, classes)?),
            Network::BirdResNet(params) => {
                Box::new(bird_resnet::BirdResNet::new(path, params, input_shape[1], classes)?)
            }
            Network::Mlp { hidden, dropout } => {
                Box::new(mlp::Mlp::new(path, input_shape[0] as i64, hidden, *dropout, classes)?)
            }
        })
    }

    /// Checks the number of axes and of channels; sizes that vanish in a pool show when the network is first run.
    pub(crate) fn check(&self, input_shape: &[usize]) -> Result<()> {
        let image = !matches!(self, Network::Mlp { .. });
        let fits = match input_shape {
            [channels, rows, columns] => image && *channels == 1 && *rows > 0 && *columns > 0,
            [features] => !image && *features > 0,
            _ => false,
        };
        let expected = if image { "[1, mel, frame]" } else { "[feature]" };
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

/// Layer widths must be positive.
fn check_widths(name: &'static str, widths: &[usize]) -> Result<()> {
    if widths.contains(&0) {
        return Err(Error::parameter(name, format!("{widths:?}"), "widths of at least 1"));
    }
    Ok(())
}
