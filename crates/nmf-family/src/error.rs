//! What can be wrong with the input.

use crate::Real;
use ndarray::ArrayView2;

/// Why a factorisation could not start.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A matrix without entries.
    #[error("{what} is empty ({rows} x {columns}): pass at least one bin, one frame and one atom")]
    Empty {
        /// Which argument.
        what: &'static str,
        /// Its number of rows.
        rows: usize,
        /// Its number of columns.
        columns: usize,
    },
    /// A NaN or an infinity.
    #[error("{what}[{row}, {column}] is {value}: replace or drop non-finite entries first")]
    NotFinite {
        /// Which argument.
        what: &'static str,
        /// Row of the first such entry.
        row: usize,
        /// Column of the first such entry.
        column: usize,
        /// The entry.
        value: f64,
    },
    /// An entry below zero.
    #[error(
        "{what}[{row}, {column}] is {value}, but a non-negative factorisation needs entries >= 0: \
             pass magnitudes or powers, not logarithms or raw spectra"
    )]
    Negative {
        /// Which argument.
        what: &'static str,
        /// Row of the first such entry.
        row: usize,
        /// Column of the first such entry.
        column: usize,
        /// The entry.
        value: f64,
    },
    /// A zero where the loss is infinite.
    #[error(
        "{what}[{row}, {column}] is zero, where a beta-divergence with beta = {beta} <= 0 is infinite: \
             add a small floor to the data, or use a positive beta"
    )]
    Zero {
        /// Which argument.
        what: &'static str,
        /// Row of the first such entry.
        row: usize,
        /// Column of the first such entry.
        column: usize,
        /// The exponent of the loss.
        beta: f64,
    },
    /// Matrices that do not fit together.
    #[error("{what} is {found_rows} x {found_columns}, expected {rows} x {columns}")]
    Shape {
        /// Which argument.
        what: &'static str,
        /// Expected number of rows.
        rows: usize,
        /// Expected number of columns.
        columns: usize,
        /// Number of rows given.
        found_rows: usize,
        /// Number of columns given.
        found_columns: usize,
    },
    /// A parameter out of its range.
    #[error("{name} = {value}: expected {expected}")]
    Parameter {
        /// The setter.
        name: &'static str,
        /// The value given.
        value: f64,
        /// The values it takes.
        expected: &'static str,
    },
}

/// Result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Requires a matrix with entries, all finite and >= 0.
pub(crate) fn check_matrix<T: Real>(what: &'static str, x: ArrayView2<T>) -> Result<()> {
    let (rows, columns) = x.dim();
    if x.is_empty() {
        return Err(Error::Empty { what, rows, columns });
    }
    // NaN fails the comparison too; the search for the culprit runs only when there is one.
    if x.iter().all(|&value| value >= T::zero() && value < T::infinity()) {
        return Ok(());
    }
    for ((row, column), &value) in x.indexed_iter() {
        let value = value.wide();
        if !value.is_finite() {
            return Err(Error::NotFinite { what, row, column, value });
        }
        if value < 0.0 {
            return Err(Error::Negative { what, row, column, value });
        }
    }
    Ok(())
}

pub(crate) fn check_shape(what: &'static str, found: (usize, usize), expected: (usize, usize)) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let ((rows, columns), (found_rows, found_columns)) = (expected, found);
    Err(Error::Shape { what, rows, columns, found_rows, found_columns })
}

pub(crate) fn check_parameter(
    holds: bool,
    name: &'static str,
    value: f64,
    expected: &'static str,
) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Parameter { name, value, expected }) }
}
