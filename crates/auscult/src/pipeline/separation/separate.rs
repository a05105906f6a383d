//! Separation of a song that arrives in blocks: memory for a few patches, however long it is.

use std::collections::VecDeque;

use auscult_audio_io::Resampler;
use auscult_stft_mel::StreamingStft;
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::filter::{Filter, vocal_gains};
use super::front_end::FrontEnd;
use super::masks::MaskStream;
use super::model::SeparationModel;
use super::render::{Extension, Renderer};
use crate::{Error, Result};

/// How to separate.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeparateOptions {
    /// How masks become stems.
    pub filter: Filter,
    /// The voice's gain above the network's highest frequency.
    pub extension: Extension,
    /// Share of a patch that the next one covers too, in [0, 1).
    pub overlap: f64,
}

impl Default for SeparateOptions {
    fn default() -> Self {
        Self { filter: Filter::default(), extension: Extension::default(), overlap: 0.5 }
    }
}

impl SeparateOptions {
    /// # Errors
    /// [`Error::Data`] for an overlap that leaves patches no step.
    pub(crate) fn check(&self) -> Result<()> {
        if (0.0..0.95).contains(&self.overlap) {
            return Ok(());
        }
        Err(Error::Data(format!(
            "the overlap of patches is {}; give at least 0 and less than 0.95",
            self.overlap
        )))
    }
}

/// The two stems of a stretch of song, `[channel, frame]`; they add up to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stems {
    /// The voice.
    pub vocals: Array2<f32>,
    /// All else: the mixture less the voice.
    pub accompaniment: Array2<f32>,
}

/// A song being separated.
pub struct Separator<'a> {
    model: &'a SeparationModel,
    filter: Filter,
    listener: Listener,
    masks: MaskStream<'a>,
    renderer: Renderer,
    /// The samples from the first on whose voice is not known yet, by channel.
    mixture: Vec<VecDeque<f32>>,
}

/// What the network hears of a song: mono, at its rate, as magnitudes.
struct Listener {
    front_end: FrontEnd,
    resampler: Option<Resampler>,
    stream: StreamingStft<f32>,
}

impl Listener {
    fn new(front_end: &FrontEnd, sample_rate: u32) -> Result<Self> {
        let resampler = (sample_rate != front_end.sample_rate)
            .then(|| Resampler::new(1, sample_rate, front_end.sample_rate))
            .transpose()
            .map_err(Error::part("resampling"))?;
        Ok(Self { front_end: front_end.clone(), resampler, stream: front_end.stft()?.stream() })
    }

    /// Magnitudes `[frame, bin]` that a block `[channel, frame]` completes.
    fn push(&mut self, block: ArrayView2<f32>) -> Result<Array2<f32>> {
        let mono = block.mean_axis(Axis(0)).unwrap_or_default().insert_axis(Axis(0));
        let mono = match &mut self.resampler {
            Some(resampler) => resampler.push(mono.view()).map_err(Error::part("resampling"))?,
            None => mono,
        };
        let frames = self.stream.push(mono.row(0)).map_err(Error::part("the front end"))?;
        Ok(self.front_end.magnitudes(frames.view()))
    }

    fn finish(&mut self) -> Result<Array2<f32>> {
        if let Some(resampler) = &mut self.resampler {
            let rest = resampler.finish().map_err(Error::part("resampling"))?;
            let before = self.stream.push(rest.row(0)).map_err(Error::part("the front end"))?;
            let last = self.stream.finish().map_err(Error::part("the front end"))?;
            let frames = ndarray::concatenate(Axis(0), &[before.view(), last.view()])
                .map_err(Error::part("the front end"))?;
            return Ok(self.front_end.magnitudes(frames.view()));
        }
        let frames = self.stream.finish().map_err(Error::part("the front end"))?;
        Ok(self.front_end.magnitudes(frames.view()))
    }
}

/// The greatest magnitude of a song that arrives in blocks: the scale its network hears it at (paper 004, 3.1.2).
pub struct PeakMeter {
    listener: Listener,
    peak: f32,
}

impl PeakMeter {
    /// For a model's front end.
    ///
    /// # Errors
    /// [`Error::Part`] for a rate that cannot be converted to the model's.
    pub fn new(model: &SeparationModel, sample_rate: u32) -> Result<Self> {
        Ok(Self { listener: Listener::new(model.front_end(), sample_rate)?, peak: 0.0 })
    }

    /// Takes a block `[channel, frame]`.
    ///
    /// # Errors
    /// [`Error::Part`] where the front end refuses.
    pub fn push(&mut self, block: ArrayView2<f32>) -> Result<()> {
        let magnitudes = self.listener.push(block)?;
        self.peak = magnitudes.iter().copied().fold(self.peak, f32::max);
        Ok(())
    }

    /// The greatest magnitude.
    ///
    /// # Errors
    /// As [`push`](Self::push); for a song without samples.
    pub fn finish(mut self) -> Result<f32> {
        Ok(self.listener.finish()?.iter().copied().fold(self.peak, f32::max))
    }
}

impl<'a> Separator<'a> {
    /// Begins a song of `channels` at `sample_rate`, whose greatest magnitude is `peak` (see [`PeakMeter`]).
    ///
    /// # Errors
    /// [`Error::Part`] for a rate that cannot be converted to the model's; [`Error::Data`] for bad options.
    pub fn new(
        model: &'a SeparationModel,
        sample_rate: u32,
        channels: usize,
        peak: f32,
        options: &SeparateOptions,
    ) -> Result<Self> {
        options.check()?;
        let front_end = model.front_end();
        Ok(Self {
            model,
            filter: options.filter,
            listener: Listener::new(front_end, sample_rate)?,
            masks: MaskStream::new(model, peak, options.overlap),
            renderer: Renderer::new(front_end, sample_rate, channels, options.filter, options.extension)?,
            mixture: vec![VecDeque::new(); channels],
        })
    }

    /// Takes a block `[channel, frame]` and returns the stems of what is complete, perhaps nothing.
    ///
    /// # Errors
    /// [`Error::Part`] where the network refuses.
    pub fn push(&mut self, block: ArrayView2<f32>) -> Result<Stems> {
        for (queue, row) in self.mixture.iter_mut().zip(block.rows()) {
            queue.extend(row);
        }
        self.renderer.push_samples(block)?;
        let magnitudes = self.listener.push(block)?;
        self.hear(&magnitudes)?;
        let vocals = self.renderer.take()?;
        Ok(stems(&mut self.mixture, vocals))
    }

    /// Ends the song and returns the rest.
    ///
    /// # Errors
    /// As [`push`](Self::push); for a song without samples.
    pub fn finish(mut self) -> Result<Stems> {
        let magnitudes = self.listener.finish()?;
        self.hear(&magnitudes)?;
        self.masks.finish()?;
        self.pass_on();
        let vocals = self.renderer.finish()?;
        Ok(stems(&mut self.mixture, vocals))
    }

    fn hear(&mut self, magnitudes: &Array2<f32>) -> Result<()> {
        for frame in magnitudes.rows() {
            self.masks.push(frame)?;
        }
        self.pass_on();
        Ok(())
    }

    fn pass_on(&mut self) {
        while let Some(masks) = self.masks.take() {
            self.renderer.push_gains(&vocal_gains(masks.view(), self.model.sources(), self.filter));
        }
    }
}

/// The voice and what is left of the mixture without it.
fn stems(mixture: &mut [VecDeque<f32>], vocals: Array2<f32>) -> Stems {
    let mut accompaniment = Array2::zeros(vocals.dim());
    for ((queue, voice), mut rest) in mixture.iter_mut().zip(vocals.rows()).zip(accompaniment.rows_mut()) {
        for ((sample, voice), rest) in queue.drain(..voice.len()).zip(voice).zip(&mut rest) {
            *rest = sample - voice;
        }
    }
    Stems { vocals, accompaniment }
}

/// Separates a whole song in memory, `[channel, frame]`.
///
/// # Errors
/// As [`Separator::new`] and [`Separator::push`].
pub fn separate(
    model: &SeparationModel,
    song: ArrayView2<f32>,
    sample_rate: u32,
    options: &SeparateOptions,
) -> Result<Stems> {
    let mut meter = PeakMeter::new(model, sample_rate)?;
    meter.push(song)?;
    let mut separator = Separator::new(model, sample_rate, song.nrows(), meter.finish()?, options)?;
    let first = separator.push(song)?;
    let rest = separator.finish()?;
    let joined = |a: &Array2<f32>, b: &Array2<f32>| {
        ndarray::concatenate(Axis(1), &[a.view(), b.view()]).map_err(Error::part("joining stems"))
    };
    Ok(Stems {
        vocals: joined(&first.vocals, &rest.vocals)?,
        accompaniment: joined(&first.accompaniment, &rest.accompaniment)?,
    })
}
