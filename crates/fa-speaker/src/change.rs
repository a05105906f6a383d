//! Speaker change detection: where two windows of speech are better told apart than taken as one (Chen and Gopalakrishnan,
//! 1998).

use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::baseline::{Bic, FullGaussian};
use crate::error::{check_features, check_parameter};
use crate::{Feature, Result};

/// How changes are looked for; times in frames.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChangeParams {
    /// Frames on each side (100: a second).
    pub window: usize,
    /// From one point looked at to the next (10).
    pub step: usize,
    /// A change is the highest point within so many steps (7).
    pub peak_steps: usize,
    /// Least length of a segment (60).
    pub least_segment: usize,
    /// Weight of the BIC's penalty (1).
    pub alpha: f64,
}

impl Default for ChangeParams {
    fn default() -> Self {
        Self { window: 100, step: 10, peak_steps: 7, least_segment: 60, alpha: 1.0 }
    }
}

impl ChangeParams {
    /// Cuts frames `[frame, feature]` where the speaker may have changed: the segments `(start, end)`, one after the other,
    /// cover all of them.
    ///
    /// # Errors
    /// A window that is no multiple of the step; NaN or infinity, or values whose squares are.
    pub fn segments<T: Feature>(&self, frames: ArrayView2<T>) -> Result<Vec<(usize, usize)>> {
        let fits = self.step > 0 && self.window >= self.step && self.window.is_multiple_of(self.step);
        check_parameter(fits, "window", self.window, format!("a multiple of the step, {}", self.step))?;
        check_features(frames, frames.ncols())?;
        let mut cuts = vec![0];
        let bic = Bic { alpha: self.alpha, ..Bic::default() };
        let reach = self.window / self.step;
        let blocks: Vec<FullGaussian> = frames
            .axis_chunks_iter(Axis(0), self.step)
            .take(frames.nrows() / self.step)
            .map(|block| {
                let mut moments = FullGaussian::empty(frames.ncols());
                block.rows().into_iter().for_each(|frame| moments.add_frame(frame));
                moments
            })
            .collect();
        let window = |blocks: &[FullGaussian]| {
            let mut sum = FullGaussian::empty(frames.ncols());
            blocks.iter().for_each(|block| sum.add(block));
            sum.with_determinant()
        };
        let middles = reach..(blocks.len() + 1).saturating_sub(reach);
        let scores: Vec<f64> = middles
            .clone()
            .map(|m| bic.distance(&window(&blocks[m - reach..m])?, &window(&blocks[m..m + reach])?))
            .collect::<Result<_>>()?;
        for (i, m) in middles.enumerate() {
            let around =
                &scores[i.saturating_sub(self.peak_steps)..(i + self.peak_steps + 1).min(scores.len())];
            let highest = around.iter().all(|&score| score <= scores[i]);
            let at = m * self.step;
            if highest && scores[i] > 0.0 && at - cuts[cuts.len() - 1] >= self.least_segment {
                cuts.push(at);
            }
        }
        cuts.push(frames.nrows());
        Ok(cuts.windows(2).map(|pair| (pair[0], pair[1])).filter(|(start, end)| start < end).collect())
    }
}
