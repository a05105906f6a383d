//! Sound to features: log-mel spectrogram and MFCC (paper 001, 2.2 and 3.1), cached by content.

use std::path::{Path, PathBuf};

use auscult_audio_io::ReadOptions;
use auscult_stft_mel::{
    LogScale, MelParams, MelSpectrogram, MelSpectrogramParams, PadMode, StftParams, dct_matrix,
};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, concatenate, s};
use serde::{Deserialize, Serialize};

use super::Recording;
use crate::observer::Observer;
use crate::pipeline::preparation::prepare_each;
use crate::run::fingerprint;
use crate::{Error, Result, files};

/// The front end; the defaults are the paper's (as librosa 0.7 computed them).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrontEnd {
    /// Hz, everything is resampled to it.
    pub sample_rate: u32,
    /// FFT and window length, samples (periodic Hann, centred, reflected at the ends).
    pub n_fft: usize,
    /// Samples between frames.
    pub hop_length: usize,
    /// Mel bands (Slaney's scale and area normalisation), on power.
    pub n_mels: usize,
    /// Lowest edge of the bands, Hz.
    pub f_min: f64,
    /// Highest edge of the bands, Hz; default: half the sample rate.
    pub f_max: Option<f64>,
    /// How power becomes level.
    pub level: Level,
    /// MFCC per frame, from dB with the top 80 dB kept; 0 for none.
    pub n_mfcc: usize,
}

/// How mel power becomes level.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Natural logarithm, and 0 (not a floor) where the power is 0: the paper's.
    #[default]
    NaturalOrZero,
    /// 10 log10, floored at 1e-10 and at 80 dB below the recording's maximum.
    Decibel,
}

impl Default for FrontEnd {
    fn default() -> Self {
        Self {
            sample_rate: 22_050,
            n_fft: 2048,
            hop_length: 512,
            n_mels: 128,
            f_min: 0.0,
            f_max: None,
            level: Level::NaturalOrZero,
            n_mfcc: 20,
        }
    }
}

impl FrontEnd {
    /// Frames a second.
    #[must_use]
    pub fn frame_rate(&self) -> f64 {
        f64::from(self.sample_rate) / self.hop_length as f64
    }

    /// Refuses a recording too short to be reflected at its ends.
    pub(crate) fn check_length(&self, path: &Path, samples: usize) -> Result<()> {
        let least = self.n_fft / 2 + 1;
        if samples >= least {
            return Ok(());
        }
        let milliseconds = 1e3 * least as f64 / f64::from(self.sample_rate);
        Err(Error::recording(
            path,
            format!(
                "too short: {samples} samples at {} Hz do not fill an analysis window; at least {least} are needed \
                 ({milliseconds:.0} ms)",
                self.sample_rate
            ),
        ))
    }

    /// Values a frame.
    #[must_use]
    pub fn width(&self) -> usize {
        self.n_mels + self.n_mfcc
    }
}

/// Features of one recording, `[frame, value]`: first the mel levels, then the MFCC.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    values: Array2<f32>,
    n_mels: usize,
}

impl Features {
    #[cfg(test)]
    pub(crate) fn from_values(values: Array2<f32>, n_mels: usize) -> Self {
        Self { values, n_mels }
    }

    /// Number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.values.nrows()
    }

    /// Mel levels `[frame, band]`.
    #[must_use]
    pub fn log_mel(&self) -> ArrayView2<'_, f32> {
        self.values.slice(s![.., ..self.n_mels])
    }

    /// MFCC `[frame, coefficient]`.
    #[must_use]
    pub fn mfcc(&self) -> ArrayView2<'_, f32> {
        self.values.slice(s![.., self.n_mels..])
    }

    /// All values `[frame, value]`.
    #[must_use]
    pub fn values(&self) -> ArrayView2<'_, f32> {
        self.values.view()
    }
}

/// A planned [`FrontEnd`]: plan once, use for every recording, from any thread.
#[derive(Clone, Debug)]
pub struct FeatureExtractor {
    front_end: FrontEnd,
    mel: MelSpectrogram<f32>,
    cosines: Array2<f32>,
}

impl FeatureExtractor {
    /// Plans the transforms.
    ///
    /// # Errors
    /// [`Error::Part`] where the front end's figures contradict each other (e.g. `f_max` above half the rate).
    pub fn new(front_end: &FrontEnd) -> Result<Self> {
        let stft =
            StftParams::new(front_end.n_fft).hop_length(front_end.hop_length).pad_mode(PadMode::Reflect);
        let mel = MelParams::new(front_end.sample_rate, front_end.n_mels)
            .f_min(front_end.f_min)
            .f_max(front_end.f_max.unwrap_or(f64::from(front_end.sample_rate) / 2.0));
        let mel = MelSpectrogramParams::new(stft, mel).plan().map_err(Error::part("the front end"))?;
        if front_end.n_mfcc > front_end.n_mels {
            let (asked, bands) = (front_end.n_mfcc, front_end.n_mels);
            return Err(Error::Data(format!("n_mfcc is {asked}; {bands} mel bands give at most as many")));
        }
        let cosines = dct_matrix(front_end.n_mfcc, front_end.n_mels);
        Ok(Self { front_end: front_end.clone(), mel, cosines })
    }

    /// The front end this was planned for.
    #[must_use]
    pub fn front_end(&self) -> &FrontEnd {
        &self.front_end
    }

    /// Features of mono samples at the front end's rate.
    ///
    /// # Errors
    /// [`Error::Part`] where there are too few samples for one reflected window.
    pub fn features(&self, samples: ArrayView1<f32>) -> Result<Features> {
        let failed = |error| Error::part("features")(error);
        let power = self.mel.process(samples).map_err(failed)?;
        let decibel = LogScale::power_db().apply(power.view()).map_err(failed)?;
        let mfcc = decibel.dot(&self.cosines.t());
        let level = match self.front_end.level {
            Level::NaturalOrZero => LogScale::LnOrZero.apply(power.view()).map_err(failed)?,
            Level::Decibel => decibel,
        };
        let values = concatenate(Axis(1), &[level.view(), mfcc.view()]).map_err(Error::part("features"))?;
        Ok(Features { values, n_mels: self.front_end.n_mels })
    }

    /// Features of a file of any rate, channel count and format.
    ///
    /// # Errors
    /// [`Error::Recording`] with the reason and the remedy.
    pub fn features_of_file(&self, path: &Path) -> Result<Features> {
        let audio = ReadOptions::default()
            .mono(true)
            .sample_rate(self.front_end.sample_rate)
            .read(path)
            .map_err(|error| Error::unreadable(path, &error))?;
        let samples = audio.samples.row(0);
        self.front_end.check_length(path, samples.len())?;
        self.features(samples)
    }
}

/// Features of many files, in the order given, through a cache of `.npy` files named by content: the
/// hash covers the sound file's bytes and the front end, so a changed file or setting is computed anew and
/// nothing is computed twice. With `skip_bad`, files that cannot be used are `None` and a warning.
///
/// # Errors
/// Without `skip_bad` the first bad recording by manifest order, the others being warned of, so that all can be
/// mended at once; [`Error::Interrupted`]; a cache that cannot be written.
pub fn prepare(
    recordings: &[Recording],
    front_end: &FrontEnd,
    cache: &Path,
    skip_bad: bool,
    observer: &mut dyn Observer,
) -> Result<Vec<Option<Features>>> {
    let extractor = FeatureExtractor::new(front_end)?;
    prepare_each("features", recordings, skip_bad, observer, |recording| {
        cached(&extractor, &recording.path, cache)
    })
}

/// Changes when the same front end would give other numbers than before.
const CACHE_VERSION: &str = "birds-features-1";

fn cached(extractor: &FeatureExtractor, path: &Path, cache: &Path) -> Result<Features> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::recording(path, "there is no such file; check the manifest's path and --root")
        }
        _ => Error::recording(path, format!("could not be read: {error}")),
    })?;
    let front_end = format!("{:?}", extractor.front_end);
    let key = fingerprint(&[CACHE_VERSION.as_bytes(), front_end.as_bytes(), &bytes]);
    drop(bytes);
    let file: PathBuf = cache.join(&key[..2]).join(format!("{key}.npy"));
    let width = extractor.front_end.width();
    if let Some(values) = files::read_npy(&file)
        && values.ncols() == width
    {
        return Ok(Features { values, n_mels: extractor.front_end.n_mels });
    }
    let features = extractor.features_of_file(path)?;
    files::write_npy(&file, &features.values)?;
    Ok(features)
}
