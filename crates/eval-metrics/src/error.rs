//! What can go wrong.

use std::path::PathBuf;

/// What can be wrong with the input of a score.
///
/// Every message says what was given, what was expected and, where there is one, the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing to score.
    #[error("{what} is empty: a score needs at least one element")]
    Empty {
        /// The argument.
        what: &'static str,
    },
    /// Two arguments that go together element by element differ in length.
    #[error("{what} has {got} elements, but {reference} has {expected}: they must go together one to one")]
    LengthMismatch {
        /// The argument that does not fit.
        what: &'static str,
        /// The argument it is compared with.
        reference: &'static str,
        /// Length of the reference argument.
        expected: usize,
        /// Length of the argument.
        got: usize,
    },
    /// Two arrays that must agree in shape do not.
    #[error("{what} has shape {got:?}, but {reference} has {expected:?}: they must agree")]
    ShapeMismatch {
        /// The array that does not fit.
        what: &'static str,
        /// The array it is compared with.
        reference: &'static str,
        /// Shape of the reference array.
        expected: Vec<usize>,
        /// Shape of the array.
        got: Vec<usize>,
    },
    /// A NaN (or an infinity where a finite number is needed).
    #[error("{what}[{index}] is {value}: remove or repair the example before scoring it")]
    NotFinite {
        /// The argument.
        what: &'static str,
        /// Position (of the flattened array, row by row).
        index: usize,
        /// The value found there.
        value: f64,
    },
    /// A class label outside `0..n_classes`.
    #[error("{what}[{index}] is class {label}, but there are {n_classes} classes (0 to {})", n_classes.saturating_sub(1))]
    LabelOutOfRange {
        /// The argument.
        what: &'static str,
        /// Position.
        index: usize,
        /// The label found there.
        label: usize,
        /// Number of classes.
        n_classes: usize,
    },
    /// A ranking score needs both positive and negative examples.
    #[error("no {missing} example among {n}: {score} compares positives with negatives and needs both")]
    OneClass {
        /// The score asked for.
        score: &'static str,
        /// `"positive"` or `"negative"`.
        missing: &'static str,
        /// Number of examples.
        n: usize,
    },
    /// A parameter outside its range.
    #[error("{name} is {value}: expected {expected}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// The value given.
        value: String,
        /// The range.
        expected: &'static str,
    },
    /// Too many bootstrap resamples on which the statistic has no value.
    #[error(
        "the statistic is undefined (NaN or infinite) on {undefined} of {resamples} resamples: \
         resample within strata, or give more data"
    )]
    UndefinedStatistic {
        /// Resamples without a value.
        undefined: usize,
        /// All resamples.
        resamples: usize,
    },
    /// A reference or estimate without any sound: the ratios have no value.
    #[error(
        "{what} source {index} is silent: leave the source (or the excerpt) out, its ratios are undefined"
    )]
    SilentSource {
        /// `"reference"`, `"estimate"` or `"mixture"`.
        what: &'static str,
        /// Index of the source.
        index: usize,
    },
    /// Delayed copies of the references cannot be told apart, even after diagonal loading.
    #[error("the {tracks} reference tracks are linearly dependent: remove duplicates")]
    LinearlyDependent {
        /// Number of tracks (sources times channels).
        tracks: usize,
    },
    /// A segment that ends before it starts, or whose times are not finite.
    #[error(
        "{what}[{index}] runs from {start} s to {end} s: expected finite times, the end not before the start"
    )]
    BadSegment {
        /// The argument.
        what: &'static str,
        /// Position.
        index: usize,
        /// Start in seconds.
        start: f64,
        /// End in seconds.
        end: f64,
    },
    /// A line of a file that is not what the format asks for.
    #[error("{}:{line}: {reason}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
}

/// A result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
