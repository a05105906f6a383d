//! Training and validation examples: patches of songs and of songs that never were, remixed from the parts of several.

use auscult_models_tch::Examples;
use auscult_stft_mel::Stft;
use ndarray::{Array1, Array2, ArrayView1};
use serde::{Deserialize, Serialize};

use super::front_end::FrontEnd;
use super::sounds::Tracks;
use crate::random::Random;

/// Random changes to training examples; none by default, as in the paper.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Share of examples whose voice and accompaniment come from different songs, in [0, 1].
    pub remix: f64,
    /// Largest gain or loss of each part, dB.
    pub gain_db: f64,
    /// Largest change of speed of each part, as a share: pitch and tempo move together.
    pub speed: f64,
}

impl Augment {
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(0.0..=1.0).contains(&self.remix) {
            return Err(format!("augment.remix is {}, it must lie between 0 and 1", self.remix));
        }
        if !(0.0..=40.0).contains(&self.gain_db) {
            return Err(format!("augment.gain_db is {}, it must lie between 0 and 40", self.gain_db));
        }
        if !(0.0..=0.5).contains(&self.speed) {
            return Err(format!("augment.speed is {}, it must lie between 0 and 0.5", self.speed));
        }
        Ok(())
    }

    /// Factor on a part.
    fn draw_gain(&self, random: &mut Random) -> f32 {
        10f64.powf(random.between(-self.gain_db, self.gain_db) / 20.0) as f32
    }

    fn draw_speed(&self, random: &mut Random) -> f64 {
        1.0 + random.between(-self.speed, self.speed)
    }
}

/// Which masks are learnt, in the order of the targets.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The voice.
    Vocals,
    /// All else.
    Accompaniment,
}

impl Source {
    /// Name in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Vocals => "vocals",
            Self::Accompaniment => "accompaniment",
        }
    }
}

/// Patches of songs, as the network and its loss see them: magnitudes, scaled by the song's greatest.
pub(crate) struct Patches<'a> {
    pub(crate) songs: Vec<&'a Tracks>,
    pub(crate) sources: &'a [Source],
    pub(crate) front_end: &'a FrontEnd,
    pub(crate) stft: Stft<f32>,
    pub(crate) augment: &'a Augment,
    /// What makes an epoch.
    pub(crate) choice: Choice,
    pub(crate) seed: u64,
}

/// Which patches an epoch shows.
pub(crate) enum Choice {
    /// So many, from random places of random songs.
    Random(usize),
    /// The same in every epoch: song and first sample.
    Fixed(Vec<(usize, usize)>),
}

impl Choice {
    /// Patches that cover every song, one after the other.
    pub(crate) fn covering(songs: &[&Tracks], front_end: &FrontEnd) -> Self {
        let patch = front_end.frames * front_end.hop_length;
        let places = songs.iter().enumerate().flat_map(|(song, tracks)| {
            (0..tracks.len().div_ceil(patch)).map(move |index| (song, index * patch))
        });
        Self::Fixed(places.collect())
    }
}

/// The parts of one patch in samples.
struct Cut {
    mixture: Array1<f32>,
    vocals: Option<Array1<f32>>,
    accompaniment: Array1<f32>,
    /// The greatest magnitude of the whole song, as far as it is known.
    peak: f32,
}

impl Examples for Patches<'_> {
    fn len(&self) -> usize {
        match &self.choice {
            Choice::Random(patches) => *patches,
            Choice::Fixed(places) => places.len(),
        }
    }

    fn fill(&self, epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
        let cut = match &self.choice {
            Choice::Random(_) => self.draw(&mut Random::keyed(&[self.seed, epoch, index as u64])),
            Choice::Fixed(places) => {
                let (song, start) = places[index];
                self.whole(self.songs[song], start, 1.0)
            }
        };
        self.write(&cut, input, target);
    }
}

impl Patches<'_> {
    /// Samples whose frames make one patch: the last frame is centred on the last but half a window.
    fn samples(&self) -> usize {
        (self.front_end.frames - 1) * self.front_end.hop_length + 1
    }

    fn draw(&self, random: &mut Random) -> Cut {
        let song = self.songs[random.below(self.songs.len())];
        let start = random.below(song.len());
        let parts = song.vocals().filter(|_| *self.augment != Augment::default());
        let Some(vocals) = parts else { return self.whole(song, start, 1.0) };
        let remixed = random.uniform() < self.augment.remix;
        let gains = [self.augment.draw_gain(random), self.augment.draw_gain(random)];
        let speeds = [self.augment.draw_speed(random), self.augment.draw_speed(random)];
        let (band, band_start) = match remixed {
            true => {
                let band = self.songs[random.below(self.songs.len())];
                (band, random.below(band.len()))
            }
            false => (song, start),
        };
        // Unless they are remixed, the parts belong together and change speed together.
        let speeds = if remixed { speeds } else { [speeds[0]; 2] };
        let vocals = self.stretch(vocals, start, speeds[0]) * gains[0];
        let accompaniment = self.stretch(band.accompaniment(), band_start, speeds[1]) * gains[1];
        // Parts seldom peak in the same place: the louder one's peak is the song's.
        let peak = (gains[0] * song.peaks[2]).max(gains[1] * band.peaks[1]);
        Cut { mixture: &vocals + &accompaniment, vocals: Some(vocals), accompaniment, peak }
    }

    /// A patch as it is.
    fn whole(&self, song: &Tracks, start: usize, speed: f64) -> Cut {
        Cut {
            mixture: self.stretch(song.mixture(), start, speed),
            vocals: song.vocals().map(|vocals| self.stretch(vocals, start, speed)),
            accompaniment: self.stretch(song.accompaniment(), start, speed),
            peak: song.peaks[0],
        }
    }

    /// As many samples as a patch takes, from `start` on, at another speed; the end is followed by the beginning.
    fn stretch(&self, samples: ArrayView1<f32>, start: usize, speed: f64) -> Array1<f32> {
        let length = samples.len();
        if speed == 1.0 {
            return Array1::from_shape_fn(self.samples(), |n| samples[(start + n) % length]);
        }
        Array1::from_shape_fn(self.samples(), |n| {
            let place = n as f64 * speed;
            let (whole, part) = (place as usize, place.fract() as f32);
            let at = |n: usize| samples[(start + n) % length];
            (1.0 - part) * at(whole) + part * at(whole + 1)
        })
    }

    /// Magnitudes, scaled: the mixture's into `input` `[bin, frame]`, the sources' into `target` `[source, bin, frame]`.
    fn write(&self, cut: &Cut, input: &mut [f32], target: &mut [f32]) {
        let magnitudes = |samples: &Array1<f32>| {
            self.front_end.magnitudes_of(&self.stft, samples.view()).unwrap_or_default()
        };
        let mixture = magnitudes(&cut.mixture);
        let accompaniment = magnitudes(&cut.accompaniment);
        let greatest = mixture.iter().copied().fold(cut.peak, f32::max);
        let scale = if greatest > 0.0 { 1.0 / greatest } else { 1.0 };
        let write = |magnitudes: &Array2<f32>, place: &mut [f32]| {
            for ((bin, frame), value) in magnitudes.t().indexed_iter() {
                place[bin * self.front_end.frames + frame] = scale * value;
            }
        };
        write(&mixture, input);
        let patch = input.len();
        for (source, place) in self.sources.iter().zip(target.chunks_exact_mut(patch)) {
            match (source, &cut.vocals) {
                (Source::Accompaniment, _) => write(&accompaniment, place),
                (Source::Vocals, Some(vocals)) => write(&magnitudes(vocals), place),
                // The half-wave rectified difference of the spectra (3.2).
                (Source::Vocals, None) => {
                    let mut difference = &mixture - &accompaniment;
                    difference.mapv_inplace(|value| value.max(0.0));
                    write(&difference, place);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracks(parts: usize, seed: u64, front_end: &FrontEnd) -> Tracks {
        let mut random = Random::keyed(&[seed]);
        let mut samples = Array2::from_shape_fn((parts, 3000), |_| random.normal() as f32);
        if parts == 3 {
            let sum = &samples.row(1) + &samples.row(2);
            samples.row_mut(0).assign(&sum);
        }
        Tracks::new(samples, front_end).unwrap()
    }

    const SMALL: FrontEnd = FrontEnd { sample_rate: 8192, n_fft: 128, hop_length: 96, bins: 64, frames: 64 };
    const BOTH: [Source; 2] = [Source::Vocals, Source::Accompaniment];

    fn filled(songs: Vec<&Tracks>, augment: &Augment, choice: Choice, index: usize) -> (Vec<f32>, Vec<f32>) {
        let stft = SMALL.stft().unwrap();
        let patches = Patches { songs, sources: &BOTH, front_end: &SMALL, stft, augment, choice, seed: 5 };
        let (mut input, mut target) = (vec![0.0; 64 * 64], vec![0.0; 2 * 64 * 64]);
        patches.fill(3, index, &mut input, &mut target);
        (input, target)
    }

    #[test]
    fn patches_are_scaled_and_repeat() {
        let song = tracks(3, 1, &SMALL);
        let augment = Augment { remix: 0.5, gain_db: 6.0, speed: 0.1 };
        let one = filled(vec![&song], &augment, Choice::Random(4), 2);
        assert_eq!(one, filled(vec![&song], &augment, Choice::Random(4), 2));
        assert_ne!(one, filled(vec![&song], &augment, Choice::Random(4), 3));
        assert!(one.0.iter().all(|x| (0.0..=1.0).contains(x)) && one.0.iter().any(|x| *x > 0.3));
        // The magnitudes of the parts are at least the mixture's: the triangle inequality.
        let (vocals, band) = one.1.split_at(64 * 64);
        assert!(one.0.iter().zip(vocals).zip(band).all(|((x, v), b)| *x <= v + b + 1e-5));
    }

    #[test]
    fn an_unknown_voice_is_the_rectified_difference() {
        let song = tracks(2, 2, &SMALL);
        let choice = || Choice::covering(&[&song], &SMALL);
        let (input, target) = filled(vec![&song], &Augment::default(), choice(), 0);
        let (vocals, band) = target.split_at(64 * 64);
        assert!(vocals.iter().zip(&input).zip(band).all(|((v, x), b)| (v - (x - b).max(0.0)).abs() < 1e-6));
        assert!(vocals.contains(&0.0));
        let Choice::Fixed(places) = choice() else { panic!() };
        assert_eq!(places, [(0, 0)]);
    }
}
