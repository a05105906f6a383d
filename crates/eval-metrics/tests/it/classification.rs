use auscult_eval_metrics::{
    ClassScores, ClassificationReport, Error, KappaWeights, accuracy, balanced_accuracy, brier_score,
    calibration, cohen_kappa, confusion_matrix, top_k_accuracy,
};
use ndarray::{Array2, array};
use proptest::prelude::*;

use crate::golden::{self, Parity};

#[test]
fn matches_sklearn() {
    let mut worst = Parity::new("ClassificationReport, accuracy, confusion_matrix", 1e-12);
    let mut kappa = Parity::new("cohen_kappa", 1e-12);
    let mut worst_top_k = Parity::new("top_k_accuracy", 1e-12);
    for case in golden::list(&golden::read("classification")["labels"]) {
        let truth = golden::labels(&case["truth"]);
        let predicted = golden::labels(&case["predicted"]);
        let scores = golden::matrix(&case["scores"]);
        let report = ClassificationReport::new(&truth, &predicted, scores.ncols()).unwrap();
        worst.check(accuracy(&truth, &predicted).unwrap(), golden::number(&case["accuracy"]));
        worst.check(report.accuracy, golden::number(&case["accuracy"]));
        worst.check(report.balanced_accuracy, golden::number(&case["balanced_accuracy"]));
        let confusion = golden::matrix(&case["confusion"]);
        assert_eq!(report.confusion.mapv(|count| count as f64), confusion);
        for (ours, expected) in report.per_class.iter().zip(golden::matrix(&case["per_class"]).rows()) {
            worst.check_all(
                &[ours.precision, ours.recall, ours.f1, ours.support as f64],
                expected.as_slice().unwrap(),
            );
        }
        let three = |c: ClassScores| [c.precision, c.recall, c.f1];
        worst.check_all(&three(report.averages.macro_average), &golden::numbers(&case["macro_average"]));
        worst.check_all(&three(report.averages.micro_average), &golden::numbers(&case["micro_average"]));
        worst
            .check_all(&three(report.averages.weighted_average), &golden::numbers(&case["weighted_average"]));
        let weights = [KappaWeights::Equal, KappaWeights::Linear, KappaWeights::Quadratic];
        for (weights, expected) in weights.into_iter().zip(golden::numbers(&case["kappa"])) {
            kappa.check(cohen_kappa(&truth, &predicted, scores.ncols(), weights).unwrap(), expected);
        }
        for (k, expected) in golden::numbers(&case["top_k"]).into_iter().enumerate() {
            worst_top_k.check(top_k_accuracy(&truth, scores.view(), k + 1).unwrap(), expected);
        }
    }
}

#[test]
fn calibration_matches_sklearn() {
    let golden = &golden::read("classification")["calibration"];
    let happened = golden::flags(&golden["happened"]);
    let probability = golden::numbers(&golden["probability"]);
    let ours = calibration(&happened, &probability, 10).unwrap();
    let mut worst = Parity::new("calibration, brier_score", 1e-12);
    worst.check_all(
        &ours.bins.iter().map(|b| b.accuracy).collect::<Vec<_>>(),
        &golden::numbers(&golden["accuracy"]),
    );
    worst.check_all(
        &ours.bins.iter().map(|b| b.confidence).collect::<Vec<_>>(),
        &golden::numbers(&golden["confidence"]),
    );
    worst.check(ours.expected_error, golden::number(&golden["expected_error"]));
    worst.check(ours.maximum_error, golden::number(&golden["maximum_error"]));
    worst.check(brier_score(&happened, &probability).unwrap(), golden::number(&golden["brier_score"]));
}

#[test]
fn full_agreement_has_kappa_one() {
    assert_eq!(cohen_kappa(&[1, 1, 1], &[1, 1, 1], 2, KappaWeights::Equal).unwrap(), 1.0);
    assert_eq!(cohen_kappa(&[0, 1, 2], &[0, 1, 2], 3, KappaWeights::Quadratic).unwrap(), 1.0);
}

#[test]
fn bad_input_is_named() {
    assert!(matches!(calibration(&[true], &[1.5], 10), Err(Error::Parameter { name: "probability", .. })));
    assert!(matches!(calibration(&[true], &[0.5], 0), Err(Error::Parameter { name: "n_bins", .. })));
    assert!(matches!(brier_score(&[true], &[f64::NAN]), Err(Error::NotFinite { .. })));
    assert!(matches!(accuracy(&[], &[]), Err(Error::Empty { what: "truth" })));
    assert!(matches!(accuracy(&[1], &[1, 2]), Err(Error::LengthMismatch { expected: 1, got: 2, .. })));
    let error = confusion_matrix(&[0, 3], &[0, 0], 2).unwrap_err();
    assert_eq!(error.to_string(), "truth[1] is class 3, but there are 2 classes (0 to 1)");
    let scores = array![[0.0, f64::NAN]];
    assert!(matches!(top_k_accuracy(&[0], scores.view(), 1), Err(Error::NotFinite { index: 1, .. })));
    assert!(matches!(top_k_accuracy(&[0], Array2::zeros((1, 2)).view(), 0), Err(Error::Parameter { .. })));
    assert!(matches!(
        top_k_accuracy(&[2], Array2::zeros((1, 2)).view(), 1),
        Err(Error::LabelOutOfRange { .. })
    ));
}

proptest! {
    #[test]
    fn scores_are_fractions_and_ignore_the_order_of_examples(
        pairs in prop::collection::vec((0usize..4, 0usize..4), 1..60),
        shift in 0usize..60,
    ) {
        let (truth, predicted): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
        let mut turned = pairs.clone();
        turned.rotate_left(shift % pairs.len());
        let (t, p): (Vec<_>, Vec<_>) = turned.into_iter().unzip();
        let report = ClassificationReport::new(&truth, &predicted, 4).unwrap();
        prop_assert_eq!(&report, &ClassificationReport::new(&t, &p, 4).unwrap());
        let average = report.averages.macro_average;
        for score in [report.accuracy, report.balanced_accuracy, average.precision, average.recall, average.f1] {
            prop_assert!((0.0..=1.0).contains(&score));
        }
        prop_assert_eq!(report.averages.micro_average.f1, report.accuracy);
        prop_assert_eq!(balanced_accuracy(&truth, &truth, 4).unwrap(), 1.0);
    }

    #[test]
    fn top_k_grows_with_k(truth in prop::collection::vec(0usize..5, 1..20), seed in 0u64..1000) {
        let scores = Array2::from_shape_fn((truth.len(), 5), |(i, j)| ((seed as usize + 7 * i + 3 * j) % 4) as f64);
        let values: Vec<f64> = (1..=5).map(|k| top_k_accuracy(&truth, scores.view(), k).unwrap()).collect();
        prop_assert!(values.windows(2).all(|pair| pair[0] <= pair[1]));
        prop_assert_eq!(values[4], 1.0);
    }
}
