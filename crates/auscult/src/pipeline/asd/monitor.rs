//! Listening to a machine: learn from recordings of it at work, then score what comes (`auscult monitor`).

use std::path::{Path, PathBuf};

use auscult_audio_io::ReadOptions;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};

use super::detector::{Detector, DetectorParams, Errors, Sounds};
use super::ensemble::{Ensemble, segment_scores};
use super::gamma::Gamma;
use super::parallel;
use super::recordings::read;
use crate::observer::Observer;
use crate::run::fingerprint;
use crate::{Error, Result, files};

/// How a monitor is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct MonitorParams {
    /// The detector.
    pub detector: DetectorParams,
    /// The front ends heard together, by their letters.
    pub ensemble: String,
    /// Seconds that are scored at a time.
    pub segment_seconds: f64,
    /// The share of normal segments that may raise an alarm.
    pub false_alarm_rate: f64,
    /// Of weights and atoms.
    pub seed: u64,
}

impl Default for MonitorParams {
    fn default() -> Self {
        Self {
            detector: DetectorParams::default(),
            ensemble: "BCDFGH".into(),
            segment_seconds: 10.0,
            false_alarm_rate: 0.01,
            seed: 0,
        }
    }
}

/// What `monitor.json` holds.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Card {
    format: u32,
    channels: usize,
    ensemble: String,
    segment_seconds: f64,
    false_alarm_rate: f64,
    /// Added to scores to make them positive: Σ μ / σ over the ensemble.
    offset: f64,
    gamma: Gamma,
    threshold: f64,
    /// Segments the threshold was fitted to.
    held_out_segments: usize,
    /// Mean and deviation of the logarithm of each band's energy in what is left of normal sound.
    bands: Vec<(f32, f32)>,
}

const FORMAT: u32 = 1;

/// The longest segment: a day.
const MOST_SECONDS: f64 = 86_400.0;

/// A channel this much (dB) below the median of all channels is dead.
const DEAD_DB: f64 = 40.0;
/// A channel this quiet (dB below full scale) is dead whatever the others do.
const SILENT_DB: f64 = -100.0;
/// A sample from here on is clipped, and a channel with more than this share of them is of no use.
const CLIPPED: (f32, f64) = (0.999, 1e-3);
/// Weight of the newest segment in the running score.
const NEWEST: f64 = 0.3;

/// A trained monitor.
pub struct Monitor {
    card: Card,
    ensemble: Ensemble,
    detector: Detector,
}

/// What a monitor says about one segment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Seconds from the beginning of the recording.
    pub start: f64,
    /// Seconds from the beginning of the recording.
    pub end: f64,
    /// E of eq. (8), as a mean over time and channels.
    pub score: f64,
    /// Exponential mean of this score and those before.
    pub running: f64,
    /// Where alarms begin.
    pub threshold: f64,
    /// Whether the score is above it; not decided for a last segment under half the length scores were learnt on.
    pub alarm: Option<bool>,
    /// Where the sound was most unusual, seconds from the beginning of the recording.
    pub most_unusual: f64,
    /// The band that stood out most there, Hz.
    pub band_hz: [f64; 2],
    /// Microphones left out because they were dead, from 0.
    pub dead: Vec<usize>,
    /// Microphones left out because they were clipped, from 0.
    pub clipped: Vec<usize>,
    /// Deviations of each band from what is left of normal sound, [frame, band]; for pictures.
    #[serde(skip)]
    pub residual: Array2<f32>,
}

impl Monitor {
    /// Learns from recordings of normal sound and leaves the model in `folder`; an interrupted call goes on there, one with
    /// other recordings does not.
    ///
    /// The last fifth of the recordings (at least one) is held out, and the threshold fitted to it. A single recording is
    /// cut: the first two thirds train, the rest sets the threshold.
    ///
    /// # Errors
    /// Recordings that cannot be read or differ in channels; fewer than three segments held out;
    /// [`Error::Run`] where `folder` holds what was learnt from others.
    pub fn train(
        recordings: &[PathBuf],
        params: &MonitorParams,
        folder: &Path,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let problem = |problem: String| Error::Recipe { name: "monitor".into(), problem };
        params.detector.check().map_err(problem)?;
        let ensemble = Ensemble::new("monitor", &params.ensemble).map_err(problem)?;
        if !(params.false_alarm_rate > 0.0 && params.false_alarm_rate < 1.0) {
            return Err(problem(format!(
                "the false-alarm rate is {}; choose one in (0, 1)",
                params.false_alarm_rate
            )));
        }
        if !(params.segment_seconds.is_finite()
            && params.segment_seconds >= params.detector.features.seconds())
        {
            return Err(problem(format!("segments of {} s are too short", params.segment_seconds)));
        }
        let Some(first) = recordings.first() else {
            return Err(Error::Data("there is no recording to learn from".into()));
        };
        let features = &params.detector.features;
        let channels = channels_of(first)?;
        for path in recordings {
            let found = channels_of(path)?;
            if found != channels {
                let problem = format!("has {found} channels, and {} has {channels}", first.display());
                return Err(Error::recording(path, problem));
            }
        }
        // Dead and clipped microphones would teach the detector what broken microphones sound like.
        let sound = |path: &Path| -> Result<Array2<f32>> {
            let audio = read(path, features, channels)?;
            check_rate(path, features.sample_rate)?;
            let health = Health::of(audio.view());
            match health.good.len() {
                0 => Err(Error::recording(path, "every microphone is dead or clipped")),
                _ => Ok(audio.select(Axis(0), &health.good)),
            }
        };
        let detector_params =
            DetectorParams { front_ends: ensemble.members.clone(), ..params.detector.clone() };
        let held_out = match recordings.len() {
            1 => 0,
            count => (count / 5).max(1),
        };
        let trains = recordings.len() - held_out;
        let part = |audio: Array2<f32>, first: bool| match held_out {
            0 => {
                let cut = audio.ncols() * 2 / 3;
                audio.slice(if first { s![.., ..cut] } else { s![.., cut..] }).to_owned()
            }
            _ => audio,
        };
        let begun = mark(params, channels, held_out == 0, &recordings[..trains])?;
        if !files::marked(&folder.join("learnt-from.sha256"), begun)? {
            return Err(Error::Run {
                path: folder.into(),
                problem: "it holds a monitor learnt from other recordings or settings; name another folder, \
                          or remove this one to train anew"
                    .into(),
            });
        }
        let train = |index: usize| Ok(part(sound(&recordings[index])?, true));
        let detector = Detector::fit(
            &detector_params,
            &Sounds { count: trains, sound: &train },
            params.seed,
            folder,
            observer,
        )?;
        let tests = &recordings[if held_out == 0 { 0 } else { trains }..];
        let heard = parallel::each("threshold", tests.len(), observer, |index| {
            let audio = part(sound(&tests[index])?, false);
            segments(audio.ncols(), params.segment_seconds, features.sample_rate)
                .into_iter()
                .filter(|segment| segment.whole)
                .map(|segment| {
                    let cut = audio.slice(s![.., segment.range.clone()]);
                    let (errors, residual) = detector.hear(cut)?;
                    Ok((score_of(&ensemble, &errors), residual))
                })
                .collect::<Result<Vec<_>>>()
        })?;
        let heard: Vec<(f64, Array2<f32>)> = heard.into_iter().flatten().collect();
        if heard.len() < 3 {
            return Err(Error::Data(format!(
                "only {} whole segments of {} s are left to fit the threshold to; record more normal sound, or choose \
                 shorter segments",
                heard.len(),
                params.segment_seconds
            )));
        }
        let offset: f64 = detector.offset(&ensemble.members);
        let scores: Vec<f64> = heard.iter().map(|(score, _)| score + offset).collect();
        let gamma = Gamma::fit(&scores).ok_or_else(|| {
            Error::Data("the held-out segments all sound alike: is that recording silent?".into())
        })?;
        let card = Card {
            format: FORMAT,
            channels,
            ensemble: params.ensemble.clone(),
            segment_seconds: params.segment_seconds,
            false_alarm_rate: params.false_alarm_rate,
            offset,
            threshold: gamma.threshold(params.false_alarm_rate) - offset,
            gamma,
            held_out_segments: scores.len(),
            bands: band_statistics(heard.iter().map(|(_, residual)| residual.view())),
        };
        files::write_json(&folder.join("monitor.json"), &card)?;
        Ok(Self { card, ensemble, detector })
    }

    /// Reads what [`Self::train`] left.
    ///
    /// # Errors
    /// [`Error::Run`] where there is no monitor, or one of another format.
    pub fn load(folder: &Path) -> Result<Self> {
        auscult_models_tch::set_threads(1).map_err(Error::part("libtorch"))?;
        let wrong = |problem: &str| Error::Run { path: folder.into(), problem: problem.into() };
        let card: Card = files::read_json(&folder.join("monitor.json"))?.ok_or_else(|| {
            wrong("there is no monitor here; train one with `auscult monitor --train DIR -o MODEL`")
        })?;
        if card.format != FORMAT {
            return Err(wrong("this monitor is of another version of auscult; train it anew"));
        }
        if !(card.segment_seconds > 0.0 && card.segment_seconds <= MOST_SECONDS) || card.channels == 0 {
            return Err(wrong("monitor.json is damaged; train the monitor anew"));
        }
        let ensemble = Ensemble::new("monitor", &card.ensemble)
            .map_err(|problem| Error::Run { path: folder.into(), problem })?;
        let detector = Detector::load(folder)?;
        if !ensemble.members.iter().all(|member| detector.params().front_ends.contains(member)) {
            return Err(wrong("monitor.json and detector.json are of two monitors; train the monitor anew"));
        }
        Ok(Self { card, ensemble, detector })
    }

    /// Samples a second it listens at; recordings of a higher rate are resampled.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.detector.params().features.sample_rate
    }

    /// Microphones it was trained with.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.card.channels
    }

    /// Samples scored at a time.
    #[must_use]
    pub fn segment_samples(&self) -> usize {
        (self.card.segment_seconds * f64::from(self.sample_rate())) as usize
    }

    /// Score above which there is an alarm.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.card.threshold
    }

    /// Normal segments the threshold was fitted to.
    #[must_use]
    pub fn held_out_segments(&self) -> usize {
        self.card.held_out_segments
    }

    /// All segments of a file.
    ///
    /// # Errors
    /// [`Error::Recording`] for a file that cannot be read, of a rate too low, or of another number of channels; and as
    /// [`Self::segment`].
    pub fn file(&self, path: &Path) -> Result<Vec<Verdict>> {
        check_rate(path, self.sample_rate())?;
        let refused = |error| Error::unreadable(path, &error);
        let mut reader =
            ReadOptions::default().sample_rate(self.sample_rate()).open(path).map_err(refused)?;
        if reader.channels() != self.card.channels {
            return Err(Error::recording(
                path,
                format!(
                    "has {} channels, and the monitor was trained with {}; its threshold would not hold",
                    reader.channels(),
                    self.card.channels
                ),
            ));
        }
        // No more of the recording is in memory than the next two segments, which is as far as `next_segment` must see.
        let (length, mut position, mut ended) = (self.segment_samples().max(1), 0, false);
        let mut ahead: Array2<f32> = Array2::zeros((self.card.channels, 0));
        let mut running = None;
        let mut verdicts = Vec::new();
        loop {
            while !ended && ahead.ncols() < 2 * length {
                match reader.next_block(2 * length - ahead.ncols()).map_err(refused)? {
                    Some(more) => ahead.append(Axis(1), more.view()).map_err(Error::part("a recording"))?,
                    None => ended = true,
                }
            }
            if ahead.ncols() == 0 {
                return Ok(verdicts);
            }
            let least = self.detector.params().features.least_samples();
            if position == 0 && ended && ahead.ncols() < least {
                let problem = format!("too short: {} samples, where a vector needs {least}", ahead.ncols());
                return Err(Error::recording(path, problem));
            }
            let count = next_segment(ahead.ncols(), length);
            let at = position as f64 / f64::from(self.sample_rate());
            let verdict =
                self.segment(ahead.slice(s![.., ..count]), at, running).map_err(|error| name(error, path))?;
            running = Some(verdict.running);
            verdicts.push(verdict);
            ahead = ahead.slice(s![.., count..]).to_owned();
            position += count;
        }
    }

    /// One segment [channel, sample] at the monitor's rate, which began `start` seconds into the recording; `running` is
    /// the running score so far.
    ///
    /// Dead and clipped microphones are left out, as long as half of them remain.
    ///
    /// # Errors
    /// [`Error::Data`] where too few microphones are in order, or the segment does not fill a vector.
    pub fn segment(&self, audio: ArrayView2<f32>, start: f64, running: Option<f64>) -> Result<Verdict> {
        let features = &self.detector.params().features;
        let rate = f64::from(features.sample_rate);
        if audio.ncols() < features.least_samples() {
            return Err(Error::Data(format!("{} samples are too few to score", audio.ncols())));
        }
        let health = Health::of(audio);
        if 2 * health.good.len() < self.card.channels {
            return Err(Error::Data(format!(
                "from {start:.1} s on, only {} of {} microphones are in order (dead: {:?}, clipped: {:?}); nothing can be \
                 said",
                health.good.len(),
                self.card.channels,
                health.dead,
                health.clipped
            )));
        }
        let good = audio.select(Axis(0), &health.good);
        let (errors, energies) = self.detector.hear(good.view())?;
        let score = score_of(&self.ensemble, &errors);
        let residual = self.deviations(energies.view());
        let vector = most_unusual(&errors);
        let frames = vector * features.frames..((vector + 1) * features.frames).min(residual.nrows());
        let standing_out = residual.slice(s![frames, ..]).mean_axis(Axis(0)).unwrap_or_default();
        let band = highest(standing_out.view());
        let whole = 2 * audio.ncols() >= self.segment_samples();
        Ok(Verdict {
            start,
            end: start + audio.ncols() as f64 / rate,
            score,
            running: running.map_or(score, |running| (1.0 - NEWEST) * running + NEWEST * score),
            threshold: self.card.threshold,
            alarm: whole.then_some(score > self.card.threshold),
            most_unusual: start + (vector as f64 + 0.5) * features.seconds(),
            band_hz: features.band(band),
            dead: health.dead,
            clipped: health.clipped,
            residual,
        })
    }

    /// Logarithmic energies, in deviations from those of normal sound.
    fn deviations(&self, energies: ArrayView2<f32>) -> Array2<f32> {
        let mut deviations = log_energies(energies);
        for (mut column, (mean, deviation)) in deviations.columns_mut().into_iter().zip(&self.card.bands) {
            column.mapv_inplace(|level| (level - mean) / deviation);
        }
        deviations
    }
}

/// A picture of a verdict's residual, as PNG: time to the right, low bands at the bottom, from normal (dark) to six
/// deviations above (bright).
#[must_use]
pub fn picture(verdict: &Verdict) -> Vec<u8> {
    crate::report::heat_map(verdict.residual.view(), 0.0, 6.0)
}

/// What the detector is learnt from: settings and recordings. What is not in it only moves the threshold, or adds front
/// ends to those learnt before.
fn mark(params: &MonitorParams, channels: usize, cut: bool, recordings: &[PathBuf]) -> Result<String> {
    let settings = serde_json::to_vec(&(&params.detector, params.seed, channels, cut))
        .map_err(Error::part("the monitor's settings"))?;
    let mut contents = Vec::with_capacity(recordings.len());
    for path in recordings {
        let bytes = std::fs::read(path).map_err(Error::io("read", path))?;
        contents.push(fingerprint(&[&bytes]));
    }
    let parts: Vec<&[u8]> =
        std::iter::once(settings.as_slice()).chain(contents.iter().map(String::as_bytes)).collect();
    Ok(fingerprint(&parts))
}

fn channels_of(path: &Path) -> Result<usize> {
    let open = auscult_audio_io::AudioReader::open(path).map_err(|error| Error::unreadable(path, &error))?;
    Ok(open.channels())
}

/// Resampling cannot bring back what a lower rate never held.
fn check_rate(path: &Path, needed: u32) -> Result<()> {
    let open = auscult_audio_io::AudioReader::open(path).map_err(|error| Error::unreadable(path, &error))?;
    if open.sample_rate() < needed {
        return Err(Error::recording(
            path,
            format!(
                "was recorded at {} Hz and lacks what is above {} Hz; record at {needed} Hz or more",
                open.sample_rate(),
                open.sample_rate() / 2
            ),
        ));
    }
    Ok(())
}

/// The same error, naming the file.
fn name(error: Error, path: &Path) -> Error {
    match error {
        Error::Data(problem) => Error::recording(path, problem),
        other => other,
    }
}

/// A piece of a recording; not whole if it is shorter than the others.
struct Segment {
    range: std::ops::Range<usize>,
    whole: bool,
}

/// A recording in pieces; a last one under half the length joins the one before.
fn segments(samples: usize, seconds: f64, rate: u32) -> Vec<Segment> {
    let length = ((seconds * f64::from(rate)) as usize).max(1);
    let mut segments = Vec::new();
    let mut start = 0;
    while start < samples {
        let count = next_segment(samples - start, length);
        segments.push(Segment { range: start..start + count, whole: count >= length });
        start += count;
    }
    segments
}

/// Samples of the next segment where `left` are left: less than half a segment joins the one before, and is one only alone.
fn next_segment(left: usize, length: usize) -> usize {
    if 2 * left < 3 * length { left } else { length.min(left) }
}

fn score_of(ensemble: &Ensemble, errors: &Errors) -> f64 {
    let back_end = errors.keys().next().map(|row| row.back_end);
    back_end.map_or(f64::NAN, |back_end| ensemble.score(back_end, &segment_scores(errors)))
}

/// The vector with the largest sum of errors over rows and channels.
fn most_unusual(errors: &Errors) -> usize {
    let vectors = errors.values().map(|errors| errors.ncols()).min().unwrap_or(0);
    let sums: Array1<f32> =
        (0..vectors).map(|vector| errors.values().map(|errors| errors.column(vector).sum()).sum()).collect();
    highest(sums.view())
}

fn highest(values: ArrayView1<f32>) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

/// Which microphones are in order.
struct Health {
    good: Vec<usize>,
    dead: Vec<usize>,
    clipped: Vec<usize>,
}

impl Health {
    fn of(audio: ArrayView2<f32>) -> Self {
        let level = |channel: ArrayView1<f32>| {
            let power =
                channel.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / channel.len() as f64;
            10.0 * power.max(1e-30).log10()
        };
        let levels: Vec<f64> = audio.rows().into_iter().map(level).collect();
        let mut sorted = levels.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NEG_INFINITY);
        let mut health = Self { good: Vec::new(), dead: Vec::new(), clipped: Vec::new() };
        for (index, channel) in audio.rows().into_iter().enumerate() {
            let clipped = channel.iter().filter(|sample| sample.abs() >= CLIPPED.0).count();
            if !(levels[index] > SILENT_DB && levels[index] > median - DEAD_DB) {
                health.dead.push(index);
            } else if clipped as f64 > CLIPPED.1 * channel.len() as f64 {
                health.clipped.push(index);
            } else {
                health.good.push(index);
            }
        }
        health
    }
}

/// The least energy a logarithm is taken of.
const LEAST_ENERGY: f32 = 1e-12;

fn log_energies(energies: ArrayView2<f32>) -> Array2<f32> {
    energies.mapv(|energy| energy.max(LEAST_ENERGY).ln())
}

/// Mean and deviation of each band's logarithmic energy.
fn band_statistics<'a>(residuals: impl Iterator<Item = ArrayView2<'a, f32>> + Clone) -> Vec<(f32, f32)> {
    let bands = residuals.clone().next().map_or(0, |residual| residual.ncols());
    (0..bands)
        .map(|band| {
            let levels: Vec<f64> = residuals
                .clone()
                .flat_map(|residual| {
                    residual
                        .column(band)
                        .iter()
                        .map(|&x| f64::from(x.max(LEAST_ENERGY).ln()))
                        .collect::<Vec<_>>()
                })
                .collect();
            let mean = levels.iter().sum::<f64>() / levels.len() as f64;
            let variance =
                levels.iter().map(|level| (level - mean).powi(2)).sum::<f64>() / levels.len() as f64;
            (mean as f32, variance.sqrt().max(0.1) as f32)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_rest_joins_the_segment_before() {
        let lengths = |samples| -> Vec<usize> {
            segments(samples, 1.0, 100).into_iter().map(|segment| segment.range.len()).collect()
        };
        assert_eq!(lengths(300), [100, 100, 100]);
        assert_eq!(lengths(330), [100, 100, 130]);
        assert_eq!(lengths(360), [100, 100, 100, 60]);
        assert_eq!(lengths(30), [30]);
        assert!(!segments(360, 1.0, 100)[3].whole && segments(330, 1.0, 100)[2].whole);
    }

    #[test]
    fn broken_microphones_are_found() {
        let mut audio = Array2::from_shape_fn((5, 8000), |(m, n)| 0.1 * ((n * (m + 3)) as f32 * 0.1).sin());
        audio.row_mut(1).fill(0.0);
        audio.row_mut(3).mapv_inplace(|x| (50.0 * x).clamp(-1.0, 1.0));
        audio.row_mut(4).mapv_inplace(|x| 1e-4 * x);
        let health = Health::of(audio.view());
        assert_eq!((health.good, health.dead, health.clipped), (vec![0, 2], vec![1, 4], vec![3]));
        assert_eq!(Health::of(Array2::zeros((2, 100)).view()).dead, [0, 1]);
    }
}
