//! Sound to features (neural front ends of paper 003 and of what it compares with).

use std::path::Path;

use auscult_audio_io::ReadOptions;
use auscult_stft_mel::{
    LogScale, MelNorm, MelParams, MelScale, MelSpectrogram, MelSpectrogramParams, MelTriangles, PadMode,
    StftParams, TwoStageHpss, TwoStageHpssParams, Window,
};
use ndarray::{Array2, ArrayView1, Axis, concatenate};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Which features, and relative to what.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrontEnd {
    /// Whose front end.
    pub kind: Kind,
    /// What levels are relative to.
    pub level: Level,
}

/// What levels are relative to.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Full scale: as published.
    #[default]
    Absolute,
    /// The mean of each band over the song: neither the volume nor a fixed equaliser (another microphone, another mix)
    /// then makes a difference.
    SongMean,
}

/// The three front ends; all have 80 values a frame.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Lee et al. (2018), which paper 003 built on: 22.05 kHz, periodic Hann of 1024, hop 315, centred and reflected,
    /// 80 bands on Slaney's scale from 27.5 to 8000 Hz, decibels of magnitude with 80 dB kept.
    #[default]
    Lee,
    /// Schlüter and Grill (2015): symmetric Hann, not centred, bands on HTK's scale that sum to 1, natural logarithm
    /// floored at 1e-7.
    Schlueter,
    /// Leglaive et al. (2015): 16 kHz, two-stage harmonic-percussive separation, 40 bands of the harmonic and 40 of the
    /// percussive part that come out last.
    Leglaive,
}

/// Bands of the two front ends without separation; with it, half of them each.
const BANDS: usize = 80;

/// Nepers to decibels.
const DECIBELS_PER_NEPER: f32 = 8.685_89;

impl FrontEnd {
    /// Hz, everything is resampled to it.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        match self.kind {
            Kind::Lee | Kind::Schlueter => 22_050,
            Kind::Leglaive => 16_000,
        }
    }

    /// Samples between frames.
    #[must_use]
    pub fn hop_length(&self) -> usize {
        match self.kind {
            Kind::Lee | Kind::Schlueter => 315,
            Kind::Leglaive => 256,
        }
    }

    /// Frames a second: 70, or 62.5.
    #[must_use]
    pub fn frame_rate(&self) -> f64 {
        f64::from(self.sample_rate()) / self.hop_length() as f64
    }

    /// Values a frame.
    #[must_use]
    pub fn width(&self) -> usize {
        BANDS
    }

    /// Samples a frame reaches to either side of its place, in frames.
    pub(crate) fn reach(&self) -> usize {
        match self.kind {
            Kind::Lee | Kind::Schlueter => 1024_usize.div_ceil(315),
            Kind::Leglaive => 3 * 4096 / 256,
        }
    }

    /// Samples below which there is nothing to analyse.
    fn least_samples(&self) -> usize {
        match self.kind {
            Kind::Lee => 513,
            Kind::Schlueter => 1024,
            Kind::Leglaive => 4096,
        }
    }

    /// What one unit of a feature is in decibels.
    pub(crate) fn decibels(&self) -> f32 {
        if self.kind == Kind::Schlueter { DECIBELS_PER_NEPER } else { 1.0 }
    }

    fn mel(&self) -> MelParams {
        let mel = MelParams::new(22_050, BANDS).f_min(27.5).f_max(8000.0);
        match self.kind {
            Kind::Lee => mel,
            Kind::Schlueter => mel.scale(MelScale::Htk).norm(MelNorm::Sum).triangles(MelTriangles::Bins),
            Kind::Leglaive => MelParams::new(16_000, BANDS / 2),
        }
    }

    /// Centre frequency of each band, Hz; `None` where bands come twice.
    pub(crate) fn centre_frequencies(&self) -> Option<Vec<f64>> {
        (self.kind != Kind::Leglaive).then(|| self.mel().center_frequencies().to_vec())
    }

    /// Refuses a song too short to analyse.
    pub(crate) fn check_length(&self, path: &Path, samples: usize) -> Result<()> {
        let least = self.least_samples();
        if samples >= least {
            return Ok(());
        }
        let (rate, milliseconds) = (self.sample_rate(), 1e3 * least as f64 / f64::from(self.sample_rate()));
        let problem = format!(
            "too short: {samples} samples at {rate} Hz do not fill an analysis window; at least {least} are needed \
             ({milliseconds:.0} ms)"
        );
        Err(Error::recording(path, problem))
    }
}

/// A planned [`FrontEnd`]: plan once, use for every song, from any thread.
#[derive(Clone, Debug)]
pub struct FeatureExtractor {
    front_end: FrontEnd,
    mel: MelSpectrogram<f32>,
    separation: Option<TwoStageHpss<f32>>,
}

impl FeatureExtractor {
    /// Plans the transforms.
    ///
    /// # Errors
    /// [`Error::Part`] where a leaf crate refuses the parameters.
    pub fn new(front_end: FrontEnd) -> Result<Self> {
        let hop = front_end.hop_length();
        let stft = match front_end.kind {
            Kind::Lee => StftParams::new(1024).hop_length(hop).pad_mode(PadMode::Reflect),
            Kind::Schlueter => StftParams::new(1024)
                .hop_length(hop)
                .window(Window::Hann)
                .symmetric_window(true)
                .center(false),
            Kind::Leglaive => StftParams::new(512).hop_length(hop),
        };
        let failed = |error| Error::part("the front end")(error);
        let mel = MelSpectrogramParams::new(stft, front_end.mel()).power(1.0).plan().map_err(failed)?;
        let separation = match front_end.kind {
            Kind::Leglaive => Some(TwoStageHpssParams::default().plan().map_err(failed)?),
            Kind::Lee | Kind::Schlueter => None,
        };
        Ok(Self { front_end, mel, separation })
    }

    /// The front end this was planned for.
    #[must_use]
    pub fn front_end(&self) -> FrontEnd {
        self.front_end
    }

    /// Features `[frame, value]` of mono samples at the front end's rate.
    ///
    /// # Errors
    /// [`Error::Part`] where there are too few samples for one window.
    pub fn features(&self, samples: ArrayView1<f32>) -> Result<Array2<f32>> {
        let failed = |error| Error::part("features")(error);
        let level = |magnitude: Array2<f32>| match self.front_end.kind {
            Kind::Schlueter => LogScale::Ln { floor: 1e-7 }.apply(magnitude.view()),
            Kind::Lee | Kind::Leglaive => LogScale::amplitude_db().apply(magnitude.view()),
        };
        let mut features = match &self.separation {
            None => level(self.mel.process(samples).map_err(failed)?).map_err(failed)?,
            Some(separation) => {
                // Leglaive et al. separate songs that peak at 1.
                let peak = samples.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
                let parts = separation
                    .process(samples.mapv(|x| if peak > 0.0 { x / peak } else { x }).view())
                    .map_err(failed)?;
                let [harmonic, percussive] = [parts.harmonic, parts.percussive]
                    .map(|part| self.mel.process(part.view()).and_then(&level));
                let (harmonic, percussive) = (harmonic.map_err(failed)?, percussive.map_err(failed)?);
                concatenate(Axis(1), &[harmonic.view(), percussive.view()])
                    .map_err(Error::part("features"))?
            }
        };
        if self.front_end.level == Level::SongMean
            && let Some(mean) = features.mean_axis(Axis(0))
        {
            features -= &mean;
        }
        Ok(features)
    }

    /// Mono samples of a file of any rate, channel count and format, at the front end's rate.
    ///
    /// # Errors
    /// [`Error::Recording`] with the reason and the remedy.
    pub(crate) fn read(&self, path: &Path) -> Result<Vec<f32>> {
        let audio = ReadOptions::default()
            .mono(true)
            .sample_rate(self.front_end.sample_rate())
            .read(path)
            .map_err(|error| Error::unreadable(path, &error))?;
        self.front_end.check_length(path, audio.frames())?;
        Ok(audio.samples.row(0).to_vec())
    }
}

/// Where frequencies lie among the bands.
#[derive(Clone, Debug)]
pub(crate) struct BandScale {
    scale: MelScale,
    /// Mel of the lowest edge, and between centres.
    low: f64,
    step: f64,
    /// Centre frequencies, Hz.
    pub(crate) centres: Vec<f64>,
}

impl BandScale {
    /// The bands of a front end; `None` where they come twice.
    pub(crate) fn new(front_end: FrontEnd) -> Option<Self> {
        let (mel, centres) = (front_end.mel(), front_end.centre_frequencies()?);
        let [low, high] = [mel.f_min, mel.f_max.unwrap_or(mel.nyquist())].map(|hz| mel.scale.hz_to_mel(hz));
        Some(Self { scale: mel.scale, low, step: (high - low) / (mel.n_mels + 1) as f64, centres })
    }

    /// The place of a frequency among the bands, 0 at the lowest one's centre.
    pub(crate) fn position(&self, hz: f64) -> f64 {
        (self.scale.hz_to_mel(hz) - self.low) / self.step - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_lie_at_their_own_places() {
        for kind in [Kind::Lee, Kind::Schlueter] {
            let scale = BandScale::new(FrontEnd { kind, level: Level::Absolute }).unwrap();
            for (band, &centre) in scale.centres.iter().enumerate() {
                assert!((scale.position(centre) - band as f64).abs() < 1e-6, "{kind:?} {band}");
            }
        }
        assert!(BandScale::new(FrontEnd { kind: Kind::Leglaive, level: Level::Absolute }).is_none());
    }

    fn noise(seconds: usize, rate: u32) -> Vec<f32> {
        let mut random = crate::random::Random::new(3);
        (0..seconds * rate as usize).map(|_| 0.1 * random.normal() as f32).collect()
    }

    #[test]
    fn all_front_ends_give_eighty_values_a_frame() {
        for (kind, frames) in [(Kind::Lee, 141), (Kind::Schlueter, 137), (Kind::Leglaive, 126)] {
            let front_end = FrontEnd { kind, level: Level::Absolute };
            let samples = noise(2, front_end.sample_rate());
            let extractor = FeatureExtractor::new(front_end).unwrap();
            let features = extractor.features(ArrayView1::from(&samples)).unwrap();
            assert_eq!(features.dim(), (frames, 80), "{kind:?}");
            assert!(features.iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn levels_relative_to_the_song_depend_neither_on_volume_nor_on_a_filter() {
        for kind in [Kind::Lee, Kind::Schlueter] {
            let extractor = FeatureExtractor::new(FrontEnd { kind, level: Level::SongMean }).unwrap();
            let loud = noise(1, 22_050);
            let quiet: Vec<f32> = loud.iter().map(|x| x * 0.25).collect();
            let bass: Vec<f32> = std::iter::once(0.0).chain(loud.windows(2).map(|x| x[0] + x[1])).collect();
            let [loud, quiet, bass] =
                [loud, quiet, bass].map(|x| extractor.features(ArrayView1::from(&x)).unwrap());
            assert!(loud.mean_axis(Axis(0)).unwrap().iter().all(|mean| mean.abs() < 1e-3));
            let farthest = |other: &Array2<f32>| {
                loud.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max)
            };
            assert!(farthest(&quiet) < 1e-3, "{kind:?} {}", farthest(&quiet));
            // A filter of two taps is steep within bands only near its zero, above the highest band.
            let typical = |other: &Array2<f32>| {
                loud.iter().zip(other).map(|(a, b)| (a - b).abs()).sum::<f32>() / loud.len() as f32
            };
            assert!(typical(&bass) < 0.2, "{kind:?} {}", typical(&bass));
        }
    }
}
