//! WPE in one frequency bin. A bin owns the memory of all its iterations, and is used for one frequency after the
//! other.

use ndarray::ArrayView1;
use num_complex::Complex;

use crate::Real;
use crate::cholesky::Cholesky;
use crate::planar::Planar;
use crate::product::ROWS;
use crate::stack::{Stack, StackedPast};
use crate::wpe::{PowerFloor, PsdContext, Statistics, WpeParams};

/// A frame this far below the mean power of the input is no sound of any room, but padding.
pub(crate) const DIGITAL_SILENCE: f64 = 1e-10;

/// The weight of such a frame, one of mean power having 1: too little to be learnt from, enough to keep the filter from
/// making sound out of it.
const PADDING_WEIGHT: f64 = 1e-6;

pub(crate) struct Bin<T> {
    pub(crate) stack: Stack<T>,
    /// d, [channel][frame]
    output: Planar<T>,
    power: Vec<T>,
    weights: Vec<T>,
    /// The most each frame may weigh: little for digital silence, else anything
    most: Vec<T>,
    /// Σ wₜ x̄ₜ x̄ₜᴴ
    gram: Planar<T>,
    /// its Cholesky factor
    factor: Planar<T>,
    /// Σ wₜ xₜ x̄ₜᴴ
    cross: Planar<T>,
    /// G, [tap and channel][channel]
    pub(crate) filter: Planar<T>,
    cholesky: Cholesky<T>,
}

impl<T: Real> Bin<T> {
    pub(crate) fn new(past: StackedPast, frames: usize) -> Self {
        let (channels, order) = (past.channels, past.len());
        let cholesky = Cholesky::new(order);
        let stack = Stack::new(past, frames);
        Self {
            output: stack.signal(),
            stack,
            power: vec![T::zero(); frames],
            weights: vec![T::zero(); frames],
            most: vec![T::infinity(); frames],
            gram: cholesky.matrix(),
            factor: cholesky.matrix(),
            cross: Planar::zeros(channels.next_multiple_of(ROWS) * cholesky.width),
            filter: Planar::zeros(order * channels),
            cholesky,
        }
    }

    /// Replaces a signal [frame][channel] by its dereverberated version.
    pub(crate) fn dereverberate(
        &mut self,
        params: &WpeParams,
        signal: &mut [Complex<T>],
        mask: Option<ArrayView1<T>>,
    ) {
        let Some(scale) = scale(signal) else { return };
        self.load(signal, scale);
        self.iterate(params, mask);
        let (channels, stride) = (self.stack.past.channels, self.stack.stride());
        for (index, value) in signal.iter_mut().enumerate() {
            let (t, m) = (index / channels, index % channels);
            *value = self.output.get(m * stride + t) / scale;
        }
    }

    /// d, [channel][frame]
    pub(crate) fn output(&self) -> &Planar<T> {
        &self.output
    }

    /// Takes a signal [frame][channel], times `scale`.
    pub(crate) fn load(&mut self, signal: &[Complex<T>], scale: T) {
        self.stack.load(signal, scale);
        let (channels, stride) = (self.stack.past.channels, self.stack.stride());
        for (index, &value) in signal.iter().enumerate() {
            let (t, m) = (index / channels, index % channels);
            self.output.set(m * stride + t, value * scale);
        }
    }

    /// Estimates `filter` from the loaded signal, and applies it.
    pub(crate) fn iterate(&mut self, params: &WpeParams, mask: Option<ArrayView1<T>>) {
        self.estimate_power(PsdContext::Frames(0));
        let silence = T::of(DIGITAL_SILENCE) * mean(&self.power);
        for (most, &power) in self.most.iter_mut().zip(&self.power) {
            *most = if power > silence { T::infinity() } else { T::of(PADDING_WEIGHT) };
        }
        for _ in 0..params.iterations {
            self.estimate_power(params.psd_context);
            self.weigh(params, mask.as_ref());
            self.estimate_filter();
            self.apply_filter(matches!(params.power_floor, PowerFloor::Mean(_)));
        }
    }

    /// λₜ = mean over channels, and over the context, of |dₜ|².
    fn estimate_power(&mut self, context: PsdContext) {
        let (frames, stride, channels) = (self.stack.frames, self.stack.stride(), self.stack.past.channels);
        let power = &mut self.power;
        power.fill(T::zero());
        for m in 0..channels {
            let channel = m * stride..m * stride + frames;
            for ((power, &re), &im) in
                power.iter_mut().zip(&self.output.re[channel.clone()]).zip(&self.output.im[channel])
            {
                *power += re * re + im * im;
            }
        }
        let channels = T::of(channels as f64);
        power.iter_mut().for_each(|power| *power /= channels);
        match context {
            PsdContext::Frames(0) => {}
            PsdContext::Frames(reach) => {
                // the weights are computed next: their memory is free until then
                for t in 0..frames {
                    let around =
                        t.saturating_sub(reach)..t.saturating_add(reach).saturating_add(1).min(frames);
                    self.weights[t] = mean(&power[around]);
                }
                power.copy_from_slice(&self.weights);
            }
            PsdContext::All => {
                let mean = mean(power);
                power.fill(mean);
            }
        }
    }

    /// wₜ = 1 / λₜ, with the floor, in units of the mean power (which do not matter to the filter).
    fn weigh(&mut self, params: &WpeParams, mask: Option<&ArrayView1<T>>) {
        let mean = mean(&self.power);
        let floor = match params.power_floor {
            PowerFloor::Mean(fraction) => T::of(fraction) * mean,
            PowerFloor::Max(fraction) => {
                T::of(fraction) * self.power.iter().fold(T::zero(), |a, &b| a.max(b))
            }
        };
        // a frame of power zero predicted without error cannot be learnt from: keep its weight finite
        let floor = floor.max(mean * T::epsilon() * T::epsilon());
        for (weight, &power) in self.weights.iter_mut().zip(&self.power) {
            *weight = if mean > T::zero() { mean / power.max(floor) } else { T::one() };
        }
        if matches!(params.power_floor, PowerFloor::Mean(_)) {
            self.weights.iter_mut().zip(&self.most).for_each(|(weight, &most)| *weight = weight.min(most));
        }
        if let Some(mask) = mask {
            self.weights.iter_mut().zip(mask).for_each(|(weight, &mask)| *weight *= mask);
        }
        if params.statistics == Statistics::Valid {
            self.weights[..self.stack.past.lead()].fill(T::zero());
        }
    }

    /// G = (Σ wₜ x̄ₜ x̄ₜᴴ)⁻¹ Σ wₜ x̄ₜ xₜᴴ. Where the matrix is singular (two equal channels, fewer frames than
    /// unknowns), as little as necessary of its mean diagonal is added.
    fn estimate_filter(&mut self) {
        let (order, channels) = (self.stack.past.len(), self.stack.past.channels);
        let width = self.cholesky.width;
        self.stack.gram(&self.weights, &mut self.gram, width);
        let weights = &self.weights;
        self.stack.cross(|stack, t, m| stack.present(m, t) * weights[t], &mut self.cross, width);
        if self.cholesky.factor_loaded(&self.gram, &mut self.factor, T::zero()) {
            for j in 0..order {
                for m in 0..channels {
                    self.filter.set(j * channels + m, self.cross.get(m * width + j).conj());
                }
            }
            self.cholesky.solve(&self.factor, &mut self.filter, channels);
        } else {
            // nothing to learn from: an empty mask, or silence in all of the past
            self.filter.clear();
        }
    }

    /// dₜ = xₜ - Gᴴ x̄ₜ, but silence in padding, which no reverberation reaches.
    fn apply_filter(&mut self, padding_is_silent: bool) {
        let (channels, stride) = (self.stack.past.channels, self.stack.stride());
        let filter = &self.filter;
        self.stack.filter(|j, m| filter.get(j * channels + m), &mut self.output);
        for m in 0..channels {
            for t in 0..self.stack.frames {
                // the product is conj(Gᴴ x̄ₜ)
                let predicted = match padding_is_silent && self.most[t].is_finite() {
                    true => Complex::default(),
                    false => self.output.get(m * stride + t).conj(),
                };
                self.output.set(m * stride + t, self.stack.present(m, t) - predicted);
            }
        }
    }
}

fn mean<T: Real>(values: &[T]) -> T {
    values.iter().copied().sum::<T>() / T::of(values.len() as f64)
}

/// The power of two that brings the largest value near one, so that squares neither overflow nor vanish in `f32`.
/// None for silence.
fn scale<T: Real>(signal: &[Complex<T>]) -> Option<T> {
    let peak = signal.iter().fold(T::zero(), |peak, x| peak.max(x.re.abs()).max(x.im.abs()));
    (peak > T::zero()).then(|| T::of(peak.wide().log2().round().clamp(-100.0, 100.0)).exp2().recip())
}
