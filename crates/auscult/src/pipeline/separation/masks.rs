//! Masks for a stream of frames: overlapping patches through the network, cross-faded.

use std::collections::VecDeque;

use ndarray::{Array2, ArrayView1, ArrayView2};

use super::model::SeparationModel;
use crate::Result;

/// Takes magnitudes frame by frame and gives masks frame by frame, at most a patch later.
///
/// Patches overlap; each frame's mask is the mean of its patches', weighted by a triangle over the patch. The last patch
/// ends with the last frame. What is shorter than a patch is repeated until it fills one.
pub(crate) struct MaskStream<'a> {
    model: &'a SeparationModel,
    /// Frames from one patch to the next.
    step: usize,
    /// Factor on magnitudes.
    scale: f32,
    /// Frames that a patch may still need, from frame `first` on; each `[bin]`, scaled.
    frames: VecDeque<Vec<f32>>,
    first: usize,
    /// First frame of the next patch.
    next: usize,
    /// Weighted masks `[source * bin]` and weights of the frames from `given` on that some patch has covered.
    sums: VecDeque<(Vec<f32>, f32)>,
    given: usize,
}

impl<'a> MaskStream<'a> {
    /// `peak` is the greatest magnitude of the song; `overlap` the share of a patch that the next one covers too.
    pub(crate) fn new(model: &'a SeparationModel, peak: f32, overlap: f64) -> Self {
        let frames = model.front_end().frames;
        let step = ((frames as f64 * (1.0 - overlap)).round() as usize).clamp(1, frames);
        let scale = if peak > 0.0 { 1.0 / peak } else { 1.0 };
        Self {
            model,
            step,
            scale,
            frames: VecDeque::new(),
            first: 0,
            next: 0,
            sums: VecDeque::new(),
            given: 0,
        }
    }

    /// Takes the next frame's magnitudes `[bin]`.
    pub(crate) fn push(&mut self, magnitudes: ArrayView1<f32>) -> Result<()> {
        self.frames.push_back(magnitudes.iter().map(|value| value * self.scale).collect());
        let patch = self.model.front_end().frames;
        if self.first + self.frames.len() == self.next + patch {
            self.run(self.next, patch)?;
            self.next += self.step;
            // The last patch may have to reach back a whole patch from the last frame.
            while self.first < self.next && self.frames.len() > patch {
                self.frames.pop_front();
                self.first += 1;
            }
        }
        Ok(())
    }

    /// Ends the stream: the frames that no patch has covered get one.
    pub(crate) fn finish(&mut self) -> Result<()> {
        let patch = self.model.front_end().frames;
        let total = self.first + self.frames.len();
        if self.given + self.sums.len() < total {
            self.run(total.saturating_sub(patch), patch.min(total))?;
        }
        self.next = usize::MAX;
        Ok(())
    }

    /// The next frame's masks `[source, bin]`, once all its patches are computed.
    pub(crate) fn take(&mut self) -> Option<Array2<f32>> {
        if self.given >= self.next {
            return None;
        }
        let (sum, weight) = self.sums.pop_front()?;
        self.given += 1;
        let masks = sum.into_iter().map(|value| value / weight).collect();
        Array2::from_shape_vec((self.model.sources().len(), self.model.front_end().bins), masks).ok()
    }

    /// Runs the patch of the `length` frames from `start` on, repeated where they do not fill it.
    fn run(&mut self, start: usize, length: usize) -> Result<()> {
        let [bins, patch] = self.model.front_end().patch();
        let mut magnitudes = vec![0.0; bins * patch];
        for frame in 0..patch {
            let values = &self.frames[start - self.first + frame % length];
            for (bin, value) in values.iter().enumerate() {
                magnitudes[bin * patch + frame] = *value;
            }
        }
        let masks = self.model.masks(&magnitudes)?;
        let sources = self.model.sources().len();
        let masks = ArrayView2::from_shape((sources * bins, patch), &masks)
            .map_err(crate::Error::part("the network's masks"))?;
        for frame in 0..length {
            // The last patch reaches back over frames that were given already.
            let Some(place) = (start + frame).checked_sub(self.given) else { continue };
            if place == self.sums.len() {
                self.sums.push_back((vec![0.0; sources * bins], 0.0));
            }
            let weight = (frame + 1).min(patch - frame) as f32;
            let (sum, weights) = &mut self.sums[place];
            sum.iter_mut().zip(masks.column(frame)).for_each(|(sum, mask)| *sum += weight * mask);
            *weights += weight;
        }
        Ok(())
    }
}
