use auscult_eval_metrics::{Contingency, Error};
use ndarray::array;
use proptest::prelude::*;

use crate::golden::{self, Parity};

#[test]
fn matches_sklearn() {
    let mut purity = Parity::new("purity, coverage, B-cubed, one-to-one accuracy (numpy, scipy)", 1e-12);
    let mut information = Parity::new("NMI, homogeneity, completeness, V-measure", 1e-12);
    let mut rand = Parity::new("adjusted_rand_index", 1e-12);
    for case in golden::list(&golden::read("clustering")) {
        let table =
            Contingency::from_labels(&golden::labels(&case["truth"]), &golden::labels(&case["found"]))
                .unwrap();
        let b_cubed = table.b_cubed();
        purity
            .check_all(&[b_cubed.precision, b_cubed.recall, b_cubed.f1], &golden::numbers(&case["b_cubed"]));
        let expected = |key: &str| golden::number(&case[key]);
        purity.check(table.purity(), expected("purity"));
        purity.check(table.coverage(), expected("coverage"));
        purity.check(table.one_to_one_accuracy().unwrap(), expected("one_to_one"));
        information.check(table.mutual_information(), expected("mutual_information"));
        information.check(table.normalized_mutual_information(), expected("normalized_mutual_information"));
        information.check(table.homogeneity(), expected("homogeneity"));
        information.check(table.completeness(), expected("completeness"));
        information.check(table.v_measure(), expected("v_measure"));
        rand.check(table.adjusted_rand_index(), expected("adjusted_rand_index"));
    }
}

#[test]
fn squared_purity_by_hand() {
    // cluster 1: 3 and 1, cluster 2: 2 of class 2; (9 + 1) / 4 + 4 / 2 over 6
    let table = Contingency::from_table(array![[3.0, 0.0], [1.0, 2.0]]).unwrap();
    assert!((table.squared_purity() - 4.5 / 6.0).abs() < 1e-12);
    assert!((table.squared_coverage() - (3.0 + 5.0 / 3.0) / 6.0).abs() < 1e-12);
    assert!((table.k_measure().powi(2) - table.squared_purity() * table.squared_coverage()).abs() < 1e-12);
    assert_eq!(table.speaker_count_score(), 1.0);
    let too_many = Contingency::from_labels(&[0, 0, 0, 1], &[0, 1, 2, 3]).unwrap();
    assert_eq!(too_many.speaker_count_score(), 0.0);
}

#[test]
fn bad_input_is_named() {
    assert!(matches!(Contingency::from_labels(&[], &[]), Err(Error::Empty { .. })));
    assert!(matches!(Contingency::from_labels(&[1], &[]), Err(Error::LengthMismatch { .. })));
    assert!(matches!(Contingency::from_table(array![[-1.0]]), Err(Error::Parameter { .. })));
    assert!(matches!(Contingency::from_table(array![[f64::NAN]]), Err(Error::NotFinite { .. })));
    assert!(matches!(Contingency::from_table(array![[0.0]]), Err(Error::Empty { .. })));
}

proptest! {
    #[test]
    fn names_do_not_matter_and_bounds_hold(pairs in prop::collection::vec((0usize..4, 0usize..5), 1..50)) {
        let (truth, found): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        let table = Contingency::from_labels(&truth, &found).unwrap();
        let renamed: Vec<usize> = found.iter().map(|f| (f * 3 + 1) % 5).collect();
        let other = Contingency::from_labels(&truth, &renamed).unwrap();
        let swapped = Contingency::from_labels(&found, &truth).unwrap();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-12;
        prop_assert!(near(table.purity(), other.purity()) && near(table.purity(), swapped.coverage()));
        prop_assert!(near(table.homogeneity(), swapped.completeness()));
        prop_assert!(near(table.v_measure(), swapped.v_measure()));
        prop_assert!(near(table.adjusted_rand_index(), swapped.adjusted_rand_index()));
        prop_assert!(near(table.normalized_mutual_information(), other.normalized_mutual_information()));
        prop_assert!(table.squared_purity() <= table.purity() + 1e-12);
        prop_assert!(table.one_to_one_accuracy().unwrap() <= table.purity() + 1e-12);
        prop_assert!(table.purity() >= 1.0 / table.n_classes() as f64 - 1e-12);
        for score in [table.purity(), table.v_measure(), table.normalized_mutual_information(), table.b_cubed().f1] {
            prop_assert!((-1e-12..=1.0 + 1e-12).contains(&score));
        }
        let perfect = Contingency::from_labels(&truth, &truth).unwrap();
        prop_assert!(near(perfect.adjusted_rand_index(), 1.0) && near(perfect.v_measure(), 1.0));
    }
}
