//! From gains to stems: the gains, found at the network's rate, on the spectrum of the song at its own.

use std::collections::VecDeque;

use auscult_stft_mel::num_complex::Complex;
use auscult_stft_mel::{StftParams, StreamingInverse, StreamingStft};
use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, s};
use serde::{Deserialize, Serialize};

use super::filter::{Filter, multichannel_step};
use super::front_end::FrontEnd;
use crate::{Error, Result};

/// What the voice's gain is above the network's highest frequency.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extension {
    /// The mean of the frame's gains in the network's upper half (2 to 4 kHz): where there is voice there, there is above.
    #[default]
    Upper,
    /// The mean of all the frame's gains.
    Average,
    /// None: everything above is accompaniment.
    Accompaniment,
}

/// A frame's spectra `[channel][bin]` with the voice's gains `[bin]`.
type Waiting = (Vec<Array1<Complex<f32>>>, Array1<f32>);

/// Frames that the multichannel filter looks at together.
const STRETCH: usize = 512;

/// Turns samples and gains, each as they come, into the voice's samples.
///
/// Gains are interpolated between frames and between bins; bins below the first belong to the accompaniment, bins above
/// the last follow the [`Extension`].
pub(crate) struct Renderer {
    channels: Vec<(StreamingStft<f32>, StreamingInverse<f32>)>,
    /// Frames that wait for their gains; `[channel][frame]`, each `[bin]`.
    waiting: Vec<VecDeque<Array1<Complex<f32>>>>,
    /// Frames with their gains that wait for the multichannel filter.
    stretch: Vec<Waiting>,
    /// Gains `[bin]` of the song's own bins, from the network's frame `first` on.
    gains: VecDeque<Array1<f32>>,
    first: usize,
    /// Frames rendered so far.
    rendered: usize,
    /// The network's frames per frame of ours.
    pace: f64,
    filter: Filter,
    extension: Extension,
    /// For each bin, its place between the network's bins; `None` above them.
    places: Vec<Option<f64>>,
    samples: usize,
    ended: bool,
}

impl Renderer {
    pub(crate) fn new(
        front_end: &FrontEnd,
        sample_rate: u32,
        channels: usize,
        filter: Filter,
        extension: Extension,
    ) -> Result<Self> {
        let seconds = front_end.n_fft as f64 / f64::from(front_end.sample_rate);
        // The power of two nearest to the network's window, by ratio.
        let n_fft = 1_usize << (seconds * f64::from(sample_rate)).log2().round().clamp(4.0, 20.0) as u32;
        let stft = StftParams::new(n_fft).plan::<f32>().map_err(Error::part("the song's transform"))?;
        let streams = (0..channels).map(|_| {
            let inverse = stft.inverse_stream().map_err(Error::part("the song's transform"))?;
            Ok((stft.stream(), inverse))
        });
        let hop = stft.params().hop();
        let step = f64::from(front_end.sample_rate) / front_end.n_fft as f64;
        let places = stft.frequencies(sample_rate).into_iter().map(|hertz| {
            let place = hertz / step;
            (place <= front_end.bins as f64).then_some(place)
        });
        Ok(Self {
            channels: streams.collect::<Result<_>>()?,
            waiting: vec![VecDeque::new(); channels],
            stretch: Vec::new(),
            gains: VecDeque::new(),
            first: 0,
            rendered: 0,
            pace: hop as f64 / f64::from(sample_rate) / front_end.frame_seconds(),
            filter: if channels == 2 { filter } else { Filter::Wiener },
            extension,
            places: places.collect(),
            samples: 0,
            ended: false,
        })
    }

    /// Takes samples `[channel, frame]`.
    pub(crate) fn push_samples(&mut self, samples: ArrayView2<f32>) -> Result<()> {
        self.samples += samples.ncols();
        for (((stream, _), row), waiting) in
            self.channels.iter_mut().zip(samples.rows()).zip(&mut self.waiting)
        {
            let frames = stream.push(row).map_err(Error::part("the song's transform"))?;
            waiting.extend(frames.rows().into_iter().map(|frame| frame.to_owned()));
        }
        Ok(())
    }

    /// Takes the voice's gains `[bin]` of the network's next frame.
    pub(crate) fn push_gains(&mut self, gains: &Array1<f32>) {
        let mean = |gains: ndarray::ArrayView1<f32>| gains.mean().unwrap_or(0.0);
        let above = match self.extension {
            Extension::Upper => mean(gains.slice(s![gains.len() / 2..])),
            Extension::Average => mean(gains.view()),
            Extension::Accompaniment => 0.0,
        };
        // Bin 0 has no gain of its own: it is the accompaniment's.
        let at = |bin: usize| if bin == 0 { 0.0 } else { gains[bin.min(gains.len()) - 1] };
        let own = self.places.iter().map(|place| match place {
            None => above,
            Some(place) => {
                let (low, share) = (*place as usize, place.fract() as f32);
                (1.0 - share) * at(low) + share * at(low + 1)
            }
        });
        self.gains.push_back(own.collect());
    }

    /// The samples `[channel, frame]` of the voice that are complete by now, perhaps none.
    pub(crate) fn take(&mut self) -> Result<Array2<f32>> {
        let mut voice = vec![Vec::new(); self.channels.len()];
        while let Some(gains) = self.next_gains() {
            let frame: Vec<Array1<Complex<f32>>> =
                self.waiting.iter_mut().filter_map(VecDeque::pop_front).collect();
            if self.filter == Filter::MultichannelWiener {
                self.stretch.push((frame, gains));
                if self.stretch.len() == STRETCH {
                    self.render_stretch(&mut voice)?;
                }
            } else {
                self.render(frame.iter().map(|spectrum| masked(spectrum, &gains)), &mut voice)?;
            }
        }
        joined(voice)
    }

    /// Ends the song: the last gains hold to its end. Returns the rest of the voice.
    pub(crate) fn finish(mut self) -> Result<Array2<f32>> {
        for ((stream, _), waiting) in self.channels.iter_mut().zip(&mut self.waiting) {
            let frames = stream.finish().map_err(Error::part("the song's transform"))?;
            waiting.extend(frames.rows().into_iter().map(|frame| frame.to_owned()));
        }
        self.ended = true;
        let mut voice = self.take()?.rows().into_iter().map(|row| row.to_vec()).collect::<Vec<_>>();
        if !self.stretch.is_empty() {
            self.render_stretch(&mut voice)?;
        }
        for ((_, inverse), voice) in self.channels.into_iter().zip(&mut voice) {
            voice.extend(inverse.finish(Some(self.samples)));
        }
        joined(voice)
    }

    /// The gains of the next waiting frame, if both are there.
    fn next_gains(&mut self) -> Option<Array1<f32>> {
        self.waiting.first()?.front()?;
        let place = self.rendered as f64 * self.pace;
        let (frame, share) = (place as usize, place.fract() as f32);
        while self.first < frame && self.gains.len() > 1 {
            self.gains.pop_front();
            self.first += 1;
        }
        let own = self.gains.front()?;
        let gains = match self.gains.get(1) {
            // Behind the last gains they hold.
            _ if self.first < frame && self.ended => own.clone(),
            _ if self.first < frame => return None,
            Some(next) => own * (1.0 - share) + next * share,
            None if self.ended => own.clone(),
            None => return None,
        };
        self.rendered += 1;
        Some(gains)
    }

    fn render(
        &mut self,
        spectra: impl Iterator<Item = Array1<Complex<f32>>>,
        voice: &mut [Vec<f32>],
    ) -> Result<()> {
        for (((_, inverse), spectrum), voice) in self.channels.iter_mut().zip(spectra).zip(voice) {
            let spectrum = spectrum.insert_axis(Axis(0));
            let samples = inverse.push(spectrum.view()).map_err(Error::part("the song's transform"))?;
            voice.extend(samples);
        }
        Ok(())
    }

    fn render_stretch(&mut self, voice: &mut [Vec<f32>]) -> Result<()> {
        let stretch = std::mem::take(&mut self.stretch);
        let bins = self.places.len();
        let spectrum = Array3::from_shape_fn((2, stretch.len(), bins), |(c, f, b)| stretch[f].0[c][b]);
        let gains = Array2::from_shape_fn((stretch.len(), bins), |(f, b)| stretch[f].1[b]);
        let estimate = multichannel_step(spectrum.view(), gains.view());
        for frame in 0..stretch.len() {
            self.render((0..2).map(|channel| estimate.slice(s![channel, frame, ..]).to_owned()), voice)?;
        }
        Ok(())
    }
}

fn masked(spectrum: &Array1<Complex<f32>>, gains: &Array1<f32>) -> Array1<Complex<f32>> {
    spectrum.iter().zip(gains).map(|(x, gain)| x * gain).collect()
}

fn joined(rows: Vec<Vec<f32>>) -> Result<Array2<f32>> {
    let shape = (rows.len(), rows.first().map_or(0, Vec::len));
    Array2::from_shape_vec(shape, rows.into_iter().flatten().collect())
        .map_err(Error::part("the voice's samples"))
}
