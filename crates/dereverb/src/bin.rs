//! WPE in one frequency bin. A bin owns the memory of all its iterations, and is used for one frequency after the
//! other.

use ndarray::ArrayView1;
use num_complex::Complex;

use crate::Real;
use crate::cholesky::Cholesky;
use crate::planar::Planar;
use crate::product::{Product, ROWS, Rows};
use crate::real::MAX_LANES;
use crate::wpe::{PowerFloor, PsdContext, Statistics, WpeParams};

/// Frames accumulated at a time: as many as stay in the first-level cache.
const BLOCK: usize = 256;

/// What the prediction sees: `taps` frames of all channels, the newest of them `delay` frames old.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StackedPast {
    pub(crate) channels: usize,
    pub(crate) taps: usize,
    pub(crate) delay: usize,
}

impl StackedPast {
    /// Length of x̄: the order of the equations.
    pub(crate) fn len(self) -> usize {
        self.channels * self.taps
    }

    /// Frames between the oldest frame of the past and the present.
    pub(crate) fn lead(self) -> usize {
        self.delay + self.taps - 1
    }
}

pub(crate) struct Bin<T> {
    past: StackedPast,
    frames: usize,
    /// The signal [frame][channel] after `lead` frames of silence. With taps stored oldest first, x̄ₜ is the slice
    /// that starts at frame t of this array: the stacked past is never copied.
    by_frame: Planar<T>,
    /// The same as [channel][frame].
    by_channel: Planar<T>,
    /// d, [channel][frame]
    output: Planar<T>,
    power: Vec<T>,
    weights: Vec<T>,
    /// Σ wₜ x̄ₜ x̄ₜᴴ, then its Cholesky factor
    gram: Planar<T>,
    /// Σ wₜ xₜ x̄ₜᴴ
    cross: Planar<T>,
    /// G, [tap and channel][channel]
    filter: Planar<T>,
    cholesky: Cholesky<T>,
    rows: Rows<T>,
    /// Where x̄ₜ starts in `by_frame`, for each t.
    frame_offsets: Vec<usize>,
    /// Where each entry of x̄₀ is in `by_channel`.
    tap_offsets: Vec<usize>,
}

impl<T: Real> Bin<T> {
    pub(crate) fn new(past: StackedPast, frames: usize) -> Self {
        let (channels, order, lead) = (past.channels, past.len(), past.lead());
        let channel_rows = channels.next_multiple_of(ROWS);
        let cholesky = Cholesky::new(order);
        let mut bin = Self {
            past,
            frames,
            by_frame: Planar::zeros((lead + frames) * channels + ROWS + MAX_LANES),
            by_channel: Planar::zeros(channels * (lead + frames + MAX_LANES)),
            output: Planar::zeros(channel_rows * (frames + MAX_LANES)),
            power: vec![T::zero(); frames],
            weights: vec![T::zero(); frames],
            gram: cholesky.matrix(),
            cross: Planar::zeros(channel_rows * cholesky.width),
            filter: Planar::zeros(order * channels),
            cholesky,
            rows: Rows::default(),
            frame_offsets: (0..frames).map(|t| t * channels).collect(),
            tap_offsets: Vec::new(),
        };
        let stride = bin.channel_stride();
        bin.tap_offsets = (0..order).map(|j| j % channels * stride + j / channels).collect();
        bin
    }

    fn channel_stride(&self) -> usize {
        self.past.lead() + self.frames + MAX_LANES
    }

    fn output_stride(&self) -> usize {
        self.frames + MAX_LANES
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
        for _ in 0..params.iterations {
            self.estimate_power(params.psd_context);
            self.weigh(params, mask.as_ref());
            self.estimate_filter();
            self.apply_filter();
        }
        let stride = self.output_stride();
        for (index, value) in signal.iter_mut().enumerate() {
            let (t, m) = (index / self.past.channels, index % self.past.channels);
            *value = self.output.get(m * stride + t) / scale;
        }
    }

    fn load(&mut self, signal: &[Complex<T>], scale: T) {
        let (lead, channels) = (self.past.lead(), self.past.channels);
        let (input_stride, output_stride) = (self.channel_stride(), self.output_stride());
        for (index, &value) in signal.iter().enumerate() {
            let (t, m) = (index / channels, index % channels);
            let value = value * scale;
            self.by_frame.set(lead * channels + index, value);
            self.by_channel.set(m * input_stride + lead + t, value);
            self.output.set(m * output_stride + t, value);
        }
    }

    /// λₜ = mean over channels, and over the context, of |dₜ|².
    fn estimate_power(&mut self, context: PsdContext) {
        let (frames, stride) = (self.frames, self.output_stride());
        let power = &mut self.power;
        power.fill(T::zero());
        for m in 0..self.past.channels {
            let channel = m * stride..m * stride + frames;
            for ((power, &re), &im) in
                power.iter_mut().zip(&self.output.re[channel.clone()]).zip(&self.output.im[channel])
            {
                *power += re * re + im * im;
            }
        }
        let channels = T::of(self.past.channels as f64);
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
        if let Some(mask) = mask {
            self.weights.iter_mut().zip(mask).for_each(|(weight, &mask)| *weight *= mask);
        }
        if params.statistics == Statistics::Valid {
            self.weights[..self.past.lead()].fill(T::zero());
        }
    }

    /// G = (Σ wₜ x̄ₜ x̄ₜᴴ)⁻¹ Σ wₜ x̄ₜ xₜᴴ. Where the matrix is singular (two equal channels, fewer frames than
    /// unknowns), as little as necessary of its mean diagonal is added.
    fn estimate_filter(&mut self) {
        let (order, channels, width) = (self.past.len(), self.past.channels, self.cholesky.width);
        let least = if T::epsilon() > T::of(1e-10) { 1e-6 } else { 1e-10 };
        for loading in [0.0, least, 1e2 * least, 1e4 * least, 1e6 * least] {
            self.accumulate();
            let trace: T = (0..order).map(|i| self.gram.re[i * width + i]).sum();
            let loading = T::of(loading / order as f64) * trace;
            (0..order).for_each(|i| self.gram.re[i * width + i] += loading);
            if self.cholesky.factor(&mut self.gram) {
                for j in 0..order {
                    for m in 0..channels {
                        self.filter.set(j * channels + m, self.cross.get(m * width + j).conj());
                    }
                }
                self.cholesky.solve(&self.gram, &mut self.filter, channels);
                return;
            }
        }
        // nothing to learn from: an empty mask, or silence in all of the past
        self.filter.clear();
    }

    /// The weighted sums over frames of x̄ x̄ᴴ (lower triangle) and x x̄ᴴ.
    fn accumulate(&mut self) {
        let (order, channels, lead) = (self.past.len(), self.past.channels, self.past.lead());
        self.gram.clear();
        self.cross.clear();
        for start in (0..self.frames).step_by(BLOCK) {
            let depth = BLOCK.min(self.frames - start);
            let weights = &self.weights[start..start + depth];
            let mut add = |first: usize, rows: usize, columns: usize, c: &mut Planar<T>, row: usize| {
                self.rows.pack(depth, rows, |k, r| {
                    self.by_frame.get((start + k) * channels + first + r) * weights[k]
                });
                Product {
                    a: &self.rows,
                    b: &self.by_frame,
                    offsets: &self.frame_offsets[start..start + depth],
                    columns,
                    c,
                    start: row * self.cholesky.width,
                    width: self.cholesky.width,
                }
                .run();
            };
            for i in (0..order).step_by(ROWS) {
                add(i, order - i, (i + ROWS).min(order), &mut self.gram, i);
            }
            for m in (0..channels).step_by(ROWS) {
                add(lead * channels + m, channels - m, order, &mut self.cross, m);
            }
        }
    }

    /// dₜ = xₜ - Gᴴ x̄ₜ
    fn apply_filter(&mut self) {
        let (channels, width) = (self.past.channels, self.output_stride());
        self.output.clear();
        for m in (0..channels).step_by(ROWS) {
            self.rows.pack(self.past.len(), channels - m, |j, r| self.filter.get(j * channels + m + r));
            Product {
                a: &self.rows,
                b: &self.by_channel,
                offsets: &self.tap_offsets,
                columns: self.frames,
                c: &mut self.output,
                start: m * width,
                width,
            }
            .run();
        }
        // the product is conj(Gᴴ x̄ₜ)
        let (lead, input_stride) = (self.past.lead(), self.channel_stride());
        for m in 0..channels {
            for t in 0..self.frames {
                let (input, predicted) = (self.by_channel.get(m * input_stride + lead + t), m * width + t);
                self.output.set(predicted, input - self.output.get(predicted).conj());
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
