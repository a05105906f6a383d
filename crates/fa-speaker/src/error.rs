//! What can be wrong with the input.

use std::path::PathBuf;

use ndarray::ArrayView2;

use crate::Feature;

/// Why something could not be computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter out of its range.
    #[error("{name} = {value}: expected {expected}")]
    Parameter {
        /// The field.
        name: &'static str,
        /// The value given.
        value: String,
        /// The values it takes.
        expected: String,
    },
    /// Fewer examples than there is to learn.
    #[error("{given} {what} are too few: this takes at least {needed}; {remedy}")]
    TooFew {
        /// What there is too little of.
        what: &'static str,
        /// How many were given.
        given: usize,
        /// The least number.
        needed: usize,
        /// What to do.
        remedy: &'static str,
    },
    /// A NaN or an infinity.
    #[error("{what} is not finite at row {row}, column {column}: mend the features first")]
    NotFinite {
        /// Which array.
        what: &'static str,
        /// Row of the first such entry.
        row: usize,
        /// Column of the first such entry.
        column: usize,
    },
    /// Arrays that do not fit together.
    #[error("{what}: the shape is {found:?}, expected {expected:?}")]
    Shape {
        /// Which argument.
        what: &'static str,
        /// The shape it needs.
        expected: Vec<usize>,
        /// The shape given.
        found: Vec<usize>,
    },
    /// A matrix that must be positive definite is not.
    #[error("{what} is not positive definite: {remedy}")]
    Singular {
        /// Which matrix.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A model file that cannot be read or written, or does not hold what it should.
    #[error("{}: {problem}", path.display())]
    ModelFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// Result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

pub(crate) fn check_parameter(
    holds: bool,
    name: &'static str,
    value: impl ToString,
    expected: impl Into<String>,
) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::Parameter { name, value: value.to_string(), expected: expected.into() })
}

pub(crate) fn check_shape(what: &'static str, found: &[usize], expected: &[usize]) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Shape { what, expected: expected.to_vec(), found: found.to_vec() })
}

/// Requires finite features of the given number of columns.
pub(crate) fn check_features<T: Feature>(features: ArrayView2<T>, columns: usize) -> Result<()> {
    check_shape("features [frame, feature]", features.shape(), &[features.nrows(), columns])?;
    check_finite("features [frame, feature]", features)
}

pub(crate) fn check_finite<T: Feature>(what: &'static str, values: ArrayView2<T>) -> Result<()> {
    let wrong = values.indexed_iter().find(|(_, value)| !(**value).into().is_finite());
    match wrong {
        Some(((row, column), _)) => Err(Error::NotFinite { what, row, column }),
        None => Ok(()),
    }
}
