//! Resegmentation: the best path through the speakers, frame by frame (Viterbi).

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::{check_finite, check_shape};

/// What a change of speaker costs.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ViterbiParams {
    /// Nats, within speech (15).
    pub switch_penalty: f64,
    /// Nats, across a pause (4.5).
    pub pause_penalty: f64,
    /// Frames that make a pause (5).
    pub pause: usize,
}

impl Default for ViterbiParams {
    fn default() -> Self {
        Self { switch_penalty: 15.0, pause_penalty: 4.5, pause: 5 }
    }
}

impl ViterbiParams {
    /// The speaker of each frame, from log-likelihoods `[frame, speaker]` and the frames' places in the recording, which jump
    /// where there is no speech.
    ///
    /// # Errors
    /// Another number of places than frames, NaN or infinity.
    pub fn path(&self, log_likelihoods: ArrayView2<f64>, places: &[usize]) -> Result<Vec<usize>> {
        let (frames, speakers) = log_likelihoods.dim();
        check_shape("places [frame]", &[places.len()], &[frames])?;
        check_finite("log-likelihoods [frame, speaker]", log_likelihoods)?;
        if frames == 0 || speakers == 0 {
            return Ok(vec![0; frames]);
        }
        let mut best = log_likelihoods.row(0).to_vec();
        // Where each state came from, frame by frame.
        let mut from = vec![0_u32; frames * speakers];
        let highest =
            |scores: &[f64]| (0..speakers).fold(0, |best, s| if scores[s] > scores[best] { s } else { best });
        for t in 1..frames {
            let paused = places[t].saturating_sub(places[t - 1]) > self.pause;
            let penalty = if paused { self.pause_penalty } else { self.switch_penalty };
            let leader = highest(&best);
            let switched = best[leader] - penalty;
            for s in 0..speakers {
                let stays = best[s] >= switched;
                from[t * speakers + s] = if stays { s } else { leader } as u32;
                best[s] = best[s].max(switched) + log_likelihoods[[t, s]];
            }
        }
        let mut path = vec![highest(&best); frames];
        for t in (1..frames).rev() {
            path[t - 1] = from[t * speakers + path[t]] as usize;
        }
        Ok(path)
    }
}
