use auscult_eval_metrics::{Error, average_precision, mean_average_precision, per_class_average_precision};
use ndarray::array;

use crate::golden::{self, Parity};

#[test]
fn matches_sklearn() {
    let golden = golden::read("ranking");
    let mut precision = Parity::new("average_precision", 1e-12);
    for case in golden::list(&golden["binary"]) {
        let truth = golden::flags(&case["truth"]);
        let scores = golden::numbers(&case["scores"]);
        precision
            .check(average_precision(&truth, &scores).unwrap(), golden::number(&case["average_precision"]));
    }
    let multi = &golden["multi"];
    let rows: Vec<Vec<bool>> = golden::list(&multi["truth"]).iter().map(golden::flags).collect();
    let scores = golden::matrix(&multi["scores"]);
    let truth = ndarray::Array2::from_shape_fn(scores.dim(), |(i, j)| rows[i][j]);
    Parity::new("mean_average_precision", 1e-12).check(
        mean_average_precision(truth.view(), scores.view()).unwrap(),
        golden::number(&multi["mean_average_precision"]),
    );
}

#[test]
fn a_class_without_positives_is_left_out() {
    let truth = array![[true, false], [false, false]];
    let scores = array![[0.9, 0.1], [0.1, 0.9]];
    assert_eq!(per_class_average_precision(truth.view(), scores.view()).unwrap(), [Some(1.0), None]);
    assert_eq!(mean_average_precision(truth.view(), scores.view()).unwrap(), 1.0);
    let none = array![[false], [false]];
    let scores = array![[0.1], [0.2]];
    assert!(matches!(mean_average_precision(none.view(), scores.view()), Err(Error::OneClass { .. })));
}

#[test]
fn bad_input_is_named() {
    assert!(matches!(average_precision(&[], &[]), Err(Error::Empty { .. })));
    assert!(matches!(average_precision(&[true], &[f64::NAN]), Err(Error::NotFinite { .. })));
    assert!(matches!(
        average_precision(&[false], &[0.5]),
        Err(Error::OneClass { missing: "positive", n: 1, .. })
    ));
}
