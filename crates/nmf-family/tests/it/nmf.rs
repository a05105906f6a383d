//! What every factorisation must keep: monotone objectives, fixed points, bad input, determinism.

use auscult_nmf_family::{
    Error, Init, Loss, Nmf, NmfParams, Penalty, Solver, activations, divergence, residual,
};
use ndarray::{Array2, array};
use proptest::prelude::*;

/// Non-negative numbers, a fifth of them zero.
pub(crate) fn matrix(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    Array2::from_shape_simple_fn((rows, columns), || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let uniform = (state >> 40) as f64 / (1u64 << 24) as f64;
        if uniform < 0.2 { 0.0 } else { uniform * uniform * 3.0 }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn objective_never_rises(
        bins in 1usize..40, frames in 1usize..90, atoms in 1usize..9, seed in 0u64..1000,
        beta in prop_oneof![Just(2.0), Just(1.0), Just(0.0), -1.0..3.5f64],
        descent: bool, l1 in 0.0..0.5f64, l2 in 0.0..0.5f64,
    ) {
        let mut x = matrix(bins, frames, seed);
        if beta <= 0.5 {
            x += 0.05;
        }
        let params = NmfParams::new(atoms).iterations(25).tolerance(0.0).check_every(1).seed(seed);
        // The penalised multiplicative step is a proven descent where its exponent is one.
        let penalised = descent || (1.0..=2.0).contains(&beta);
        let penalty = if penalised { Penalty { l1, l2 } } else { Penalty::default() };
        let params = if descent {
            params.solver(Solver::CoordinateDescent)
        } else {
            params.loss(match beta { 2.0 => Loss::Euclidean, 1.0 => Loss::KullbackLeibler, 0.0 => Loss::ItakuraSaito, beta => Loss::Beta(beta) })
        };
        let fitted = params.atom_penalty(penalty).activation_penalty(penalty).fit(x.view()).unwrap();
        let start = fitted.record()[0].objective;
        for pair in fitted.record().windows(2) {
            let [before, after] = [pair[0].objective, pair[1].objective];
            prop_assert!(after <= before + 1e-9 * start.abs().max(1.0), "{before} -> {after}");
        }
        prop_assert!(fitted.atoms().iter().chain(fitted.activations()).all(|&v| v >= 0.0 && v.is_finite()));
    }

    #[test]
    fn supervised_descent_satisfies_the_optimality_conditions(
        bins in 2usize..40, frames in 1usize..70, atoms in 1usize..6, seed in 0u64..1000,
    ) {
        prop_assume!(atoms < bins);
        let (x, w) = (matrix(bins, frames, seed), matrix(bins, atoms, seed + 1) + 0.01);
        let params = NmfParams::new(atoms).solver(Solver::CoordinateDescent).transform_iterations(3000);
        let h = activations(x.view(), w.view(), &params).unwrap();
        let slope = w.t().dot(&residual(x.view(), w.view(), h.view()).unwrap());
        let scale = w.t().dot(&x).iter().fold(1e-9_f64, |a, &b| a.max(b));
        for (&h, &slope) in h.iter().zip(&slope) {
            prop_assert!(slope <= 1e-5 * scale);
            prop_assert!(h == 0.0 || slope.abs() <= 1e-5 * scale);
        }
    }

    #[test]
    fn transform_scales_with_the_frames(scale in 0.01..100.0f64, seed in 0u64..100) {
        let (x, w) = (matrix(9, 12, seed), matrix(9, 3, seed + 7) + 0.1);
        for solver in [Solver::Multiplicative, Solver::CoordinateDescent] {
            let params = NmfParams::new(3).solver(solver).transform_iterations(20).floor(1e-30);
            let plain = activations(x.view(), w.view(), &params).unwrap();
            let scaled = activations((&x * scale).view(), w.view(), &params).unwrap();
            for (&a, &b) in plain.iter().zip(&scaled) {
                prop_assert!((a * scale - b).abs() <= 1e-9 * (a * scale).max(1e-3));
            }
        }
    }
}

/// The update written as the field writes it, for the kernels to agree with.
#[test]
fn multiplicative_updates_match_the_textbook() {
    let (bins, frames, atoms) = (19, 301, 5);
    let x = matrix(bins, frames, 3);
    let (mut w, mut h) = (matrix(bins, atoms, 4) + 0.1, matrix(atoms, frames, 5) + 0.1);
    let params = NmfParams::new(atoms).loss(Loss::KullbackLeibler).iterations(7).tolerance(0.0);
    let ours = params.fit_from(x.view(), w.view(), h.view()).unwrap();
    for _ in 0..7 {
        let ratio = &x / &w.dot(&h);
        w = &w * &(ratio.dot(&h.t()) / h.sum_axis(ndarray::Axis(1)));
        let ratio = &x / &w.dot(&h);
        h = &h * &(w.t().dot(&ratio) / w.sum_axis(ndarray::Axis(0)).insert_axis(ndarray::Axis(1)));
    }
    assert!(crate::golden::difference(ours.atoms(), w.view()) < 1e-12);
    assert!(crate::golden::difference(ours.activations(), h.view()) < 1e-12);
    let expected = divergence(Loss::KullbackLeibler, x.view(), w.dot(&h).view()).unwrap();
    assert!((ours.objective() - expected).abs() < 1e-9 * expected);
}

#[test]
fn an_exact_factorisation_is_a_fixed_point() {
    let (w, h) = (matrix(8, 3, 1) + 0.1, matrix(3, 10, 2) + 0.1);
    let x = w.dot(&h);
    for loss in [Loss::Euclidean, Loss::KullbackLeibler, Loss::ItakuraSaito, Loss::Beta(0.3), Loss::Beta(2.7)]
    {
        let fitted =
            NmfParams::new(3).loss(loss).iterations(5).fit_from(x.view(), w.view(), h.view()).unwrap();
        assert!(crate::golden::difference(fitted.atoms(), w.view()) < 1e-12, "{loss:?}");
        assert!(fitted.objective().abs() < 1e-12, "{loss:?}: {}", fitted.objective());
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let x = matrix(33, 1500, 9);
    for loss in [Loss::Euclidean, Loss::KullbackLeibler] {
        let fit = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| NmfParams::new(6).loss(loss).iterations(12).fit(x.view()).unwrap())
        };
        assert_eq!(fit(1), fit(3));
    }
}

#[test]
fn single_precision_follows_double() {
    let x = matrix(40, 300, 11) + 0.01;
    for loss in [Loss::Euclidean, Loss::KullbackLeibler, Loss::ItakuraSaito] {
        let params = NmfParams::new(5).loss(loss).iterations(50).tolerance(0.0);
        let double = params.fit(x.view()).unwrap();
        let single = params.fit(x.mapv(|x| x as f32).view()).unwrap();
        assert!((single.objective() / double.objective() - 1.0).abs() < 1e-3, "{loss:?}");
    }
}

#[test]
fn memory_order_does_not_matter() {
    let x = matrix(12, 50, 2);
    let frame_major = x.t().as_standard_layout().to_owned();
    let params = Nmf::params(3).iterations(5);
    assert_eq!(params.fit(x.view()).unwrap(), params.fit(frame_major.t()).unwrap());
}

#[test]
fn fixed_atoms_stay_and_the_others_learn() {
    let x = matrix(15, 60, 21);
    let fixed = matrix(15, 2, 22) + 0.05;
    for solver in [Solver::Multiplicative, Solver::CoordinateDescent] {
        let params = NmfParams::new(3).solver(solver).iterations(40);
        let fitted = params.fit_beside(x.view(), fixed.view()).unwrap();
        assert_eq!(fitted.atoms().dim(), (15, 5));
        assert_eq!(fitted.atoms().slice(ndarray::s![.., ..2]), fixed);
        assert!(fitted.objective() < 0.7 * fitted.record()[0].objective);
        for pair in fitted.record().windows(2) {
            assert!(pair[1].objective <= pair[0].objective + 1e-9);
        }
    }
}

#[test]
fn silence_and_more_atoms_than_data_are_defined() {
    for solver in [Solver::Multiplicative, Solver::CoordinateDescent] {
        let mut x = matrix(4, 6, 1);
        x.column_mut(2).fill(0.0);
        let fitted = NmfParams::new(9).solver(solver).iterations(300).tolerance(0.0).fit(x.view()).unwrap();
        assert!(fitted.activations().iter().all(|h| h.is_finite()));
        assert!(fitted.transform(x.view()).unwrap().column(2).iter().all(|&h| h == 0.0));
        let silent = NmfParams::new(2).solver(solver).fit(Array2::<f64>::zeros((3, 4)).view()).unwrap();
        assert!(silent.objective() == 0.0 && silent.reconstruct().iter().all(|&y| y == 0.0));
    }
    let dead_atom = array![[1.0, 0.0], [2.0, 0.0]];
    let x = array![[2.0_f64], [4.0]];
    for solver in [Solver::Multiplicative, Solver::CoordinateDescent] {
        let params = NmfParams::new(2).solver(solver);
        let h = activations(x.view(), dead_atom.view(), &params).unwrap();
        assert!((h[[0, 0]] - 2.0).abs() < 1e-9 && h[[1, 0]] == 0.0);
    }
}

#[test]
fn normalising_and_sorting_keep_the_product() {
    let fitted = NmfParams::new(4).iterations(20).fit(matrix(10, 30, 5).view()).unwrap();
    let before = fitted.reconstruct();
    let tidy = fitted.normalized().sorted();
    assert!(crate::golden::difference(tidy.reconstruct().view(), before.view()) < 1e-12);
    for w in tidy.atoms().columns() {
        assert!((w.dot(&w) - 1.0).abs() < 1e-12);
    }
    let energies: Vec<f64> = tidy.activations().rows().into_iter().map(|h| h.dot(&h)).collect();
    assert!(energies.windows(2).all(|pair| pair[0] >= pair[1]));
}

#[test]
fn bad_input_is_named() {
    let fit = |x: &Array2<f64>| NmfParams::new(2).fit(x.view()).unwrap_err();
    assert_eq!(fit(&Array2::zeros((0, 3))), Error::Empty { what: "x", rows: 0, columns: 3 });
    let negative = Error::Negative { what: "x", row: 1, column: 0, value: -2.0 };
    assert_eq!(fit(&array![[1.0, 0.0], [-2.0, f64::NAN]]), negative);
    assert!(matches!(fit(&array![[1.0, f64::NAN]]), Error::NotFinite { row: 0, column: 1, .. }));
    assert!(matches!(fit(&array![[f64::INFINITY]]), Error::NotFinite { .. }));
    let zero = NmfParams::new(1).loss(Loss::ItakuraSaito).fit(array![[1.0, 0.0]].view());
    assert_eq!(zero.unwrap_err(), Error::Zero { what: "x", row: 0, column: 1, beta: 0.0 });
    let x = array![[1.0, 2.0], [3.0, 4.0]];
    let refused = |params: NmfParams| params.fit(x.view()).unwrap_err();
    assert!(matches!(refused(NmfParams::new(0)), Error::Parameter { name: "components", .. }));
    assert!(matches!(refused(NmfParams::new(3).init(Init::Nndsvd)), Error::Parameter { .. }));
    assert!(matches!(refused(NmfParams::new(1).tolerance(f64::NAN)), Error::Parameter { .. }));
    assert!(matches!(refused(NmfParams::new(1).loss(Loss::Beta(f64::NAN))), Error::Parameter { .. }));
    let kl_descent = NmfParams::new(1).loss(Loss::KullbackLeibler).solver(Solver::CoordinateDescent);
    assert!(matches!(refused(kl_descent), Error::Parameter { name: "beta", .. }));
    let wrong = NmfParams::new(1).fit_from(x.view(), array![[1.0]].view(), array![[1.0, 1.0]].view());
    assert!(matches!(wrong, Err(Error::Shape { what: "w", rows: 2, .. })));
}
