//! Initial weights, by the names of the frameworks and papers whose results depend on them.
//!
//! tch's own defaults are neither PyTorch's nor Keras': its convolutions use a ReLU gain and its batch norms draw
//! their scales from U(0, 1). Every layer of this crate therefore states its initialiser.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, nn};

use crate::budget;
use crate::error::{During, Result};

/// How the weights of convolutions and linear layers start.
///
/// Batch norms always start with scale 1 and shift 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Init {
    /// PyTorch's default: weights and biases from U(-b, b), b = 1 / sqrt(fan in).
    ///
    /// (Written there as Kaiming uniform with a = sqrt 5.)
    Torch,
    /// Keras' default: weights from U(-b, b), b = sqrt(6 / (fan in + fan out)) (Glorot & Bengio 2010, eq. 16);
    /// biases 0.
    KerasGlorot,
    /// Weights from N(0, 2 / fan out) (He et al. 2015, eq. 14), for networks of ReLUs; biases 0.
    #[default]
    He,
    /// Weights with orthonormal rows or columns, times sqrt 2 for the ReLU (Saxe et al. 2014); biases 0.
    Orthogonal,
}

impl Init {
    /// Makes the trainable `weight`, of shape `[out, in, kernel...]`, below `path`.
    pub(crate) fn add_weight(self, path: &nn::Path, shape: &[i64]) -> Result<Tensor> {
        budget::take(shape)?;
        Ok(path.add("weight", draw(self.weight(shape), shape, path.device())?, true))
    }

    /// Makes the trainable `bias` that goes with a weight of this shape below `path`.
    pub(crate) fn add_bias(self, path: &nn::Path, weight_shape: &[i64]) -> Result<Tensor> {
        budget::take(&weight_shape[..1])?;
        let bias = draw(self.bias(weight_shape), &weight_shape[..1], path.device())?;
        Ok(path.add("bias", bias, true))
    }

    fn weight(self, shape: &[i64]) -> nn::Init {
        let (fan_in, fan_out) = fans(shape);
        match self {
            Init::Torch => uniform(1.0 / fan_in.sqrt()),
            Init::KerasGlorot => uniform((6.0 / (fan_in + fan_out)).sqrt()),
            Init::He => nn::Init::Randn { mean: 0.0, stdev: (2.0 / fan_out).sqrt() },
            Init::Orthogonal => nn::Init::Orthogonal { gain: std::f64::consts::SQRT_2 },
        }
    }

    fn bias(self, weight_shape: &[i64]) -> nn::Init {
        match self {
            Init::Torch => uniform(1.0 / fans(weight_shape).0.sqrt()),
            Init::KerasGlorot | Init::He | Init::Orthogonal => nn::Init::Const(0.0),
        }
    }
}

fn draw(init: nn::Init, shape: &[i64], device: Device) -> Result<Tensor> {
    // tch leaves orthogonal kernels flattened to a matrix.
    nn::f_init(init, shape, device, Kind::Float)
        .and_then(|t| t.f_reshape(shape))
        .during("drawing initial weights")
}

fn uniform(bound: f64) -> nn::Init {
    nn::Init::Uniform { lo: -bound, up: bound }
}

/// How many values each output of the layer sums, and how many outputs each input reaches.
fn fans(shape: &[i64]) -> (f64, f64) {
    let receptive: i64 = shape.iter().skip(2).product();
    ((shape[1] * receptive) as f64, (shape[0] * receptive) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::to_vec;
    use crate::random::with_seed;

    fn draw(init: nn::Init, shape: &[i64]) -> Vec<f64> {
        let tensor = with_seed(1, || super::draw(init, shape, Device::Cpu)).unwrap();
        assert_eq!(tensor.size(), shape);
        to_vec(&tensor).unwrap().into_iter().map(f64::from).collect()
    }

    fn moments(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt())
    }

    /// A uniform draw stays within its bound, comes near it, and has the spread bound / sqrt 3.
    fn assert_uniform(values: &[f64], bound: f64) {
        let greatest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        assert!(greatest <= bound * (1.0 + 1e-6) && greatest > 0.99 * bound, "{greatest} {bound}");
        let (mean, deviation) = moments(values);
        assert!(mean.abs() < 0.02 * bound, "{mean}");
        assert!((deviation * 3f64.sqrt() / bound - 1.0).abs() < 0.02, "{deviation} {bound}");
    }

    const CONV: [i64; 4] = [64, 32, 3, 3];

    #[test]
    fn torch_is_uniform_within_one_over_root_fan_in() {
        let bound = 1.0 / (32.0 * 9.0_f64).sqrt();
        assert_uniform(&draw(Init::Torch.weight(&CONV), &CONV), bound);
        assert_uniform(&draw(Init::Torch.bias(&[5, 100]), &[4000]), 0.1);
    }

    #[test]
    fn glorot_is_uniform_within_its_bound_and_biases_are_zero() {
        assert_uniform(&draw(Init::KerasGlorot.weight(&CONV), &CONV), (6.0 / (96.0 * 9.0_f64)).sqrt());
        assert_eq!(draw(Init::KerasGlorot.bias(&CONV), &[64]), [0.0; 64]);
    }

    #[test]
    fn he_has_variance_two_over_fan_out() {
        let (mean, deviation) = moments(&draw(Init::He.weight(&CONV), &CONV));
        let expected = (2.0 / (64.0 * 9.0_f64)).sqrt();
        assert!(
            mean.abs() < 0.02 * expected && (deviation / expected - 1.0).abs() < 0.02,
            "{mean} {deviation}"
        );
        assert_eq!(draw(Init::He.bias(&CONV), &[64]), [0.0; 64]);
    }

    #[test]
    fn orthogonal_rows_are_orthogonal_and_of_length_root_two() {
        let shape = [8, 3, 3, 3];
        let rows = draw(Init::Orthogonal.weight(&shape), &shape);
        for (i, a) in rows.chunks(27).enumerate() {
            for (j, b) in rows.chunks(27).enumerate() {
                let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                assert!((product - if i == j { 2.0 } else { 0.0 }).abs() < 1e-5, "{i} {j} {product}");
            }
        }
    }

    #[test]
    fn tall_orthogonal_weights_have_orthogonal_columns() {
        let columns = draw(Init::Orthogonal.weight(&[20, 6]), &[20, 6]);
        for i in 0..6 {
            for j in 0..6 {
                let product: f64 = (0..20).map(|row| columns[row * 6 + i] * columns[row * 6 + j]).sum();
                assert!((product - if i == j { 2.0 } else { 0.0 }).abs() < 1e-5, "{i} {j} {product}");
            }
        }
    }
}
