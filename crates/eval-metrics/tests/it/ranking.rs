use auscult_eval_metrics::{
    DetectionCost, EqualErrorRateMethod, Error, PartialAuc, average_precision, best_f1_threshold,
    best_youden_threshold, cllr, delong_interval, delong_test, det_curve, equal_error_rate,
    mean_average_precision, operating_point, partial_auc, per_class_average_precision,
    precision_recall_curve, roc_auc, roc_curve, threshold_at_false_positive_rate,
};
use ndarray::array;
use proptest::prelude::*;

use crate::golden::{self, Parity};

#[test]
fn matches_sklearn() {
    let golden = golden::read("ranking");
    let mut precision = Parity::new("average_precision", 1e-12);
    let mut auc = Parity::new("roc_auc", 1e-12);
    let mut curves = Parity::new("roc_curve, det_curve, precision_recall_curve", 1e-12);
    let mut partial = Parity::new("partial_auc, both conventions", 1e-12);
    let mut eer = Parity::new("equal_error_rate (pyannote)", 1e-12);
    let mut cost = Parity::new("DetectionCost::minimum, cllr", 1e-12);
    let mut delong = Parity::new("delong_interval, delong_test", 1e-12);
    for case in golden::list(&golden["binary"]) {
        let truth = golden::flags(&case["truth"]);
        let scores = golden::numbers(&case["scores"]);
        let (t, s) = (truth.as_slice(), scores.as_slice());
        precision.check(average_precision(t, s).unwrap(), golden::number(&case["average_precision"]));
        auc.check(roc_auc(t, s).unwrap(), golden::number(&case["auc"]));

        let roc = roc_curve(t, s).unwrap();
        for (roc, expected) in [(roc.clone(), &case["roc"]), (roc.without_collinear(), &case["roc_dropped"])]
        {
            curves.check_all(&roc.false_positive_rate, &golden::numbers(&expected[0]));
            curves.check_all(&roc.true_positive_rate, &golden::numbers(&expected[1]));
            curves.check_all(&roc.thresholds, &golden::numbers(&expected[2]));
        }
        let det = det_curve(t, s).unwrap();
        curves.check_all(&det.false_positive_rate, &golden::numbers(&case["det"][0]));
        curves.check_all(&det.false_negative_rate, &golden::numbers(&case["det"][1]));
        curves.check_all(&det.thresholds, &golden::numbers(&case["det"][2]));
        let pr = precision_recall_curve(t, s).unwrap();
        curves.check_all(&pr.precision, &golden::numbers(&case["precision_recall"][0]));
        curves.check_all(&pr.recall, &golden::numbers(&case["precision_recall"][1]));
        curves.check_all(&pr.thresholds, &golden::numbers(&case["precision_recall"][2]));

        for (limit, expected) in [0.1, 0.35, 1.0].into_iter().zip(golden::numbers(&case["mcclish"])) {
            partial.check(partial_auc(t, s, limit, PartialAuc::McClish).unwrap(), expected);
        }
        for (limit, expected) in [0.5, 1.0].into_iter().zip(golden::numbers(&case["raw"])) {
            partial.check(partial_auc(t, s, limit, PartialAuc::Raw).unwrap(), expected);
        }
        let pyannote = equal_error_rate(t, s, EqualErrorRateMethod::Pyannote).unwrap();
        eer.check(pyannote, golden::number(&case["eer_pyannote"]));
        let linear = equal_error_rate(t, s, EqualErrorRateMethod::Linear).unwrap();
        let hull = equal_error_rate(t, s, EqualErrorRateMethod::ConvexHull).unwrap();
        assert!(hull <= linear + 1e-12 && (0.0..=1.0).contains(&hull));

        let plain = DetectionCost::with_target_prior(0.05);
        for (cost_function, key) in [(plain, "prior_0.05"), (DetectionCost::sre08(), "sre08")] {
            let best = cost_function.minimum(t, s).unwrap();
            cost.check(best.min_dcf, golden::number(&case["min_dcf"][key]));
            let there = cost_function.actual(t, s, best.threshold).unwrap();
            assert!((there - best.min_dcf).abs() < 1e-12);
        }
        let ratios: Vec<f64> = scores.iter().map(|score| score - 0.5).collect();
        cost.check(cllr(t, &ratios).unwrap(), golden::number(&case["cllr"]));

        let expected = &case["delong"];
        if expected.is_object() {
            let interval = delong_interval(t, s, 0.95).unwrap();
            let test = delong_test(t, s, &golden::numbers(&case["other"])).unwrap();
            delong.check_all(
                &[interval.low, interval.high, test.difference, test.z, test.p_value],
                &["low", "high", "difference", "z", "p_value"].map(|key| golden::number(&expected[key])),
            );
        }
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
fn thresholds_by_hand() {
    let truth = [true, true, false, true, false, false];
    let scores = [0.9, 0.8, 0.7, 0.6, 0.2, 0.1];
    let f1 = best_f1_threshold(&truth, &scores).unwrap();
    assert_eq!((f1.threshold, f1.precision, f1.true_positive_rate), (0.6, 0.75, 1.0));
    assert_eq!(best_youden_threshold(&truth, &scores).unwrap().threshold, 0.8);
    let strict = threshold_at_false_positive_rate(&truth, &scores, 0.0).unwrap();
    assert_eq!((strict.threshold, strict.false_positive_rate), (0.8, 0.0));
    assert_eq!(threshold_at_false_positive_rate(&truth, &scores, 0.4).unwrap().threshold, 0.6);
    // the very best score is a false alarm
    let none = threshold_at_false_positive_rate(&[false, true], &[1.0, 0.0], 0.0).unwrap();
    assert_eq!((none.threshold, none.true_positive_rate), (f64::INFINITY, 0.0));
    let point = operating_point(&truth, &scores, 0.65).unwrap();
    assert_eq!((point.true_positive_rate, point.false_positive_rate), (2.0 / 3.0, 1.0 / 3.0));
    assert!((DetectionCost::with_target_prior(0.5).bayes_threshold().unwrap()).abs() < 1e-15);
}

#[test]
fn equal_error_rate_by_hand() {
    // one of two positives below one of two negatives: misses 1/2 where false alarms are 1/2
    let eer = |method| equal_error_rate(&[true, false, true, false], &[4.0, 3.0, 2.0, 1.0], method).unwrap();
    assert_eq!(eer(EqualErrorRateMethod::Linear), 0.5);
    assert_eq!(eer(EqualErrorRateMethod::ConvexHull), 0.25);
    let perfect = equal_error_rate(&[true, false], &[1.0, 0.0], EqualErrorRateMethod::Linear).unwrap();
    assert_eq!(perfect, 0.0);
}

#[test]
fn identical_detectors_do_not_differ() {
    let truth = [true, false, true, false];
    let scores = [0.9, 0.1, 0.4, 0.6];
    let test = delong_test(&truth, &scores, &scores).unwrap();
    assert_eq!((test.difference, test.z, test.p_value), (0.0, 0.0, 1.0));
}

#[test]
fn bad_input_is_named() {
    assert!(matches!(average_precision(&[], &[]), Err(Error::Empty { .. })));
    assert!(matches!(roc_auc(&[true], &[0.1, 0.2]), Err(Error::LengthMismatch { .. })));
    assert!(matches!(average_precision(&[true], &[f64::NAN]), Err(Error::NotFinite { .. })));
    assert!(matches!(
        average_precision(&[false], &[0.5]),
        Err(Error::OneClass { missing: "positive", n: 1, .. })
    ));
    let error = roc_auc(&[true, true], &[0.5, 0.6]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no negative example among 2: ROC AUC compares positives with negatives and needs both"
    );
    let (truth, scores) = ([true, false], [0.5, 0.6]);
    assert!(matches!(partial_auc(&truth, &scores, 0.0, PartialAuc::McClish), Err(Error::Parameter { .. })));
    assert!(matches!(partial_auc(&truth, &scores, 0.5, PartialAuc::Raw), Err(Error::Parameter { .. })));
    assert!(matches!(
        DetectionCost::with_target_prior(1.0).minimum(&truth, &scores),
        Err(Error::Parameter { name: "target_prior", .. })
    ));
    assert!(matches!(
        DetectionCost::sre08().costs(0.0, 1.0).minimum(&truth, &scores),
        Err(Error::Parameter { name: "miss", .. })
    ));
    assert!(matches!(delong_interval(&truth, &scores, 0.95), Err(Error::OneClass { .. })));
    assert!(matches!(cllr(&[true], &[0.0]), Err(Error::OneClass { missing: "negative", .. })));
    assert!(matches!(threshold_at_false_positive_rate(&truth, &scores, -0.1), Err(Error::Parameter { .. })));
}

fn labelled_scores() -> impl Strategy<Value = (Vec<bool>, Vec<f64>)> {
    prop::collection::vec((any::<bool>(), -8i32..8), 2..60).prop_filter_map("both classes", |pairs| {
        let (truth, scores): (Vec<bool>, Vec<i32>) = pairs.into_iter().unzip();
        let both = truth.contains(&true) && truth.contains(&false);
        both.then(|| (truth, scores.into_iter().map(|s| f64::from(s) / 4.0).collect()))
    })
}

proptest! {
    #[test]
    fn auc_is_the_share_of_pairs_won((truth, scores) in labelled_scores()) {
        let of = |class: bool| -> Vec<f64> {
            truth.iter().zip(&scores).filter(|&(&t, _)| t == class).map(|(_, &s)| s).collect()
        };
        let (positives, negatives) = (of(true), of(false));
        let mut won = 0.0;
        for p in &positives {
            for n in &negatives {
                won += if p > n { 1.0 } else if p == n { 0.5 } else { 0.0 };
            }
        }
        let auc = roc_auc(&truth, &scores).unwrap();
        prop_assert!((auc - won / (positives.len() * negatives.len()) as f64).abs() < 1e-12);
        // the area under the curve, and of the other class
        let curve = roc_curve(&truth, &scores).unwrap();
        let points: Vec<_> = curve.false_positive_rate.iter().zip(&curve.true_positive_rate).collect();
        let area: f64 = points.windows(2).map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).sum();
        prop_assert!((auc - area).abs() < 1e-12);
        let flipped: Vec<bool> = truth.iter().map(|t| !t).collect();
        prop_assert!((roc_auc(&flipped, &scores).unwrap() - (1.0 - auc)).abs() < 1e-12);
        // only the order matters
        let stretched: Vec<f64> = scores.iter().map(|s| s.exp() * 7.0).collect();
        prop_assert_eq!(roc_auc(&truth, &stretched).unwrap(), auc);
    }

    #[test]
    fn rates_stay_in_bounds((truth, scores) in labelled_scores()) {
        for method in [EqualErrorRateMethod::Linear, EqualErrorRateMethod::ConvexHull, EqualErrorRateMethod::Pyannote] {
            prop_assert!((0.0..=1.0).contains(&equal_error_rate(&truth, &scores, method).unwrap()));
        }
        let cost = DetectionCost::with_target_prior(0.05).minimum(&truth, &scores).unwrap();
        prop_assert!((0.0..=1.0).contains(&cost.min_dcf));
        prop_assert!(partial_auc(&truth, &scores, 1.0, PartialAuc::McClish).unwrap() - roc_auc(&truth, &scores).unwrap() < 1e-12);
        let f1 = best_f1_threshold(&truth, &scores).unwrap();
        prop_assert!(operating_point(&truth, &scores, f1.threshold).unwrap() == f1);
    }
}
