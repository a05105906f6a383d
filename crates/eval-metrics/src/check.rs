//! The checks every score begins with.

use crate::{Error, Result};

/// `values` has at least one element.
pub(crate) fn not_empty<T>(what: &'static str, values: &[T]) -> Result<()> {
    if values.is_empty() { Err(Error::Empty { what }) } else { Ok(()) }
}

/// Two slices of the same length, at least one.
pub(crate) fn same_length<A, B>(
    reference: &'static str,
    expected: &[A],
    what: &'static str,
    got: &[B],
) -> Result<()> {
    not_empty(reference, expected)?;
    if expected.len() == got.len() {
        Ok(())
    } else {
        Err(Error::LengthMismatch { what, reference, expected: expected.len(), got: got.len() })
    }
}

/// Two arrays of the same shape, no axis of which is empty.
pub(crate) fn same_shape(
    reference: &'static str,
    expected: &[usize],
    what: &'static str,
    got: &[usize],
) -> Result<()> {
    if expected.contains(&0) {
        return Err(Error::Empty { what: reference });
    }
    if expected == got {
        Ok(())
    } else {
        Err(Error::ShapeMismatch { what, reference, expected: expected.to_vec(), got: got.to_vec() })
    }
}

/// No NaN. Infinite scores rank well enough, so they pass.
pub(crate) fn no_nan<'a>(what: &'static str, values: impl IntoIterator<Item = &'a f64>) -> Result<()> {
    match values.into_iter().enumerate().find(|(_, value)| value.is_nan()) {
        None => Ok(()),
        Some((index, &value)) => Err(Error::NotFinite { what, index, value }),
    }
}

/// Neither NaN nor infinite.
pub(crate) fn finite<'a>(what: &'static str, values: impl IntoIterator<Item = &'a f64>) -> Result<()> {
    match values.into_iter().enumerate().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some((index, &value)) => Err(Error::NotFinite { what, index, value }),
    }
}

/// Every label is one of `0..n_classes`.
pub(crate) fn labels(what: &'static str, labels: &[usize], n_classes: usize) -> Result<()> {
    match labels.iter().enumerate().find(|&(_, &label)| label >= n_classes) {
        None => Ok(()),
        Some((index, &label)) => Err(Error::LabelOutOfRange { what, index, label, n_classes }),
    }
}

/// A number strictly between 0 and 1.
pub(crate) fn open_unit(name: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 {
        Ok(())
    } else {
        Err(Error::Parameter { name, value: value.to_string(), expected: "a number between 0 and 1" })
    }
}
