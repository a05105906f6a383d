//! Random changes to training pictures; off by default, as in the paper.

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// Which changes, and how strong. All work on scaled pictures `[row, frame]` (unit deviation).
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Mixup (Zhang 2018): weight drawn from Beta(a, a), 0 for none. Inputs and targets are mixed.
    pub mixup: f64,
    /// Share of examples that are mixed up.
    pub mixup_share: f64,
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
    /// Largest change of level, in deviations, either way.
    pub gain: f64,
    /// Largest deviation of added Gaussian noise; each example draws its own from 0 to this.
    pub noise: f64,
}

impl Augment {
    /// The mixing weight of the first picture; 1 where this example is left alone.
    pub(crate) fn draw_mixup(&self, random: &mut Random) -> f64 {
        if self.mixup > 0.0 && random.uniform() < self.mixup_share {
            random.symmetric_beta(self.mixup)
        } else {
            1.0
        }
    }

    /// Changes `patch` `[row, frame]` in place.
    pub(crate) fn apply(&self, patch: &mut [f32], rows: usize, frames: usize, random: &mut Random) {
        if self.shift_rows > 0 {
            let shift = random.below(2 * self.shift_rows + 1) as isize - self.shift_rows as isize;
            shift_rows(patch, rows, frames, shift);
        }
        if self.gain > 0.0 {
            let gain = random.between(-self.gain, self.gain) as f32;
            patch.iter_mut().for_each(|pixel| *pixel += gain);
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
    fn masks_stay_inside_and_within_their_width() {
        let augment =
            Augment { time_masks: 1, time_mask_frames: 3, frequency_masks: 1, frequency_mask_rows: 9, ..Augment::default() };
        for seed in 0..200 {
            let mut patch = vec![1.0; 4 * 10];
            augment.apply(&mut patch, 4, 10, &mut Random::new(seed));
            let masked_frames = (0..10).filter(|frame| (0..4).all(|row| patch[row * 10 + frame] == 0.0)).count();
            assert!(masked_frames <= 3 || patch.iter().all(|&p| p == 0.0));
        }
    }
}
