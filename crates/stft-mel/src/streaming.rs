//! The same frames from a signal that arrives in blocks.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use num_complex::Complex;

use crate::error::{Error, Result, check_len};
use crate::framing::{Framing, PadMode};
use crate::mel_spectrogram::MelScratch;
use crate::real_fft::Spectrum;
use crate::stft::{Synthesis, interleave, normalised};
use crate::{MelSpectrogram, Real, Stft};

/// The samples some future frame still needs, padding included.
#[derive(Clone)]
struct FrameQueue<T: Real> {
    framing: Framing,
    /// Before `started`: the signal so far. After: the padded signal from some point on.
    samples: Vec<T>,
    /// Start of the next frame in `samples`.
    next: usize,
    /// The left padding is in place.
    started: bool,
    finished: bool,
    /// Frames given out.
    given: usize,
    /// Samples pushed.
    pushed: usize,
}

impl<T: Real> FrameQueue<T> {
    fn new(framing: Framing) -> Self {
        FrameQueue {
            framing,
            samples: Vec::new(),
            next: 0,
            started: false,
            finished: false,
            given: 0,
            pushed: 0,
        }
    }

    fn reset(&mut self) {
        *self = FrameQueue::new(self.framing);
    }

    fn push(&mut self, block: ArrayView1<'_, T>) -> Result<()> {
        if self.finished {
            return Err(Error::StreamFinished);
        }
        // Forget what no frame and no padding can reach any more.
        let keep = if self.started { self.framing.pad + 1 } else { self.samples.len() };
        let spent = self.next.min(self.samples.len().saturating_sub(keep));
        self.samples.drain(..spent);
        self.next -= spent;

        self.samples.extend(block);
        self.pushed += block.len();
        if !self.started && self.pushed > self.framing.pad {
            self.start();
        }
        Ok(())
    }

    /// Puts the left padding in place.
    fn start(&mut self) {
        let Framing { pad, mode, .. } = self.framing;
        let left: Vec<T> = (0..pad)
            .map(|i| match mode {
                PadMode::Constant => T::zero(),
                PadMode::Edge => self.samples[0],
                PadMode::Reflect => self.samples[pad - i],
            })
            .collect();
        self.samples.splice(..0, left);
        self.started = true;
    }

    /// Puts the right padding in place.
    fn finish(&mut self) -> Result<()> {
        if self.finished {
            return Err(Error::StreamFinished);
        }
        self.framing.checked_count(self.pushed)?;
        self.finished = true;
        if !self.started {
            self.start();
        }
        let Framing { pad, mode, length, .. } = self.framing;
        let last = self.samples.len() - 1;
        for i in 1..=pad {
            self.samples.push(match mode {
                PadMode::Constant => T::zero(),
                PadMode::Edge => self.samples[last],
                PadMode::Reflect => self.samples[last - i],
            });
        }
        let left = self.framing.count(self.pushed) - self.given;
        if left > 0 {
            let end = self.next + (left - 1) * self.framing.hop + length;
            if end > self.samples.len() {
                self.samples.resize(end, T::zero()); // pad_end
            }
        }
        Ok(())
    }

    /// Frames that can be taken now.
    fn ready(&self) -> usize {
        if !self.started {
            return 0;
        }
        let whole = match self.samples.len().checked_sub(self.next + self.framing.length) {
            None => 0,
            Some(room) => 1 + room / self.framing.hop,
        };
        match self.finished {
            true => self.framing.count(self.pushed) - self.given,
            false => whole,
        }
    }

    /// Moves on by one frame and returns its start in `samples`.
    fn take(&mut self) -> isize {
        let start = self.next;
        self.next += self.framing.hop;
        self.given += 1;
        start as isize
    }
}

/// A short-time Fourier transform of a signal that arrives in blocks of any size: the rows that
/// [`push`](Self::push) and [`finish`](Self::finish) return are, one after the other, bit for bit those of
/// [`Stft::forward`].
///
/// Latency: frame `t` comes out once sample `t * hop + n_fft - 1` (causal) or `t * hop + n_fft / 2 - 1` (centred) is
/// in, but a centred stream gives nothing before its first `n_fft / 2 + 1` samples. At most `n_fft` samples plus the
/// last block are kept.
#[derive(Clone)]
pub struct StreamingStft<T: Real = f32> {
    stft: Stft<T>,
    queue: FrameQueue<T>,
    buffers: Spectrum<T>,
}

impl<T: Real> Stft<T> {
    /// A stream with this plan.
    pub fn stream(&self) -> StreamingStft<T> {
        StreamingStft { queue: FrameQueue::new(self.framing), buffers: self.buffers(), stft: self.clone() }
    }

    /// A resynthesis stream with this plan.
    ///
    /// # Errors
    /// [`Error::NotInvertible`] when the windows leave gaps.
    pub fn inverse_stream(&self) -> Result<StreamingInverse<T>> {
        self.check_invertible()?;
        let length = self.framing.length;
        Ok(StreamingInverse {
            synthesis: Synthesis::new(self),
            sum: vec![T::zero(); length],
            weight: vec![T::zero(); length],
            start: 0,
            frames: 0,
            given: 0,
            stft: self.clone(),
        })
    }
}

impl<T: Real> StreamingStft<T> {
    /// Takes a block and returns the frames `[frame, bin]` it completes, perhaps none.
    ///
    /// # Errors
    /// [`Error::StreamFinished`] after [`finish`](Self::finish).
    pub fn push(&mut self, block: ArrayView1<'_, T>) -> Result<Array2<Complex<T>>> {
        self.queue.push(block)?;
        Ok(self.ready_frames())
    }

    /// Ends the signal and returns the remaining frames `[frame, bin]`.
    ///
    /// # Errors
    /// Those of [`Stft::forward`] on the whole signal; [`Error::StreamFinished`] when called twice.
    pub fn finish(&mut self) -> Result<Array2<Complex<T>>> {
        self.queue.finish()?;
        Ok(self.ready_frames())
    }

    /// Forgets the signal, for the next one.
    pub fn reset(&mut self) {
        self.queue.reset();
    }

    fn ready_frames(&mut self) -> Array2<Complex<T>> {
        let mut out = Array2::zeros((self.queue.ready(), self.stft.n_bins()));
        for row in out.rows_mut() {
            let start = self.queue.take();
            self.stft.spectrum_at(&self.queue.samples, start, &mut self.buffers);
            interleave(&self.buffers, row);
        }
        out
    }
}

/// A mel spectrogram of a signal that arrives in blocks, bit for bit that of [`MelSpectrogram::process`]; latency as
/// [`StreamingStft`].
#[derive(Clone)]
pub struct StreamingMel<T: Real = f32> {
    mel: MelSpectrogram<T>,
    queue: FrameQueue<T>,
    scratch: MelScratch<T>,
}

impl<T: Real> MelSpectrogram<T> {
    /// A stream with this plan.
    pub fn stream(&self) -> StreamingMel<T> {
        StreamingMel {
            queue: FrameQueue::new(self.stft().framing),
            scratch: self.scratch(),
            mel: self.clone(),
        }
    }
}

impl<T: Real> StreamingMel<T> {
    /// Takes a block and returns the frames `[frame, mel]` it completes, perhaps none.
    ///
    /// # Errors
    /// [`Error::StreamFinished`] after [`finish`](Self::finish).
    pub fn push(&mut self, block: ArrayView1<'_, T>) -> Result<Array2<T>> {
        self.queue.push(block)?;
        Ok(self.ready_frames())
    }

    /// Ends the signal and returns the remaining frames `[frame, mel]`.
    ///
    /// # Errors
    /// Those of [`MelSpectrogram::process`] on the whole signal; [`Error::StreamFinished`] when called twice.
    pub fn finish(&mut self) -> Result<Array2<T>> {
        self.queue.finish()?;
        Ok(self.ready_frames())
    }

    /// Forgets the signal, for the next one.
    pub fn reset(&mut self) {
        self.queue.reset();
    }

    fn ready_frames(&mut self) -> Array2<T> {
        let mut out = Array2::zeros((self.queue.ready(), self.mel.n_mels()));
        for mut row in out.rows_mut() {
            let start = self.queue.take();
            row.assign(&ArrayView1::from(self.mel.mel_at(&self.queue.samples, start, &mut self.scratch)));
        }
        out
    }
}

/// Resynthesis of frames that arrive in blocks, bit for bit that of [`Stft::inverse`]: frame `t` completes the samples
/// up to `(t + 1) * hop`, less `n_fft / 2` for a centred transform.
#[derive(Clone)]
pub struct StreamingInverse<T: Real = f32> {
    stft: Stft<T>,
    synthesis: Synthesis<T>,
    /// Overlap-added frames and their weights from padded sample `start` on.
    sum: Vec<T>,
    weight: Vec<T>,
    start: usize,
    frames: usize,
    /// Samples given out.
    given: usize,
}

impl<T: Real> StreamingInverse<T> {
    /// Takes frames `[frame, bin]` and returns the samples they complete, perhaps none.
    ///
    /// # Errors
    /// [`Error::Shape`] for the wrong number of bins.
    pub fn push(&mut self, spectrum: ArrayView2<'_, Complex<T>>) -> Result<Array1<T>> {
        check_len("the spectrogram", "bins", spectrum.ncols(), self.stft.n_bins())?;
        let Framing { length, hop, pad, .. } = self.stft.framing;
        let mut samples = Vec::with_capacity(spectrum.nrows() * hop);
        for bins in spectrum.rows() {
            // Make room for this frame at padded sample frames * hop.
            let at = self.frames * hop - self.start;
            self.sum.resize(at + length, T::zero());
            self.weight.resize(at + length, T::zero());
            self.synthesis.add(&self.stft, bins, &mut self.sum[at..], &mut self.weight[at..]);
            self.frames += 1;
            // Samples before the next frame are complete; without a next frame the last pad ones would be cut off.
            let complete = (self.frames * hop).min((self.frames - 1) * hop + length - pad);
            self.give(complete, &mut samples);
        }
        Ok(samples.into())
    }

    /// Ends the signal and returns its remaining samples. With `length`, the signal is cut or filled with zeros to
    /// that many samples; what has been returned before stays.
    pub fn finish(mut self, length: Option<usize>) -> Array1<T> {
        let Framing { length: n_fft, hop, pad, .. } = self.stft.framing;
        let covered = if self.frames == 0 { 0 } else { n_fft + hop * (self.frames - 1) };
        let end = length.map_or(covered.saturating_sub(pad), |length| pad + length);
        let mut samples = Vec::new();
        self.give(end.min(covered), &mut samples);
        if let Some(length) = length {
            samples.resize(samples.len() + length.saturating_sub(self.given), T::zero());
        }
        samples.into()
    }

    /// Gives out the samples up to padded sample `end`.
    fn give(&mut self, end: usize, samples: &mut Vec<T>) {
        let pad = self.stft.framing.pad;
        let from = (self.given + pad).max(self.start);
        for position in from..end {
            let i = position - self.start;
            samples.push(normalised(self.sum[i], self.weight[i]));
        }
        self.given = self.given.max(end.saturating_sub(pad));
        let spent = end.saturating_sub(self.start).min(self.sum.len());
        self.sum.drain(..spent);
        self.weight.drain(..spent);
        self.start += spent;
    }
}
