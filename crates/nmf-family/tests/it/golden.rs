//! Parity with scikit-learn: the files of tests/golden/nmf, written by tests/golden/generate.py.

use auscult_nmf_family::{Init, Loss, NmfParams, Penalty, Solver};
use ndarray::{Array2, ArrayView2, Axis};
use ndarray_npy::read_npy;

const BINS: usize = 17;
const ATOMS: usize = 4;
const FRAMES: usize = 33;

pub(crate) fn load(name: &str) -> Array2<f64> {
    let path = format!("{}/tests/golden/nmf/{name}.npy", env!("CARGO_MANIFEST_DIR"));
    read_npy(&path).unwrap_or_else(|error| panic!("{path}: {error}; run cargo xtask parity nmf-family"))
}

/// A file [W; Hᵗ] as W and H.
fn factors(name: &str) -> (Array2<f64>, Array2<f64>) {
    let stacked = load(name);
    let (w, h) = stacked.view().split_at(Axis(0), BINS);
    (w.to_owned(), h.t().to_owned())
}

/// Largest absolute difference over the largest entry.
pub(crate) fn difference(ours: ArrayView2<f64>, theirs: ArrayView2<f64>) -> f64 {
    assert_eq!(ours.dim(), theirs.dim());
    let scale = theirs.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
    (&ours - &theirs).iter().fold(0.0_f64, |max, x| max.max(x.abs())) / scale
}

fn assert_parity(params: &NmfParams, data: &str, golden: &str) {
    let (w0, h0) = factors("start");
    let fitted = params.fit_from(load(data).view(), w0.view(), h0.view()).expect("valid data");
    let (w, h) = factors(golden);
    let worst = difference(fitted.atoms(), w.view()).max(difference(fitted.activations(), h.view()));
    assert!(worst < 1e-10, "{golden}: {worst:e}");
}

fn exact(loss: Loss, solver: Solver, iterations: usize) -> NmfParams {
    NmfParams::new(ATOMS).loss(loss).solver(solver).iterations(iterations).tolerance(0.0)
}

#[test]
fn iterates_match_scikit_learn() {
    use Solver::{CoordinateDescent, Multiplicative};
    for (loss, solver, name, data) in [
        (Loss::Euclidean, Multiplicative, "mu_2", "x_zeros"),
        (Loss::KullbackLeibler, Multiplicative, "mu_1", "x_zeros"),
        (Loss::ItakuraSaito, Multiplicative, "mu_0", "x"),
        (Loss::Beta(0.5), Multiplicative, "mu_0.5", "x_zeros"),
        (Loss::Beta(1.5), Multiplicative, "mu_1.5", "x_zeros"),
        (Loss::Beta(3.0), Multiplicative, "mu_3", "x_zeros"),
        (Loss::Beta(-1.0), Multiplicative, "mu_-1", "x"),
        (Loss::Euclidean, CoordinateDescent, "cd_2", "x_zeros"),
    ] {
        for iterations in [1, 10, 100] {
            assert_parity(&exact(loss, solver, iterations), data, &format!("{name}_{iterations}"));
        }
    }
}

#[test]
fn penalised_iterates_match_scikit_learn() {
    let (bins, frames) = (BINS as f64, FRAMES as f64);
    for (loss, solver, name) in [
        (Loss::Euclidean, Solver::Multiplicative, "penalty_mu_2"),
        (Loss::KullbackLeibler, Solver::Multiplicative, "penalty_mu_1"),
        (Loss::Beta(0.5), Solver::Multiplicative, "penalty_mu_0.5"),
        (Loss::Euclidean, Solver::CoordinateDescent, "penalty_cd_2"),
    ] {
        let params = exact(loss, solver, 30)
            .atom_penalty(Penalty { l1: 0.01 * 0.3 * frames, l2: 0.01 * 0.7 * frames })
            .activation_penalty(Penalty { l1: 0.02 * 0.3 * bins, l2: 0.02 * 0.7 * bins });
        assert_parity(&params, "x_zeros", name);
    }
}

#[test]
fn default_tolerance_stops_where_scikit_learn_stops() {
    let (w0, h0) = factors("start");
    let stops = load("stops");
    for (stop, (loss, solver)) in stops.rows().into_iter().zip([
        (Loss::Euclidean, Solver::Multiplicative),
        (Loss::KullbackLeibler, Solver::Multiplicative),
        (Loss::Euclidean, Solver::CoordinateDescent),
    ]) {
        let params = NmfParams::new(ATOMS).loss(loss).solver(solver).iterations(2000);
        let fitted = params.fit_from(load("x_zeros").view(), w0.view(), h0.view()).unwrap();
        let last = fitted.record().last().unwrap();
        assert_eq!(last.iteration as f64, stop[0], "{loss:?} {solver:?}");
        assert!((last.error() - stop[1]).abs() < 1e-9 * stop[1], "{loss:?} {solver:?}");
    }
}

#[test]
fn supervised_descent_reaches_scikit_learns_optimum() {
    let (w0, _) = factors("start");
    let params = NmfParams::new(ATOMS).solver(Solver::CoordinateDescent).transform_iterations(500);
    let h = auscult_nmf_family::activations(load("x_zeros").view(), w0.view(), &params).unwrap();
    assert!(difference(h.t(), load("supervised_cd").view()) < 1e-9);
}

#[test]
fn nndsvd_matches_the_exact_decomposition() {
    for (init, name) in [(Init::Nndsvd, "nndsvd"), (Init::Nndsvda, "nndsvda")] {
        let fitted = NmfParams::new(ATOMS).init(init).iterations(0).fit(load("x").view()).unwrap();
        let (w, h) = factors(name);
        let worst = difference(fitted.atoms(), w.view()).max(difference(fitted.activations(), h.view()));
        assert!(worst < 1e-8, "{name}: {worst:e}");
    }
}
