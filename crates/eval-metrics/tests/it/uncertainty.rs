use auscult_eval_metrics::{
    Bootstrap, Error, Interval, IntervalMethod, Summary, mcnemar, paired_permutation_test, weighted_mean,
};

use crate::golden::{self, Parity};

#[test]
fn intervals_match_scipy() {
    let golden = golden::read("uncertainty");
    let value = golden::number(&golden["value"]);
    let confidence = golden::number(&golden["confidence"]);
    let jackknife = [golden::numbers(&golden["jackknife"])];
    let mut percentile = Parity::new("Interval::percentile", 1e-12);
    let expected = &golden["percentile"];
    let ours = Interval::percentile(value, &golden::numbers(&expected["draws"]), confidence).unwrap();
    percentile.check_all(&[ours.low, ours.high], &[&expected["low"], &expected["high"]].map(golden::number));
    let mut bca = Parity::new("Interval::bca", 1e-12);
    let expected = &golden["bca"];
    let ours = Interval::bca(value, &golden::numbers(&expected["draws"]), &jackknife, confidence).unwrap();
    bca.check_all(&[ours.low, ours.high], &[&expected["low"], &expected["high"]].map(golden::number));
}

#[test]
fn paired_tests_match_scipy() {
    let golden = golden::read("uncertainty");
    let mut permutation = Parity::new("paired_permutation_test", 1e-12);
    for case in golden::list(&golden["permutation"]) {
        let (first, second) = (golden::numbers(&case["first"]), golden::numbers(&case["second"]));
        let exact = paired_permutation_test(&first, &second, 1 << 12, 0).unwrap();
        assert!(exact.exact);
        permutation.check(exact.difference, golden::number(&case["difference"]));
        permutation.check(exact.p_value, golden::number(&case["p_value"]));
        let sampled = paired_permutation_test(&first, &second, 63, 0).unwrap();
        assert!(!sampled.exact && (sampled.p_value - exact.p_value).abs() < 0.25);
    }
    let mut binomial = Parity::new("mcnemar", 1e-12);
    for case in golden::list(&golden["mcnemar"]) {
        let [a, b] = ["only_first", "only_second"].map(|key| case[key].as_u64().unwrap() as usize);
        let first: Vec<bool> = (0..a + b + 3).map(|i| i < a).collect();
        let second: Vec<bool> = (0..a + b + 3).map(|i| (a..a + b).contains(&i)).collect();
        let ours = mcnemar(&first, &second).unwrap();
        assert_eq!((ours.only_first, ours.only_second), (a, b));
        binomial.check(ours.p_value, golden::number(&case["p_value"]));
    }
}

fn mean_of(values: &[f64]) -> impl Fn(&[usize]) -> f64 + Sync + '_ {
    |indices| indices.iter().map(|&i| values[i]).sum::<f64>() / indices.len() as f64
}

#[test]
fn the_same_seed_gives_the_same_interval() {
    let values: Vec<f64> = (0..50).map(|i| f64::from(i % 7)).collect();
    let interval = |seed| Bootstrap::new(300).seed(seed).interval(50, mean_of(&values)).unwrap();
    assert_eq!(interval(1), interval(1));
    assert_ne!(interval(1), interval(2));
}

#[test]
fn the_interval_of_a_mean_has_the_textbook_width() {
    // 400 draws of a fair coin: standard error 0.025
    let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
    for method in [IntervalMethod::Percentile, IntervalMethod::Bca] {
        let interval = Bootstrap::new(4000).method(method).interval(400, mean_of(&values)).unwrap();
        assert!((interval.high - interval.low - 2.0 * 1.96 * 0.025).abs() < 0.005, "{interval:?}");
    }
}

#[test]
fn drawing_groups_widens_and_strata_narrow() {
    // ten groups of 20 equal values: there are ten examples, not 200
    let groups: Vec<usize> = (0..200).map(|i| i / 20).collect();
    let values: Vec<f64> = groups.iter().map(|&g| (g % 2) as f64).collect();
    let strata: Vec<usize> = values.iter().map(|&v| v as usize).collect();
    let bootstrap = Bootstrap::new(1000).method(IntervalMethod::Bca);
    let single = bootstrap.interval(200, mean_of(&values)).unwrap();
    let grouped = bootstrap.interval_grouped(&groups, mean_of(&values)).unwrap();
    let stratified = bootstrap.interval_stratified(&strata, mean_of(&values)).unwrap();
    assert!(grouped.high - grouped.low > 3.0 * (single.high - single.low));
    assert_eq!((stratified.low, stratified.high), (0.5, 0.5));
}

#[test]
fn a_paired_difference_sees_what_two_intervals_miss() {
    let base: Vec<f64> = (0..100).map(|i| f64::from(i * 37 % 100)).collect();
    let better: Vec<f64> =
        base.iter().enumerate().map(|(i, b)| b + if i % 4 == 0 { -0.5 } else { 1.0 }).collect();
    let bootstrap = Bootstrap::new(999);
    let paired = bootstrap.paired_difference(100, mean_of(&better), mean_of(&base)).unwrap();
    assert!(paired.difference.low > 0.0 && paired.p_value < 0.01);
    let same = bootstrap.paired_difference(100, mean_of(&base), mean_of(&base)).unwrap();
    assert_eq!(same.p_value, 1.0);
    let groups: Vec<usize> = (0..100).map(|i| i / 4).collect();
    let grouped = bootstrap.paired_difference_grouped(&groups, mean_of(&better), mean_of(&base)).unwrap();
    assert!((grouped.difference.value - paired.difference.value).abs() < 1e-12);
}

#[test]
fn bad_input_is_named() {
    let nan = |_: &[usize]| f64::NAN;
    assert!(matches!(Bootstrap::new(10).interval(0, |_| 1.0), Err(Error::Empty { .. })));
    assert!(matches!(Bootstrap::new(10).interval(3, nan), Err(Error::NotFinite { .. })));
    assert!(matches!(
        Bootstrap::new(0).interval(3, |_| 1.0),
        Err(Error::Parameter { name: "resamples", .. })
    ));
    assert!(matches!(
        Bootstrap::new(9).confidence(1.0).interval(3, |_| 1.0),
        Err(Error::Parameter { name: "confidence", .. })
    ));
    // defined on the whole set, hardly ever on a resample
    let picky = |indices: &[usize]| if indices == [0, 1, 2, 3, 4, 5] { 1.0 } else { f64::NAN };
    assert!(matches!(
        Bootstrap::new(50).interval(6, picky),
        Err(Error::UndefinedStatistic { resamples: 50, .. })
    ));
    assert!(matches!(Interval::bca(0.0, &[], &[], 0.95), Err(Error::Empty { .. })));
    assert!(matches!(mcnemar(&[true], &[]), Err(Error::LengthMismatch { .. })));
    assert!(matches!(paired_permutation_test(&[1.0], &[f64::NAN], 10, 0), Err(Error::NotFinite { .. })));
}

#[test]
fn summary_by_hand() {
    let summary = Summary::new(&[4.0, 1.0, 2.0, 5.0]).unwrap();
    assert_eq!((summary.n, summary.mean, summary.min, summary.max, summary.median), (4, 3.0, 1.0, 5.0, 3.0));
    assert!((summary.standard_deviation - (10.0f64 / 3.0).sqrt()).abs() < 1e-15);
    assert_eq!(Summary::new(&[7.0]).unwrap().standard_deviation, 0.0);
    assert_eq!(weighted_mean(&[1.0, 4.0], &[2.0, 1.0]).unwrap(), 2.0);
    assert!(matches!(Summary::new(&[f64::INFINITY]), Err(Error::NotFinite { .. })));
    assert!(matches!(weighted_mean(&[1.0], &[0.0]), Err(Error::Parameter { name: "weights", .. })));
}
