//! The signal of one frequency bin beside its stacked past x̄ₜ, and the three products all estimators are made of.

use num_complex::Complex;

use crate::Real;
use crate::planar::Planar;
use crate::product::{Product, ROWS, Rows};
use crate::real::MAX_LANES;

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

pub(crate) struct Stack<T> {
    pub(crate) past: StackedPast,
    pub(crate) frames: usize,
    /// The signal [frame][channel] after `lead` frames of silence. With taps stored oldest first, x̄ₜ is the slice
    /// that starts at frame t of this array: the stacked past is never copied.
    by_frame: Planar<T>,
    /// The same as [channel][frame].
    by_channel: Planar<T>,
    rows: Rows<T>,
    /// Where x̄ₜ starts in `by_frame`, for each t.
    frame_offsets: Vec<usize>,
    /// Where each entry of x̄₀ is in `by_channel`.
    tap_offsets: Vec<usize>,
}

impl<T: Real> Stack<T> {
    pub(crate) fn new(past: StackedPast, frames: usize) -> Self {
        let (channels, lead) = (past.channels, past.lead());
        let stride = lead + frames + MAX_LANES;
        Self {
            past,
            frames,
            by_frame: Planar::zeros((lead + frames) * channels + ROWS + MAX_LANES),
            by_channel: Planar::zeros(channels * stride),
            rows: Rows::default(),
            frame_offsets: (0..frames).map(|t| t * channels).collect(),
            tap_offsets: (0..past.len()).map(|j| j % channels * stride + j / channels).collect(),
        }
    }

    /// Takes a signal [frame][channel], times `scale`.
    pub(crate) fn load(&mut self, signal: &[Complex<T>], scale: T) {
        let (lead, channels) = (self.past.lead(), self.past.channels);
        let stride = lead + self.frames + MAX_LANES;
        for (index, &value) in signal.iter().enumerate() {
            let (t, m) = (index / channels, index % channels);
            self.by_frame.set(lead * channels + index, value * scale);
            self.by_channel.set(m * stride + lead + t, value * scale);
        }
    }

    /// xₜ of channel m.
    #[inline(always)]
    pub(crate) fn present(&self, m: usize, t: usize) -> Complex<T> {
        self.by_frame.get((self.past.lead() + t) * self.past.channels + m)
    }

    /// Distance of the channels in arrays [channel][frame]: whole registers, and one more for the excess of [`Product`].
    pub(crate) fn stride(&self) -> usize {
        self.frames.next_multiple_of(MAX_LANES) + MAX_LANES
    }

    /// An array [channel][frame].
    pub(crate) fn signal(&self) -> Planar<T> {
        Planar::zeros(self.past.channels.next_multiple_of(ROWS) * self.stride())
    }

    /// The lower triangle of Σ wₜ x̄ₜ x̄ₜᴴ, rows `width` apart.
    pub(crate) fn gram(&mut self, weights: &[T], gram: &mut Planar<T>, width: usize) {
        let order = self.past.len();
        gram.clear();
        for start in (0..self.frames).step_by(BLOCK) {
            let block = start..self.frames.min(start + BLOCK);
            let offsets = &self.frame_offsets[block.clone()];
            for i in (0..order).step_by(ROWS) {
                // rows from `order` on mean nothing; the matrix has room for them
                self.rows.pack_weighted(&self.by_frame, offsets, i, &weights[block.clone()]);
                let columns = (i + ROWS).min(order);
                let (a, b) = (&self.rows, &self.by_frame);
                Product { a, b, offsets, columns, c: gram, start: i * width, width }.run();
            }
        }
    }

    /// Σ zₜ x̄ₜᴴ, [channel][tap and channel], rows `width` apart; `value(t, m)` is zₜ of channel m.
    pub(crate) fn cross(
        &mut self,
        value: impl Fn(&Self, usize, usize) -> Complex<T>,
        cross: &mut Planar<T>,
        width: usize,
    ) {
        let (order, channels) = (self.past.len(), self.past.channels);
        cross.clear();
        let mut rows = std::mem::take(&mut self.rows);
        for start in (0..self.frames).step_by(BLOCK) {
            let depth = BLOCK.min(self.frames - start);
            for m in (0..channels).step_by(ROWS) {
                rows.pack(depth, channels - m, |k, r| value(self, start + k, m + r));
                Product {
                    a: &rows,
                    b: &self.by_frame,
                    offsets: &self.frame_offsets[start..start + depth],
                    columns: order,
                    c: cross,
                    start: m * width,
                    width,
                }
                .run();
            }
        }
        self.rows = rows;
    }

    /// Σⱼ `coefficient(j, m)` conj(x̄ₜ[j]) for all channels m and frames t, [channel][frame].
    pub(crate) fn filter(
        &mut self,
        coefficient: impl Fn(usize, usize) -> Complex<T>,
        output: &mut Planar<T>,
    ) {
        let (order, channels, width) = (self.past.len(), self.past.channels, self.stride());
        output.clear();
        for m in (0..channels).step_by(ROWS) {
            self.rows.pack(order, channels - m, |j, r| coefficient(j, m + r));
            Product {
                a: &self.rows,
                b: &self.by_channel,
                offsets: &self.tap_offsets,
                columns: self.frames,
                c: output,
                start: m * width,
                width,
            }
            .run();
        }
    }
}
