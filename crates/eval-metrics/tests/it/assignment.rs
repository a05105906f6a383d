use auscult_eval_metrics::{Error, maximum_assignment};
use ndarray::{Array2, array};
use proptest::prelude::*;

use crate::golden::{self, Parity};

fn total(gain: &Array2<f64>) -> f64 {
    let assignment = maximum_assignment(gain.view()).unwrap();
    let mut columns: Vec<usize> = assignment.iter().flatten().copied().collect();
    assert_eq!(columns.len(), gain.nrows().min(gain.ncols()));
    columns.sort_unstable();
    columns.dedup();
    assert_eq!(columns.len(), gain.nrows().min(gain.ncols()), "a column was used twice");
    assignment.iter().enumerate().filter_map(|(i, j)| j.map(|j| gain[[i, j]])).sum()
}

#[test]
fn matches_scipy() {
    let mut parity = Parity::new("maximum_assignment, total", 1e-12);
    for case in golden::list(&golden::read("assignment")) {
        parity.check(total(&golden::matrix(&case["gain"])), golden::number(&case["total"]));
    }
}

#[test]
fn edges() {
    assert!(maximum_assignment(Array2::zeros((0, 3)).view()).unwrap().is_empty());
    assert_eq!(maximum_assignment(Array2::zeros((2, 0)).view()).unwrap(), [None, None]);
    assert!(matches!(maximum_assignment(array![[f64::NAN]].view()), Err(Error::NotFinite { .. })));
}

/// Tries every assignment of the first row, recursively.
fn brute_force(gain: &Array2<f64>, row: usize, used: &mut Vec<bool>) -> f64 {
    if row == gain.nrows() {
        return 0.0;
    }
    let mut best = f64::NEG_INFINITY;
    for column in 0..gain.ncols() {
        if !used[column] {
            used[column] = true;
            best = best.max(gain[[row, column]] + brute_force(gain, row + 1, used));
            used[column] = false;
        }
    }
    best
}

proptest! {
    #[test]
    fn nothing_beats_it(rows in 1usize..5, extra in 0usize..3, values in prop::collection::vec(-9i32..9, 35)) {
        let gain = Array2::from_shape_fn((rows, rows + extra), |(i, j)| f64::from(values[i * 7 + j]));
        let best = brute_force(&gain, 0, &mut vec![false; rows + extra]);
        prop_assert_eq!(total(&gain), best);
        prop_assert_eq!(total(&gain.reversed_axes()), best);
    }
}
