//! Random changes to training patches (Schlüter and Grill 2015, 4), and instrumentals mixed in; off by default, as in
//! paper 003.

use serde::{Deserialize, Serialize};

use super::front_end::{BandScale, FrontEnd};
use crate::random::Random;

/// Which changes, and how strong. They work on the bands of a patch; where Schlüter and Grill stretch the linear
/// spectrum before its bands are summed, the bands themselves are moved here, so that one cache serves all.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Largest change of pitch, a share: 0.3 is ±30 %.
    pub pitch: f64,
    /// Largest change of speed, a share.
    pub stretch: f64,
    /// Largest change of level, dB.
    pub gain: f64,
    /// Largest gain of a random Gaussian filter, dB; its centre lies between 150 Hz and 8 kHz, its deviation between
    /// 5 and 7 semitones.
    pub filter: f64,
    /// Probability that a patch without any singing, from any training song, is added: the singing, if any, stays.
    pub mix: f64,
    /// Widest band of values set to the mean, rows.
    pub mask: usize,
}

/// Levels at which instrumentals are added, dB.
const MIX_LEVELS: (f64, f64) = (-10.0, 5.0);

impl Augment {
    /// Whether anything is changed.
    pub(crate) fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with the strengths.
    pub(crate) fn check(&self) -> Result<(), String> {
        let shares = [("pitch", self.pitch), ("stretch", self.stretch), ("mix", self.mix)];
        for (name, value) in shares {
            if !(0.0..=1.0).contains(&value) || (name != "mix" && value >= 1.0) {
                return Err(format!("augment.{name} is {value}, it must lie between 0 and 1"));
            }
        }
        for (name, value) in [("gain", self.gain), ("filter", self.filter)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(format!(
                    "augment.{name} is {value} dB, it must be a finite number of at least 0"
                ));
            }
        }
        if self.mask >= 80 {
            return Err(format!("augment.mask is {}: of 80 bands, something must be left", self.mask));
        }
        Ok(())
    }

    /// Frames of the song to a frame of the patch.
    pub(crate) fn draw_speed(&self, random: &mut Random) -> f64 {
        if self.stretch > 0.0 { random.between(1.0 - self.stretch, 1.0 + self.stretch) } else { 1.0 }
    }

    /// Whether an instrumental is to be added.
    pub(crate) fn draw_mix(&self, random: &mut Random) -> bool {
        self.mix > 0.0 && random.uniform() < self.mix
    }
}

/// [`Augment`] for the bands of one front end.
pub(crate) struct Augmenter {
    strengths: Augment,
    bands: Option<BandScale>,
    /// Decibels to one unit of a feature.
    decibels: f32,
}

impl Augmenter {
    pub(crate) fn new(strengths: Augment, front_end: FrontEnd) -> Self {
        Self { strengths, bands: BandScale::new(front_end), decibels: front_end.decibels() }
    }

    pub(crate) fn strengths(&self) -> &Augment {
        &self.strengths
    }

    /// Moves all bands by a random interval.
    pub(crate) fn shift_pitch(&self, patch: &mut [f32], frames: usize, random: &mut Random) {
        let largest = self.strengths.pitch;
        if largest > 0.0
            && let Some(bands) = &self.bands
        {
            move_bands(bands, patch, frames, random.between(1.0 - largest, 1.0 + largest));
        }
    }

    /// Adds the power of `other` at a random level.
    pub(crate) fn add(&self, patch: &mut [f32], other: &[f32], random: &mut Random) {
        let level = random.between(MIX_LEVELS.0, MIX_LEVELS.1) as f32;
        for (x, &y) in patch.iter_mut().zip(other) {
            let (a, b) = (*x * self.decibels, y * self.decibels + level);
            let (loud, quiet) = if a > b { (a, b) } else { (b, a) };
            *x = (loud + 10.0 * (1.0 + 10_f32.powf((quiet - loud) / 10.0)).log10()) / self.decibels;
        }
    }

    /// Random level and filter.
    pub(crate) fn colour(&self, patch: &mut [f32], frames: usize, random: &mut Random) {
        let Augment { gain, filter, .. } = self.strengths;
        let mut row_gains = vec![0.0; patch.len() / frames];
        if gain > 0.0 {
            row_gains.fill(random.between(-gain, gain));
        }
        if filter > 0.0
            && let Some(bands) = &self.bands
        {
            let centre = random.between(150_f64.ln(), 8000_f64.ln()).exp();
            let deviation = random.between(5.0, 7.0) / 12.0;
            let peak = random.between(-filter, filter);
            for (row, hz) in row_gains.iter_mut().zip(&bands.centres) {
                *row += peak * (-0.5 * ((hz / centre).log2() / deviation).powi(2)).exp();
            }
        }
        for (row, decibels) in patch.chunks_exact_mut(frames).zip(row_gains) {
            let added = decibels as f32 / self.decibels;
            row.iter_mut().for_each(|x| *x += added);
        }
    }

    /// Sets a random band of a scaled patch to 0, its mean.
    pub(crate) fn mask(&self, patch: &mut [f32], frames: usize, random: &mut Random) {
        let widest = self.strengths.mask;
        if widest > 0 {
            let (rows, height) = (patch.len() / frames, random.below(widest + 1));
            let first = random.below(rows - height + 1);
            patch[first * frames..(first + height) * frames].fill(0.0);
        }
    }
}

/// Every band takes what lay at its frequency over `ratio`, between the bands there; the outermost go on beyond.
fn move_bands(bands: &BandScale, patch: &mut [f32], frames: usize, ratio: f64) {
    let before = patch.to_vec();
    let last = bands.centres.len() - 1;
    for (band, row) in patch.chunks_exact_mut(frames).enumerate() {
        let place = bands.position(bands.centres[band] / ratio).clamp(0.0, last as f64);
        let low = (place as usize).min(last - 1);
        let share = (place - low as f64) as f32;
        let (a, b) = (&before[low * frames..][..frames], &before[(low + 1) * frames..][..frames]);
        for ((x, &a), &b) in row.iter_mut().zip(a).zip(b) {
            *x = a + share * (b - a);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn augmenter(strengths: Augment) -> Augmenter {
        Augmenter::new(strengths, FrontEnd::default())
    }

    #[test]
    fn a_tone_moves_by_its_interval() {
        let bands = BandScale::new(FrontEnd::default()).unwrap();
        // A ridge at 2 kHz, over 80 bands of one frame.
        let at = |hz: f64| -> Vec<f32> {
            let ridge = |&centre: &f64| -(bands.position(centre) - bands.position(hz)).powi(2) / 8.0;
            bands.centres.iter().map(|centre| ridge(centre) as f32).collect()
        };
        let mut patch = at(2000.0);
        move_bands(&bands, &mut patch, 1, 1.25);
        let loudest = |values: &[f32]| (0..80).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap();
        let expected = at(2500.0);
        assert_eq!(loudest(&patch), loudest(&expected));
        let mut same = expected.clone();
        move_bands(&bands, &mut same, 1, 1.0);
        assert!(same.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn powers_add_and_the_softer_hardly_matters() {
        let quiet = augmenter(Augment { mix: 1.0, ..Augment::default() });
        let mut patch = vec![0.0_f32; 4];
        quiet.add(&mut patch, &[0.0; 4], &mut Random::new(1));
        // At -10 to 5 dB: between 0.41 and 6.2 dB more.
        assert!(patch[0] > 0.41 && patch[0] < 6.2, "{}", patch[0]);
        let mut patch = vec![0.0_f32; 4];
        quiet.add(&mut patch, &[-80.0; 4], &mut Random::new(1));
        assert!(patch[0].abs() < 1e-3);
    }

    #[test]
    fn gains_stay_within_their_bounds_and_masks_are_zero() {
        let strong = augmenter(Augment { gain: 6.0, filter: 10.0, mask: 20, ..Augment::default() });
        let mut random = Random::new(5);
        let mut moved = 0;
        for _ in 0..50 {
            let mut patch = vec![0.0_f32; 80 * 3];
            strong.colour(&mut patch, 3, &mut random);
            assert!(patch.iter().all(|x| x.abs() <= 16.0));
            moved += usize::from(patch[0] != 0.0);
            let mut patch = vec![1.0_f32; 80 * 3];
            strong.mask(&mut patch, 3, &mut random);
            let zeros = patch.iter().filter(|x| **x == 0.0).count();
            assert!(zeros <= 60 && zeros % 3 == 0);
        }
        assert_eq!(moved, 50);
    }

    #[test]
    fn impossible_strengths_are_refused() {
        for (strengths, name) in [
            (Augment { pitch: 1.0, ..Augment::default() }, "pitch"),
            (Augment { mix: 1.5, ..Augment::default() }, "mix"),
            (Augment { gain: -1.0, ..Augment::default() }, "gain"),
            (Augment { mask: 80, ..Augment::default() }, "mask"),
        ] {
            assert!(strengths.check().unwrap_err().contains(name));
        }
        assert!(Augment::default().check().is_ok() && Augment::default().is_off());
    }
}
