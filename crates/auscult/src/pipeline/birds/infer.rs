//! Listening to files: species per window and per file, in bounded memory however long the file.

use std::path::Path;

use auscult_audio_io::{AudioReader, ReadOptions, Warning};
use ndarray::{Array1, ArrayView1};

use super::features::FeatureExtractor;
use super::model::BirdModel;
use super::outcomes::highest;
use crate::{Error, Result};

/// How to listen.
#[derive(Clone, Debug, Default)]
pub struct InferOptions {
    /// Seconds between windows, more than 0 and at most 300; default: half a window.
    pub hop: Option<f64>,
    /// Read damaged files as far as they go instead of refusing them.
    pub lenient: bool,
}

/// What is heard in one window.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Beginning, seconds.
    pub start: f64,
    /// End, seconds (the file's end where the file is shorter than a window).
    pub end: f64,
    /// Probability of each species, in the order of [`BirdModel::species`].
    pub probabilities: Vec<f64>,
}

impl Detection {
    /// The `count` most probable species: index and probability, most probable first.
    #[must_use]
    pub fn top(&self, count: usize) -> Vec<(usize, f64)> {
        top(&self.probabilities, count)
    }
}

/// The `count` highest of `probabilities`, highest first.
fn top(probabilities: &[f64], count: usize) -> Vec<(usize, f64)> {
    let mut ranked: Vec<(usize, f64)> = probabilities.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(count);
    ranked
}

/// All windows of a file, and their mean.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Windows in time order.
    pub windows: Vec<Detection>,
    /// Mean probability of each species.
    pub mean: Vec<f64>,
    /// Length of the file, seconds.
    pub seconds: f64,
    /// What was passed over in a damaged file; always empty unless [`InferOptions::lenient`].
    pub damage: Vec<Warning>,
    /// Highest frequency the model looks at, Hz.
    pub highest_frequency: f64,
}

impl Heard {
    /// The `count` most probable species of the file: index and probability, most probable first.
    #[must_use]
    pub fn top(&self, count: usize) -> Vec<(usize, f64)> {
        top(&self.mean, count)
    }

    /// Index of the file's most probable species.
    #[must_use]
    pub fn species(&self) -> usize {
        highest(ArrayView1::from(&self.mean))
    }
}

/// What a file comes to, its windows having been handed out one by one.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Mean probability of each species over the windows.
    pub mean: Vec<f64>,
    /// Length of the file, seconds.
    pub seconds: f64,
    /// What was passed over in a damaged file; always empty unless [`InferOptions::lenient`].
    pub damage: Vec<Warning>,
}

/// Sound held at once, seconds: the memory bound. Levels relative to "the recording's" maximum or median are
/// relative to this much of it in longer files.
const BLOCK_SECONDS: f64 = 300.0;

/// A model ready to listen.
#[derive(Debug)]
pub struct Listener {
    model: BirdModel,
    extractor: FeatureExtractor,
}

impl Listener {
    /// Plans the model's front end.
    ///
    /// # Errors
    /// As [`FeatureExtractor::new`].
    pub fn new(model: BirdModel) -> Result<Self> {
        let extractor = FeatureExtractor::new(model.front_end())?;
        Ok(Self { model, extractor })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &BirdModel {
        &self.model
    }

    /// Listens to a file of any format, rate and channel count; `each` sees windows as they are scored.
    ///
    /// # Errors
    /// [`Error::Recording`] for files that cannot be read, [`Error::Data`] for an impossible hop.
    pub fn listen(
        &self,
        path: &Path,
        options: &InferOptions,
        each: &mut dyn FnMut(Detection),
    ) -> Result<Summary> {
        let front_end = self.model.front_end().clone();
        let refused = |error: auscult_audio_io::Error| Error::unreadable(path, &error);
        let mut reader: AudioReader = ReadOptions::default()
            .mono(true)
            .sample_rate(front_end.sample_rate)
            .strict(!options.lenient)
            .open(path)
            .map_err(refused)?;
        let rate = f64::from(front_end.sample_rate);
        let window = self.model.preparation.window.frames;
        let hop = match options.hop {
            Some(seconds) if seconds > 0.0 && seconds <= BLOCK_SECONDS => {
                ((seconds * front_end.frame_rate()).round() as usize).max(1)
            }
            Some(seconds) => {
                return Err(Error::Data(format!(
                    "the hop between windows is {seconds} s; give more than 0 and at most {BLOCK_SECONDS} s"
                )));
            }
            None => window.div_ceil(2),
        };
        // Windows begin at multiples of `hop`; a block holds whole hops, then one more window, then the
        // samples the last frames' analysis windows reach into.
        let hops = ((BLOCK_SECONDS * front_end.frame_rate()) as usize / hop).max(1);
        let context = front_end.n_fft.div_ceil(2).div_ceil(front_end.hop_length);
        let block = (context + hops * hop + window + context) * front_end.hop_length;

        let mut sum = Array1::<f64>::zeros(self.model.species().len());
        let mut count = 0;
        let mut samples: Vec<f32> = Vec::new();
        let (mut first_frame, mut lead, mut read) = (0, 0, 0);
        loop {
            let more = if samples.len() < block {
                reader.next_block(block - samples.len()).map_err(refused)?
            } else {
                None
            };
            let ended = match more {
                Some(more) => {
                    read += more.ncols();
                    samples.extend(more.row(0));
                    false
                }
                None => samples.len() < block,
            };
            if !ended && samples.len() < block {
                continue;
            }
            front_end.check_length(path, read)?;
            let features = self.extractor.features(ArrayView1::from(&samples))?;
            let picture = self.model.picture(&features);
            let starts: Vec<usize> = if ended && first_frame == 0 {
                picture.covering(&self.model.preparation.window, hop)
            } else if ended {
                let last = picture.frames().saturating_sub(window).max(lead);
                (lead..last)
                    .step_by(hop)
                    .chain([last])
                    .filter(|start| start + window <= picture.frames())
                    .collect()
            } else {
                (0..hops).map(|index| lead + index * hop).collect()
            };
            let probabilities = self.model.score_at(&picture, &starts)?;
            for (&start, row) in starts.iter().zip(probabilities.rows()) {
                let frame = first_frame + start - lead;
                let begin = frame as f64 / front_end.frame_rate();
                let end = (begin + self.model.window_seconds()).min(read as f64 / rate);
                sum += &row;
                count += 1;
                each(Detection { start: begin, end, probabilities: row.to_vec() });
            }
            if ended {
                break;
            }
            first_frame += hops * hop;
            let keep_from = (lead + hops * hop).saturating_sub(context);
            samples.drain(..keep_from * front_end.hop_length);
            lead = context.min(lead + hops * hop);
        }
        let mean = (sum / f64::from(count.max(1))).to_vec();
        Ok(Summary { mean, seconds: read as f64 / rate, damage: reader.warnings().to_vec() })
    }
}

/// Listens to one file and keeps all windows.
///
/// # Errors
/// As [`Listener::listen`].
pub fn infer(listener: &Listener, path: &Path, options: &InferOptions) -> Result<Heard> {
    let mut windows = Vec::new();
    let Summary { mean, seconds, damage } =
        listener.listen(path, options, &mut |detection| windows.push(detection))?;
    let front_end = listener.model().front_end();
    let highest_frequency = front_end.f_max.unwrap_or(f64::from(front_end.sample_rate) / 2.0);
    Ok(Heard { windows, mean, seconds, damage, highest_frequency })
}
