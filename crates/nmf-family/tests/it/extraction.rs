//! NMU and NNE: against the formulas written out, the optimality conditions, and what the paper's print does.

use crate::golden::{difference, load};
use crate::nmf::matrix;
use auscult_nmf_family::{Error, Extraction, NmuSolver, NneParams, Variant, learn_nmu, nmu, nne};
use ndarray::{Array1, Array2, Axis, array};
use proptest::prelude::*;

fn positive(x: &Array2<f64>) -> Array2<f64> {
    x.mapv(|x| x.max(0.0))
}

fn norm(x: &Array2<f64>) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// A spectrogram-like X = (W H) . noise and its atoms.
fn noisy(bins: usize, atoms: usize, frames: usize) -> (Array2<f64>, Array2<f64>) {
    let w = matrix(bins, atoms, 31) + 0.02;
    let w = &w / &w.map_axis(Axis(0), |w| w.dot(&w).sqrt());
    let x = w.dot(&(matrix(atoms, frames, 32) + 0.1)) * (matrix(bins, frames, 33) + 0.05) + 1e-3;
    (x, w)
}

/// One frame and one atom of supervised NMU by the published iterations.
fn textbook_activation(x: &Array1<f64>, w: &Array1<f64>, solver: NmuSolver) -> f64 {
    let energy = w.dot(w);
    let positive = |x: Array1<f64>| x.mapv(|x| x.max(0.0));
    let mut h = w.dot(x) / energy;
    let mut multiplier = Array1::zeros(x.len());
    match solver {
        NmuSolver::TepperSapiro { iterations, sigma, .. } => {
            let mut rest = positive(x - &(w * h));
            for _ in 0..iterations {
                h = (w.dot(&(x - &rest + &multiplier / sigma)) / energy).max(0.0);
                let difference = x - &(w * h);
                rest = positive((&difference * sigma + &multiplier) / (1.0 + sigma));
                multiplier = multiplier + (difference - &rest) * sigma;
            }
        }
        NmuSolver::Lagrangian { iterations } => {
            for j in 0..iterations {
                multiplier = positive(&multiplier - &((x - &(w * h)) / (j as f64 + 1.0)));
                let next = (w.dot(&(x - &multiplier)) / energy).max(0.0);
                if next == 0.0 {
                    multiplier /= 2.0;
                } else {
                    h = next;
                }
            }
        }
        _ => unreachable!(),
    }
    h
}

#[test]
fn nmu_matches_the_published_iterations() {
    let (x, w) = noisy(29, 4, 70);
    for solver in [
        NmuSolver::tepper_sapiro(3),
        NmuSolver::TepperSapiro { iterations: 40, tolerance: 0.0, sigma: 0.5 },
        NmuSolver::Lagrangian { iterations: 20 },
    ] {
        let ours = nmu(x.view(), w.view(), solver).unwrap();
        let mut rest = x.clone();
        let mut h = Array2::zeros((4, 70));
        for k in 0..4 {
            for t in 0..70 {
                let w = w.column(k).to_owned();
                h[[k, t]] = textbook_activation(&rest.column(t).to_owned(), &w, solver);
                let left = (&rest.column(t) - &(&w * h[[k, t]])).mapv(|x| x.max(0.0));
                rest.column_mut(t).assign(&left);
            }
        }
        assert!(difference(ours.activations.view(), h.view()) < 1e-12, "{solver:?}");
        assert!(difference(ours.residual.view(), rest.view()) < 1e-12, "{solver:?}");
    }
}

#[test]
fn exact_nmu_is_optimal_and_ends_after_one_dense_atom() {
    let (x, w) = noisy(20, 3, 25);
    let exact = nmu(x.view(), w.view(), NmuSolver::Exact).unwrap();
    // One dimension: the best feasible h is a bound or the least-squares value; try a fine grid of others.
    for t in 0..25 {
        let (x, w) = (x.column(t), w.column(0));
        let objective = |h: f64| (&x - &(&w * h)).mapv(|r| r * r).sum();
        let h = exact.activations[[0, t]];
        let largest = (0..20).map(|n| x[n] / w[n]).fold(f64::INFINITY, f64::min);
        assert!(h <= largest + 1e-12);
        for step in 0..=50 {
            assert!(objective(h) <= objective(largest * f64::from(step) / 50.0) + 1e-12);
        }
    }
    assert!(exact.activations.slice(ndarray::s![1.., ..]).iter().all(|&h| h == 0.0));
    // The iterative solvers approach it, slowly: that is why a budget of iterations acts as a regulariser.
    let w = w.slice(ndarray::s![.., ..1]);
    let error = |solver| {
        let iterated = nmu(x.view(), w, solver).unwrap();
        difference(iterated.activations.view(), exact.activations.slice(ndarray::s![..1, ..]))
    };
    let lagrangian = |iterations| NmuSolver::Lagrangian { iterations };
    for solver in [&NmuSolver::tepper_sapiro as &dyn Fn(usize) -> NmuSolver, &lagrangian] {
        let [few, more, many] = [30, 1000, 30_000].map(|iterations| error(solver(iterations)));
        assert!(more < 0.9 * few && many < 0.95 * more, "{few} {more} {many}");
    }
}

#[test]
fn learnt_underapproximation_stays_below() {
    let (x, _) = noisy(18, 4, 40);
    for solver in [NmuSolver::tepper_sapiro(2000), NmuSolver::Lagrangian { iterations: 2000 }] {
        let (w, h) = learn_nmu(x.view(), 3, solver).unwrap();
        let over = norm(&positive(&(w.dot(&h) - &x))) / norm(&x);
        assert!(over < 0.2, "{solver:?}: {over}");
        assert!(norm(&(&x - &w.dot(&h))) < 0.98 * norm(&x));
        assert!(w.iter().chain(&h).all(|&value| value >= 0.0));
    }
    assert!(matches!(
        learn_nmu(x.view(), 3, NmuSolver::Exact),
        Err(Error::Parameter { name: "iterations", .. })
    ));
}

/// Algorithm 1 in matrix form, with (Wᵀ W)⁻¹ by solving the normal equations with Gauss-Jordan.
fn textbook_printed(
    x: &Array2<f64>,
    w: &Array2<f64>,
    h0: &Array2<f64>,
    iterations: usize,
    gamma: f64,
    xi: f64,
) -> (Array2<f64>, Array2<f64>) {
    let gram = w.t().dot(w);
    let k = gram.nrows();
    let mut inverse = Array2::<f64>::eye(k);
    let mut left = gram;
    for pivot in 0..k {
        let scale = left[[pivot, pivot]];
        for row in 0..k {
            if row != pivot {
                let factor = left[[row, pivot]] / scale;
                for column in 0..k {
                    left[[row, column]] -= factor * left[[pivot, column]];
                    inverse[[row, column]] -= factor * inverse[[pivot, column]];
                }
            }
        }
        for column in 0..k {
            left[[pivot, column]] /= scale;
            inverse[[pivot, column]] /= scale;
        }
    }
    let solve = inverse.dot(&w.t());
    let mut h = h0.clone();
    let mut r = positive(&(x - &w.dot(&h)));
    let mut dual = Array2::<f64>::zeros(x.raw_dim());
    for _ in 0..iterations {
        h = positive(&solve.dot(&(x - &r + &dual * gamma)));
        let d = x - &w.dot(&h);
        r = positive(&((&d * gamma + &dual) / (1.0 + gamma)));
        dual = dual + (d - &r) * (xi * gamma);
    }
    (h, r)
}

#[test]
fn printed_nne_is_algorithm_one() {
    let (x, w) = noisy(31, 5, 80);
    // Zero iterations return the start: H by supervised NMF, R clipped.
    let start = nne(x.view(), w.view(), &NneParams::default().iterations(0)).unwrap();
    assert!(difference(start.residual.view(), positive(&(&x - &w.dot(&start.activations))).view()) < 1e-12);
    for (gamma, xi) in [(1.0, 1.0), (0.3, 1.5), (3.0, 0.7)] {
        let variant = Variant::Printed { gamma, xi, dual_noise: 0.0 };
        let ours = nne(x.view(), w.view(), &NneParams::new(variant).iterations(8)).unwrap();
        let (h, r) = textbook_printed(&x, &w, &start.activations, 8, gamma, xi);
        assert!(difference(ours.activations.view(), h.view()) < 1e-6, "{gamma}");
        assert!(difference(ours.residual.view(), r.view()) < 1e-6, "{gamma}");
        let last = ours.record.last().unwrap();
        let gap = &x - &w.dot(&ours.activations) - &ours.residual;
        assert!((last.primal - norm(&gap) / norm(&x)).abs() < 1e-9);
        assert!((last.objective - 0.5 * norm(&ours.residual).powi(2)).abs() < 1e-9 * last.objective);
    }
}

/// The demonstration behind the warning on `Variant::Printed`: run to "convergence", the printed updates settle
/// away from the feasible set, while the two-block method and the exact solver agree on the solution.
#[test]
fn printed_nne_stalls_where_the_convergent_one_does_not() {
    let (x, w) = noisy(24, 4, 30);
    let run = |variant, iterations| {
        nne(x.view(), w.view(), &NneParams::new(variant).iterations(iterations)).unwrap()
    };
    let printed = run(Variant::default(), 20_000);
    let (half, end) = (&printed.record[9_999], &printed.record[19_999]);
    assert!(end.primal > 5e-3, "primal residual {}", end.primal);
    assert!((end.primal / half.primal - 1.0).abs() < 0.2, "it went on: {} -> {}", half.primal, end.primal);
    let exact = run(Variant::Exact, 0);
    let best = exact.record[0].objective;
    assert!((end.objective / best - 1.0).abs() > 0.01, "{} against {best}", end.objective);
    let admm = run(Variant::Admm { rho: 1.0 }, 20_000);
    let last = admm.record.last().unwrap();
    assert!(last.primal < 1e-5, "primal residual {}", last.primal);
    assert!((last.objective / best - 1.0).abs() < 1e-3, "{} against {best}", last.objective);
    assert!(difference(admm.activations.view(), exact.activations.view()) < 1e-2);
}

#[test]
fn exact_nne_matches_scipy() {
    let (x, w) = (load("nne_x"), load("nne_w"));
    let exact = nne(x.view(), w.view(), &NneParams::new(Variant::Exact)).unwrap();
    assert!(difference(exact.activations.view(), load("nne_h").view()) < 1e-6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Karush-Kuhn-Tucker: feasible, and the gradient of the Lagrangian vanishes with multipliers >= 0 on active
    /// constraints only (which the active set holds by construction, and the record measures).
    #[test]
    fn exact_nne_satisfies_the_optimality_conditions(
        bins in 1usize..60, frames in 1usize..8, atoms in 1usize..12, seed in 0u64..1000, dense: bool,
    ) {
        let (x, mut w) = (matrix(bins, frames, seed), matrix(bins, atoms, seed + 1));
        if dense {
            w += 0.01;
        }
        let exact = nne(x.view(), w.view(), &NneParams::new(Variant::Exact)).unwrap();
        let (h, last) = (&exact.activations, exact.record[0]);
        prop_assert!(h.iter().all(|&h| h >= 0.0));
        prop_assert!(last.violation <= 1e-8, "exceeds by {}", last.violation);
        // With dependent atoms only the ridge makes H unique, and the gradient is known to fewer digits.
        prop_assert!(last.dual <= 1e-7 || 2 * atoms > bins, "gradient {}", last.dual);
        // No feasible point near it is better: shrink towards zero, or towards random feasible points.
        let objective = |h: &Array2<f64>| norm(&(&x - &w.dot(h)));
        for other in [Array2::zeros(h.raw_dim()), feasible(&x, &w, seed + 2)] {
            for weight in [1e-3, 0.1, 1.0] {
                let moved = h * (1.0 - weight) + &other * weight;
                prop_assert!(objective(h) <= objective(&moved) + 1e-7 * norm(&x));
            }
        }
    }

    #[test]
    fn frames_do_not_see_each_other(seed in 0u64..50, at in 0usize..69) {
        let (x, w) = (matrix(21, 70, seed), matrix(21, 4, seed + 1) + 0.01);
        let one = x.column(at).to_owned().insert_axis(Axis(1));
        for variant in [
            Variant::Printed { gamma: 1.0, xi: 1.0, dual_noise: 1e-3 },
            Variant::Admm { rho: 1.0 },
            Variant::Exact,
            Variant::Asymmetric { lambda: 5.0 },
        ] {
            let params = NneParams::new(variant).iterations(20).tolerance(1e-3);
            let all = nne(x.view(), w.view(), &params).unwrap();
            let alone = nne(one.view(), w.view(), &params).unwrap();
            prop_assert_eq!(all.residual.column(at), alone.residual.column(0));
            prop_assert_eq!(all.activations.column(at), alone.activations.column(0));
        }
        for solver in [NmuSolver::default(), NmuSolver::Exact, NmuSolver::Lagrangian { iterations: 9 }] {
            let all = nmu(x.view(), w.view(), solver).unwrap();
            let alone = nmu(one.view(), w.view(), solver).unwrap();
            prop_assert_eq!(all.residual.column(at), alone.residual.column(0));
        }
    }
}

/// A random H >= 0 scaled frame by frame until W H <= X.
fn feasible(x: &Array2<f64>, w: &Array2<f64>, seed: u64) -> Array2<f64> {
    let mut h = matrix(w.ncols(), x.ncols(), seed);
    let model = w.dot(&h);
    for t in 0..x.ncols() {
        let ratios = (0..x.nrows()).filter(|&n| model[[n, t]] > 0.0).map(|n| x[[n, t]] / model[[n, t]]);
        let scale = ratios.fold(1.0, f64::min);
        h.column_mut(t).mapv_inplace(|h| h * scale);
    }
    h
}

#[test]
fn asymmetric_nne_runs_from_nmf_to_nne() {
    let (x, w) = noisy(26, 4, 40);
    let violation = |lambda| {
        let params = NneParams::new(Variant::Asymmetric { lambda }).iterations(500);
        norm(&positive(&(w.dot(&nne(x.view(), w.view(), &params).unwrap().activations) - &x)))
    };
    assert!(violation(1.0) > violation(10.0) && violation(10.0) > violation(100.0));
    let plain = nne(x.view(), w.view(), &NneParams::new(Variant::Asymmetric { lambda: 1.0 }).iterations(100))
        .unwrap();
    let nmf = nne(x.view(), w.view(), &NneParams::default().iterations(0).start_iterations(200)).unwrap();
    assert!(difference(plain.activations.view(), nmf.activations.view()) < 1e-9);
}

#[test]
fn silence_and_dead_atoms_are_defined() {
    let mut x = matrix(10, 5, 3);
    x.column_mut(1).fill(0.0);
    let mut w = matrix(10, 3, 4) + 0.1;
    w.column_mut(2).fill(0.0);
    let mut results = vec![];
    for variant in
        [Variant::default(), Variant::Admm { rho: 1.0 }, Variant::Exact, Variant::Asymmetric { lambda: 4.0 }]
    {
        results.push(nne(x.view(), w.view(), &NneParams::new(variant)).unwrap());
        // All atoms dead: everything is novel.
        let nothing = nne(x.view(), Array2::zeros((10, 2)).view(), &NneParams::new(variant)).unwrap();
        assert!(nothing.activations.iter().all(|&h| h == 0.0), "{variant:?}");
    }
    for solver in [NmuSolver::default(), NmuSolver::Exact, NmuSolver::Lagrangian { iterations: 5 }] {
        results.push(nmu(x.view(), w.view(), solver).unwrap());
    }
    for Extraction { activations, residual, .. } in results {
        assert!(activations.iter().chain(&residual).all(|v| v.is_finite() && *v >= 0.0));
        assert!(activations.row(2).iter().all(|&h| h == 0.0));
        assert!(residual.column(1).iter().all(|&r| r == 0.0));
    }
}

#[test]
fn bad_input_is_named() {
    let x = array![[1.0, 2.0], [3.0, 4.0]];
    let params = NneParams::default();
    assert!(matches!(
        nne(x.view(), array![[1.0]].view(), &params),
        Err(Error::Shape { what: "w", rows: 2, .. })
    ));
    assert!(matches!(nne((-&x).view(), x.view(), &params), Err(Error::Negative { what: "x", .. })));
    assert!(matches!(
        nmu(x.view(), (&x / 0.0).view(), NmuSolver::Exact),
        Err(Error::NotFinite { what: "w", .. })
    ));
    for (variant, name) in [
        (Variant::Admm { rho: 0.0 }, "rho"),
        (Variant::Printed { gamma: -1.0, xi: 1.0, dual_noise: 0.0 }, "gamma"),
        (Variant::Printed { gamma: 1.0, xi: f64::NAN, dual_noise: 0.0 }, "xi"),
        (Variant::Asymmetric { lambda: 0.5 }, "lambda"),
    ] {
        match nne(x.view(), x.view(), &NneParams::new(variant)) {
            Err(Error::Parameter { name: found, .. }) => assert_eq!(found, name),
            other => panic!("{other:?}"),
        }
    }
}
