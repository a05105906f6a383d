//! Changing the sample rate: exact length, no delay, whole or block by block.

use ndarray::{Array2, ArrayView2};
use rubato::audioadapter::Adapter;
use rubato::audioadapter_buffers::direct::{SequentialSliceOfSlices, SequentialSliceOfVecs};
use rubato::{Fft, FixedSync, Resampler as _};

use crate::error::{Error, Result};

/// FFT blocks hold at least this many frames at the lower of the two rates. The anti-aliasing filter is as long as
/// a block, so this sets its steepness: the passband ends near 0.987 of the lower Nyquist frequency.
const MIN_BLOCK: usize = 1024;
/// A block of the two coprime rates may not exceed this many frames.
const MAX_BLOCK: usize = 1 << 22;
/// The largest ratio of the two rates, either way: a header of 1 Hz must not inflate a file 16 000 times.
const MAX_RATIO: u32 = 256;

/// The loudest sample there is: above, the sums of a transform leave the range of f32. No recorder comes near.
const LOUDEST: f32 = 1e30;

/// Whether it can be computed with: not NaN, not infinite, not beyond 1e30.
pub(crate) fn is_sound(sample: f32) -> bool {
    sample.abs() <= LOUDEST
}

/// Samples at another rate: delay-free, `ceil(frames * to / from)` frames long as in librosa.
///
/// `samples` is `[channel, frame]`. Frame `j` of the output lies at the time `j / to` of the input, exactly. Beyond
/// both ends the signal is continued by its point reflection (odd extension), so that the first and last
/// milliseconds neither fade nor ring. Equal rates copy.
///
/// # Errors
/// [`Error::SampleRate`] if a rate is 0, if they differ more than 256-fold, or if they are large and share no factor;
/// [`Error::Channels`] for no channels; [`Error::Parameter`] for a sample that is NaN, infinite or beyond 1e30.
pub fn resample(samples: ArrayView2<f32>, from: u32, to: u32) -> Result<Array2<f32>> {
    let mut resampler = Resampler::new(samples.nrows(), from, to)?;
    check_sound(samples)?;
    let mut out =
        vec![Vec::with_capacity(output_frames(samples.ncols() as u64, from, to) as usize); samples.nrows()];
    resampler.push_rows(samples, &mut out);
    resampler.finish_into(&mut out);
    Ok(from_planes(out))
}

fn check_sound(samples: ArrayView2<f32>) -> Result<()> {
    match samples.indexed_iter().find(|(_, x)| !is_sound(**x)) {
        None => Ok(()),
        Some(((channel, frame), value)) => {
            let got = format!("{value} at channel {channel}, frame {frame}");
            Err(Error::parameter(
                "sample",
                got,
                "finite samples, none beyond 1e30: replace what is none first",
            ))
        }
    }
}

/// `ceil(frames * to / from)`.
pub(crate) fn output_frames(frames: u64, from: u32, to: u32) -> u64 {
    let exact = u128::from(frames) * u128::from(to);
    exact.div_ceil(u128::from(from)).try_into().unwrap_or(u64::MAX)
}

/// The streaming form of [`resample()`]: what `push` and `finish` return, joined, equals the batch result exactly,
/// however the input is cut into blocks.
///
/// `push` returns what is ready; the output lags the input by about one to two FFT blocks (50 ms at 44.1 kHz).
pub struct Resampler {
    from: u32,
    to: u32,
    channels: usize,
    /// `None` when the rates are equal.
    engine: Option<Engine>,
    received: u64,
    emitted: u64,
}

/// rubato's FFT resampler between two fixed block sizes.
///
/// The filter is centred on `block_in / 2`. rubato rounds that down, so an odd block shifts the output by half a
/// sample; both blocks are even here. Half a block of extension ahead of the signal then delays the output by
/// exactly one block, the first, which is dropped.
struct Engine {
    fft: Fft<f32>,
    block_in: usize,
    block_out: usize,
    /// Extended input not yet transformed, by channel.
    pending: Vec<Vec<f32>>,
    /// The output of one block, by channel.
    block: Vec<Vec<f32>>,
    /// The input's beginning until the extension ahead of it can be made, then its most recent frames for the
    /// extension behind it: at most `block_in / 2 + 1` frames by channel.
    history: Vec<Vec<f32>>,
    primed: bool,
    /// The first block out lies before the signal.
    first_block: bool,
}

impl Resampler {
    /// Plans the conversion of `channels` channels.
    ///
    /// # Errors
    /// [`Error::SampleRate`] if a rate is 0, if they differ more than 256-fold, or if they are large and share no
    /// factor; [`Error::Channels`] for no channels.
    pub fn new(channels: usize, from: u32, to: u32) -> Result<Self> {
        let refuse = |reason| Err(Error::SampleRate { from, to, reason });
        if channels == 0 {
            return Err(Error::Channels { expected: 1, got: 0, remedy: "samples are [channel, frame]" });
        }
        if from == 0 || to == 0 {
            return refuse("a rate must be at least 1 Hz");
        }
        if from.max(to) / from.min(to) > MAX_RATIO {
            return refuse("the rates differ more than 256-fold; check the header, or convert in two steps");
        }
        if from == to {
            return Ok(Self { from, to, channels, engine: None, received: 0, emitted: 0 });
        }
        let gcd = gcd(from, to);
        let (step_in, step_out) = ((from / gcd) as usize, (to / gcd) as usize);

        let steps = MIN_BLOCK.div_ceil(step_in.min(step_out)).next_multiple_of(2);
        let (block_in, block_out) = (step_in * steps, step_out * steps);
        if block_in.max(block_out) > MAX_BLOCK {
            return refuse("they share too small a factor; take a target rate with a simpler ratio");
        }
        // One block a call on both sides: the chunk is the block.
        let fft = Fft::new(from as usize, to as usize, block_in, channels, FixedSync::Both)
            .ok()
            .filter(|fft| fft.fft_size_in() == block_in && fft.fft_size_out() == block_out);
        let Some(fft) = fft else {
            return refuse("no FFT block fits these rates; take a target rate with a simpler ratio");
        };
        let engine = Engine {
            fft,
            block_in,
            block_out,
            pending: vec![Vec::new(); channels],
            block: vec![vec![0.0; block_out]; channels],
            history: vec![Vec::new(); channels],
            primed: false,
            first_block: true,
        };
        Ok(Self { from, to, channels, engine: Some(engine), received: 0, emitted: 0 })
    }

    /// The number of channels it was planned for.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// How many times more frames come out than go in, rounded up.
    pub(crate) fn growth(&self) -> u64 {
        u64::from(self.to.div_ceil(self.from))
    }

    /// Takes the next `[channel, frame]` block, of any length, and returns the output that is ready, perhaps none.
    ///
    /// # Errors
    /// [`Error::Channels`] if the block has another number of channels than was planned; [`Error::Parameter`] for a
    /// sample that is NaN, infinite or beyond 1e30.
    pub fn push(&mut self, samples: ArrayView2<f32>) -> Result<Array2<f32>> {
        if samples.nrows() != self.channels {
            let remedy = "every block of a stream has the channels the resampler was made for";
            return Err(Error::Channels { expected: self.channels, got: samples.nrows(), remedy });
        }
        check_sound(samples)?;
        let mut out = vec![Vec::new(); self.channels];
        self.push_rows(samples, &mut out);
        Ok(from_planes(out))
    }

    /// Ends the stream: returns the rest of the output and leaves the resampler ready for a new stream.
    ///
    /// # Errors
    /// None today; the signature leaves room for it.
    pub fn finish(&mut self) -> Result<Array2<f32>> {
        let mut out = vec![Vec::new(); self.channels];
        self.finish_into(&mut out);
        Ok(from_planes(out))
    }

    fn push_rows(&mut self, samples: ArrayView2<f32>, out: &mut [Vec<f32>]) {
        let samples = samples.as_standard_layout();
        let rows: Vec<&[f32]> = samples.rows().into_iter().filter_map(|row| row.to_slice()).collect();
        self.push_planes(&rows, out);
    }

    /// Appends to `out`, one vector a channel. `planes` holds one slice a channel, all of one length.
    pub(crate) fn push_planes(&mut self, planes: &[&[f32]], out: &mut [Vec<f32>]) {
        self.received += planes.first().map_or(0, |plane| plane.len()) as u64;
        match &mut self.engine {
            Some(engine) => self.emitted += engine.feed(planes, out),
            None => out.iter_mut().zip(planes).for_each(|(out, plane)| out.extend_from_slice(plane)),
        }
    }

    /// Appends the rest to `out` and resets.
    pub(crate) fn finish_into(&mut self, out: &mut [Vec<f32>]) {
        if let Some(engine) = &mut self.engine {
            let total = output_frames(self.received, self.from, self.to);
            if total > 0 {
                engine.end();
            }
            while self.emitted < total {
                engine.fill_block();
                self.emitted += engine.run_pending(out, total - self.emitted);
            }
            engine.reset();
        }
        (self.received, self.emitted) = (0, 0);
    }
}

impl Engine {
    fn half(&self) -> usize {
        self.block_in / 2
    }

    /// Takes input, one slice a channel; appends the output of every block it completes and returns its frames.
    fn feed(&mut self, planes: &[&[f32]], out: &mut [Vec<f32>]) -> u64 {
        let frames = planes.first().map_or(0, |plane| plane.len());
        let mut start = 0;
        if !self.primed {
            start = frames.min(self.half() + 1 - self.history[0].len());
            for (history, plane) in self.history.iter_mut().zip(planes) {
                history.extend_from_slice(&plane[..start]);
            }
            if self.history[0].len() <= self.half() {
                return 0;
            }
            self.prime();
        }
        self.remember(planes, start);

        let mut emitted = 0;
        if !self.pending[0].is_empty() {
            let missing = self.pending[0].len().next_multiple_of(self.block_in) - self.pending[0].len();
            let end = frames.min(start + missing);
            for (pending, plane) in self.pending.iter_mut().zip(planes) {
                pending.extend_from_slice(&plane[start..end]);
            }
            start = end;
            emitted += self.run_pending(out, u64::MAX);
        }
        // The bulk of a long input goes to the transform without a detour.
        if let Ok(input) = SequentialSliceOfSlices::new(planes, planes.len(), frames) {
            while frames - start >= self.block_in {
                emitted += self.run_block(&input, start, out, u64::MAX);
                start += self.block_in;
            }
        }
        for (pending, plane) in self.pending.iter_mut().zip(planes) {
            pending.extend_from_slice(&plane[start..]);
        }
        emitted
    }

    /// Half a block of odd extension, then the frames held back so far.
    fn prime(&mut self) {
        let half = self.half();
        for (history, pending) in self.history.iter().zip(&mut self.pending) {
            pending.extend((1..=half).rev().map(|distance| odd_extension(history.iter(), distance)));
            pending.extend_from_slice(history);
        }
        self.primed = true;
    }

    /// Keeps the most recent frames for the extension at the end.
    fn remember(&mut self, planes: &[&[f32]], start: usize) {
        let keep = self.half() + 1;
        for (history, plane) in self.history.iter_mut().zip(planes) {
            let new = &plane[start.max(plane.len().saturating_sub(keep))..];
            history.drain(..(history.len() + new.len()).saturating_sub(keep).min(history.len()));
            history.extend_from_slice(new);
        }
    }

    /// Half a block of odd extension behind the last frame.
    fn end(&mut self) {
        if !self.primed {
            self.prime();
        }
        let half = self.half();
        for (history, pending) in self.history.iter().zip(&mut self.pending) {
            pending.extend((1..=half).map(|distance| odd_extension(history.iter().rev(), distance)));
        }
    }

    /// Fills `pending` up to a whole block; the filter does not reach from there into the signal.
    fn fill_block(&mut self) {
        for pending in &mut self.pending {
            pending.resize(pending.len().max(self.block_in), 0.0);
        }
    }

    /// Transforms every whole block in `pending`; appends at most `limit` frames to `out` and returns how many.
    fn run_pending(&mut self, out: &mut [Vec<f32>], limit: u64) -> u64 {
        let mut pending = std::mem::take(&mut self.pending);
        let available = pending[0].len();
        let (mut start, mut emitted) = (0, 0);
        if let Ok(input) = SequentialSliceOfVecs::new(&pending[..], pending.len(), available) {
            while available - start >= self.block_in && emitted < limit {
                emitted += self.run_block(&input, start, out, limit - emitted);
                start += self.block_in;
            }
        }
        pending.iter_mut().for_each(|plane| drop(plane.drain(..start)));
        self.pending = pending;
        emitted
    }

    /// Transforms the block of `input` at `start`; appends at most `limit` frames to `out` and returns how many.
    fn run_block(&mut self, input: &dyn Adapter<f32>, start: usize, out: &mut [Vec<f32>], limit: u64) -> u64 {
        let indexing = rubato::Indexing::new().input_offset(start);
        let channels = self.block.len();
        if let Ok(mut block) = SequentialSliceOfVecs::new_mut(&mut self.block, channels, self.block_out) {
            // The sizes are those of the plan; anything else would be a defect of this file.
            let done = self.fft.process_into_buffer(input, &mut block, Some(&indexing));
            debug_assert!(done.is_ok_and(|sizes| sizes == (self.block_in, self.block_out)));
        }
        if std::mem::take(&mut self.first_block) {
            return 0;
        }
        let count = limit.min(self.block_out as u64);
        for (out, block) in out.iter_mut().zip(&self.block) {
            out.extend_from_slice(&block[..count as usize]);
        }
        count
    }

    fn reset(&mut self) {
        self.fft.reset();
        self.pending.iter_mut().chain(&mut self.history).for_each(Vec::clear);
        (self.primed, self.first_block) = (false, true);
    }
}

/// The value `distance` frames outside the end of a signal at which `inward` starts: the point reflection
/// `2 x[0] - x[distance]`. A signal shorter than that is continued by its farthest reflected value.
fn odd_extension<'a>(inward: impl ExactSizeIterator<Item = &'a f32> + Clone, distance: usize) -> f32 {
    let distance = distance.min(inward.len().saturating_sub(1));
    let edge = inward.clone().next().copied().unwrap_or(0.0);
    let mirrored = inward.clone().nth(distance).copied().unwrap_or(0.0);
    2.0 * edge - mirrored
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One vector a channel, all of one length, to `[channel, frame]`. One channel moves without a copy.
pub(crate) fn from_planes(mut planes: Vec<Vec<f32>>) -> Array2<f32> {
    let shape = (planes.len(), planes.first().map_or(0, Vec::len));
    let flat = if planes.len() == 1 { planes.swap_remove(0) } else { planes.concat() };
    Array2::from_shape_vec(shape, flat).unwrap_or_else(|_| Array2::zeros((shape.0, 0)))
}
