//! How many weights a network may have: a description that asks for more is refused before it takes any memory.

use std::cell::Cell;

use crate::error::{Error, Result};

/// Weights of the largest network: three times those of the largest here.
const MOST: u64 = 1 << 28;

thread_local! {
    /// Weights that may still be made by this thread.
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// Makes a network.
pub(crate) fn network<T>(make: impl FnOnce() -> Result<T>) -> Result<T> {
    within(MOST, make)
}

/// Makes a network whose weights a file of so many numbers is to fill.
///
/// The description beside a file may lie as well as the file. Up to a few megabytes it may do so unnoticed here: what
/// is wrong is then told by the names and shapes.
pub(crate) fn filled_from<T>(numbers: usize, make: impl FnOnce() -> Result<T>) -> Result<T> {
    within((numbers as u64).saturating_add(1 << 20), make)
}

fn within<T>(weights: u64, make: impl FnOnce() -> Result<T>) -> Result<T> {
    let before = LEFT.get();
    LEFT.set(weights.min(before));
    let made = make();
    LEFT.set(before);
    made
}

/// Takes a weight of this shape out of what may be made.
pub(crate) fn take(shape: &[i64]) -> Result<()> {
    let size = |&side: &i64| u64::try_from(side).ok();
    let weights = shape.iter().try_fold(1_u64, |product, side| product.checked_mul(size(side)?));
    match weights.and_then(|weights| LEFT.get().checked_sub(weights)) {
        Some(left) => LEFT.set(left),
        None => {
            let given = format!("one with a weight of {shape:?}");
            return Err(Error::parameter(
                "network",
                given,
                "one of at most 2^28 weights, as many as its file has",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_and_absurd_ones_are_refused() {
        let made = within(100, || {
            take(&[9, 9])?;
            take(&[19])?;
            assert!(take(&[1]).is_err());
            network(|| take(&[1]))
        });
        assert!(made.is_err(), "an inner limit does not lift an outer one");
        for shape in [vec![1 << 40, 1 << 40], vec![-1], vec![1 << 20, 1 << 20]] {
            assert!(network(|| take(&shape)).unwrap_err().to_string().contains("2^28 weights"));
        }
        assert!(take(&[1 << 40]).is_ok(), "and ends with it");
    }
}
