//! What can go wrong, and what to do about it.

/// Errors of this crate. Each message says what was given, what was expected and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The signal holds no samples.
    #[error("the signal is empty; give at least one sample")]
    EmptySignal,
    /// The signal is too short for the framing asked for.
    #[error("the signal has {got} samples but {reason} needs at least {needed}; {remedy}")]
    SignalTooShort {
        /// Samples given.
        got: usize,
        /// Samples needed.
        needed: usize,
        /// What needs them.
        reason: &'static str,
        /// What to change.
        remedy: &'static str,
    },
    /// A parameter is outside its range.
    #[error("{name} = {got}: expected {expected}")]
    BadParam {
        /// Name of the parameter.
        name: &'static str,
        /// Value given.
        got: String,
        /// What would have been accepted.
        expected: String,
    },
    /// An array has the wrong size along one axis.
    #[error("{what} has {got} {axis}, expected {expected}")]
    Shape {
        /// Which array.
        what: &'static str,
        /// Which axis, in the plural.
        axis: &'static str,
        /// Length given.
        got: usize,
        /// Length needed.
        expected: usize,
    },
    /// The squared windows leave gaps when overlapped, so no inverse exists.
    #[error(
        "window of {win_length} samples at hop {hop_length} leaves samples no frame covers (NOLA fails); \
         use a hop shorter than the window"
    )]
    NotInvertible {
        /// Window length in samples.
        win_length: usize,
        /// Hop in samples.
        hop_length: usize,
    },
    /// A value is NaN or infinite where none may be.
    #[error("{what} holds a NaN or an infinity (element {at}); clean the signal first")]
    NotFinite {
        /// Which array.
        what: &'static str,
        /// Index of the first such element, in row-major order.
        at: usize,
    },
    /// A stream was pushed to after `finish`.
    #[error("the stream is finished; call reset() before pushing the next signal")]
    StreamFinished,
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Refuses a parameter unless `ok`.
pub(crate) fn check(
    ok: bool,
    name: &'static str,
    got: impl ToString,
    expected: impl Into<String>,
) -> Result<()> {
    if ok {
        return Ok(());
    }
    Err(Error::BadParam { name, got: got.to_string(), expected: expected.into() })
}

/// Refuses an array whose `axis` has the wrong length.
pub(crate) fn check_len(what: &'static str, axis: &'static str, got: usize, expected: usize) -> Result<()> {
    if got == expected { Ok(()) } else { Err(Error::Shape { what, axis, got, expected }) }
}
