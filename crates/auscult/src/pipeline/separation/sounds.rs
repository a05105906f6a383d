//! Songs to samples: stems cut, weighted, summed and resampled; at the front end's rate cached by content.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use auscult_audio_io::{Audio, AudioReader, ReadOptions, resample};
use ndarray::{Array1, Array2, ArrayView1, Axis, concatenate, s};

use super::front_end::FrontEnd;
use super::songs::{Song, Stem};
use crate::observer::Observer;
use crate::pipeline::preparation::prepare_each;
use crate::run::fingerprint;
use crate::{Error, Result};

/// A song's parts, `[channel, frame]`, all of one shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    /// Hz.
    pub sample_rate: u32,
    /// What is heard.
    pub mixture: Array2<f32>,
    /// The voice, where it is known.
    pub vocals: Option<Array2<f32>>,
    /// All else.
    pub accompaniment: Array2<f32>,
}

impl Sound {
    /// Reads a song at `sample_rate`, or at the rate of its own first file.
    ///
    /// # Errors
    /// [`Error::Recording`] with the file and the remedy.
    pub fn read(song: &Song, sample_rate: Option<u32>) -> Result<Self> {
        let first = song.mixture.first().or(song.vocals.first()).or(song.accompaniment.first());
        let rate = match (sample_rate, first) {
            (Some(rate), _) => rate,
            (None, Some(stem)) => AudioReader::open(&stem.path)
                .map_err(|error| Error::unreadable(&stem.path, &error))?
                .sample_rate(),
            (None, None) => return Err(Error::Data(format!("song `{}` has no stems", song.name))),
        };
        let mut parts = Vec::new();
        for stems in [&song.vocals, &song.accompaniment, &song.mixture] {
            let read = stems.iter().map(|stem| Ok((stem, read_stem(stem, rate)?)));
            parts.push(read.collect::<Result<Vec<_>>>()?);
        }
        let all = || parts.iter().flatten();
        let channels = all().map(|(_, audio)| audio.channels()).max().unwrap_or(1);
        let offset = |stem: &Stem| (stem.at * f64::from(rate)).round() as usize;
        let frames = all().map(|(stem, audio)| offset(stem) + audio.frames()).max().unwrap_or(0);
        let sum = |part: &[(&Stem, Audio)]| -> Result<Array2<f32>> {
            let mut sum = Array2::zeros((channels, frames));
            for (stem, audio) in part {
                let samples = match audio.channels() == channels {
                    true => audio.samples.view(),
                    false if audio.channels() == 1 => {
                        audio.samples.broadcast((channels, audio.frames())).ok_or_else(|| {
                            Error::recording(&stem.path, "its channel cannot be spread over the others'")
                        })?
                    }
                    false => {
                        let problem = format!(
                            "it has {} channels and others of song `{}` have {channels}; bring them to one number",
                            audio.channels(),
                            song.name
                        );
                        return Err(Error::recording(&stem.path, problem));
                    }
                };
                let at = offset(stem);
                sum.slice_mut(s![.., at..at + audio.frames()]).scaled_add(stem.gain as f32, &samples);
            }
            Ok(sum)
        };
        let vocals = (!parts[0].is_empty()).then(|| sum(&parts[0])).transpose()?;
        let mut accompaniment = sum(&parts[1])?;
        let mixture = match (&vocals, parts[2].is_empty()) {
            (Some(vocals), true) => vocals + &accompaniment,
            _ => sum(&parts[2])?,
        };
        if vocals.is_none() {
            let path = &song.accompaniment[0].path;
            accompaniment = aligned(&mixture, &accompaniment, rate).map_err(|problem| {
                Error::recording(path, format!("as the instrumental version of `{}`, {problem}", song.name))
            })?;
        }
        Ok(Self { sample_rate: rate, mixture, vocals, accompaniment })
    }

    /// The mean of the channels.
    #[must_use]
    pub fn mono(&self) -> Self {
        let mono =
            |samples: &Array2<f32>| samples.mean_axis(Axis(0)).unwrap_or_default().insert_axis(Axis(0));
        Self {
            sample_rate: self.sample_rate,
            mixture: mono(&self.mixture),
            vocals: self.vocals.as_ref().map(mono),
            accompaniment: mono(&self.accompaniment),
        }
    }

    /// At another rate.
    pub(crate) fn at_rate(&self, rate: u32) -> Result<Self> {
        let convert = |samples: &Array2<f32>| {
            resample(samples.view(), self.sample_rate, rate).map_err(Error::part("resampling"))
        };
        Ok(Self {
            sample_rate: rate,
            mixture: convert(&self.mixture)?,
            vocals: self.vocals.as_ref().map(convert).transpose()?,
            accompaniment: convert(&self.accompaniment)?,
        })
    }
}

fn read_stem(stem: &Stem, rate: u32) -> Result<Audio> {
    let refused = |error: auscult_audio_io::Error| Error::unreadable(&stem.path, &error);
    let audio = ReadOptions::default()
        .start(stem.start)
        .duration(stem.duration)
        .track(stem.track.map(|track| track - 1))
        .sample_rate(rate)
        .read(&stem.path)
        .map_err(refused)?;
    match stem.channel {
        None => Ok(audio),
        Some(channel) if channel <= audio.channels() => audio.select(&[channel - 1]).map_err(refused),
        Some(channel) => {
            let problem = format!("channel {channel} was asked for; it has {}", audio.channels());
            Err(Error::recording(&stem.path, problem))
        }
    }
}

/// Furthest an instrumental version may be shifted against the original, seconds.
const MOST_SHIFT: f64 = 0.25;
/// Least correlation, at the best shift, of two recordings one of which contains the other.
const LEAST_CORRELATION: f64 = 0.3;
/// Seconds that are compared.
const COMPARED: f64 = 20.0;

/// The instrumental version, shifted to where it correlates best with the mixture that holds it (paper 004, 3.2, needs
/// the two to run together: their spectra are subtracted).
fn aligned(mixture: &Array2<f32>, instrumental: &Array2<f32>, rate: u32) -> Result<Array2<f32>, String> {
    let mono = |samples: &Array2<f32>| samples.mean_axis(Axis(0)).unwrap_or_default();
    let (mixture, own) = (mono(mixture), mono(instrumental));
    let most = (MOST_SHIFT * f64::from(rate)) as usize;
    let length = ((COMPARED * f64::from(rate)) as usize).min(mixture.len().saturating_sub(2 * most));
    if length < most {
        return Err(format!("it is too short to be aligned: {} samples", mixture.len()));
    }
    let start = (mixture.len() - length) / 2;
    let part = mixture.slice(s![start..start + length]);
    let energy = |x: ArrayView1<f32>| x.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
    let correlation = |shift: usize| {
        // `shift` counts from `most` samples early.
        let other = own.slice(s![start + shift - most..start + shift - most + length]);
        f64::from(part.dot(&other)) / (energy(part) * energy(other)).sqrt().max(1e-30)
    };
    let best = (0..=2 * most).map(|shift| (shift, correlation(shift))).max_by(|a, b| a.1.total_cmp(&b.1));
    let (shift, correlation) = best.unwrap_or((most, 0.0));
    if correlation < LEAST_CORRELATION || shift == 0 || shift == 2 * most {
        return Err(format!(
            "it does not run along with the original: correlation {correlation:.2} at best within {MOST_SHIFT} s; \
             trim both to the same beginning, or leave the pair out"
        ));
    }
    // Sample n of the original sounds like sample n + delay of the instrumental.
    let delay = shift as isize - most as isize;
    let frames = instrumental.ncols() as isize;
    Ok(Array2::from_shape_fn(instrumental.dim(), |(channel, n)| {
        let from = n as isize + delay;
        if (0..frames).contains(&from) { instrumental[[channel, from as usize]] } else { 0.0 }
    }))
}

/// A song in mono at the front end's rate, for training.
#[derive(Clone, Debug)]
pub struct Tracks {
    /// `[part, frame]`: mixture, accompaniment and, where it is known, voice.
    parts: Array2<f32>,
    /// Greatest magnitude of the mixture, and of each part: the song's scale.
    pub(crate) peaks: [f32; 3],
}

impl Tracks {
    pub(crate) fn new(parts: Array2<f32>, front_end: &FrontEnd) -> Result<Self> {
        let stft = front_end.stft()?;
        let mut peaks = [0.0; 3];
        for (peak, part) in peaks.iter_mut().zip(parts.rows()) {
            let magnitudes = front_end.magnitudes_of(&stft, part)?;
            *peak = magnitudes.iter().copied().fold(0.0, f32::max);
        }
        Ok(Self { parts, peaks })
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.ncols()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The mixture's samples.
    #[must_use]
    pub fn mixture(&self) -> ArrayView1<'_, f32> {
        self.parts.row(0)
    }

    /// The accompaniment's.
    #[must_use]
    pub fn accompaniment(&self) -> ArrayView1<'_, f32> {
        self.parts.row(1)
    }

    /// The voice's, where it is known.
    #[must_use]
    pub fn vocals(&self) -> Option<ArrayView1<'_, f32>> {
        (self.parts.nrows() > 2).then(|| self.parts.row(2))
    }

    /// All samples, for fingerprints.
    pub(crate) fn values(&self) -> &Array2<f32> {
        &self.parts
    }
}

/// Mono tracks of many songs, in the order given, through a cache of `.npy` files named by content. With `skip_bad`, songs
/// that cannot be used are `None` and a warning.
///
/// # Errors
/// The first bad recording; [`Error::Interrupted`]; a cache that cannot be written.
pub fn prepare(
    songs: &[Song],
    front_end: &FrontEnd,
    cache: &Path,
    skip_bad: bool,
    observer: &mut dyn Observer,
) -> Result<Vec<Option<Tracks>>> {
    let hashes = prepare_each("reading", &files(songs), skip_bad, observer, |path| content(path))?;
    let hashes: HashMap<PathBuf, String> =
        files(songs).into_iter().zip(hashes).filter_map(|(path, hash)| Some((path, hash?))).collect();
    prepare_each("mixing down", songs, skip_bad, observer, |song| cached(song, front_end, cache, &hashes))
}

/// The files of all songs, each once.
fn files(songs: &[Song]) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        songs.iter().flat_map(|song| song.stems().map(|stem| stem.path.clone())).collect();
    files.sort();
    files.dedup();
    files
}

/// Hash of a file's bytes.
fn content(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::recording(path, "there is no such file; check the path and the root")
        }
        _ => Error::recording(path, format!("could not be read: {error}")),
    })?;
    Ok(fingerprint(&[&bytes]))
}

/// Changes when the same song would give other numbers than before.
const CACHE_VERSION: &str = "separation-tracks-1";

fn cached(
    song: &Song,
    front_end: &FrontEnd,
    cache: &Path,
    hashes: &HashMap<PathBuf, String>,
) -> Result<Tracks> {
    let mut key = vec![CACHE_VERSION.to_owned(), front_end.sample_rate.to_string()];
    for (part, stems) in [&song.vocals, &song.accompaniment, &song.mixture].into_iter().enumerate() {
        for stem in stems {
            let hash = hashes
                .get(&stem.path)
                .ok_or_else(|| Error::recording(&stem.path, "could not be read: see the warning above"))?;
            let Stem { channel, track, gain, start, duration, at, .. } = stem;
            key.push(format!("{part} {hash} {channel:?} {track:?} {gain} {start} {duration:?} {at}"));
        }
    }
    let key = fingerprint(&key.iter().map(String::as_bytes).collect::<Vec<_>>());
    let file: PathBuf = cache.join(&key[..2]).join(format!("{key}.npy"));
    let rows = if song.vocals.is_empty() { 2 } else { 3 };
    if let Some(parts) = crate::files::read_npy(&file)
        && parts.nrows() == rows
        && parts.ncols() > 0
    {
        return Tracks::new(parts, front_end);
    }
    let sound = Sound::read(song, None)?.mono().at_rate(front_end.sample_rate)?;
    let mut rows = vec![sound.mixture.view(), sound.accompaniment.view()];
    rows.extend(sound.vocals.as_ref().map(|vocals| vocals.view()));
    let parts = concatenate(Axis(0), &rows).map_err(Error::part("the parts of a song"))?;
    crate::files::write_npy(&file, &parts)?;
    Tracks::new(parts, front_end)
}

/// A part of a sound in mono.
pub(crate) fn mono(samples: &Array2<f32>) -> Array1<f32> {
    samples.mean_axis(Axis(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use auscult_audio_io::{SampleFormat, write_wav};

    fn noise(seed: u64, frames: usize) -> Array2<f32> {
        let mut random = crate::random::Random::keyed(&[seed]);
        Array2::from_shape_fn((1, frames), |_| 0.1 * random.normal() as f32)
    }

    #[test]
    fn stems_are_cut_weighted_placed_and_summed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two.wav");
        let samples = Array2::from_shape_fn((2, 1000), |(channel, n)| (channel * 1000 + n) as f32 / 4096.0);
        write_wav(&path, &Audio::new(samples, 1000).unwrap(), SampleFormat::F32).unwrap();
        let voice =
            Stem { start: 0.1, duration: Some(0.2), at: 0.5, ..Stem::new(&path).channel(2).gain(0.5) };
        let song =
            Song::new("a", vec![voice], vec![Stem::new(&path).channel(1), Stem::new(&path).channel(1)]);
        let sound = Sound::read(&song, None).unwrap();
        let vocals = sound.vocals.unwrap();
        assert_eq!((sound.sample_rate, vocals.dim()), (1000, (1, 1000)));
        assert_eq!(vocals[[0, 499]], 0.0);
        assert_eq!(vocals[[0, 500]], 0.5 * 1100.0 / 4096.0);
        assert_eq!(vocals[[0, 700]], 0.0);
        assert_eq!(sound.accompaniment[[0, 10]], 20.0 / 4096.0);
        assert_eq!(sound.mixture, &vocals + &sound.accompaniment);
        let missing = Song::new("b", vec![Stem::new(&path).channel(3)], vec![Stem::new(&path)]);
        let error = Sound::read(&missing, None).unwrap_err().to_string();
        assert!(error.contains("channel 3 was asked for; it has 2"), "{error}");
    }

    #[test]
    fn instrumental_versions_are_aligned_or_refused() {
        let (voice, band) = (noise(1, 16_000), noise(2, 16_000));
        let mixture = &voice + &band;
        let mut late = Array2::zeros((1, 16_000));
        late.slice_mut(s![.., 37..]).assign(&band.slice(s![.., ..-37]));
        let found = aligned(&mixture, &late, 8000).unwrap();
        let difference = &found.slice(s![.., ..15_900]) - &band.slice(s![.., ..15_900]);
        assert!(difference.iter().all(|x| x.abs() < 1e-6));
        let error = aligned(&mixture, &noise(3, 16_000), 8000).unwrap_err();
        assert!(error.contains("does not run along"), "{error}");
        assert!(aligned(&noise(1, 100), &noise(1, 100), 8000).is_err());
    }
}
