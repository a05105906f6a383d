//! Files in, files out, in bounded memory.

use std::path::Path;

use auscult_audio_io::{AudioReader, SampleFormat, WavWriter};
use auscult_dereverb::{OnlineWpeParams, UnifiedParams, WpeParams};
use ndarray::{Array2, ArrayView2};

use super::segments::{Estimator, Segments};
use super::{StreamingWpe, frames_for};
use crate::{Error, Observer, Result};

/// How to dereverberate.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum DereverbMethod {
    /// WPE, estimated on segments.
    Wpe(WpeParams),
    /// Recursive WPE, which learns as it goes.
    Online(OnlineWpeParams),
    /// The unified likelihood, estimated on segments; all sources come out mixed. Its hop is set to that of the frames.
    Unified(UnifiedParams),
}

/// How to treat a file.
#[derive(Clone, Debug, PartialEq)]
pub struct DereverbOptions {
    /// Default: WPE with its defaults.
    pub method: DereverbMethod,
    /// Seconds of a window, > 0; frames overlap by half. Default 0.032.
    pub window: f64,
    /// Seconds estimated at a time, from 2 on, except by `Online`. Default 20. Longer ones learn more of a room that
    /// stays as it is and take more memory: about 8 bytes x channels x sample rate a second for WPE, four times as much
    /// for the unified likelihood, each some ten times over.
    pub segment: f64,
    /// How the samples are written. Default `F32`, in which nothing clips.
    pub format: SampleFormat,
}

impl Default for DereverbOptions {
    fn default() -> Self {
        let method = DereverbMethod::Wpe(WpeParams::default());
        Self { method, window: 0.032, segment: 20.0, format: SampleFormat::F32 }
    }
}

/// Seconds that neighbouring segments share; see `segments.rs`.
const OVERLAP: f64 = 1.0;

/// Frames read at a time.
const BLOCK: usize = 1 << 15;

/// What was done to a file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DereverbSummary {
    /// Channels of both files.
    pub channels: usize,
    /// Sample rate of both files.
    pub sample_rate: u32,
    /// Length of both files.
    pub seconds: f64,
    /// Segments estimated; 1 for `Online`.
    pub segments: usize,
    /// Power of the output less that of the input, in decibels; 0 for silence.
    pub level_change: f64,
    /// What a listener should know: channels that are silent or equal, samples that clip.
    pub warnings: Vec<String>,
}

/// Dereverberates a recording of any format, rate, length and number of channels into a WAV file of the same rate,
/// length and channels.
///
/// The output appears when it is complete; an error leaves an earlier file of that name alone. Memory does not grow
/// with the length of the file.
///
/// # Errors
/// [`Error::Recording`] where the input cannot be read, is empty, has samples that are no numbers, or is too short for
/// the filter; [`Error::Data`] for options out of range; [`Error::Part`] where the output cannot be written;
/// [`Error::Interrupted`] when the observer stops it.
pub fn dereverberate_file(
    input: &Path,
    output: &Path,
    options: &DereverbOptions,
    observer: &mut dyn Observer,
) -> Result<DereverbSummary> {
    let unreadable = |error| Error::unreadable(input, &error);
    let mut reader = AudioReader::open(input).map_err(unreadable)?;
    let (channels, rate) = (reader.channels(), reader.sample_rate());
    check_places(input, output, &reader, options)?;
    let mut stage = Stage::new(options, channels, rate, input)?;
    // [`WavWriter`] names the file
    let unwritten = |error: auscult_audio_io::Error| Error::part("the output")(error);
    let mut writer = WavWriter::create(output, channels, rate, options.format).map_err(unwritten)?;
    let seconds = |frames: u64| frames as f64 / f64::from(rate);
    observer.begin("dereverb", reader.frames().map_or(0, |frames| seconds(frames).ceil() as u64));
    let mut look = Look::new(channels);
    let (mut frames, mut energy) = (0, 0.0);
    let mut write = |writer: &mut WavWriter, samples: &Array2<f64>| {
        energy += samples.iter().map(|x| x * x).sum::<f64>();
        writer.push(samples.mapv(|x| x as f32).view()).map_err(unwritten)
    };
    while let Some(block) = reader.next_block(BLOCK).map_err(unreadable)? {
        frames += block.ncols() as u64;
        look.at(block.view());
        write(&mut writer, &stage.push(block.mapv(f64::from).view())?)?;
        let done = seconds(frames);
        if observer.advance(done as u64, "s").is_break() {
            return Err(Error::Interrupted);
        }
    }
    if frames == 0 {
        return Err(Error::recording(input, "it has no samples; give a recording"));
    }
    let (rest, segments) = stage.finish()?;
    write(&mut writer, &rest)?;
    let written = writer.finish().map_err(unwritten)?;
    let mut warnings = look.warnings();
    if written.clipped > 0 {
        warnings.push(format!("{} samples clip in the output; write it as 32-bit floats", written.clipped));
    }
    let level_change =
        if look.energy > 0.0 && energy > 0.0 { 10.0 * (energy / look.energy).log10() } else { 0.0 };
    warnings.iter().for_each(|warning| observer.warn(&format!("{}: {warning}", input.display())));
    observer.end(&format!("{:.1} s, {channels} channels, level {level_change:+.1} dB", seconds(frames)));
    Ok(DereverbSummary {
        channels,
        sample_rate: rate,
        seconds: seconds(frames),
        segments,
        level_change,
        warnings,
    })
}

/// What would be found out only after hours of work.
fn check_places(input: &Path, output: &Path, reader: &AudioReader, options: &DereverbOptions) -> Result<()> {
    let same = |path: &Path| std::fs::canonicalize(path).ok();
    if same(output).is_some_and(|output| Some(output) == same(input)) {
        let problem = format!("{} is the same file; choose another name for the output", output.display());
        return Err(Error::recording(input, problem));
    }
    let bytes = match options.format {
        SampleFormat::I16 => 2,
        SampleFormat::I24 => 3,
        _ => 4,
    };
    let size = reader.frames().unwrap_or(0) * reader.channels() as u64 * bytes;
    if size > u64::from(u32::MAX) - 1024 {
        let problem = format!(
            "the output would be a WAV file of {:.1} GB, and 4 GB is the most there can be; write 16-bit samples, or \
             split the recording",
            size as f64 / 1e9
        );
        return Err(Error::recording(input, problem));
    }
    Ok(())
}

/// What stands between reading and writing.
enum Stage {
    Online(Box<StreamingWpe<f64>>),
    Segmented(Segments),
}

impl Stage {
    fn new(options: &DereverbOptions, channels: usize, rate: u32, input: &Path) -> Result<Self> {
        let in_range = |value: f64, least: f64, most: f64| (least..=most).contains(&value);
        if !in_range(options.window, 0.002, 1.0) {
            return Err(Error::Data(format!("window = {} s: expected 0.002 to 1", options.window)));
        }
        if !in_range(options.segment, 2.0, 3600.0) {
            return Err(Error::Data(format!("segment = {} s: expected 2 to 3600", options.segment)));
        }
        let frames = frames_for(rate, options.window);
        let context = input.display().to_string();
        let (taps, delay, estimate): (_, _, Estimate) = match &options.method {
            DereverbMethod::Online(params) => {
                return Ok(Self::Online(Box::new(StreamingWpe::new(channels, &frames, params.clone())?)));
            }
            DereverbMethod::Wpe(params) => {
                let wpe = params.clone().plan().map_err(Error::part("WPE"))?;
                (params.taps, params.delay, Box::new(move |spectrum| wpe.process(spectrum.view())))
            }
            DereverbMethod::Unified(params) => {
                let params = params.clone().hop(frames.hop() as f64 / f64::from(rate));
                let (taps, delay) = (params.taps, params.delay);
                let unified = params.plan().map_err(Error::part("unified likelihood"))?;
                let process = move |spectrum: Spectrum| Ok(unified.process(spectrum.view())?.mixture());
                (taps, delay, Box::new(process))
            }
        };
        let stft = frames.plan::<f64>().map_err(Error::part("frames"))?;
        let path = input.to_path_buf();
        let estimator: Estimator = Box::new(move |samples| {
            let spectrum = stft.forward_multi(samples).map_err(Error::part(&*context))?;
            let (found, needed) = (spectrum.len_of(ndarray::Axis(1)), channels * taps + delay);
            if found < needed {
                let fewer = match found.saturating_sub(delay) / channels {
                    0 => String::new(),
                    taps => format!("at most {taps} taps, or "),
                };
                let problem = format!(
                    "its {found} frames are too few to learn {} coefficients a channel from; use {fewer}the online \
                     method, which needs no minimum",
                    channels * taps
                );
                return Err(Error::recording(&path, problem));
            }
            let clean = estimate(spectrum).map_err(Error::part(&*context))?;
            stft.inverse_multi(clean.view(), Some(samples.ncols())).map_err(Error::part(&*context))
        });
        let samples = |seconds: f64| (seconds * f64::from(rate)).round() as usize;
        Ok(Self::Segmented(Segments::new(channels, samples(options.segment), samples(OVERLAP), estimator)))
    }

    fn push(&mut self, block: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        match self {
            Self::Online(stream) => stream.push(block),
            Self::Segmented(segments) => segments.push(block),
        }
    }

    /// The rest, and the number of segments.
    fn finish(self) -> Result<(Array2<f64>, usize)> {
        match self {
            Self::Online(stream) => Ok((stream.finish()?, 1)),
            Self::Segmented(mut segments) => Ok((segments.finish()?, segments.done)),
        }
    }
}

type Spectrum = ndarray::Array3<auscult_dereverb::Complex<f64>>;
type Estimate = Box<dyn Fn(Spectrum) -> auscult_dereverb::Result<Spectrum> + Send>;

/// What is worth a warning in the samples that pass.
struct Look {
    energy: f64,
    /// Loudest sample of each channel
    peaks: Vec<f32>,
    /// Channels so far equal to channel 0
    equal: Vec<bool>,
    /// Samples at full scale whose neighbour is too
    clipped: u64,
}

impl Look {
    fn new(channels: usize) -> Self {
        Self { energy: 0.0, peaks: vec![0.0; channels], equal: vec![true; channels], clipped: 0 }
    }

    fn at(&mut self, block: ArrayView2<'_, f32>) {
        let first = block.row(0);
        for (m, samples) in block.rows().into_iter().enumerate() {
            self.energy += samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
            self.peaks[m] = samples.iter().fold(self.peaks[m], |peak, x| peak.max(x.abs()));
            self.equal[m] &= samples == first;
            let full = |x: f32| x.abs() >= 0.999;
            let pairs = samples.iter().zip(samples.iter().skip(1));
            self.clipped += pairs.filter(|&(&a, &b)| full(a) && full(b) && a * b > 0.0).count() as u64;
        }
    }

    fn warnings(&self) -> Vec<String> {
        let list =
            |channels: Vec<usize>| channels.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        let channels = 0..self.peaks.len();
        let silent: Vec<usize> = channels.clone().filter(|&m| self.peaks[m] == 0.0).collect();
        let equal: Vec<usize> = channels.skip(1).filter(|&m| self.equal[m] && self.peaks[m] > 0.0).collect();
        let mut warnings = Vec::new();
        if !silent.is_empty() {
            warnings.push(format!("silent channels: {} (from 0); they stay silent", list(silent)));
        }
        if !equal.is_empty() {
            warnings.push(format!("channels equal to channel 0: {}; they add nothing to it", list(equal)));
        }
        if self.clipped > 0 {
            let clipped = self.clipped;
            warnings.push(format!("{clipped} samples look clipped; no linear filter undoes that"));
        }
        warnings
    }
}
