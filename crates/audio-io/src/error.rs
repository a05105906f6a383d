//! What can go wrong with a file, said so that a user can mend it.

use std::io;
use std::path::{Path, PathBuf};

/// What this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, with what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such file.
    #[error("{}: no such file; check the path (relative paths start at the working directory)", path.display())]
    NotFound {
        /// The path as it was given.
        path: PathBuf,
    },

    /// The path is a directory.
    #[error("{}: is a directory; name one audio file inside it", path.display())]
    IsDirectory {
        /// The path as it was given.
        path: PathBuf,
    },

    /// Zero bytes, or a valid header without a single frame.
    #[error("{}: holds no audio ({what}); fetch or record it again", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },

    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was attempted: "open", "read", "write".
        action: &'static str,
        /// The system's reason.
        source: io::Error,
    },

    /// The content is no audio at all, whatever the extension says.
    #[error("{}: is not audio: {found}", path.display())]
    NotAudio {
        /// The file.
        path: PathBuf,
        /// What the content looks like, and the remedy.
        found: String,
    },

    /// Audio, but of a kind this crate does not decode.
    #[error("{}: {format} is not supported; {remedy}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The container or codec.
        format: String,
        /// How to get at the audio.
        remedy: String,
    },

    /// A header that contradicts itself or the file.
    #[error("{}: malformed: {reason}; fetch it again, or see whether another program can repair it: `ffmpeg -i IN OUT.wav`", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },

    /// The file ends before the audio its header promises.
    #[error(
        "{}: truncated: {}; fetch it again, or keep what is there with ReadOptions::strict(false)",
        path.display(),
        frames_of(*got, *expected)
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Frames the header promises, where it does.
        expected: Option<u64>,
        /// Frames that are there.
        got: u64,
    },

    /// A stretch in the middle of a compressed file does not decode.
    #[error(
        "{}: damaged at frame {frame}: {reason}; fetch it again, or replace the damage by silence with ReadOptions::strict(false)",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The first frame that could not be decoded.
        frame: u64,
        /// The decoder's reason.
        reason: String,
    },

    /// A NaN, an infinity, or a number beyond 1e30 among the samples.
    #[error(
        "{}: sample {value} at frame {frame} of channel {channel}; repair the source, or read it as 0 with ReadOptions::strict(false)",
        path.display()
    )]
    NotFinite {
        /// The file read or written.
        path: PathBuf,
        /// Channel, from 0.
        channel: usize,
        /// Frame, from 0 at the start of the file.
        frame: u64,
        /// NaN, inf, -inf, or what is beyond 1e30.
        value: f32,
    },

    /// `start` lies at or after the end of the file.
    #[error("{}: start {start} s lies beyond the end of the file at {duration} s; give a start before the end", path.display())]
    StartBeyondEnd {
        /// The file.
        path: PathBuf,
        /// The requested start in seconds.
        start: f64,
        /// The duration of the file in seconds.
        duration: f64,
    },

    /// More samples than a WAV file can hold.
    #[error(
        "{}: {bytes} bytes of samples do not fit into a WAV file (4 GiB at most); split the recording, or write 16 bit instead of 24 or 32",
        path.display()
    )]
    TooLarge {
        /// The file that was to be written.
        path: PathBuf,
        /// Bytes the samples would take.
        bytes: u64,
    },

    /// A pair of sample rates that cannot be converted.
    #[error("cannot resample from {from} Hz to {to} Hz: {reason}")]
    SampleRate {
        /// The rate of the input.
        from: u32,
        /// The requested rate.
        to: u32,
        /// Why not, and what would do.
        reason: &'static str,
    },

    /// A wrong number of channels.
    #[error("expected {expected} channels, got {got}; {remedy}")]
    Channels {
        /// The number of channels the operation needs.
        expected: usize,
        /// The number given.
        got: usize,
        /// What to do.
        remedy: &'static str,
    },

    /// A parameter outside its range.
    #[error("{name} is {got}; expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What was given.
        got: String,
        /// What is allowed.
        expected: &'static str,
    },
}

pub(crate) fn frames_of(got: u64, expected: Option<u64>) -> String {
    match expected {
        Some(expected) => format!("{got} of {expected} frames are there"),
        None => format!("the stream breaks off after {got} frames"),
    }
}

impl Error {
    /// Sorts the system's reasons into the ones with a remedy and the rest.
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Error::NotFound { path },
            io::ErrorKind::IsADirectory => Error::IsDirectory { path },
            _ => Error::Io { path, action, source },
        }
    }

    pub(crate) fn parameter(name: &'static str, got: impl ToString, expected: &'static str) -> Self {
        Error::Parameter { name, got: got.to_string(), expected }
    }
}
