//! Layers whose parameters are named as PyTorch's `nn.Module`s name them, and which report bad shapes as errors.

use tch::{Tensor, nn};

use crate::budget;
use crate::error::{During, Error, Result};
use crate::init::Init;

/// A differentiable map from a batch of inputs to a batch of outputs.
pub(crate) trait Layer: Send {
    /// `train` turns dropout on and makes batch norms use, and learn from, the batch's own statistics.
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor>;
}

/// Two-dimensional convolution; `[batch, channel, row, column]` in and out.
pub(crate) struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    stride: i64,
    padding: [i64; 2],
}

impl Conv2d {
    /// A convolution with a bias that keeps to the inside of its input ("valid" in Keras).
    pub(crate) fn valid(path: &nn::Path, channels: [i64; 2], kernel: [i64; 2], init: Init) -> Result<Self> {
        let shape = weight_shape(channels, kernel);
        Ok(Conv2d {
            weight: init.add_weight(path, &shape)?,
            bias: Some(init.add_bias(path, &shape)?),
            stride: 1,
            padding: [0, 0],
        })
    }

    /// A convolution with an odd square kernel, zero-padded to keep the size up to its stride, without a bias:
    /// a batch norm follows.
    pub(crate) fn same(
        path: &nn::Path,
        channels: [i64; 2],
        kernel: i64,
        stride: i64,
        init: Init,
    ) -> Result<Self> {
        let shape = weight_shape(channels, [kernel, kernel]);
        Ok(Conv2d {
            weight: init.add_weight(path, &shape)?,
            bias: None,
            stride,
            padding: [kernel / 2, kernel / 2],
        })
    }

    /// A convolution with an odd square kernel and a bias that halves even rows and columns.
    pub(crate) fn halving(path: &nn::Path, channels: [i64; 2], kernel: i64, init: Init) -> Result<Self> {
        let shape = weight_shape(channels, [kernel, kernel]);
        Ok(Conv2d {
            weight: init.add_weight(path, &shape)?,
            bias: Some(init.add_bias(path, &shape)?),
            stride: 2,
            padding: [kernel / 2, kernel / 2],
        })
    }
}

fn weight_shape([inputs, outputs]: [i64; 2], [rows, columns]: [i64; 2]) -> [i64; 4] {
    [outputs, inputs, rows, columns]
}

impl Layer for Conv2d {
    fn forward(&self, input: &Tensor, _train: bool) -> Result<Tensor> {
        let stride = [self.stride, self.stride];
        input
            .f_conv2d(&self.weight, self.bias.as_ref(), stride, self.padding, [1, 1], 1)
            .during("a convolution")
    }
}

/// Transposed two-dimensional convolution with an odd square kernel that doubles rows and columns.
pub(crate) struct ConvTranspose2d {
    weight: Tensor,
    bias: Tensor,
}

impl ConvTranspose2d {
    pub(crate) fn doubling(
        path: &nn::Path,
        [inputs, outputs]: [i64; 2],
        kernel: i64,
        init: Init,
    ) -> Result<Self> {
        // PyTorch takes the second axis for the fan-in here too, though it is the outputs'; its bias follows the same
        // fan, which a square weight of the outputs has.
        Ok(ConvTranspose2d {
            weight: init.add_weight(path, &[inputs, outputs, kernel, kernel])?,
            bias: init.add_bias(path, &[outputs, outputs, kernel, kernel])?,
        })
    }
}

impl Layer for ConvTranspose2d {
    fn forward(&self, input: &Tensor, _train: bool) -> Result<Tensor> {
        let padding = self.weight.size()[2] / 2;
        input
            .f_conv_transpose2d(&self.weight, Some(&self.bias), [2, 2], [padding; 2], [1, 1], 1, [1, 1])
            .during("a transposed convolution")
    }
}

/// One-dimensional convolution with an odd kernel, zero-padded to keep the length, without a bias: a batch norm
/// follows; `[batch, channel, frame]` in and out.
pub(crate) struct Conv1d {
    weight: Tensor,
}

impl Conv1d {
    pub(crate) fn same(
        path: &nn::Path,
        [inputs, outputs]: [i64; 2],
        kernel: i64,
        init: Init,
    ) -> Result<Self> {
        Ok(Conv1d { weight: init.add_weight(path, &[outputs, inputs, kernel])? })
    }
}

impl Layer for Conv1d {
    fn forward(&self, input: &Tensor, _train: bool) -> Result<Tensor> {
        let padding = self.weight.size()[2] / 2;
        input.f_conv1d(&self.weight, None::<&Tensor>, 1, padding, 1, 1).during("a convolution along time")
    }
}

/// Batch normalisation over all axes but the channel's (Ioffe & Szegedy 2015), momentum 0.1, epsilon 1e-5.
pub(crate) struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
}

impl BatchNorm {
    pub(crate) fn new(path: &nn::Path, channels: i64) -> Result<Self> {
        budget::take(&[channels])?;
        let build = || {
            Ok(BatchNorm {
                weight: path.f_ones("weight", &[channels])?,
                bias: path.f_zeros("bias", &[channels])?,
                running_mean: path.f_zeros_no_train("running_mean", &[channels])?,
                running_var: path.f_ones_no_train("running_var", &[channels])?,
            })
        };
        build().during("making a batch norm")
    }
}

impl Layer for BatchNorm {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        // libtorch would divide by zero and leave NaN in `running_var`.
        if train && input.numel() == self.weight.numel() {
            let expected =
                "such that no batch is left with one example, where feature maps end as single pixels";
            return Err(Error::parameter("batch_size", "a size that leaves one example over", expected));
        }
        input
            .f_batch_norm(
                Some(&self.weight),
                Some(&self.bias),
                Some(&self.running_mean),
                Some(&self.running_var),
                train,
                0.1,
                1e-5,
                true,
            )
            .during("a batch norm")
    }
}

/// Affine map of the last axis.
pub(crate) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub(crate) fn new(path: &nn::Path, inputs: i64, outputs: i64, init: Init) -> Result<Self> {
        let shape = [outputs, inputs];
        Ok(Linear { weight: init.add_weight(path, &shape)?, bias: init.add_bias(path, &shape)? })
    }
}

impl Layer for Linear {
    fn forward(&self, input: &Tensor, _train: bool) -> Result<Tensor> {
        input.f_linear(&self.weight, Some(&self.bias)).during("a linear layer")
    }
}

/// Linear map of the last axis.
pub(crate) struct LinearNoBias {
    weight: Tensor,
}

impl LinearNoBias {
    pub(crate) fn new(path: &nn::Path, inputs: i64, outputs: i64, init: Init) -> Result<Self> {
        Ok(LinearNoBias { weight: init.add_weight(path, &[outputs, inputs])? })
    }
}

impl Layer for LinearNoBias {
    fn forward(&self, input: &Tensor, _train: bool) -> Result<Tensor> {
        input.f_linear(&self.weight, None::<&Tensor>).during("a linear layer")
    }
}

/// Long short-term memory along time, in both directions (Graves & Schmidhuber 2005); `[batch, frame, feature]` to
/// `[batch, frame, 2 units]`. Weights start as PyTorch's: all from U(-b, b), b = 1 / sqrt(units).
pub(crate) struct BiLstm {
    /// Input and recurrent weights and their biases, forwards, then backwards.
    parameters: Vec<Tensor>,
    units: i64,
}

impl BiLstm {
    pub(crate) fn new(path: &nn::Path, inputs: i64, units: i64) -> Result<Self> {
        let bound = 1.0 / (units as f64).sqrt();
        let uniform = nn::Init::Uniform { lo: -bound, up: bound };
        let shapes: [(&str, &[i64]); 4] = [
            ("weight_ih_l0", &[4 * units, inputs]),
            ("weight_hh_l0", &[4 * units, units]),
            ("bias_ih_l0", &[4 * units]),
            ("bias_hh_l0", &[4 * units]),
        ];
        let mut parameters = Vec::new();
        for direction in ["", "_reverse"] {
            for (name, shape) in shapes {
                let name = format!("{name}{direction}");
                budget::take(shape)?;
                parameters.push(path.f_var(&name, shape, uniform).during("making an LSTM")?);
            }
        }
        Ok(BiLstm { parameters, units })
    }
}

impl Layer for BiLstm {
    fn forward(&self, input: &Tensor, train: bool) -> Result<Tensor> {
        let zeros = || {
            let shape = [2, input.size()[0], self.units];
            Tensor::f_zeros(shape, (input.kind(), input.device())).during("an LSTM's first state")
        };
        let parameters: Vec<&Tensor> = self.parameters.iter().collect();
        let (output, _, _) = input
            .f_lstm(&[&zeros()?, &zeros()?], &parameters, true, 1, 0.0, train, true, true)
            .during("an LSTM")?;
        Ok(output)
    }
}

/// Puts a logit of 0 before the others along the last axis: the softmax of (0, z) is the sigmoid of z, so that
/// networks with one output keep their parameter count and train by the same cross-entropy.
pub(crate) fn against_first(logits: &Tensor) -> Result<Tensor> {
    let first = logits.f_narrow(-1, 0, 1).and_then(|first| first.f_zeros_like()).during("a logit of 0")?;
    Tensor::f_cat(&[first, logits.shallow_clone()], -1).during("a logit of 0")
}

/// Zeroes each value with this probability while training.
pub(crate) fn dropout(input: &Tensor, probability: f64, train: bool) -> Result<Tensor> {
    input.f_dropout(probability, train).during("dropout")
}

/// `x` where it is positive, `slope * x` elsewhere.
pub(crate) fn leaky_relu(input: &Tensor, slope: f64) -> Result<Tensor> {
    // tch's own has no slope to set. The gradient's kernel, "scale by the slope wherever this is negative", applied
    // to the input itself computes the same; a PReLU takes five times as long.
    input.f_leaky_relu_backward(&input.detach(), slope, false).during("a leaky ReLU")
}
