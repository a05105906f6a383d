//! Mixtures and statistics.

use auscult_fa_speaker::ndarray::{Array1, Array2, Axis, concatenate, s};
use auscult_fa_speaker::{Alignment, Error, Gmm, GmmParams, Loadings, PrefixStatistics, Start, Statistics};

use crate::support::{SOFT, Toy};

fn frames(seed: u64, count: usize) -> Array2<f64> {
    let mut toy = Toy::new(6, 4, 1, 1, seed);
    toy.speak(&[0.0], count, false).0
}

fn params(components: usize, start: Start) -> GmmParams {
    GmmParams { components, start, tolerance: 0.0, iterations: 12, ..GmmParams::default() }
}

#[test]
fn likelihood_never_falls_and_means_are_found() {
    let toy = Toy::new(6, 4, 1, 1, 11);
    let x = frames(11, 3000);
    for start in [Start::KMeans, Start::BinarySplit] {
        let fitted = params(6, start).fit(x.view()).unwrap();
        let steps = &fitted.log_likelihood;
        assert!(steps.windows(2).all(|pair| pair[1] >= pair[0] - 1e-9), "{start:?}: {steps:?}");
        assert!((fitted.gmm.weights().sum() - 1.0).abs() < 1e-12);
        if start == Start::KMeans {
            for mean in toy.gmm.means().rows() {
                let off =
                    |row: auscult_fa_speaker::ndarray::ArrayView1<f64>| (&row - &mean).mapv(|x| x * x).sum();
                let nearest = fitted.gmm.means().rows().into_iter().map(off).fold(f64::INFINITY, f64::min);
                assert!(nearest < 0.2, "{nearest}");
            }
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let x = frames(12, 5000);
    let fit = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| params(8, Start::KMeans).fit(x.view()).unwrap().gmm)
    };
    assert_eq!(fit(1), fit(3));
}

#[test]
fn single_and_double_precision_features_agree() {
    let x = frames(13, 400);
    let single = x.mapv(|v| v as f32);
    let gmm = params(3, Start::KMeans).fit(x.view()).unwrap().gmm;
    let (a, b) = (gmm.log_likelihoods(x.view()).unwrap(), gmm.log_likelihoods(single.view()).unwrap());
    assert!((&a - &b).iter().all(|d| d.abs() < 1e-4));
}

#[test]
fn floors_hold_on_features_that_do_not_vary() {
    let mut x = frames(14, 200);
    x.column_mut(2).fill(3.0);
    let gmm = params(4, Start::KMeans).fit(x.view()).unwrap().gmm;
    assert!(gmm.variances().iter().all(|&v| v >= 1e-6 && v.is_finite()));
    // All frames alike: k-means++ has no distance to draw by, and EM nothing to tell apart.
    let alike = Array2::from_elem((50, 3), 1.5_f32);
    assert!(params(4, Start::KMeans).fit(alike.view()).unwrap().gmm.means().iter().all(|m| m.is_finite()));
}

#[test]
fn bad_frames_are_refused() {
    let x = frames(15, 20);
    assert!(matches!(
        params(21, Start::KMeans).fit(x.view()),
        Err(Error::TooFew { given: 20, needed: 21, .. })
    ));
    let mut bad = x.clone();
    bad[[7, 1]] = f64::NAN;
    assert!(matches!(
        params(2, Start::KMeans).fit(bad.view()),
        Err(Error::NotFinite { row: 7, column: 1, .. })
    ));
    let gmm = params(2, Start::KMeans).fit(x.view()).unwrap().gmm;
    assert!(matches!(Statistics::new(&gmm, bad.view(), SOFT), Err(Error::NotFinite { .. })));
    assert!(matches!(gmm.log_likelihoods(x.slice(s![.., ..3])), Err(Error::Shape { .. })));
    assert!(matches!(params(0, Start::KMeans).fit(x.view()), Err(Error::Parameter { .. })));
    let negative = Gmm::new(Array1::ones(1), Array2::zeros((1, 2)), Array2::from_elem((1, 2), -1.0));
    assert!(matches!(negative, Err(Error::Parameter { .. })));
}

#[test]
fn statistics_are_their_definition_and_add_up() {
    let toy = Toy::new(5, 3, 2, 1, 16);
    let x = frames(16, 301).slice(s![.., ..3]).to_owned();
    let posteriors = toy.gmm.posteriors(x.view()).unwrap();
    let whole = Statistics::new(&toy.gmm, x.view(), SOFT).unwrap();
    for k in 0..5 {
        let count: f64 = posteriors.column(k).sum();
        assert!((whole.occupation[k] - count).abs() < 1e-9);
        for j in 0..3 {
            let sum: f64 = (0..301).map(|t| posteriors[[t, k]] * (x[[t, j]] - toy.gmm.means()[[k, j]])).sum();
            assert!((whole.first_order[[k, j]] - sum).abs() < 1e-8);
        }
    }
    assert!((whole.frames() - 301.0).abs() < 1e-9);
    let mut parts = Statistics::empty(&toy.gmm);
    for part in [s![..100, ..], s![100..250, ..], s![250.., ..]] {
        parts.add(&Statistics::new(&toy.gmm, x.slice(part), SOFT).unwrap());
    }
    assert!((&parts.first_order - &whole.first_order).iter().all(|d| d.abs() < 1e-8));
    assert_eq!(Statistics::new(&toy.gmm, x.slice(s![..0, ..]), SOFT).unwrap(), Statistics::empty(&toy.gmm));
}

#[test]
fn running_sums_give_any_stretch() {
    let toy = Toy::new(5, 4, 2, 1, 17);
    let x = frames(17, 533);
    for alignment in [Alignment::Soft, Alignment::HardUbm] {
        let prefix = PrefixStatistics::new(&toy.gmm, x.view(), alignment, 100).unwrap();
        for (start, end) in
            [(0, 533), (0, 0), (13, 57), (13, 260), (100, 300), (533, 533), (499, 533), (90, 110)]
        {
            let sum = prefix.range(start, end).unwrap();
            let direct = Statistics::new(&toy.gmm, x.slice(s![start..end, ..]), alignment).unwrap();
            assert!((&sum.occupation - &direct.occupation).iter().all(|d| d.abs() < 1e-8));
            assert!((&sum.first_order - &direct.first_order).iter().all(|d| d.abs() < 1e-8));
        }
        assert!(prefix.range(5, 534).is_err());
    }
}

#[test]
fn alignments_agree_where_components_lie_far_apart() {
    let mut toy = Toy::new(3, 2, 1, 1, 18);
    toy.voices *= 0.1;
    let far = toy.gmm.means().mapv(|m| m * 50.0);
    toy.gmm = toy.gmm.with_means(far).unwrap();
    let (x, aligned) = toy.speak(&[0.5], 80, false);
    let voices = Loadings::new(&toy.gmm, toy.voices.clone()).unwrap();
    let truth = toy.statistics(&x, &aligned);
    for alignment in [Alignment::Soft, Alignment::HardUbm, Alignment::HardYml, Alignment::SoftYml] {
        let statistics = voices.statistics(&toy.gmm, x.view(), alignment).unwrap();
        assert!((&statistics.occupation - &truth.occupation).iter().all(|d| d.abs() < 1e-9), "{alignment:?}");
        assert!((&statistics.first_order - &truth.first_order).iter().all(|d| d.abs() < 1e-8));
    }
    assert!(Statistics::new(&toy.gmm, x.view(), Alignment::HardYml).is_err());
}

#[test]
fn alignment_follows_the_speaker() {
    // Two components two apart, and a speaker half-way: around m + V y the frames are told apart, around m not.
    let ones = Array2::ones((2, 1));
    let gmm = Gmm::new(Array1::ones(2), Array2::from_shape_fn((2, 1), |(k, _)| 2.0 * k as f64), ones * 0.05)
        .unwrap();
    let voices = Loadings::new(&gmm, auscult_fa_speaker::ndarray::Array3::ones((2, 1, 1))).unwrap();
    let x = Array2::from_shape_fn((60, 1), |(t, _)| {
        0.9 + 2.0 * f64::from(t % 3 == 0) + 0.1 * ((t % 5) as f64 - 2.0)
    });
    let base = voices.statistics(&gmm, x.view(), Alignment::HardUbm).unwrap();
    let follows = voices.statistics(&gmm, x.view(), Alignment::HardYml).unwrap();
    assert_eq!(follows.occupation.to_vec(), [40.0, 20.0]);
    assert!(base.occupation[1] > 20.0);
}

#[test]
fn adapted_means_lie_between_model_and_data() {
    let toy = Toy::new(4, 3, 1, 1, 19);
    let x = concatenate(Axis(0), &[frames(19, 100).slice(s![.., ..3])]).unwrap();
    let statistics = Statistics::new(&toy.gmm, x.view(), SOFT).unwrap();
    let adapted = toy.gmm.adapted(&statistics, 16.0).unwrap();
    for ((k, j), mean) in adapted.means().indexed_iter() {
        let (n, f) = (statistics.occupation[k], statistics.first_order[[k, j]]);
        assert!((mean - toy.gmm.means()[[k, j]] - f / (n + 16.0)).abs() < 1e-12);
    }
    let better = adapted.log_likelihoods(x.view()).unwrap().sum();
    assert!(better > toy.gmm.log_likelihoods(x.view()).unwrap().sum());
    assert!(toy.gmm.adapted(&statistics, 0.0).is_err());
}
