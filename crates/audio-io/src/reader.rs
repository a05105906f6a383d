//! Reading files: whole, a stretch, or block by block.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis, Slice};

use crate::audio::{Audio, seconds_to_frames};
use crate::decode::{self, Decode, Warning};
use crate::error::{Error, Result};
use crate::resample::{Resampler, from_planes, is_sound, output_frames};

/// Reads a whole file with the default [`ReadOptions`]: every channel, at its own rate.
///
/// # Errors
/// Any [`Error`] about files; each names the file and the remedy.
pub fn read(path: impl AsRef<Path>) -> Result<Audio> {
    ReadOptions::default().read(path)
}

/// What to read of a file, and how.
///
/// The order of work is fixed: the stretch is cut at the file's own rate, then mixed down, then resampled.
///
/// ```no_run
/// use auscult_audio_io::ReadOptions;
///
/// let speech = ReadOptions::default().mono(true).sample_rate(16_000).start(30.0).duration(5.0).read("talk.mp3")?;
/// # Ok::<(), auscult_audio_io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Where to start, in seconds, rounded to the nearest frame. Default 0.
    pub start: f64,
    /// How many seconds to read, rounded to the nearest frame; `None`, the default, reads to the end. A stretch
    /// that reaches beyond the end stops there.
    pub duration: Option<f64>,
    /// Mix down to the mean of the channels. Default false.
    pub mono: bool,
    /// Resample to this rate in Hz; `None`, the default, keeps the file's own.
    pub sample_rate: Option<u32>,
    /// Which audio track of a file with several (MP4 stems), from 0; `None`, the default, reads the file's own default
    /// track.
    pub track: Option<usize>,
    /// Whether a truncated or damaged file, a header without a frame, or a sample that is NaN, infinite or beyond 1e30
    /// is an error (the default). If not, what can be read is kept, silence stands in for the rest, and a [`Warning`] says so.
    pub strict: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { start: 0.0, duration: None, mono: false, sample_rate: None, track: None, strict: true }
    }
}

impl ReadOptions {
    /// Starts at `seconds`.
    pub fn start(mut self, seconds: f64) -> Self {
        self.start = seconds;
        self
    }

    /// Reads at most `seconds`; `None` reads to the end.
    pub fn duration(mut self, seconds: impl Into<Option<f64>>) -> Self {
        self.duration = seconds.into();
        self
    }

    /// Mixes down to one channel.
    pub fn mono(mut self, mono: bool) -> Self {
        self.mono = mono;
        self
    }

    /// Resamples to `hertz`; `None` keeps the file's own rate.
    pub fn sample_rate(mut self, hertz: impl Into<Option<u32>>) -> Self {
        self.sample_rate = hertz.into();
        self
    }

    /// Chooses an audio track of a file with several, from 0.
    pub fn track(mut self, track: impl Into<Option<usize>>) -> Self {
        self.track = track.into();
        self
    }

    /// Whether damage is an error.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Reads everything asked for into memory. To see the warnings of `strict(false)`, use
    /// [`ReadOptions::read_with_warnings`].
    ///
    /// # Errors
    /// Any [`Error`] about files and rates; each names the file and the remedy.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Audio> {
        self.read_with_warnings(path).map(|(audio, _)| audio)
    }

    /// [`ReadOptions::read`], and what was passed over in a damaged file. Nothing is, and the list is empty, as long
    /// as `strict` is set.
    ///
    /// # Errors
    /// As [`ReadOptions::read`].
    pub fn read_with_warnings(&self, path: impl AsRef<Path>) -> Result<(Audio, Vec<Warning>)> {
        let mut reader = self.open(path)?;
        let samples = reader.read_rest()?;
        Ok((Audio { samples, sample_rate: reader.sample_rate }, reader.warnings))
    }

    /// Opens a file for reading block by block.
    ///
    /// # Errors
    /// Any [`Error`] about files and rates; each names the file and the remedy.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<AudioReader> {
        AudioReader::with_options(path.as_ref(), self)
    }
}

/// Reads a file block by block in a few megabytes of memory, however long it is.
///
/// The blocks, joined, equal what [`ReadOptions::read`] returns bit for bit.
pub struct AudioReader {
    path: PathBuf,
    decoder: Box<dyn Decode>,
    resampler: Option<Resampler>,
    mono: bool,
    strict: bool,
    sample_rate: u32,
    channels: usize,
    frames: Option<u64>,
    start: f64,
    /// Frames of the file still to be dropped ahead of the start.
    skip: u64,
    /// Frames of the file still to be read.
    remaining: u64,
    /// Frames of the file decoded so far, counted from its beginning.
    position: u64,
    /// Decoded frames at the file's rate and channels.
    decoded: Vec<Vec<f32>>,
    /// Finished frames; those before `taken` were handed out.
    ready: Vec<Vec<f32>>,
    taken: usize,
    ended: bool,
    warnings: Vec<Warning>,
}

impl std::fmt::Debug for AudioReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioReader")
            .field("path", &self.path)
            .field("sample_rate", &self.sample_rate)
            .field("channels", &self.channels)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

impl AudioReader {
    /// Opens a file with the default [`ReadOptions`].
    ///
    /// # Errors
    /// Any [`Error`] about files; each names the file and the remedy.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        ReadOptions::default().open(path)
    }

    fn with_options(path: &Path, options: &ReadOptions) -> Result<Self> {
        let mut warnings = Vec::new();
        let mut decoder = decode::open(path, options.track, options.strict, &mut warnings)?;
        let (file_rate, file_channels) = (decoder.sample_rate(), decoder.channels());
        let sample_rate = options.sample_rate.unwrap_or(file_rate);
        let channels = if options.mono { 1 } else { file_channels };

        let start = seconds_to_frames("start", options.start, file_rate)?;
        let remaining = match options.duration {
            Some(seconds) => seconds_to_frames("duration", seconds, file_rate)?,
            None => u64::MAX,
        };
        if let Some(frames) = decoder.frames()
            && frames > 0
            && start >= frames
        {
            return Err(beyond_end(path, options.start, frames, file_rate));
        }
        let resampler = match sample_rate == file_rate {
            true => None,
            false => Some(Resampler::new(channels, file_rate, sample_rate)?),
        };
        let position = decoder.seek(start)?;
        let frames = decoder
            .frames()
            .map(|frames| output_frames(frames.saturating_sub(start).min(remaining), file_rate, sample_rate));
        Ok(Self {
            path: path.to_owned(),
            resampler,
            mono: options.mono,
            strict: options.strict,
            sample_rate,
            channels,
            frames,
            start: options.start,
            skip: start - position.min(start),
            remaining,
            position,
            decoded: vec![Vec::new(); file_channels],
            ready: vec![Vec::new(); channels],
            taken: 0,
            ended: false,
            warnings,
            decoder,
        })
    }

    /// The rate of the blocks, in Hz.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// The channels of the blocks.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The frames of all blocks together, where the file's header tells exactly: not for Ogg, AAC, MP4, and mp3
    /// without a LAME header. A damaged file may hold fewer.
    pub fn frames(&self) -> Option<u64> {
        self.frames
    }

    /// What was passed over so far; always empty in strict mode.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The next block, `[channel, frame]`: exactly `max_frames` frames, or fewer in the last one. `None` at the end.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `max_frames` is 0; any [`Error`] about damaged files.
    pub fn next_block(&mut self, max_frames: usize) -> Result<Option<Array2<f32>>> {
        if max_frames == 0 {
            return Err(Error::parameter("max_frames", 0, "at least 1 frame"));
        }
        while self.available() < max_frames && self.fill()? {}
        let frames = self.available().min(max_frames);
        if frames == 0 {
            return Ok(None);
        }
        let end = self.taken + frames;
        let flat: Vec<f32> = self.ready.iter().flat_map(|plane| &plane[self.taken..end]).copied().collect();
        self.taken = end;
        if 2 * self.taken >= self.ready[0].len() {
            self.ready.iter_mut().for_each(|plane| drop(plane.drain(..end)));
            self.taken = 0;
        }
        Ok(Array2::from_shape_vec((self.channels, frames), flat).ok())
    }

    fn available(&self) -> usize {
        self.ready.first().map_or(0, Vec::len) - self.taken
    }

    /// All frames at once. Where their number is known they go straight to their places.
    fn read_rest(&mut self) -> Result<Array2<f32>> {
        let Some(frames) = self.credible_frames() else {
            while self.fill()? {}
            return Ok(from_planes(std::mem::take(&mut self.ready)));
        };
        let mut samples = Array2::zeros((self.channels, frames));
        let mut end = 0;
        loop {
            let more = self.fill()?;
            let start = end;
            end = (start + self.available()).min(frames);
            for (mut row, plane) in samples.rows_mut().into_iter().zip(&mut self.ready) {
                let place = row.as_slice_mut().and_then(|row| row.get_mut(start..end));
                place.into_iter().for_each(|place| place.copy_from_slice(&plane[..end - start]));
                plane.clear();
            }
            if !more {
                break;
            }
        }
        // A damaged file can hold less than its header says.
        Ok(if end < frames { samples.slice_axis(Axis(1), Slice::from(..end)).to_owned() } else { samples })
    }

    /// The frames the header claims, unless the file is far too small for them.
    fn credible_frames(&self) -> Option<usize> {
        let bytes = std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        let claimed = self.frames?.checked_mul(self.channels as u64)?;
        let samples_at_file_rate = claimed / self.resampler.as_ref().map_or(1, Resampler::growth);
        usize::try_from(self.frames?).ok().filter(|_| samples_at_file_rate <= bytes.saturating_mul(32))
    }

    /// Decodes one chunk and appends what comes out of it to `ready`. False at the end.
    fn fill(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.decoded.iter_mut().for_each(Vec::clear);
        let more = self.remaining > 0 && self.decoder.decode(&mut self.decoded, &mut self.warnings)?;
        if more {
            self.cut();
            self.check_finite()?;
            self.pass_on();
        } else {
            self.ended = true;
            self.check_length()?;
            if let Some(resampler) = &mut self.resampler {
                resampler.finish_into(&mut self.ready);
            }
        }
        Ok(more)
    }

    /// Drops what lies before the start or behind the end of the stretch.
    fn cut(&mut self) {
        let decoded = self.decoded[0].len() as u64;
        let first = self.skip.min(decoded);
        let last = decoded.min(first.saturating_add(self.remaining));
        for plane in &mut self.decoded {
            plane.truncate(last as usize);
            plane.drain(..first as usize);
        }
        self.skip -= first;
        self.remaining -= last - first;
        self.position += first;
    }

    /// Refuses or replaces NaN, infinities, and numbers beyond all sound.
    fn check_finite(&mut self) -> Result<()> {
        let mut replaced = 0;
        let mut first: Option<(usize, usize, f32)> = None;
        for (channel, plane) in self.decoded.iter_mut().enumerate() {
            // `all` within a chunk would leave early and so not vectorise; this does.
            if plane.chunks(256).all(|chunk| chunk.iter().fold(true, |sound, &x| sound & is_sound(x))) {
                continue;
            }
            for (frame, x) in plane.iter_mut().enumerate().filter(|(_, x)| !is_sound(**x)) {
                if first.is_none_or(|(earliest, ..)| frame < earliest) {
                    first = Some((frame, channel, *x));
                }
                *x = 0.0;
                replaced += 1;
            }
        }
        if let (true, Some((frame, channel, value))) = (self.strict, first) {
            let frame = self.position + frame as u64;
            return Err(Error::NotFinite { path: self.path.clone(), channel, frame, value });
        }
        if replaced > 0 {
            let count = self.warnings.iter_mut().find_map(|warning| match warning {
                Warning::NotFinite { samples } => Some(samples),
                _ => None,
            });
            match count {
                Some(samples) => *samples += replaced,
                None => self.warnings.push(Warning::NotFinite { samples: replaced }),
            }
        }
        self.position += self.decoded[0].len() as u64;
        Ok(())
    }

    /// Mixes and resamples `decoded` into `ready`.
    fn pass_on(&mut self) {
        if self.mono {
            mix_down(&mut self.decoded);
        }
        let planes = &self.decoded[..self.channels];
        match &mut self.resampler {
            Some(resampler) => {
                let planes: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
                resampler.push_planes(&planes, &mut self.ready);
            }
            None => {
                self.ready.iter_mut().zip(planes).for_each(|(ready, plane)| ready.extend_from_slice(plane))
            }
        }
    }

    /// At the end: was there anything at all, and anything behind the start?
    fn check_length(&mut self) -> Result<()> {
        if self.position == 0 && self.remaining > 0 {
            if self.strict {
                let what = "0 frames, which strict(false) accepts";
                return Err(Error::Empty { path: self.path.clone(), what });
            }
            self.warnings.push(Warning::Empty);
        } else if self.skip > 0 && self.remaining > 0 {
            return Err(beyond_end(&self.path, self.start, self.position, self.decoder.sample_rate()));
        }
        Ok(())
    }
}

/// Replaces the first plane by the mean of all: the arithmetic of [`Audio::mono`].
fn mix_down(planes: &mut [Vec<f32>]) {
    let channels = planes.len() as f32;
    if let Some((mono, others)) = planes.split_first_mut()
        && !others.is_empty()
    {
        for other in others {
            mono.iter_mut().zip(other).for_each(|(sum, x)| *sum += *x);
        }
        mono.iter_mut().for_each(|sum| *sum /= channels);
    }
}

fn beyond_end(path: &Path, start: f64, frames: u64, rate: u32) -> Error {
    let duration = frames as f64 / f64::from(rate);
    Error::StartBeyondEnd { path: path.to_owned(), start, duration }
}
