//! Signals as the kernels want them: contiguous, in double precision, and checked.

use ndarray::{ArrayView1, ArrayView3, Axis};

use crate::{Error, Result};

/// References or estimates: `sources * channels` tracks of equal length, source-major.
pub(crate) struct Signals {
    pub(crate) sources: usize,
    pub(crate) channels: usize,
    pub(crate) samples: usize,
    pub(crate) tracks: Vec<Vec<f64>>,
    what: &'static str,
}

impl Signals {
    /// From `[source, channel, sample]`.
    pub(crate) fn new<T: Copy + Into<f64>>(what: &'static str, signals: ArrayView3<T>) -> Result<Self> {
        let (sources, channels, samples) = signals.dim();
        if signals.is_empty() {
            return Err(Error::Empty { what });
        }
        let mut tracks = Vec::with_capacity(sources * channels);
        for source in signals.outer_iter() {
            for channel in source.outer_iter() {
                tracks.push(samples_of(what, tracks.len() * samples, channel)?);
            }
        }
        Ok(Self { sources, channels, samples, tracks, what })
    }

    /// The tracks of one source, one per channel.
    pub(crate) fn source(&self, source: usize) -> &[Vec<f64>] {
        &self.tracks[source * self.channels..(source + 1) * self.channels]
    }

    /// Samples `start..end` of every track.
    pub(crate) fn window(&self, start: usize, end: usize) -> Self {
        let tracks = self.tracks.iter().map(|track| track[start..end].to_vec()).collect();
        Self { samples: end - start, tracks, ..*self }
    }

    /// The first source whose channels sum to zero in every sample of the window; silence as mir_eval defines it.
    pub(crate) fn silent_source(&self, start: usize, end: usize) -> Option<usize> {
        (0..self.sources).find(|&source| {
            let channels = self.source(source);
            (start..end).all(|t| channels.iter().map(|channel| channel[t]).sum::<f64>() == 0.0)
        })
    }

    pub(crate) fn check_not_silent(&self) -> Result<()> {
        match self.silent_source(0, self.samples) {
            None => Ok(()),
            Some(index) => Err(Error::SilentSource { what: self.what, index }),
        }
    }
}

/// References and estimates of one shape, none of them silent.
pub(crate) fn pair<T: Copy + Into<f64>>(
    reference: ArrayView3<T>,
    estimate: ArrayView3<T>,
) -> Result<(Signals, Signals)> {
    crate::check::same_shape("reference", reference.shape(), "estimate", estimate.shape())?;
    let reference = Signals::new("reference", reference)?;
    let estimate = Signals::new("estimate", estimate)?;
    reference.check_not_silent()?;
    estimate.check_not_silent()?;
    Ok((reference, estimate))
}

/// `[source, sample]` as `[source, 1, sample]`.
pub(crate) fn mono<T>(signals: ndarray::ArrayView2<'_, T>) -> ArrayView3<'_, T> {
    signals.insert_axis(Axis(1))
}

/// One signal in double precision; `offset` is the index of its first sample in the message of an error.
pub(crate) fn samples_of<T: Copy + Into<f64>>(
    what: &'static str,
    offset: usize,
    signal: ArrayView1<T>,
) -> Result<Vec<f64>> {
    let samples: Vec<f64> = signal.iter().map(|&sample| sample.into()).collect();
    match samples.iter().position(|sample| !sample.is_finite()) {
        None => Ok(samples),
        Some(index) => Err(Error::NotFinite { what, index: offset + index, value: samples[index] }),
    }
}

/// Inner product, in eight lanes so that it vectorises and its error grows slowly.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a_blocks, a_rest) = a.as_chunks::<8>();
    let (b_blocks, b_rest) = b.as_chunks::<8>();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    lanes.iter().sum::<f64>() + rest
}
