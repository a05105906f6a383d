//! Random changes to training pictures; off by default, as in the paper.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// Which changes, and how strong. All work on scaled pictures `[row, frame]` (unit deviation).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Mixup (Zhang 2018): weight drawn from Beta(a, a), 0 for none. Inputs and targets are mixed.
    pub mixup: f64,
    /// Number of time masks (SpecAugment, Park 2019).
    pub time_masks: usize,
    /// Widest time mask, frames.
    pub time_mask_frames: usize,
    /// Number of frequency masks.
    pub frequency_masks: usize,
    /// Widest frequency mask, rows.
    pub frequency_mask_rows: usize,
    /// Largest shift along frequency, rows, either way; the edge row is repeated.
    pub shift_rows: usize,
    /// Deviation of a random equaliser: a level drawn at 3 to 5 rows spread over the picture, straight in
    /// between, as other microphones and distances would colour the sound.
    pub equaliser: f64,
    /// Largest change of speed: a window's frames are taken from (1 ± this) times as many, interpolated.
    pub stretch: f64,
    /// Largest deviation of added Gaussian noise; each example draws its own from 0 to this.
    pub noise: f64,
}

impl Augment {
    /// What is wrong with the strengths.
    pub(crate) fn check(&self) -> Result<(), String> {
        let strengths = [
            ("mixup", self.mixup),
            ("equaliser", self.equaliser),
            ("stretch", self.stretch),
            ("noise", self.noise),
        ];
        for (name, value) in strengths {
            if !(value.is_finite() && value >= 0.0) {
                return Err(format!("augment.{name} is {value}, it must be a finite number of at least 0"));
            }
        }
        if self.stretch >= 1.0 {
            return Err(format!("augment.stretch is {}, it must be below 1", self.stretch));
        }
        Ok(())
    }

    /// The mixing weight of the first picture, at least one half; 1 without mixup.
    pub(crate) fn draw_mixup(&self, random: &mut Random) -> f64 {
        if self.mixup > 0.0 {
            let weight = random.symmetric_beta(self.mixup);
            weight.max(1.0 - weight)
        } else {
            1.0
        }
    }

    /// How many frames of the recording a window of `frames` is made from.
    pub(crate) fn draw_frames(&self, frames: usize, random: &mut Random) -> usize {
        if self.stretch > 0.0 {
            ((frames as f64 * random.between(1.0 - self.stretch, 1.0 + self.stretch)).round() as usize).max(1)
        } else {
            frames
        }
    }

    /// Changes `patch` `[row, frame]` in place.
    pub(crate) fn apply(&self, patch: &mut [f32], rows: usize, frames: usize, random: &mut Random) {
        if self.shift_rows > 0 {
            let shift = random.below(2 * self.shift_rows + 1) as isize - self.shift_rows as isize;
            shift_rows(patch, rows, frames, shift);
        }
        if self.equaliser > 0.0 {
            let nodes: Vec<f64> =
                (0..3 + random.below(3)).map(|_| self.equaliser * random.normal()).collect();
            for (row, pixels) in patch.chunks_exact_mut(frames).enumerate() {
                let level = piecewise_linear(&nodes, row as f64 / (rows - 1).max(1) as f64) as f32;
                pixels.iter_mut().for_each(|pixel| *pixel += level);
            }
        }
        if self.noise > 0.0 {
            let deviation = random.between(0.0, self.noise);
            patch.iter_mut().for_each(|pixel| *pixel += (deviation * random.normal()) as f32);
        }
        for _ in 0..self.frequency_masks {
            let width = random.below(self.frequency_mask_rows.min(rows) + 1);
            let from = random.below(rows - width + 1);
            patch[from * frames..(from + width) * frames].fill(0.0);
        }
        for _ in 0..self.time_masks {
            let width = random.below(self.time_mask_frames.min(frames) + 1);
            let from = random.below(frames - width + 1);
            patch.chunks_exact_mut(frames).for_each(|row| row[from..from + width].fill(0.0));
        }
    }
}

/// Value at `position` in [0, 1] of the curve that is straight between equidistant `nodes`.
fn piecewise_linear(nodes: &[f64], position: f64) -> f64 {
    let place = position * (nodes.len() - 1) as f64;
    let below = (place as usize).min(nodes.len() - 2);
    let share = place - below as f64;
    nodes[below] * (1.0 - share) + nodes[below + 1] * share
}

/// Moves every row up by `shift` (down where negative), repeating the edge row.
fn shift_rows(patch: &mut [f32], rows: usize, frames: usize, shift: isize) {
    let copy = |patch: &mut [f32], to: usize| {
        let from = (to as isize - shift).clamp(0, rows as isize - 1) as usize;
        patch.copy_within(from * frames..(from + 1) * frames, to * frames);
    };
    if shift > 0 {
        (0..rows).rev().for_each(|to| copy(patch, to));
    } else if shift < 0 {
        (0..rows).for_each(|to| copy(patch, to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_changed_by_default() {
        let mut patch: Vec<f32> = (0..12).map(|x| x as f32).collect();
        let before = patch.clone();
        Augment::default().apply(&mut patch, 3, 4, &mut Random::new(1));
        assert_eq!(patch, before);
        assert_eq!(Augment::default().draw_mixup(&mut Random::new(1)), 1.0);
    }

    #[test]
    fn shifts_repeat_the_edge() {
        let rows = |shift| {
            let mut patch = vec![0., 0., 1., 1., 2., 2.];
            shift_rows(&mut patch, 3, 2, shift);
            [patch[0], patch[2], patch[4]]
        };
        assert_eq!(rows(1), [0., 0., 1.]);
        assert_eq!(rows(-1), [1., 2., 2.]);
        assert_eq!(rows(5), [0., 0., 0.]);
        assert_eq!(rows(0), [0., 1., 2.]);
    }

    #[test]
    fn equalisers_are_straight_between_their_nodes() {
        let curve = |position| piecewise_linear(&[0.0, 2.0, 1.0], position);
        assert_eq!([curve(0.0), curve(0.25), curve(0.5), curve(0.75), curve(1.0)], [0.0, 1.0, 2.0, 1.5, 1.0]);
    }

    #[test]
    fn masks_stay_inside_and_within_their_width() {
        let augment = Augment {
            time_masks: 1,
            time_mask_frames: 3,
            frequency_masks: 1,
            frequency_mask_rows: 9,
            ..Augment::default()
        };
        for seed in 0..200 {
            let mut patch = vec![1.0; 4 * 10];
            augment.apply(&mut patch, 4, 10, &mut Random::new(seed));
            let masked_frames =
                (0..10).filter(|frame| (0..4).all(|row| patch[row * 10 + frame] == 0.0)).count();
            assert!(masked_frames <= 3 || patch.iter().all(|&p| p == 0.0));
        }
    }
}
