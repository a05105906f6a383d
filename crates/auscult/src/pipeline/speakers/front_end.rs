//! Sound to features: 12 MFCC, log energy and their deltas after HTK, voice activity by harmonicity, mean normalisation.

use std::path::Path;

use auscult_audio_io::ReadOptions;
use auscult_stft_mel::{
    FbankParams, Harmonicity, HarmonicityParams, Mfcc, MfccFrontEnd, MfccParams, VoiceActivityParams,
    append_deltas, sliding_cmvn,
};
use ndarray::{Array2, ArrayView1, Axis};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The front end; the defaults are for telephone speech.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrontEnd {
    /// Hz, everything is resampled to it; 8000 or 16000.
    pub sample_rate: u32,
    /// Lowest edge of the mel bands, Hz.
    pub f_min: f64,
    /// Highest edge of the mel bands, Hz.
    pub f_max: f64,
    /// Mel bands.
    pub n_mels: usize,
    /// Cepstral coefficients, from the first one on; the log energy comes on top.
    pub cepstra: usize,
    /// How often deltas are taken: 1 gives 26 features of 12 cepstra, 2 gives 39.
    pub deltas: usize,
    /// Mean normalisation.
    pub normalisation: Normalisation,
    /// Which frames are speech.
    pub voice: VoiceActivityParams,
}

/// What is subtracted from features.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Normalisation {
    /// Nothing: the channel stays in, and tells recordings apart.
    None,
    /// The mean of the speech of the recording.
    #[default]
    Recording,
    /// The mean of the 3 s around each frame, speech or not.
    Sliding,
}

/// Frames around each frame of [`Normalisation::Sliding`].
const SLIDING: usize = 300;

impl Default for FrontEnd {
    fn default() -> Self {
        Self {
            sample_rate: 8000,
            f_min: 64.0,
            f_max: 3800.0,
            n_mels: 23,
            cepstra: 12,
            deltas: 1,
            normalisation: Normalisation::Recording,
            voice: VoiceActivityParams::default(),
        }
    }
}

/// Frames a second.
pub(crate) const FRAME_RATE: f64 = 100.0;

/// Seconds from frame `t`'s own 10 ms to the samples it looks at are ignored: a frame stands for t/100 to (t+1)/100 s.
pub(crate) fn seconds(frame: usize) -> f64 {
    frame as f64 / FRAME_RATE
}

/// Features of a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Speech {
    /// Normalised features `[frame, feature]`, 100 frames a second.
    pub features: Array2<f32>,
    /// Whether somebody speaks, `[frame]`.
    pub speech: Vec<bool>,
}

impl Speech {
    /// Frames in which somebody speaks.
    #[must_use]
    pub fn places(&self) -> Vec<usize> {
        (0..self.speech.len()).filter(|&frame| self.speech[frame]).collect()
    }

    /// Features of these frames alone.
    #[must_use]
    pub fn voiced(&self) -> Array2<f32> {
        self.features.select(Axis(0), &self.places())
    }
}

impl FrontEnd {
    /// Number of features.
    #[must_use]
    pub fn features(&self) -> usize {
        (self.cepstra + 1) * (self.deltas + 1)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        if ![8000, 16_000].contains(&self.sample_rate) {
            return Err(format!("front_end.sample_rate is {}: 8000 or 16000", self.sample_rate));
        }
        self.plan().map(|_| ()).map_err(|error| error.to_string())
    }

    /// Plans the transforms.
    ///
    /// # Errors
    /// [`Error::Part`] where the figures contradict each other (e.g. `f_max` above half the rate).
    pub fn plan(&self) -> Result<FeatureExtractor> {
        let wrong = || Error::part("the front end");
        let bank = FbankParams::htk(self.sample_rate).n_mels(self.n_mels).f_min(self.f_min).f_max(self.f_max);
        // The maximum of a recording is not known before its end, and the mean is taken off anyway.
        let mfcc = MfccParams::new(MfccFrontEnd::Htk(bank)).n_mfcc(self.cepstra + 1).normalize_energy(false);
        Ok(FeatureExtractor {
            front_end: self.clone(),
            mfcc: mfcc.plan().map_err(wrong())?,
            harmonicity: HarmonicityParams::new(self.sample_rate).plan().map_err(wrong())?,
        })
    }
}

/// A planned [`FrontEnd`]: plan once, use for every recording, from any thread.
#[derive(Clone, Debug)]
pub struct FeatureExtractor {
    front_end: FrontEnd,
    mfcc: Mfcc<f32>,
    harmonicity: Harmonicity<f32>,
}

impl FeatureExtractor {
    /// The front end this was planned for.
    #[must_use]
    pub fn front_end(&self) -> &FrontEnd {
        &self.front_end
    }

    /// Features of mono samples at the front end's rate. Less than one frame of 25 ms gives no frames.
    ///
    /// # Errors
    /// [`Error::Data`] for samples that are not finite.
    pub fn features(&self, samples: ArrayView1<f32>) -> Result<Speech> {
        let mut speech = self.features_before_normalisation(samples)?;
        if self.removes_mean()
            && let Some(mean) = speech.voiced().mapv(f64::from).mean_axis(Axis(0))
        {
            speech.features -= &mean.mapv(|mean| mean as f32);
        }
        Ok(speech)
    }

    /// Whether the mean over the recording's speech is to be taken off.
    pub(crate) fn removes_mean(&self) -> bool {
        self.front_end.normalisation == Normalisation::Recording
    }

    /// The same, the mean over the recording being left in.
    pub(crate) fn features_before_normalisation(&self, samples: ArrayView1<f32>) -> Result<Speech> {
        if self.harmonicity.frames(samples.len()) == 0 {
            let features = Array2::zeros((0, self.front_end.features()));
            return Ok(Speech { features, speech: Vec::new() });
        }
        if let Some(at) = samples.iter().position(|sample| !sample.is_finite()) {
            return Err(Error::Data(format!("sample {at} is not a finite number; mend the recording first")));
        }
        let failed = |error| Error::part("features")(error);
        let cepstra = self.mfcc.process(samples).map_err(failed)?;
        let mut features = append_deltas(cepstra.view(), 2, self.front_end.deltas).map_err(failed)?;
        if self.front_end.normalisation == Normalisation::Sliding {
            features = sliding_cmvn(features.view(), SLIDING, false).map_err(failed)?;
        }
        let periodicity = self.harmonicity.process(samples).map_err(failed)?;
        let speech = self.front_end.voice.speech(&periodicity).map_err(failed)?;
        Ok(Speech { features, speech })
    }

    /// Samples of a file of any format and channel count, mono, at the front end's rate.
    ///
    /// # Errors
    /// [`Error::Recording`] with the reason and the remedy.
    pub fn samples(&self, path: &Path) -> Result<Vec<f32>> {
        let audio = ReadOptions::default()
            .mono(true)
            .sample_rate(self.front_end.sample_rate)
            .read(path)
            .map_err(|error| Error::unreadable(path, &error))?;
        Ok(audio.samples.row(0).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buzz_is_speech_and_silence_is_not() {
        let extractor = FrontEnd::default().plan().unwrap();
        let samples: Vec<f32> = (0..16_000)
            .map(|n| {
                let phase = std::f32::consts::TAU * 150.0 * n as f32 / 8000.0;
                if n < 8000 { 0.1 * (1..6).map(|h| (phase * h as f32).cos()).sum::<f32>() } else { 0.0 }
            })
            .collect();
        let speech = extractor.features(ArrayView1::from(&samples)).unwrap();
        assert_eq!(speech.features.dim(), (198, 26));
        assert!(speech.speech[..95].iter().all(|&is| is));
        assert!(speech.speech[110..].iter().all(|&is| !is));
        let mean = speech.voiced().mean_axis(Axis(0)).unwrap();
        assert!(mean.iter().all(|m| m.abs() < 1e-3), "{mean}");
    }

    #[test]
    fn too_little_sound_has_no_frames() {
        let extractor =
            FrontEnd { sample_rate: 16_000, f_max: 7600.0, ..FrontEnd::default() }.plan().unwrap();
        for samples in [0, 1, 399] {
            let speech = extractor.features(ArrayView1::from(&vec![0.1; samples])).unwrap();
            assert_eq!(speech.features.dim(), (0, 26));
        }
        assert_eq!(extractor.features(ArrayView1::from(&vec![0.0; 400])).unwrap().speech, [false]);
        assert!(extractor.features(ArrayView1::from(&vec![f32::NAN; 400])).is_err());
    }
}
