//! The state of the model in one frequency bin, and where it starts.

use ndarray::Axis;
use num_complex::Complex;
use rand_distr::{Distribution, StandardUniform};
use rand_pcg::Pcg64Mcg;

use super::posterior::{Summand, lower, triangle};
use super::workspace::Workspace;
use super::{LateModel, UnifiedParams};
use crate::bin::{Bin, DIGITAL_SILENCE};
use crate::hermitian::{self, Matrix, cholesky, identity, inverse, trace};
use crate::planar::Planar;
use crate::wpe::WpeParams;
use crate::{PowerFloor, Real};

/// The least variance: of a source in silence, in units of the bin's mean power.
const LEAST: f64 = 1e-12;

/// An iteration lowers no variance further than by this: the M-step of the covariance divides by it.
const DEEPEST_CUT: f64 = 1e-4;

/// One summand φₜ S of the covariance Φₜ: a source, or a group of taps of the late reverberation.
pub(super) struct Class<T> {
    pub(super) role: Role,
    /// S
    pub(super) covariance: Matrix<T>,
    /// S as the kernels read it
    packed: Planar<T>,
    /// φ, zero after the last frame
    pub(super) variance: Vec<T>,
    /// Weights of the activations that make up φ, where sources are factorised
    pub(super) bases: Vec<T>,
    /// The inverse-Wishart prior of S
    prior: Option<Prior<T>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// φ is estimated, frame by frame or as a factorisation
    Source,
    /// φ is known from the past
    LateTaps,
    /// φ is known from the past up to a gain for each frame, which is estimated
    LateGain,
}

/// p(S) ∝ |S|^-(ν + M) exp(-ν tr(Ψ S⁻¹)): as if ν more frames with the covariance Ψ had been seen.
struct Prior<T> {
    strength: T,
    scale: Matrix<T>,
}

impl<T: Real> Class<T> {
    fn new(role: Role, covariance: Matrix<T>, variance: Vec<T>, strength: Option<T>) -> Self {
        let prior = strength.map(|strength| Prior { strength, scale: covariance.clone() });
        let packed = Planar::zeros(triangle(covariance.nrows()));
        let mut class = Self { role, packed, covariance, variance, bases: Vec::new(), prior };
        class.pack();
        class
    }

    pub(super) fn packed(&self) -> &Planar<T> {
        &self.packed
    }

    pub(super) fn pack(&mut self) {
        for i in 0..self.covariance.nrows() {
            (0..=i).for_each(|j| self.packed.set(lower(i, j), self.covariance[[i, j]]));
        }
    }

    pub(super) fn is_late(&self) -> bool {
        self.role != Role::Source
    }

    pub(super) fn set_variance(&mut self, t: usize, value: T) {
        let least = T::of(LEAST).max(T::of(DEEPEST_CUT) * self.variance[t]);
        self.variance[t] = value.max(least);
    }

    /// S <- Σₜ Cₜ / φₜ / T, or with a prior what maximises the posterior, where `sum` = Σₜ Cₜ / φₜ (EM).
    pub(super) fn set_to_mean(&mut self, sum: Matrix<T>, frames: usize) {
        let (channels, frames) = (T::of(self.covariance.nrows() as f64), T::of(frames as f64));
        self.covariance = match &self.prior {
            None => sum.mapv(|value| value / frames),
            Some(Prior { strength, scale }) => {
                let total = frames + *strength + channels;
                (sum + scale.mapv(|value| value * *strength)).mapv(|value| value / total)
            }
        };
        self.settle();
    }

    /// S <- the solution of S N S = A, or with a prior what maximises the minoriser (MM).
    pub(super) fn set_to_geometric_mean(&mut self, mut n: Matrix<T>, mut a: Matrix<T>) {
        if let Some(Prior { strength, scale }) = &self.prior {
            let channels = T::of(self.covariance.nrows() as f64);
            let slope = inverse(&self.covariance, T::epsilon());
            n = n + slope.mapv(|value| value * (*strength + channels));
            a = a + scale.mapv(|value| value * *strength);
        }
        self.covariance = hermitian::solve_riccati(&n, &a);
        self.settle();
    }

    /// Makes S Hermitian; S of a source has the trace M, and φ the rest.
    fn settle(&mut self) {
        self.covariance = hermitian::hermitian_part(&self.covariance);
        if self.role == Role::Source {
            let mean = trace(&self.covariance) / T::of(self.covariance.nrows() as f64);
            if mean > T::min_positive_value() {
                self.covariance.mapv_inplace(|value| value / mean);
                self.variance.iter_mut().chain(&mut self.bases).for_each(|value| *value *= mean);
            }
        }
        self.pack();
    }

    /// log p(S), less what does not depend on S; 0 without a prior.
    pub(super) fn log_prior(&self) -> f64 {
        let Some(Prior { strength, scale }) = &self.prior else { return 0.0 };
        let channels = self.covariance.nrows();
        let l = cholesky(&self.covariance, T::epsilon());
        let log_determinant: f64 = l.diag().iter().map(|value| 2.0 * value.re.wide().ln()).sum();
        let x = hermitian::inverse_lower(&l);
        let fit = trace(&x.dot(scale).dot(&hermitian::adjoint(&x)));
        -(strength.wide() + channels as f64) * log_determinant - (*strength * fit).wide()
    }
}

/// The model in one bin. The signal is kept at a mean power of one.
pub(super) struct BinModel<T> {
    /// [frame][channel]
    pub(super) signal: Vec<Complex<T>>,
    /// What the signal was divided by; zero for silence, of which there is no model.
    pub(super) amplitude: T,
    /// G, [tap and channel][channel]
    pub(super) filter: Planar<T>,
    /// d = x - Gᴴ x̄, [channel][frame]
    pub(super) error: Planar<T>,
    pub(super) classes: Vec<Class<T>>,
}

impl<T: Real> BinModel<T> {
    /// Starts from a signal [frame][channel]: the filter from WPE, one covariance a source from its error.
    pub(super) fn new(
        params: &UnifiedParams,
        mut signal: Vec<Complex<T>>,
        index: usize,
        workspace: &mut Bin<T>,
    ) -> Self {
        let past = workspace.stack.past;
        let (frames, stride) = (workspace.stack.frames, workspace.stack.stride());
        let peak = signal.iter().map(|x| x.re.abs().max(x.im.abs())).fold(T::zero(), T::max);
        let relative = |x: &Complex<T>| (x / peak).norm_sqr();
        let power = signal.iter().map(relative).sum::<T>() / T::of(signal.len() as f64);
        let amplitude = if peak > T::zero() { peak * power.sqrt() } else { T::zero() };
        let silent = amplitude <= T::zero();
        if !silent {
            signal.iter_mut().for_each(|x| *x /= amplitude);
        }
        let mut model = Self {
            signal,
            amplitude,
            filter: Planar::zeros(past.len() * past.channels),
            error: workspace.stack.signal(),
            classes: Vec::new(),
        };
        if silent {
            return model;
        }
        let wpe = WpeParams {
            iterations: params.initial_iterations,
            power_floor: PowerFloor::Mean(params.noise_floor),
            ..WpeParams::default()
        };
        workspace.load(&model.signal, T::one());
        workspace.iterate(&wpe, None);
        if params.initial_iterations > 0 {
            model.filter.copy_from(&workspace.filter);
        }
        model.error.copy_from(workspace.output());
        let mut random = Pcg64Mcg::new(u128::from(params.seed) << 64 | index as u128);
        model.add_sources(params, frames, stride, &mut random);
        model.add_late(params, frames, stride);
        model
    }

    fn add_sources(&mut self, params: &UnifiedParams, frames: usize, stride: usize, random: &mut Pcg64Mcg) {
        let channels = self.signal.len() / frames;
        let d = |t: usize, m: usize| self.error.get(m * stride + t);
        let floor = T::of(10.0 * params.noise_floor);
        let mean_power = |t| (0..channels).map(|m| d(t, m).norm_sqr()).sum::<T>() / T::of(channels as f64);
        let power: Vec<T> = (0..frames).map(|t| mean_power(t).max(floor)).collect();
        let alone = params.sources == 1;
        let mut classes = Vec::new();
        for _ in 0..params.sources {
            let mut uniform = || -> T { T::of(StandardUniform.sample(random)) };
            let mut covariance = Matrix::<T>::zeros((channels, channels));
            let mut variance = vec![T::zero(); stride];
            for t in 0..frames {
                let share = if alone { T::one() } else { uniform().powi(2) };
                let weight = share / power[t];
                for ((i, j), entry) in covariance.indexed_iter_mut() {
                    *entry += d(t, i) * d(t, j).conj() * weight;
                }
                let level = if alone { T::one() } else { T::of(0.5) + uniform() };
                variance[t] = power[t] * level / T::of(params.sources as f64);
            }
            let mean = trace(&covariance) / T::of(channels as f64);
            let seen = covariance.mapv(|value| value * (T::of(0.9) / mean.max(T::min_positive_value())));
            let covariance = seen + identity(channels, T::of(0.1));
            classes.push(Class::new(Role::Source, covariance, variance, None));
        }
        self.classes.extend(classes);
    }

    fn add_late(&mut self, params: &UnifiedParams, frames: usize, stride: usize) {
        let channels = self.signal.len() / frames;
        let role = match params.late {
            LateModel::None => return,
            LateModel::FluctuatingTaps => Role::LateTaps,
            LateModel::FluctuatingGain => Role::LateGain,
        };
        let groups = if role == Role::LateGain { 1 } else { params.late_groups };
        let power: Vec<T> = self
            .signal
            .chunks_exact(channels)
            .map(|x| x.iter().map(|x| x.norm_sqr()).sum::<T>() / T::of(channels as f64))
            .collect();
        let strength = params.late_prior.map(|strength| T::of(strength * frames as f64));
        let ages: Vec<usize> = (params.delay..params.delay + params.horizon()).collect();
        for ages in ndarray::Array1::from(ages).axis_chunks_iter(Axis(0), params.horizon().div_ceil(groups)) {
            let mut past = vec![T::zero(); stride];
            for &age in &ages {
                let decay = T::of((-2.0 * params.decay() * age as f64).exp());
                (age..frames).for_each(|t| past[t] += decay * power[t - age]);
            }
            past[..frames].iter_mut().for_each(|past| *past = past.max(T::of(params.noise_floor)));
            let covariance = identity(channels, T::of(params.late_level));
            self.classes.push(Class::new(role, covariance, past, strength));
        }
    }

    /// The images of the sources, the residual late reverberation and d, each [channel][frame] of the input's scale.
    pub(super) fn parts(&mut self, workspace: &mut Workspace<T>) -> Vec<Vec<Complex<T>>> {
        let posterior = &workspace.posterior;
        let (frames, stride) = (posterior.frames, posterior.stride);
        let channels = self.signal.len() / frames;
        let mut sources = Vec::new();
        let mut residual = vec![Complex::default(); self.signal.len()];
        for class in &self.classes {
            let mut image = vec![Complex::default(); self.signal.len()];
            let target = if class.is_late() { &mut residual } else { &mut image };
            for t in 0..frames {
                let gain = class.variance[t] * self.amplitude;
                for m in 0..channels {
                    let product: Complex<T> = (0..channels)
                        .map(|k| class.covariance[[m, k]] * posterior.y.get(k * stride + t))
                        .sum();
                    target[m * frames + t] += product * gain;
                }
            }
            if !class.is_late() {
                sources.push(image);
            }
        }
        let linear = (0..self.signal.len())
            .map(|index| self.error.get(index / frames * stride + index % frames) * self.amplitude)
            .collect();
        sources.extend([residual, linear]);
        for t in 0..frames {
            let input = &self.signal[t * channels..][..channels];
            if input.iter().map(|x| x.norm_sqr()).sum::<T>() > T::of(DIGITAL_SILENCE * channels as f64) {
                continue;
            }
            // no reverberation reaches padding: it stays as it is, by convention with the first source
            let last = sources.len() - 1;
            for (index, part) in sources.iter_mut().enumerate() {
                for (m, &x) in input.iter().enumerate() {
                    let whole = index == 0 || index == last;
                    part[m * frames + t] = if whole { x * self.amplitude } else { Complex::default() };
                }
            }
        }
        sources
    }

    pub(super) fn summands(&self) -> Vec<Summand<'_, T>> {
        let of = |class| {
            let Class { packed, variance, .. }: &Class<T> = class;
            Summand { covariance: packed, variance }
        };
        self.classes.iter().map(of).collect()
    }

    pub(super) fn log_prior(&self) -> f64 {
        self.classes.iter().map(Class::log_prior).sum()
    }
}
