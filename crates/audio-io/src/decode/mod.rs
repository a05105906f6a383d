//! From bytes to planar f32 samples. The content decides the format; the extension is never looked at.

#[cfg(feature = "symphonia")]
mod compressed;
mod sniff;
mod wav;

use std::fs::File;
use std::path::Path;

use crate::error::{Error, Result, frames_of};
use sniff::Format;

/// One decoder for one open file.
pub(crate) trait Decode: Send {
    /// Hz, not 0.
    fn sample_rate(&self) -> u32;
    /// At least 1.
    fn channels(&self) -> usize;
    /// Frames from the start to the end, where the header tells.
    fn frames(&self) -> Option<u64>;
    /// Goes forward to a frame at or before `frame`, as near as is cheap and exact; returns where it is.
    /// Called at most once, before anything is decoded.
    fn seek(&mut self, frame: u64) -> Result<u64>;
    /// Appends the next frames to `planes`, one vector a channel. False at the end.
    fn decode(&mut self, planes: &mut [Vec<f32>], warnings: &mut Vec<Warning>) -> Result<bool>;
}

/// Something amiss that reading with `strict(false)` passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// The file ends early; what is there was kept.
    Truncated {
        /// Frames the header promises, where it does.
        expected: Option<u64>,
        /// Frames that are there.
        got: u64,
    },
    /// Stretches that do not decode were replaced by silence.
    Corrupt {
        /// How many frames are silence now.
        frames: u64,
    },
    /// Samples that are NaN, infinite or beyond 1e30 were replaced by 0.
    NotFinite {
        /// How many samples.
        samples: u64,
    },
    /// The file holds not a single frame.
    Empty,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated { expected, got } => write!(f, "truncated: {}", frames_of(*got, *expected)),
            Self::Corrupt { frames } => {
                write!(f, "damaged: {frames} frames that do not decode were read as silence")
            }
            Self::NotFinite { samples } => {
                write!(f, "{samples} samples that are NaN, infinite or beyond 1e30 were read as 0")
            }
            Self::Empty => write!(f, "holds no audio"),
        }
    }
}

/// Opens a decoder for the content of the file.
pub(crate) fn open(
    path: &Path,
    track: Option<usize>,
    strict: bool,
    warnings: &mut Vec<Warning>,
) -> Result<Box<dyn Decode>> {
    let file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
    let metadata = file.metadata().map_err(|e| Error::io(path, "open", e))?;
    if metadata.is_dir() {
        return Err(Error::IsDirectory { path: path.to_owned() });
    }
    let bytes = metadata.len();
    if bytes == 0 {
        return Err(Error::Empty { path: path.to_owned(), what: "0 bytes" });
    }
    let format = sniff::sniff(path, &file)?;
    let decoder: Box<dyn Decode> = match format {
        Format::Wav => match wav::header(&file).filter(|_| track.is_none_or(|track| track == 0)) {
            Some(header) => Box::new(wav::Wav::open(path, file, header, strict, warnings)?),
            None => {
                #[cfg(feature = "symphonia")]
                if !wav::channels_fit_mask(&file).map_err(|e| Error::io(path, "read", e))? {
                    let reason = "the header gives more channels than its mask has room for".into();
                    return Err(Error::Malformed { path: path.to_owned(), reason });
                }
                open_compressed(path, file, track, strict, warnings, "this kind of WAV")?
            }
        },
        Format::Compressed => open_compressed(path, file, track, strict, warnings, "compressed audio")?,
    };
    if decoder.sample_rate() == 0 {
        let reason = "the header gives a sample rate of 0 Hz".into();
        return Err(Error::Malformed { path: path.to_owned(), reason });
    }
    if decoder.channels() == 0 {
        let reason = "the header gives 0 channels".into();
        return Err(Error::Malformed { path: path.to_owned(), reason });
    }
    Ok(decoder)
}

#[cfg(feature = "symphonia")]
fn open_compressed(
    path: &Path,
    file: File,
    track: Option<usize>,
    strict: bool,
    warnings: &mut Vec<Warning>,
    _format: &str,
) -> Result<Box<dyn Decode>> {
    Ok(Box::new(compressed::Compressed::open(path, file, track, strict, warnings)?))
}

#[cfg(not(feature = "symphonia"))]
fn open_compressed(
    path: &Path,
    _file: File,
    _track: Option<usize>,
    _strict: bool,
    _warnings: &mut Vec<Warning>,
    format: &str,
) -> Result<Box<dyn Decode>> {
    let remedy =
        "build auscult-audio-io with its default feature `symphonia`, or convert the file to 16-bit WAV";
    Err(Error::Unsupported { path: path.to_owned(), format: format.into(), remedy: remedy.into() })
}

#[cfg(all(test, not(feature = "symphonia")))]
mod tests {
    use crate::{Audio, Error, SampleFormat, read, write_wav};

    #[test]
    fn wav_alone_needs_no_feature() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        let audio = Audio::new(ndarray::array![[0.5, -0.5]], 8000).unwrap();
        write_wav(&path, &audio, SampleFormat::F32).unwrap();
        assert_eq!(read(&path).unwrap(), audio);
        std::fs::write(&path, b"fLaC\0\0\0\x22").unwrap();
        let error = read(&path).unwrap_err();
        assert!(
            matches!(error, Error::Unsupported { .. }) && error.to_string().contains("feature `symphonia`")
        );
    }
}
