//! Writing WAV files, whole or block by block; they appear under their name only when complete.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use ndarray::ArrayView2;
use tempfile::NamedTempFile;

use crate::audio::Audio;
use crate::error::{Error, Result};

/// How samples are stored in a WAV file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleFormat {
    /// 16-bit integers: `round(32768 x)`, saturating.
    I16,
    /// 24-bit integers: `round(8388608 x)`, saturating.
    I24,
    /// 32-bit floats, unchanged, also beyond [-1, 1].
    F32,
}

impl SampleFormat {
    fn bits(self) -> u16 {
        match self {
            SampleFormat::I16 => 16,
            SampleFormat::I24 => 24,
            SampleFormat::F32 => 32,
        }
    }
}

/// What a finished writer has to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Frames in the file.
    pub frames: u64,
    /// Samples beyond [-1, 1] that an integer format clipped. Not 0: scale the signal down, or write F32.
    pub clipped: u64,
}

/// Writes a WAV file. It appears under its name only when it is complete: an error leaves an earlier file alone.
///
/// # Errors
/// [`Error::NotFinite`], [`Error::TooLarge`], [`Error::Io`], or [`Error::Channels`] and [`Error::Parameter`] for an
/// `audio` without channels or rate.
pub fn write_wav(path: impl AsRef<Path>, audio: &Audio, format: SampleFormat) -> Result<Written> {
    let mut writer = WavWriter::create(path, audio.channels(), audio.sample_rate, format)?;
    writer.push(audio.samples.view())?;
    writer.finish()
}

/// Writes a WAV file block by block.
///
/// The blocks go to a temporary file in the same folder, which [`WavWriter::finish`] renames. A writer dropped
/// before that leaves nothing behind.
pub struct WavWriter {
    path: PathBuf,
    /// The temporary file, deleted when dropped.
    temporary: NamedTempFile,
    wav: hound::WavWriter<BufWriter<File>>,
    channels: usize,
    format: SampleFormat,
    dither: Option<Tpdf>,
    written: Written,
}

impl WavWriter {
    /// Starts a file.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be written to; [`Error::Channels`] unless there are 1 to 65535 channels;
    /// [`Error::Parameter`] for 0 Hz.
    pub fn create(
        path: impl AsRef<Path>,
        channels: usize,
        sample_rate: u32,
        format: SampleFormat,
    ) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let Some(count) = u16::try_from(channels).ok().filter(|&count| count > 0) else {
            let remedy = "a WAV file has 1 to 65535 channels; samples are [channel, frame]";
            return Err(Error::Channels { expected: channels.clamp(1, 65535), got: channels, remedy });
        };
        // The header stores the bytes per second in 32 bits.
        let frame_bytes = u32::from(count) * u32::from(format.bits() / 8);
        if sample_rate == 0 || sample_rate.checked_mul(frame_bytes).is_none() {
            let expected = "a rate above 0 Hz that a WAV header can hold for this many channels";
            return Err(Error::parameter("sample_rate", format!("{sample_rate} Hz"), expected));
        }
        if path.is_dir() {
            return Err(Error::IsDirectory { path });
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let io = |e| Error::io(&path, "write", e);
        let temporary = temporary_file(folder).map_err(io)?;
        let file = temporary.as_file().try_clone().map_err(io)?;
        let spec = hound::WavSpec {
            channels: count,
            sample_rate,
            bits_per_sample: format.bits(),
            sample_format: match format {
                SampleFormat::F32 => hound::SampleFormat::Float,
                _ => hound::SampleFormat::Int,
            },
        };
        let wav = hound::WavWriter::new(BufWriter::with_capacity(1 << 16, file), spec)
            .map_err(|e| hound_error(&path, e))?;
        Ok(Self { path, temporary, wav, channels, format, dither: None, written: Written::default() })
    }

    /// Adds triangular (TPDF) dither of two least significant bits, peak to peak, before rounding to 16 bits: the
    /// rounding error becomes noise instead of distortion. The same seed gives the same file. Only
    /// [`SampleFormat::I16`] is dithered.
    pub fn dither(mut self, seed: u64) -> Self {
        self.dither = Some(Tpdf(seed));
        self
    }

    /// Appends a `[channel, frame]` block.
    ///
    /// # Errors
    /// [`Error::Channels`] if the block has other channels than the file, [`Error::TooLarge`] before the file would
    /// exceed 4 GiB, [`Error::NotFinite`] for a NaN or infinite sample; [`Error::Io`]. After an error the file is
    /// incomplete: drop the writer.
    pub fn push(&mut self, samples: ArrayView2<f32>) -> Result<()> {
        if samples.nrows() != self.channels {
            let remedy = "every block has the channels the file was created with";
            return Err(Error::Channels { expected: self.channels, got: samples.nrows(), remedy });
        }
        self.check_size(samples.ncols() as u64)?;
        for (frame, column) in samples.columns().into_iter().enumerate() {
            for (channel, &value) in column.iter().enumerate() {
                if !value.is_finite() {
                    let frame = self.written.frames + frame as u64;
                    return Err(Error::NotFinite { path: self.path.clone(), channel, frame, value });
                }
                self.write_sample(value).map_err(|e| hound_error(&self.path, e))?;
            }
        }
        self.written.frames += samples.ncols() as u64;
        Ok(())
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// [`Error::Io`]; an earlier file of that name is then still the old one.
    pub fn finish(self) -> Result<Written> {
        let Self { path, temporary, wav, written, .. } = self;
        wav.finalize().map_err(|e| hound_error(&path, e))?;
        temporary.persist(&path).map_err(|e| Error::io(&path, "write", e.error))?;
        Ok(written)
    }

    fn write_sample(&mut self, value: f32) -> hound::Result<()> {
        let full_scale = match self.format {
            SampleFormat::I16 => 32_768.0,
            SampleFormat::I24 => 8_388_608.0,
            SampleFormat::F32 => return self.wav.write_sample(value),
        };
        if value.abs() > 1.0 {
            self.written.clipped += 1;
        }
        // In f64, where 24-bit values and their halves are exact.
        let mut scaled = f64::from(value) * full_scale;
        if let (SampleFormat::I16, Some(dither)) = (self.format, &mut self.dither) {
            scaled += dither.next();
        }
        self.wav.write_sample(scaled.round().clamp(-full_scale, full_scale - 1.0) as i32)
    }

    /// The lengths in the header are 32-bit; 4096 bytes are more than any header before the samples.
    fn check_size(&self, frames: u64) -> Result<()> {
        let frame_bytes = self.channels as u64 * u64::from(self.format.bits() / 8);
        let bytes = (self.written.frames + frames).saturating_mul(frame_bytes);
        match bytes > u64::from(u32::MAX) - 4096 {
            true => Err(Error::TooLarge { path: self.path.clone(), bytes }),
            false => Ok(()),
        }
    }
}

/// A file beside the final one, so that renaming it is atomic, with the permissions of any new file.
fn temporary_file(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".auscult-").suffix(".wav.part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

fn hound_error(path: &Path, error: hound::Error) -> Error {
    match error {
        hound::Error::IoError(e) => Error::io(path, "write", e),
        e => Error::io(path, "write", std::io::Error::other(e.to_string())),
    }
}

/// The sum of two uniform numbers from a splitmix64 sequence: triangular in (-1, 1).
struct Tpdf(u64);

impl Tpdf {
    fn next(&mut self) -> f64 {
        self.uniform() - self.uniform()
    }

    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_4_gib_before_writing_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer =
            WavWriter::create(folder.path().join("a.wav"), 2, 48_000, SampleFormat::F32).unwrap();
        writer.written.frames = (1 << 29) - 513;
        assert!(writer.check_size(0).is_ok());
        let one = ndarray::Array2::zeros((2, 2));
        assert!(matches!(writer.push(one.view()), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn dither_is_triangular() {
        let mut dither = Tpdf(0);
        let values: Vec<f64> = (0..100_000).map(|_| dither.next()).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|x| x * x).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.005 && (variance - 1.0 / 6.0).abs() < 0.003);
        assert!(values.iter().all(|x| x.abs() < 1.0));
    }
}
