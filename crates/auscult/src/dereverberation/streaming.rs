//! Online WPE from samples to samples.

use auscult_dereverb::{Complex, OnlineWpe, OnlineWpeParams};
use auscult_stft_mel::{Real, StftParams, StreamingInverse, StreamingStft};
use ndarray::{Array2, Array3, ArrayView2, Axis};

use crate::{Error, Result};

/// Dereverberates a signal that arrives in blocks of any size: recursive WPE between a streaming STFT and its inverse.
///
/// A sample comes out once the window that begins with it is in: [`latency`](Self::latency) samples later, or up to a
/// hop more while a frame fills. The blocks returned, one after the other, are the signal from its first sample on.
///
/// ```
/// use auscult::dereverberation::{StreamingWpe, frames_for};
/// use auscult::dereverb::{OnlineWpeParams, ndarray::Array2};
///
/// let mut stream = StreamingWpe::<f32>::new(2, &frames_for(16_000, 0.032), OnlineWpeParams::default())?;
/// assert_eq!(stream.latency(), 256);
/// let block = Array2::from_shape_fn((2, 1000), |(m, n)| ((m + 3 * n * n) as f32).sin()); // [channel, frame]
/// assert_eq!(stream.push(block.view())?.ncols(), 512);
/// assert_eq!(stream.finish()?.ncols(), 1000 - 512);
/// # Ok::<(), auscult::Error>(())
/// ```
pub struct StreamingWpe<T: Real + auscult_dereverb::Real> {
    analysis: Vec<StreamingStft<T>>,
    synthesis: Vec<StreamingInverse<T>>,
    wpe: OnlineWpe<T>,
    latency: usize,
    /// Samples pushed
    length: usize,
}

impl<T: Real + auscult_dereverb::Real> StreamingWpe<T> {
    /// A stream of this many channels. Frames should be centred, as they are by default: else the first window lacks
    /// weight.
    ///
    /// # Errors
    /// Those of planning an STFT, its inverse, and [`OnlineWpeParams::plan`].
    pub fn new(channels: usize, frames: &StftParams, params: OnlineWpeParams) -> Result<Self> {
        let stft = frames.plan::<T>().map_err(Error::part("frames"))?;
        let wpe = params.plan(channels, stft.n_bins()).map_err(Error::part("online WPE"))?;
        let inverse = stft.inverse_stream().map_err(Error::part("frames"))?;
        Ok(Self {
            analysis: vec![stft.stream(); channels],
            synthesis: vec![inverse; channels],
            wpe,
            latency: frames.n_fft - frames.hop(),
            length: 0,
        })
    }

    /// Samples by which the output at least lags behind: the window less a hop.
    pub fn latency(&self) -> usize {
        self.latency
    }

    /// Takes a block [channel, frame] and returns the samples it completes, perhaps none.
    ///
    /// # Errors
    /// If the block has another number of channels or is not finite; the stream cannot go on after that.
    pub fn push(&mut self, block: ArrayView2<'_, T>) -> Result<Array2<T>> {
        if block.nrows() != self.analysis.len() {
            let expected = self.analysis.len();
            return Err(Error::Data(format!(
                "a block of {} channels came to a stream of {expected}: push [channel, frame]",
                block.nrows()
            )));
        }
        self.length += block.ncols();
        let spectra: Vec<_> = self
            .analysis
            .iter_mut()
            .zip(block.rows())
            .map(|(stft, samples)| stft.push(samples))
            .collect::<Result<_, _>>()
            .map_err(Error::part("frames"))?;
        self.dereverberate(spectra)
    }

    /// Ends the signal and returns the rest: together as many samples as went in.
    ///
    /// # Errors
    /// Those of [`Self::push`].
    pub fn finish(mut self) -> Result<Array2<T>> {
        if self.length == 0 {
            return Ok(Array2::zeros((self.analysis.len(), 0)));
        }
        let spectra: Vec<_> = self
            .analysis
            .iter_mut()
            .map(StreamingStft::finish)
            .collect::<Result<_, _>>()
            .map_err(Error::part("frames"))?;
        let last = self.dereverberate(spectra)?;
        let rest = self.synthesis.into_iter().map(|inverse| inverse.finish(Some(self.length)).to_vec());
        let rows: Vec<Vec<T>> =
            last.rows().into_iter().zip(rest).map(|(row, rest)| [row.to_vec(), rest].concat()).collect();
        Ok(channels(&rows))
    }

    /// Frames [frame, bin] of every channel to samples.
    fn dereverberate(&mut self, spectra: Vec<Array2<Complex<T>>>) -> Result<Array2<T>> {
        let frames = spectra.first().map_or(0, Array2::nrows);
        let mut by_frame = Array3::default((frames, spectra.len(), self.wpe.bins()));
        for (channel, spectrum) in spectra.iter().enumerate() {
            by_frame.index_axis_mut(Axis(1), channel).assign(spectrum);
        }
        let mut clean = Array2::default((spectra.len(), self.wpe.bins()));
        for mut frame in by_frame.outer_iter_mut() {
            self.wpe.step_into(frame.view(), clean.view_mut()).map_err(Error::part("online WPE"))?;
            frame.assign(&clean);
        }
        let samples: Vec<Vec<T>> = self
            .synthesis
            .iter_mut()
            .zip(by_frame.axis_iter(Axis(1)))
            .map(|(inverse, spectrum)| Ok(inverse.push(spectrum)?.to_vec()))
            .collect::<auscult_stft_mel::Result<_>>()
            .map_err(Error::part("frames"))?;
        Ok(channels(&samples))
    }
}

/// [channel, frame] of channels equally long.
fn channels<T: Real>(rows: &[Vec<T>]) -> Array2<T> {
    Array2::from_shape_fn((rows.len(), rows.first().map_or(0, Vec::len)), |(m, n)| rows[m][n])
}

#[cfg(test)]
mod tests {
    use ndarray::{concatenate, s};
    use proptest::prelude::*;

    use super::*;
    use crate::dereverberation::frames_for;

    fn noise(channels: usize, frames: usize) -> Array2<f64> {
        let mut state = 1_u64;
        Array2::from_shape_simple_fn((channels, frames), || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        })
    }

    fn stream(samples: &Array2<f64>, block: usize, params: OnlineWpeParams) -> Array2<f64> {
        let frames = frames_for(8000, 0.032);
        let mut stream = StreamingWpe::new(samples.nrows(), &frames, params).unwrap();
        let (latency, hop) = (stream.latency(), frames.hop());
        let (mut parts, mut pushed, mut got) = (Vec::new(), 0, 0);
        for block in samples.axis_chunks_iter(Axis(1), block) {
            let part = stream.push(block).unwrap();
            (pushed, got) = (pushed + block.ncols(), got + part.ncols());
            assert!(got + latency + hop > pushed.min(samples.ncols()), "{pushed} in, {got} out");
            assert!(got + latency <= pushed || got == 0);
            parts.push(part);
        }
        parts.push(stream.finish().unwrap());
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        concatenate(Axis(1), &views).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn blocks_of_any_size_give_the_same_signal(channels in 1..4_usize, length in 1..3000_usize, block in 1..900_usize) {
            let samples = noise(channels, length);
            let params = OnlineWpeParams::default().taps(3).delay(2);
            let whole = stream(&samples, length, params.clone());
            prop_assert_eq!(whole.dim(), samples.dim());
            prop_assert_eq!(stream(&samples, block, params), whole);
        }
    }

    #[test]
    fn equals_the_estimator_between_transforms() {
        let samples = noise(2, 5000);
        let params = OnlineWpeParams::default().taps(4);
        let stft = frames_for(8000, 0.032).plan::<f64>().unwrap();
        let mut spectrum = stft.forward_multi(samples.view()).unwrap();
        let mut wpe = params.clone().plan(2, stft.n_bins()).unwrap();
        for mut frame in spectrum.axis_iter_mut(Axis(1)) {
            let clean = wpe.step(frame.view()).unwrap();
            frame.assign(&clean);
        }
        let expected = stft.inverse_multi(spectrum.view(), Some(5000)).unwrap();
        let found = stream(&samples, 777, params);
        assert!((&found - &expected).iter().all(|difference| difference.abs() < 1e-12));
        // the filters start at zero: what comes before they learn is the recording itself
        let start = s![.., ..200];
        assert!(
            (&found.slice(start) - &samples.slice(start)).iter().all(|difference| difference.abs() < 1e-12)
        );
    }

    #[test]
    fn says_what_is_wrong() {
        let frames = frames_for(16_000, 0.032);
        assert!(StreamingWpe::<f32>::new(0, &frames, OnlineWpeParams::default()).is_err());
        let mut stream = StreamingWpe::new(2, &frames, OnlineWpeParams::default()).unwrap();
        assert!(stream.push(noise(3, 10).view()).unwrap_err().to_string().contains("3 channels"));
        let mut bad = noise(2, 2000);
        bad[[1, 30]] = f64::NAN;
        assert!(stream.push(bad.view()).unwrap_err().to_string().contains("not finite"));
        let empty = StreamingWpe::<f64>::new(2, &frames, OnlineWpeParams::default()).unwrap();
        assert_eq!(empty.finish().unwrap().dim(), (2, 0));
    }
}
