//! Every way from a mixture to two stems that is scored: the paper's, ours, and those that know the answer.

use auscult_stft_mel::num_complex::Complex;
use auscult_stft_mel::{Stft, StftParams};
use ndarray::{Array1, Array2, ArrayView1, Axis, s};
use serde::{Deserialize, Serialize};

use super::filter::{Filter, vocal_gains};
use super::front_end::FrontEnd;
use super::masks::MaskStream;
use super::model::SeparationModel;
use super::patches::Source;
use super::recipe::Baseline;
use super::separate::{SeparateOptions, Stems, separate};
use super::sounds::Sound;
use crate::{Error, Result};

/// How a network's masks become the stems that are scored.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rendering {
    /// As in the paper (3.1.3): each stem by its own mask, on the network's own spectrogram.
    Paper,
    /// The same with a Wiener filter made of both masks.
    PaperWiener,
    /// As `auscult separate` writes them.
    Product,
    /// A baseline's.
    Baseline,
}

impl Rendering {
    /// Name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Paper => "own masks",
            Self::PaperWiener => "own masks + Wiener",
            Self::Product => "auscult separate",
            Self::Baseline => "",
        }
    }
}

/// The masks of a song at the network's rate, `[source][frame, bin]` in the order of the model's sources.
pub(crate) fn masks(
    model: &SeparationModel,
    samples: ArrayView1<f32>,
    overlap: f64,
) -> Result<Vec<Array2<f32>>> {
    let front_end = model.front_end();
    let magnitudes = front_end.magnitudes_of(&front_end.stft()?, samples)?;
    let peak = magnitudes.iter().copied().fold(0.0, f32::max);
    let mut stream = MaskStream::new(model, peak, overlap);
    let mut masks = vec![Array2::zeros(magnitudes.dim()); model.sources().len()];
    let mut frame = 0;
    let mut take = |stream: &mut MaskStream| {
        while let Some(of_frame) = stream.take() {
            for (masks, of_source) in masks.iter_mut().zip(of_frame.rows()) {
                masks.row_mut(frame).assign(&of_source);
            }
            frame += 1;
        }
    };
    for row in magnitudes.rows() {
        stream.push(row)?;
        take(&mut stream);
    }
    stream.finish()?;
    take(&mut stream);
    Ok(masks)
}

/// The stems of a mono mixture at the network's rate, from its masks, on the network's own spectrogram.
pub(crate) fn on_own_spectrogram(
    model: &SeparationModel,
    samples: ArrayView1<f32>,
    masks: &[Array2<f32>],
    wiener: bool,
) -> Result<Stems> {
    let front_end = model.front_end();
    let stft = front_end.stft()?;
    let of = |wanted: Source| model.sources().iter().position(|source| *source == wanted).map(|i| &masks[i]);
    let (vocals, accompaniment) = match (wiener, of(Source::Vocals), of(Source::Accompaniment)) {
        (false, Some(vocals), Some(accompaniment)) => (vocals.clone(), accompaniment.clone()),
        (false, Some(vocals), None) => (vocals.clone(), vocals.mapv(|mask| 1.0 - mask)),
        (false, None, Some(others)) => (others.mapv(|mask| 1.0 - mask), others.clone()),
        _ => {
            let mut vocals = Array2::zeros(masks[0].dim());
            for (frame, mut row) in vocals.rows_mut().into_iter().enumerate() {
                let rows: Vec<_> = masks.iter().map(|mask| mask.row(frame)).collect();
                let of_frame = ndarray::stack(Axis(0), &rows).map_err(Error::part("masks"))?;
                row.assign(&vocal_gains(of_frame.view(), model.sources(), Filter::Wiener));
            }
            let others = vocals.mapv(|gain: f32| 1.0 - gain);
            (vocals, others)
        }
    };
    // The bins the network does not see, below and above, are the accompaniment's; so is the silence at the end.
    let whole = |masks: &Array2<f32>, outside: f32| {
        let frames = stft.frames(samples.len() + stft.params().n_fft);
        let mut whole = Array2::from_elem((frames, stft.n_bins()), outside);
        whole.slice_mut(s![..masks.nrows(), 1..=front_end.bins]).assign(masks);
        whole
    };
    let spectrum = followed_by_silence(&stft, samples)?;
    Ok(Stems {
        vocals: resynthesis(&stft, &spectrum, &whole(&vocals, 0.0), samples.len())?,
        accompaniment: resynthesis(&stft, &spectrum, &whole(&accompaniment, 1.0), samples.len())?,
    })
}

/// The spectrogram of samples and a window of silence: with a hop of three quarters of a window, the last samples would
/// hardly be covered by any frame, and resynthesis would divide by next to nothing.
fn followed_by_silence(stft: &Stft<f32>, samples: ArrayView1<f32>) -> Result<Array2<Complex<f32>>> {
    let mut padded = Array1::zeros(samples.len() + stft.params().n_fft);
    padded.slice_mut(s![..samples.len()]).assign(&samples);
    stft.forward(padded.view()).map_err(Error::part("a spectrogram"))
}

fn resynthesis(
    stft: &Stft<f32>,
    spectrum: &Array2<Complex<f32>>,
    gains: &Array2<f32>,
    length: usize,
) -> Result<Array2<f32>> {
    let masked = ndarray::Zip::from(spectrum).and(gains).map_collect(|x, gain| x * *gain);
    let samples = stft.inverse(masked.view(), Some(length)).map_err(Error::part("resynthesis"))?;
    Ok(samples.insert_axis(Axis(0)))
}

/// The stems of a model, each rendering with its stems. `song` is mono at the network's rate.
pub(crate) fn of_model(
    model: &SeparationModel,
    song: &Sound,
    options: &SeparateOptions,
) -> Result<Vec<(Rendering, Stems)>> {
    let samples = song.mixture.row(0);
    let masks = masks(model, samples, options.overlap)?;
    Ok(vec![
        (Rendering::Paper, on_own_spectrogram(model, samples, &masks, false)?),
        (Rendering::PaperWiener, on_own_spectrogram(model, samples, &masks, true)?),
        (Rendering::Product, separate(model, song.mixture.view(), song.sample_rate, options)?),
    ])
}

/// The stems of a baseline, at any rate and number of channels; `None` where the song's voice is not known.
///
/// # Errors
/// [`Error::Part`] where a transform refuses.
pub fn of_baseline(baseline: Baseline, song: &Sound, front_end: &FrontEnd) -> Result<Option<Stems>> {
    let Some(vocals) = &song.vocals else { return Ok(None) };
    if baseline == Baseline::Mixture {
        return Ok(Some(Stems { vocals: song.mixture.clone(), accompaniment: song.mixture.clone() }));
    }
    let stft = match song.sample_rate == front_end.sample_rate {
        true => front_end.stft()?,
        false => {
            let ratio = f64::from(song.sample_rate) / f64::from(front_end.sample_rate);
            let n_fft = ((front_end.n_fft as f64 * ratio).round() as usize).next_multiple_of(2).max(16);
            StftParams::new(n_fft).plan().map_err(Error::part("the song's transform"))?
        }
    };
    let transform = |samples: ArrayView1<f32>| followed_by_silence(&stft, samples);
    let (channels, length) = song.mixture.dim();
    let mut stems =
        Stems { vocals: Array2::zeros((channels, length)), accompaniment: Array2::zeros((channels, length)) };
    for channel in 0..channels {
        let mixture = transform(song.mixture.row(channel))?;
        let voice = transform(vocals.row(channel))?;
        let others = transform(song.accompaniment.row(channel))?;
        let gains = ndarray::Zip::from(&voice).and(&others).map_collect(|v, o| {
            let (v, o) = (v.norm_sqr(), o.norm_sqr());
            match baseline {
                Baseline::IdealBinaryMask => f32::from(v > o),
                _ if v + o > 0.0 => v / (v + o),
                _ => 0.0,
            }
        });
        let rest = gains.mapv(|gain| 1.0 - gain);
        let put = |gains: &Array2<f32>, place: &mut Array2<f32>| -> Result<()> {
            place.row_mut(channel).assign(&resynthesis(&stft, &mixture, gains, length)?.row(0));
            Ok(())
        };
        put(&gains, &mut stems.vocals)?;
        put(&rest, &mut stems.accompaniment)?;
    }
    Ok(Some(stems))
}

/// The true share of the voice in each bin the network sees, `[frame, bin]`, for pictures.
pub(crate) fn ideal_mask(
    front_end: &FrontEnd,
    vocals: ArrayView1<f32>,
    others: ArrayView1<f32>,
) -> Result<Array2<f32>> {
    let stft = front_end.stft()?;
    let (v, o) = (front_end.magnitudes_of(&stft, vocals)?, front_end.magnitudes_of(&stft, others)?);
    let share = |(v, o): (&f32, &f32)| if v + o > 0.0 { v * v / (v * v + o * o) } else { 0.0 };
    let shares: Array1<f32> = v.iter().zip(&o).map(share).collect();
    shares.into_shape_with_order(v.dim()).map_err(Error::part("the ideal mask"))
}
