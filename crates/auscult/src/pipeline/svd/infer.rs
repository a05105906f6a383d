//! Listening to files: where somebody sings, in bounded memory however long the file.

use std::path::Path;

use auscult_audio_io::{ReadOptions, Warning};
use ndarray::{Array2, ArrayView1, Axis, concatenate};

use super::front_end::FeatureExtractor;
use super::model::SvdModel;
use super::segments::{SegmentOptions, SungSegment};
use crate::{Error, Result};

/// How to listen.
#[derive(Clone, Copy, Debug, Default)]
pub struct InferOptions {
    /// Frames between the moments that are judged, at least 1; default: 5 (71 ms), which is what two cores judge
    /// twenty times faster than the song plays.
    pub hop: Option<usize>,
    /// What counts as a segment; default: as the model's validation songs chose.
    pub segments: Option<SegmentOptions>,
    /// Read damaged files as far as they go instead of refusing them.
    pub lenient: bool,
    /// Keep the spectrogram, one frame a moment, for a picture.
    pub picture: bool,
}

/// What is heard in a file.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Where somebody sings, in time order.
    pub segments: Vec<SungSegment>,
    /// Probability of singing at every moment, before smoothing; the first is at 0 s.
    pub probabilities: Vec<f64>,
    /// Seconds between moments.
    pub hop: f64,
    /// Length of the file, seconds.
    pub seconds: f64,
    /// What was passed over in a damaged file; always empty unless [`InferOptions::lenient`].
    pub damage: Vec<Warning>,
    /// Features at every moment, `[moment, value]`, where a picture was asked for.
    pub spectrogram: Option<Array2<f32>>,
}

impl Heard {
    /// Share of the file that is sung.
    #[must_use]
    pub fn share(&self) -> f64 {
        let sung: f64 = self.segments.iter().map(|segment| segment.end - segment.start).sum();
        if self.seconds > 0.0 { sung / self.seconds } else { 0.0 }
    }
}

/// Sound held at once, seconds: the memory bound. Levels relative to the song's maximum or mean are relative to this much of it in longer
/// files.
const BLOCK_SECONDS: f64 = 300.0;

/// Frames between moments where nothing else is asked for.
const HOP: usize = 5;

/// A model ready to listen.
#[derive(Debug)]
pub struct Listener {
    model: SvdModel,
    extractor: FeatureExtractor,
}

impl Listener {
    /// Plans the model's front end.
    ///
    /// # Errors
    /// As [`FeatureExtractor::new`].
    pub fn new(model: SvdModel) -> Result<Self> {
        let extractor = FeatureExtractor::new(model.front_end())?;
        Ok(Self { model, extractor })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &SvdModel {
        &self.model
    }
}

/// Listens to a file of any format, rate and channel count.
///
/// # Errors
/// [`Error::Recording`] for files that cannot be read, [`Error::Data`] for a hop of 0.
pub fn infer(listener: &Listener, path: &Path, options: &InferOptions) -> Result<Heard> {
    let Listener { model, extractor } = listener;
    let front_end = model.front_end();
    let hop = options.hop.unwrap_or(HOP);
    if hop == 0 {
        return Err(Error::Data("the hop between moments is 0 frames; give at least 1".into()));
    }
    let refused = |error: auscult_audio_io::Error| Error::unreadable(path, &error);
    let mut reader = ReadOptions::default()
        .mono(true)
        .sample_rate(front_end.sample_rate())
        .strict(!options.lenient)
        .open(path)
        .map_err(refused)?;
    // A frame depends on its window, and on the samples the window's outermost frames reach into.
    let context = model.context() + front_end.reach();
    let frame = front_end.hop_length();
    let block = ((BLOCK_SECONDS * front_end.frame_rate()) as usize + 2 * context) * frame;

    let mut probabilities = Vec::new();
    let mut pictures: Vec<Array2<f32>> = Vec::new();
    let mut samples: Vec<f32> = Vec::new();
    // Number of the first frame in `samples`, and of the next one to judge.
    let (mut first, mut next, mut read) = (0, 0, 0);
    loop {
        let mut ended = false;
        while samples.len() < block && !ended {
            match reader.next_block(block - samples.len()).map_err(refused)? {
                Some(more) => {
                    read += more.ncols();
                    samples.extend(more.row(0));
                }
                None => ended = true,
            }
        }
        front_end.check_length(path, read)?;
        let values = extractor.features(ArrayView1::from(&samples))?;
        let end = first + values.nrows().saturating_sub(if ended { 0 } else { context });
        let places: Vec<usize> = (next..end).step_by(hop).map(|frame| frame - first).collect();
        probabilities.extend(model.probabilities(values.view(), &places)?);
        if options.picture {
            pictures.push(values.select(Axis(0), &places));
        }
        next += places.len() * hop;
        if ended {
            break;
        }
        let keep = next.saturating_sub(context).max(first);
        samples.drain(..(keep - first) * frame);
        first = keep;
    }
    let hop = hop as f64 / front_end.frame_rate();
    let seconds = read as f64 / f64::from(front_end.sample_rate());
    let segments = options.segments.unwrap_or_else(|| SegmentOptions::new(model.decision()));
    let views: Vec<_> = pictures.iter().map(|part| part.view()).collect();
    let spectrogram = match options.picture {
        true => Some(concatenate(Axis(0), &views).map_err(Error::part("the picture"))?),
        false => None,
    };
    Ok(Heard {
        segments: segments.segments(&probabilities, hop, seconds)?,
        probabilities,
        hop,
        seconds,
        damage: reader.warnings().to_vec(),
        spectrogram,
    })
}
