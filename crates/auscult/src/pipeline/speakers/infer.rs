//! Listening to files: who speaks when, in bounded memory however long the file; and whether two files are one speaker's.

use std::path::Path;

use auscult_audio_io::{AudioReader, ReadOptions, Warning};
use auscult_eval_metrics::Segment;
use auscult_fa_speaker::{SpeakerModel, Statistics, posterior};
use ndarray::ArrayView1;

use super::diarize::{Segments, SpeakerCount, Turn, across_blocks, filled};
use super::front_end::{FeatureExtractor, seconds};
use super::model::DiarizationModel;
use crate::{Error, Result};

/// How to diarize.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiarizeOptions {
    /// How many speakers there are.
    pub speakers: SpeakerCount,
    /// Read damaged files as far as they go instead of refusing them.
    pub lenient: bool,
}

/// Who speaks when in a file.
#[derive(Clone, Debug)]
pub struct Diarized {
    /// Turns in time order, labelled `S1`, `S2`, ... by first appearance.
    pub turns: Vec<Segment>,
    /// Number of speakers.
    pub speakers: usize,
    /// Length of the file, seconds.
    pub seconds: f64,
    /// What was passed over in a damaged file; always empty unless [`DiarizeOptions::lenient`].
    pub damage: Vec<Warning>,
}

/// Whether two files are one speaker's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Natural logarithm of the likelihood ratio of one speaker to two.
    pub llr: f64,
    /// Probability of one speaker, for the prior probability given.
    pub probability: f64,
    /// Seconds of speech found in each file.
    pub speech: [f64; 2],
}

/// Sound diarized at once, seconds: the memory bound. Speakers of longer files are matched across blocks by their statistics.
const BLOCK_SECONDS: f64 = 1800.0;
/// Frames of speech below which a file is refused.
const LEAST_SPEECH: usize = 20;

/// A model ready to listen.
#[derive(Debug)]
pub struct Diarizer {
    model: DiarizationModel,
    /// Evidence scaled for segments.
    segments: SpeakerModel,
    extractor: FeatureExtractor,
}

impl Diarizer {
    /// Plans the model's front end.
    ///
    /// # Errors
    /// [`Error::Part`] for a model whose figures contradict each other.
    pub fn new(model: DiarizationModel) -> Result<Self> {
        let extractor = model.front_end.plan()?;
        let segments =
            model.speakers.clone().with_kappa(model.tuned().kappa).map_err(Error::part("the model"))?;
        Ok(Self { model, segments, extractor })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &DiarizationModel {
        &self.model
    }

    fn open(&self, path: &Path, lenient: bool) -> Result<AudioReader> {
        ReadOptions::default()
            .mono(true)
            .sample_rate(self.model.front_end.sample_rate)
            .strict(!lenient)
            .open(path)
            .map_err(|error| Error::unreadable(path, &error))
    }

    /// Says who speaks when in a file of any format, rate, channel count and length. A file without speech has no turns.
    ///
    /// # Errors
    /// [`Error::Recording`] for files that cannot be read.
    pub fn diarize(&self, path: &Path, options: &DiarizeOptions) -> Result<Diarized> {
        let reader = self.open(path, options.lenient)?;
        self.diarize_blocks(path, reader, options, BLOCK_SECONDS)
    }

    fn diarize_blocks(
        &self,
        path: &Path,
        mut reader: AudioReader,
        options: &DiarizeOptions,
        block_seconds: f64,
    ) -> Result<Diarized> {
        let rate = f64::from(self.model.front_end.sample_rate);
        let block = (block_seconds * rate) as usize;
        let hop = (rate / super::front_end::FRAME_RATE) as usize;
        let (mut samples, mut read): (Vec<f32>, usize) = (Vec::new(), 0);
        // Turns and clusters of all blocks; clusters are numbered through.
        let (mut turns, mut clusters): (Vec<Turn>, Vec<Statistics>) = (Vec::new(), Vec::new());
        let mut first_frame = 0;
        loop {
            let more = reader
                .next_block(block.saturating_sub(samples.len()).max(1))
                .map_err(|error| Error::unreadable(path, &error))?;
            let ended = more.is_none();
            if let Some(more) = more {
                read += more.ncols();
                samples.extend(more.row(0));
            }
            if !ended && samples.len() < block {
                continue;
            }
            let (some, of_block) = self.diarize_samples(&samples, options.speakers, path)?;
            let offset = clusters.len();
            turns.extend(
                some.iter().map(|&(from, to, who)| (from + first_frame, to + first_frame, who + offset)),
            );
            clusters.extend(of_block);
            if ended {
                break;
            }
            // Whole hops: frames of the next block lie where they would in one piece.
            let spent = samples.len() / hop * hop;
            first_frame += spent / hop;
            samples.drain(..spent);
        }
        let who = across_blocks(
            &self.segments,
            &clusters,
            &self.model.tuned(),
            options.speakers,
            &self.model.notes.diarization,
        )?;
        // One block was clustered already, and resegmented since.
        let single = turns.iter().all(|turn| turn.2 < clusters.len()) && first_frame == 0;
        let mut names: Vec<usize> = Vec::new();
        let total = read as f64 / rate;
        let turns = turns
            .into_iter()
            .map(|(from, to, cluster)| {
                let speaker = if single { cluster } else { who[cluster] };
                let known = names.iter().position(|&name| name == speaker);
                let number = known.unwrap_or_else(|| {
                    names.push(speaker);
                    names.len() - 1
                });
                Segment::new(seconds(from), seconds(to).min(total), format!("S{}", number + 1))
            })
            .collect();
        Ok(Diarized { turns, speakers: names.len(), seconds: total, damage: reader.warnings().to_vec() })
    }

    /// Turns and clusters of samples at the front end's rate.
    fn diarize_samples(
        &self,
        samples: &[f32],
        count: SpeakerCount,
        path: &Path,
    ) -> Result<(Vec<Turn>, Vec<Statistics>)> {
        let settings = &self.model.notes.diarization;
        let refused = |error: Error| match error {
            Error::Data(problem) => Error::recording(path, problem),
            other => other,
        };
        let speech = self.extractor.features(ArrayView1::from(samples)).map_err(refused)?;
        let segments = Segments::new(&self.segments, &speech, settings)?;
        let tuned = self.model.tuned();
        let tree = segments.cluster(&self.segments, tuned.most_evidence)?;
        let labels = segments.labels(&tree, tuned.threshold, count, settings);
        let (turns, clusters) =
            segments.resegmented(&self.segments, &labels, tuned.unpenalised, count, settings)?;
        Ok((filled(turns, tuned.fill), clusters))
    }

    /// Turns of mono samples at the front end's rate, as `(start, end, speaker)` in seconds; for conversations in memory.
    ///
    /// # Errors
    /// [`Error::Data`] for samples that are not finite.
    pub fn diarize_mono(&self, samples: &[f32], count: SpeakerCount) -> Result<Vec<Segment>> {
        let (turns, _) = self.diarize_samples(samples, count, Path::new("the samples"))?;
        Ok(turns
            .into_iter()
            .map(|(from, to, who)| Segment::new(seconds(from), seconds(to), format!("S{}", who + 1)))
            .collect())
    }

    /// Compares two files, each taken to have one speaker. `prior` is the probability of one speaker before listening.
    ///
    /// # Errors
    /// [`Error::Recording`] for files that cannot be read or hold less than 0.2 s of speech; [`Error::Data`] for a prior that is
    /// no probability.
    pub fn same_speaker(&self, first: &Path, second: &Path, prior: f64, lenient: bool) -> Result<Comparison> {
        if !(prior > 0.0 && prior < 1.0) {
            return Err(Error::Data(format!("the prior is {prior}; give a probability between 0 and 1")));
        }
        let (a, b) = (self.statistics(first, lenient)?, self.statistics(second, lenient)?);
        let stat =
            |statistics: &Statistics| self.model.speakers.stat(statistics).map_err(Error::part("comparison"));
        let llr = stat(&a)?.llr(&stat(&b)?).map_err(Error::part("comparison"))?;
        let speech = [a.frames(), b.frames()].map(|frames| frames / super::front_end::FRAME_RATE);
        Ok(Comparison { llr, probability: posterior(llr, prior), speech })
    }

    /// Statistics of all speech of a file, block by block.
    fn statistics(&self, path: &Path, lenient: bool) -> Result<Statistics> {
        let mut reader = self.open(path, lenient)?;
        let block = (BLOCK_SECONDS * f64::from(self.model.front_end.sample_rate)) as usize;
        let mut sum = Statistics::empty(self.model.speakers.ubm());
        let mut samples: Vec<f32> = Vec::new();
        loop {
            let more = reader
                .next_block(block.saturating_sub(samples.len()).max(1))
                .map_err(|error| Error::unreadable(path, &error))?;
            let ended = more.is_none();
            samples.extend(more.iter().flat_map(|more| more.row(0).to_vec()));
            if !ended && samples.len() < block {
                continue;
            }
            let refused = |error: Error| Error::recording(path, error.to_string());
            let speech = self.extractor.features(ArrayView1::from(&samples)).map_err(refused)?;
            let statistics = self.model.speakers.statistics(speech.voiced().view());
            sum.add(&statistics.map_err(Error::part("comparison"))?);
            samples.clear();
            if ended {
                break;
            }
        }
        if sum.frames() < LEAST_SPEECH as f64 {
            let found = sum.frames() / super::front_end::FRAME_RATE;
            let problem =
                format!("{found:.1} s of speech were found in it; at least 0.2 s are needed to compare");
            return Err(Error::recording(path, problem));
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auscult_audio_io::{Audio, SampleFormat, write_wav};
    use ndarray::Array2;

    fn voice(seconds: f64, f0: f64, formant: f64) -> Vec<f32> {
        (0..(seconds * 8000.0) as usize)
            .map(|n| {
                let t = n as f64 / 8000.0;
                let vibrato = f0 * (1.0 + 0.02 * (9.0 * t).sin());
                let sum: f64 = (1..20)
                    .map(|h| {
                        let f = vibrato * f64::from(h);
                        let gain =
                            1.0 / (1.0 + ((f - formant * (1.0 + 0.1 * (3.0 * t).sin())) / 300.0).powi(2));
                        gain * (std::f64::consts::TAU * f * t).sin()
                    })
                    .sum();
                (0.1 * sum) as f32
            })
            .collect()
    }

    fn write(path: &Path, samples: &[f32]) {
        let samples = Array2::from_shape_vec((1, samples.len()), samples.to_vec()).unwrap();
        write_wav(path, &Audio::new(samples, 8000).unwrap(), SampleFormat::I16).unwrap();
    }

    #[test]
    fn blocks_of_a_long_file_share_their_speakers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two.wav");
        let (low, high) = (voice(6.0, 100.0, 600.0), voice(6.0, 210.0, 1900.0));
        let whole = [low.clone(), high.clone(), low.clone(), high, low].concat();
        write(&path, &whole);
        let diarizer = Diarizer::new(DiarizationModel::shipped().unwrap()).unwrap();
        let options = DiarizeOptions { speakers: SpeakerCount::Known(2), lenient: false };
        let whole = diarizer.diarize(&path, &options).unwrap();
        let reader = diarizer.open(&path, false).unwrap();
        let blocks = diarizer.diarize_blocks(&path, reader, &options, 13.0).unwrap();
        for found in [&whole, &blocks] {
            assert_eq!(found.speakers, 2, "{:?}", found.turns);
            let at = |time: f64| {
                found.turns.iter().find(|turn| turn.start <= time && time < turn.end).map(|turn| &turn.label)
            };
            assert_eq!(at(3.0), at(15.0), "{:?}", found.turns);
            assert_eq!(at(3.0), at(27.0), "{:?}", found.turns);
            assert_ne!(at(3.0), at(9.0), "{:?}", found.turns);
        }
        assert!(found_in_order(&blocks.turns));
    }

    fn found_in_order(turns: &[Segment]) -> bool {
        turns.windows(2).all(|pair| pair[0].end <= pair[1].start + 1e-9)
    }

    #[test]
    fn silence_and_crumbs_are_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("odd.wav");
        let diarizer = Diarizer::new(DiarizationModel::shipped().unwrap()).unwrap();
        for samples in [vec![0.0; 16_000], vec![0.01; 100], voice(0.1, 120.0, 700.0)] {
            write(&path, &samples);
            let found = diarizer.diarize(&path, &DiarizeOptions::default()).unwrap();
            assert!(found.speakers <= 1);
            let count = DiarizeOptions { speakers: SpeakerCount::Known(5), lenient: false };
            assert!(diarizer.diarize(&path, &count).unwrap().speakers <= 1);
            let message = diarizer.same_speaker(&path, &path, 0.5, false).unwrap_err().to_string();
            assert!(message.contains("odd.wav") && message.contains("speech"), "{message}");
        }
    }

    #[test]
    fn a_voice_is_like_itself_and_unlike_another() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b, c] = ["a", "b", "c"].map(|name| folder.path().join(format!("{name}.wav")));
        write(&a, &voice(5.0, 110.0, 600.0));
        write(&b, &voice(6.0, 111.0, 600.0));
        write(&c, &voice(5.0, 220.0, 2100.0));
        let diarizer = Diarizer::new(DiarizationModel::shipped().unwrap()).unwrap();
        let same = diarizer.same_speaker(&a, &b, 0.5, false).unwrap();
        let different = diarizer.same_speaker(&a, &c, 0.5, false).unwrap();
        assert!(same.llr > different.llr, "{same:?} {different:?}");
        assert_eq!(same.llr, diarizer.same_speaker(&b, &a, 0.5, false).unwrap().llr);
        assert!((0.0..=1.0).contains(&same.probability));
        assert!(diarizer.same_speaker(&a, &b, 1.0, false).is_err());
    }
}
