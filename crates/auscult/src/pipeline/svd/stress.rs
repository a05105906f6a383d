//! Stress tests after Lee et al. (2018): the same songs louder and softer, and instruments that vibrate as voices do.

use std::f64::consts::TAU;

use auscult_eval_metrics::roc_auc;
use ndarray::ArrayView1;
use serde::{Deserialize, Serialize};

use super::front_end::FeatureExtractor;
use super::manifest::Song;
use super::model::SvdModel;
use crate::observer::Observer;
use crate::random::Random;
use crate::{Error, Result};

/// How a model fares where it should not notice anything.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Stress {
    /// What was done, in words.
    pub test: String,
    /// Share of moments decided rightly.
    pub accuracy: f64,
    /// Share of moments without singing that were taken for singing.
    pub false_alarms: f64,
    /// Area under the ROC curve; `None` where nothing is sung.
    pub auc: Option<f64>,
}

/// Changes of level, dB.
const LEVELS: [f64; 3] = [0.0, -12.0, 12.0];

/// Rates (Hz) and depths (semitones) of vibrato: a singer's are about 6 Hz and half a semitone to one.
const VIBRATOS: [(f64, f64); 3] = [(0.0, 0.0), (6.0, 0.5), (6.0, 1.0)];

/// Seconds of each synthetic instrument.
const SECONDS: f64 = 30.0;

/// All tests of a model: on songs at every level, and on melodies of an instrument with and without vibrato.
///
/// # Errors
/// Songs that cannot be read; [`Error::Interrupted`].
pub(crate) fn run(
    model: &SvdModel,
    songs: &[&Song],
    hop: usize,
    observer: &mut dyn Observer,
) -> Result<Vec<Stress>> {
    let extractor = FeatureExtractor::new(model.front_end())?;
    observer.begin("stress tests", (LEVELS.len() + VIBRATOS.len()) as u64);
    let mut found = Vec::new();
    for level in LEVELS {
        let gain = 10_f64.powf(level / 20.0) as f32;
        let mut scored = Scored::default();
        for song in songs {
            let samples: Vec<f32> = extractor.read(&song.path)?.into_iter().map(|x| x * gain).collect();
            scored.add(model, &extractor, &samples, hop, |rate, count| song.labels.frames(rate, count))?;
        }
        found.push(scored.finish(format!("the songs at {level:+} dB"))?);
        if observer.advance(found.len() as u64, "").is_break() {
            return Err(Error::Interrupted);
        }
    }
    for (rate, depth) in VIBRATOS {
        let samples = melody(f64::from(model.front_end().sample_rate()), rate, depth);
        let mut scored = Scored::default();
        scored.add(model, &extractor, &samples, hop, |_, count| vec![false; count])?;
        let name = match rate {
            0.0 => "a bowed melody without vibrato".into(),
            _ => format!("a bowed melody, vibrato of {rate} Hz and {depth} semitones"),
        };
        found.push(scored.finish(name)?);
        if observer.advance(found.len() as u64, "").is_break() {
            return Err(Error::Interrupted);
        }
    }
    observer.end(&format!("{} tests", found.len()));
    Ok(found)
}

#[derive(Default)]
struct Scored {
    truth: Vec<bool>,
    probabilities: Vec<f64>,
    decided: Vec<bool>,
}

impl Scored {
    fn add(
        &mut self,
        model: &SvdModel,
        extractor: &FeatureExtractor,
        samples: &[f32],
        hop: usize,
        labels: impl Fn(f64, usize) -> Vec<bool>,
    ) -> Result<()> {
        let values = extractor.features(ArrayView1::from(samples))?;
        let frames: Vec<usize> = (0..values.nrows()).step_by(hop).collect();
        let rate = model.front_end().frame_rate();
        let probabilities = model.probabilities(values.view(), &frames)?;
        self.truth.extend(labels(rate, values.nrows()).into_iter().step_by(hop));
        self.decided.extend(model.decision().decide(&probabilities, hop as f64 / rate)?);
        self.probabilities.extend(probabilities);
        Ok(())
    }

    fn finish(self, test: String) -> Result<Stress> {
        let share = |hits: usize, of: usize| hits as f64 / of.max(1) as f64;
        let right = self.truth.iter().zip(&self.decided).filter(|(truth, said)| truth == said).count();
        let silent = self.truth.iter().filter(|truth| !**truth).count();
        let alarms = self.truth.iter().zip(&self.decided).filter(|(truth, said)| !**truth && **said).count();
        let both = silent > 0 && silent < self.truth.len();
        Ok(Stress {
            test,
            accuracy: share(right, self.truth.len()),
            false_alarms: share(alarms, silent),
            auc: if both {
                Some(roc_auc(&self.truth, &self.probabilities).map_err(Error::part("a stress test"))?)
            } else {
                None
            },
        })
    }
}

/// A melody of a bowed string: harmonics that fall off as 1/n within a soft attack, over a drone a fifth below.
fn melody(sample_rate: f64, vibrato_hz: f64, vibrato_semitones: f64) -> Vec<f32> {
    const SCALE: [i32; 8] = [0, 2, 3, 5, 7, 8, 10, 12];
    const NOTE_SECONDS: f64 = 0.8;
    let mut random = Random::keyed(&[8, 1]);
    let notes: Vec<i32> =
        (0..(SECONDS / NOTE_SECONDS) as usize + 1).map(|_| SCALE[random.below(8)]).collect();
    let mut phase = 0.0;
    (0..(SECONDS * sample_rate) as usize)
        .map(|sample| {
            let t = sample as f64 / sample_rate;
            let (note, within) = ((t / NOTE_SECONDS) as usize, t % NOTE_SECONDS);
            let bent = vibrato_semitones * (TAU * vibrato_hz * t).sin();
            let pitch = 293.66 * ((f64::from(notes[note]) + bent) / 12.0).exp2();
            phase += pitch / sample_rate;
            let attack = (within / 0.08).min(1.0) * ((NOTE_SECONDS - within) / 0.05).min(1.0);
            let bowed: f64 = (1..=16)
                .take_while(|n| f64::from(*n) * pitch < sample_rate / 2.2)
                .map(|n| (TAU * phase * f64::from(n)).sin() / f64::from(n))
                .sum();
            let drone: f64 = (1..=6).map(|n| (TAU * 97.999 * f64::from(n) * t).sin() / f64::from(n)).sum();
            (0.15 * attack * bowed + 0.05 * drone) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn melodies_are_as_long_as_they_should_be_and_never_clip() {
        for (rate, depth) in VIBRATOS {
            let samples = melody(22_050.0, rate, depth);
            assert_eq!(samples.len(), 661_500);
            assert!(samples.iter().all(|x| x.abs() < 1.0));
            assert!(samples.iter().any(|x| x.abs() > 0.2));
        }
    }

    #[test]
    fn scores_count_moments() {
        let scored = Scored {
            truth: vec![true, true, false, false],
            probabilities: vec![0.9, 0.4, 0.6, 0.1],
            decided: vec![true, false, true, false],
        };
        let stress = scored.finish("x".into()).unwrap();
        assert_eq!((stress.accuracy, stress.false_alarms, stress.auc), (0.5, 0.5, Some(0.75)));
    }
}
