//! What can go wrong, said so that a user can mend it.

use std::path::{Path, PathBuf};

/// Shorthand for this crate's results.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong: what was given, what was expected, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A device name that is neither `cpu` nor `cuda:N`.
    #[error("unknown device `{given}`: write `cpu`, `cuda` or `cuda:N`")]
    UnknownDevice {
        /// The name as given.
        given: String,
    },
    /// A CUDA device that libtorch does not see.
    #[error(
        "`cuda:{index}` was asked for, but this libtorch sees {count} CUDA devices: use `cpu`, \
         or link a libtorch built for CUDA on a machine that has one"
    )]
    NoCuda {
        /// Index of the device asked for.
        index: usize,
        /// How many devices libtorch sees.
        count: usize,
    },
    /// A parameter out of its range.
    #[error("`{name}` is {given}, expected {expected}")]
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// The value given.
        given: String,
        /// The range it must lie in.
        expected: &'static str,
    },
    /// An example shape the network cannot take.
    #[error("{network} cannot take examples of shape {shape:?}: expected {expected}")]
    InputShape {
        /// The network.
        network: String,
        /// The shape given, without the batch axis.
        shape: Vec<usize>,
        /// What the network takes.
        expected: String,
    },
    /// A slice whose length fits no whole number of examples.
    #[error("{what} holds {got} values, expected {expected}")]
    Length {
        /// What was measured.
        what: &'static str,
        /// The length expected.
        expected: String,
        /// The length given.
        got: usize,
    },
    /// No examples to learn from or to measure with.
    #[error("there are no {what} examples: pass at least one")]
    NoExamples {
        /// `training` or `validation`.
        what: &'static str,
    },
    /// An example with NaN or infinity in it.
    #[error("example {index} of epoch {epoch} holds NaN or infinity: mend its features")]
    NotFinite {
        /// Epoch the example was drawn in.
        epoch: u64,
        /// Index of the example.
        index: usize,
    },
    /// A target that is no distribution over the classes.
    #[error(
        "the targets of an example in epoch {epoch} sum to {sum}, expected a distribution that sums to 1"
    )]
    Target {
        /// Epoch the example was drawn in.
        epoch: u64,
        /// What the targets sum to.
        sum: f32,
    },
    /// The loss became NaN or infinite.
    #[error(
        "the loss became {loss} in epoch {epoch}, step {step}: lower the learning rate or set `clip_norm`, \
         and start anew; the last checkpoint is from before"
    )]
    Diverged {
        /// Epoch, counted from 0.
        epoch: usize,
        /// Step in the epoch, counted from 0.
        step: usize,
        /// The loss.
        loss: f64,
    },
    /// [`Examples::fill`](crate::Examples::fill) panicked.
    #[error("`Examples::fill` panicked in a loader thread: see its message above")]
    LoaderStopped,
    /// A file that could not be read or written.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    File {
        /// `read`, `write`, ...
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that holds something else than it should.
    #[error("`{}` is not usable: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A run folder that belongs to another run.
    #[error(
        "`{}` holds another run, which differs in {differences}: continue it with what it was started with, \
         or train in a new folder", folder.display()
    )]
    OtherRun {
        /// The run folder.
        folder: PathBuf,
        /// Each thing that differs, as it was and as it is now.
        differences: String,
    },
    /// libtorch refused an operation.
    #[error("libtorch failed at {operation}: {message}")]
    Torch {
        /// The operation.
        operation: &'static str,
        /// libtorch's own words, without its stack trace.
        message: String,
    },
}

impl Error {
    pub(crate) fn file(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        Error::File { doing, path: path.to_owned(), source }
    }

    pub(crate) fn format(path: &Path, reason: impl ToString) -> Self {
        Error::Format { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(crate) fn parameter(name: &'static str, given: impl ToString, expected: &'static str) -> Self {
        Error::Parameter { name, given: given.to_string(), expected }
    }
}

/// Names the operation in which libtorch failed, and keeps tch's error type out of the public API.
pub(crate) trait During<T> {
    fn during(self, operation: &'static str) -> Result<T>;
}

impl<T> During<T> for std::result::Result<T, tch::TchError> {
    fn during(self, operation: &'static str) -> Result<T> {
        self.map_err(|error| {
            let message = match error {
                tch::TchError::Torch(message) => message,
                other => other.to_string(),
            };
            // The rest is a C++ stack trace.
            let message = message.split("Exception raised from").next().unwrap_or_default().trim().to_owned();
            Error::Torch { operation, message }
        })
    }
}
