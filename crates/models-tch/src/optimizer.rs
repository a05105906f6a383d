//! Gradient descent whose state can be saved: libtorch's C interface does not give that of its own optimisers.
//!
//! The updates are those of `torch.optim.Adam`, `AdamW` and `SGD`, to rounding.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tch::{Tensor, nn};

use crate::error::{During, Error, Result};

/// The rule by which gradients change parameters; in TOML or JSON a table with a `kind`.
///
/// Weight decay spares vectors (biases and the scales and shifts of batch norms); to say the same in PyTorch,
/// put them in a parameter group of their own with `weight_decay=0`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum OptimizerParams {
    /// Adam (Kingma & Ba 2015); weight decay, if any, is added to the gradient.
    Adam {
        /// Learning rate, 1e-3 unless told otherwise.
        #[serde(default = "default::lr")]
        lr: f64,
        /// Decay of the mean gradient, 0.9 unless told otherwise.
        #[serde(default = "default::beta1")]
        beta1: f64,
        /// Decay of the mean squared gradient, 0.999 unless told otherwise.
        #[serde(default = "default::beta2")]
        beta2: f64,
        /// Added to the root of the mean squared gradient, 1e-8 unless told otherwise (Keras uses 1e-7).
        #[serde(default = "default::eps")]
        eps: f64,
        /// Factor of the weights added to their gradient, 0 unless told otherwise.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2019).
    AdamW {
        /// Learning rate, 1e-3 unless told otherwise.
        #[serde(default = "default::lr")]
        lr: f64,
        /// Decay of the mean gradient, 0.9 unless told otherwise.
        #[serde(default = "default::beta1")]
        beta1: f64,
        /// Decay of the mean squared gradient, 0.999 unless told otherwise.
        #[serde(default = "default::beta2")]
        beta2: f64,
        /// Added to the root of the mean squared gradient, 1e-8 unless told otherwise.
        #[serde(default = "default::eps")]
        eps: f64,
        /// Share of the weights, times the learning rate, taken off each step; 0.01 unless told otherwise.
        #[serde(default = "default::decoupled_decay")]
        weight_decay: f64,
    },
    /// Stochastic gradient descent with Nesterov's momentum (Sutskever et al. 2013); plain with momentum 0.
    Sgd {
        /// Learning rate, 0.01 unless told otherwise.
        #[serde(default = "default::sgd_lr")]
        lr: f64,
        /// Decay of the velocity, 0.9 unless told otherwise.
        #[serde(default = "default::momentum")]
        momentum: f64,
        /// Factor of the weights added to their gradient, 0 unless told otherwise.
        #[serde(default)]
        weight_decay: f64,
    },
}

mod default {
    pub(super) fn lr() -> f64 {
        1e-3
    }
    pub(super) fn sgd_lr() -> f64 {
        1e-2
    }
    pub(super) fn beta1() -> f64 {
        0.9
    }
    pub(super) fn beta2() -> f64 {
        0.999
    }
    pub(super) fn eps() -> f64 {
        1e-8
    }
    pub(super) fn decoupled_decay() -> f64 {
        1e-2
    }
    pub(super) fn momentum() -> f64 {
        0.9
    }
}

impl Default for OptimizerParams {
    fn default() -> Self {
        OptimizerParams::adam(default::lr())
    }
}

impl OptimizerParams {
    /// Adam with this learning rate and PyTorch's defaults.
    pub fn adam(lr: f64) -> Self {
        OptimizerParams::Adam {
            lr,
            beta1: default::beta1(),
            beta2: default::beta2(),
            eps: default::eps(),
            weight_decay: 0.0,
        }
    }

    /// AdamW with this learning rate and weight decay.
    pub fn adamw(lr: f64, weight_decay: f64) -> Self {
        OptimizerParams::AdamW {
            lr,
            beta1: default::beta1(),
            beta2: default::beta2(),
            eps: default::eps(),
            weight_decay,
        }
    }

    /// Stochastic gradient descent with Nesterov's momentum.
    pub fn sgd(lr: f64, momentum: f64) -> Self {
        OptimizerParams::Sgd { lr, momentum, weight_decay: 0.0 }
    }

    /// The learning rate before any schedule.
    pub fn learning_rate(&self) -> f64 {
        let (OptimizerParams::Adam { lr, .. }
        | OptimizerParams::AdamW { lr, .. }
        | OptimizerParams::Sgd { lr, .. }) = self;
        *lr
    }

    pub(crate) fn check(&self) -> Result<()> {
        let decays: &[(&'static str, f64)] = match self {
            OptimizerParams::Adam { beta1, beta2, .. } | OptimizerParams::AdamW { beta1, beta2, .. } => {
                &[("beta1", *beta1), ("beta2", *beta2)]
            }
            OptimizerParams::Sgd { momentum, .. } => &[("momentum", *momentum)],
        };
        for &(name, value) in decays {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::parameter(name, value, "a decay in [0, 1)"));
            }
        }
        let (OptimizerParams::Adam { weight_decay, .. }
        | OptimizerParams::AdamW { weight_decay, .. }
        | OptimizerParams::Sgd { weight_decay, .. }) = *self;
        let eps = match *self {
            OptimizerParams::Adam { eps, .. } | OptimizerParams::AdamW { eps, .. } => eps,
            OptimizerParams::Sgd { .. } => 0.0,
        };
        for (name, value) in [("lr", self.learning_rate()), ("weight_decay", weight_decay), ("eps", eps)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::parameter(name, value, "a finite number of at least 0"));
            }
        }
        Ok(())
    }
}

/// An optimiser at work on the trainable variables of a store.
pub(crate) struct Optimizer {
    params: OptimizerParams,
    variables: Vec<Variable>,
    /// Steps taken so far.
    pub(crate) steps: u64,
}

struct Variable {
    name: String,
    value: Tensor,
    /// Mean gradient (Adam) or velocity (SGD).
    first: Tensor,
    /// Mean squared gradient (Adam); unused by SGD.
    second: Option<Tensor>,
}

impl Optimizer {
    pub(crate) fn new(params: OptimizerParams, store: &nn::VarStore) -> Result<Self> {
        params.check()?;
        let mut variables = Vec::new();
        for (name, value) in sorted(store).into_iter().filter(|(_, value)| value.requires_grad()) {
            let zeros = || value.f_detach().and_then(|v| v.f_zeros_like()).during("making optimiser state");
            let second = match params {
                OptimizerParams::Sgd { .. } => None,
                _ => Some(zeros()?),
            };
            variables.push(Variable { first: zeros()?, second, name, value });
        }
        Ok(Optimizer { params, variables, steps: 0 })
    }

    /// Takes one step down the gradient of `loss`, with the gradient shortened to `clip_norm` if it is longer.
    pub(crate) fn step(&mut self, loss: &Tensor, learning_rate: f64, clip_norm: Option<f64>) -> Result<()> {
        let values: Vec<&Tensor> = self.variables.iter().map(|variable| &variable.value).collect();
        let mut gradients =
            Tensor::f_run_backward(&[loss], &values, false, false).during("back-propagation")?;
        let _no_grad = tch::no_grad_guard();
        if let Some(longest) = clip_norm {
            clip(&mut gradients, longest).during("clipping gradients")?;
        }
        self.steps += 1;
        for (variable, gradient) in self.variables.iter_mut().zip(gradients) {
            variable.update(self.params, gradient, learning_rate, self.steps).during("an optimiser step")?;
        }
        Ok(())
    }

    /// What a checkpoint must hold beside the variables and `steps`.
    pub(crate) fn state(&self) -> impl Iterator<Item = (String, &Tensor)> {
        self.variables.iter().flat_map(|Variable { name, first, second, .. }| {
            let first = (format!("{name}.first"), first);
            let second = second.as_ref().map(|second| (format!("{name}.second"), second));
            std::iter::once(first).chain(second)
        })
    }
}

impl Variable {
    fn update(
        &mut self,
        params: OptimizerParams,
        mut gradient: Tensor,
        lr: f64,
        step: u64,
    ) -> std::result::Result<(), tch::TchError> {
        let decays = self.value.dim() > 1;
        match params {
            OptimizerParams::Adam { beta1, beta2, eps, weight_decay, .. } => {
                if decays && weight_decay != 0.0 {
                    gradient = gradient.f_add(&self.value.f_mul_scalar(weight_decay)?)?;
                }
                self.adam(gradient, lr, [beta1, beta2], eps, step)
            }
            OptimizerParams::AdamW { beta1, beta2, eps, weight_decay, .. } => {
                if decays && weight_decay != 0.0 {
                    let _ = self.value.f_mul_scalar_(1.0 - lr * weight_decay)?;
                }
                self.adam(gradient, lr, [beta1, beta2], eps, step)
            }
            OptimizerParams::Sgd { momentum, weight_decay, .. } => {
                if decays && weight_decay != 0.0 {
                    gradient = gradient.f_add(&self.value.f_mul_scalar(weight_decay)?)?;
                }
                let velocity = &mut self.first;
                let _ = velocity.f_mul_scalar_(momentum)?.f_add_(&gradient)?;
                // Nesterov: look ahead along the new velocity.
                let direction = velocity.f_mul_scalar(momentum)?.f_add_(&gradient)?;
                self.value.f_sub_(&direction.f_mul_scalar(lr)?).map(drop)
            }
        }
    }

    /// Algorithm 1 of Kingma & Ba, with the bias corrections folded into the step as at the end of their section 2: each pass
    /// over millions of weights that is saved is a hundredth of a training step. Uses `gradient` up.
    fn adam(
        &mut self,
        mut gradient: Tensor,
        lr: f64,
        [beta1, beta2]: [f64; 2],
        eps: f64,
        step: u64,
    ) -> std::result::Result<(), tch::TchError> {
        let Some(second) = &mut self.second else { return Ok(()) };
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        let spread = correction(beta2).sqrt();
        let _ = self.first.f_lerp_(&gradient, 1.0 - beta1)?;
        let _ = second.f_lerp_(&gradient.f_square_()?, 1.0 - beta2)?;
        // sqrt(second / c2) + eps, times sqrt(c2), which goes into the step.
        let root = second.f_sqrt()?.f_add_scalar_(eps * spread)?;
        let change = self.first.f_mul_scalar(-lr * spread / correction(beta1))?;
        self.value.f_addcdiv_(&change, &root).map(drop)
    }
}

/// Shortens gradients whose common Euclidean norm exceeds `longest`, as `torch.nn.utils.clip_grad_norm_`.
fn clip(gradients: &mut [Tensor], longest: f64) -> std::result::Result<(), tch::TchError> {
    let mut squares = 0.0;
    for gradient in gradients.iter() {
        squares += f64::try_from(gradient.f_square()?.f_sum(None)?)?;
    }
    let factor = longest / (squares.sqrt() + 1e-6);
    if factor < 1.0 {
        for gradient in gradients {
            *gradient = gradient.f_mul_scalar(factor)?;
        }
    }
    Ok(())
}

/// A store's variables by name.
pub(crate) fn sorted(store: &nn::VarStore) -> BTreeMap<String, Tensor> {
    store.variables().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::{to_tensor, to_vec};
    use tch::{Device, Kind, Reduction};

    #[derive(Deserialize)]
    struct Golden {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        params: OptimizerParams,
        clip_norm: Option<f64>,
        /// Weight and bias after each step.
        steps: Vec<Vec<f32>>,
    }

    /// The numbers of `tests/golden/generate.py`'s function of the same name.
    fn formula(shape: &[i64], salt: f64) -> Tensor {
        let count = shape.iter().product::<i64>();
        let values: Vec<f32> =
            (0..count).map(|index| ((index % 1009).pow(2) as f64 * 0.7 + salt).sin() as f32).collect();
        to_tensor(&values, shape, Device::Cpu).unwrap()
    }

    #[test]
    fn twenty_steps_equal_pytorchs() {
        let golden: Golden = serde_json::from_str(include_str!("../tests/golden/optimizers.json")).unwrap();
        let (x, y) = (formula(&[6, 4], 1.0), formula(&[6, 3], 2.0));
        for Case { params, clip_norm, steps } in golden.cases {
            let store = nn::VarStore::new(Device::Cpu);
            let weight = store.root().add("weight", formula(&[3, 4], 3.0), true);
            let bias = store.root().add("bias", formula(&[3], 4.0), true);
            let mut optimizer = Optimizer::new(params, &store).unwrap();
            let mut greatest = 0.0_f32;
            assert_eq!(steps.len(), 20);
            for expected in steps {
                let loss = x.linear(&weight, Some(&bias)).mse_loss(&y, Reduction::Mean);
                optimizer.step(&loss, params.learning_rate(), clip_norm).unwrap();
                let found = [to_vec(&weight).unwrap(), to_vec(&bias).unwrap()].concat();
                assert_eq!(found.len(), expected.len());
                for (a, b) in found.iter().zip(&expected) {
                    greatest = greatest.max((a - b).abs());
                }
            }
            println!("{params:?} clip {clip_norm:?}: {greatest:e}");
            assert!(greatest < 1e-6, "{params:?} clip {clip_norm:?}: {greatest:e}");
        }
    }

    #[test]
    fn gradients_are_clipped_together() {
        let mut gradients = [3.0, 4.0].map(|v| Tensor::full([1], v, (Kind::Double, Device::Cpu)));
        clip(&mut gradients, 10.0).unwrap();
        assert_eq!(gradients[1].double_value(&[0]), 4.0);
        clip(&mut gradients, 1.0).unwrap();
        assert!((gradients[0].double_value(&[0]) - 0.6).abs() < 1e-6);
        assert!((gradients[1].double_value(&[0]) - 0.8).abs() < 1e-6);
    }
}
