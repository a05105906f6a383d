//! The extractor: streaming equals batch, phases stay, anomalies come out.

use crate::golden::{difference, load};
use crate::nmf::matrix;
use auscult_nmf_family::{
    AnomalousSoundExtractor, Error, Loss, Method, Nmf, NmfParams, NmuSolver, NneParams, OnlineNmf,
    OnlineParams, Variant,
};
use ndarray::{Array1, Array2, Axis, array, concatenate, s};
use num_complex::Complex;

fn methods() -> Vec<Method> {
    vec![
        Method::nmf(),
        Method::nmu(),
        Method::nne(),
        Method::Nmu(NmuSolver::Exact),
        Method::Nne(NneParams::new(Variant::Exact)),
        Method::Nne(NneParams::new(Variant::Admm { rho: 1.0 })),
    ]
}

#[test]
fn frames_in_any_pieces_give_the_same_bits() {
    let (normal, x) = (matrix(33, 200, 1), matrix(33, 130, 2));
    let trained =
        AnomalousSoundExtractor::fit(normal.view(), &Nmf::params(5).iterations(20), Method::nmf()).unwrap();
    for method in methods() {
        let extractor = trained.with_method(method).unwrap();
        let whole = extractor.extract(x.view()).unwrap();
        let mut residual = Array1::zeros(33);
        for t in [0, 63, 64, 129] {
            extractor.extract_frame_into(x.column(t), residual.view_mut()).unwrap();
            assert_eq!(residual, whole.residual.column(t), "{:?}", extractor.method());
        }
        let pieces =
            [x.slice(s![.., ..50]), x.slice(s![.., 50..])].map(|x| extractor.extract(x).unwrap().residual);
        assert_eq!(concatenate![Axis(1), pieces[0], pieces[1]], whole.residual);
        assert!(whole.residual.iter().all(|&r| r >= 0.0));
    }
}

#[test]
fn spectra_keep_their_phase() {
    let magnitude = matrix(17, 40, 4);
    let spectrum =
        Array2::from_shape_fn((17, 40), |(n, t)| Complex::from_polar(magnitude[[n, t]], (n * 7 + t) as f64));
    for method in methods() {
        let extractor = AnomalousSoundExtractor::from_atoms((matrix(17, 3, 5) + 0.1).view(), method).unwrap();
        let anomaly = extractor.extract_spectrum(spectrum.view()).unwrap();
        let residual = extractor.extract(spectrum.mapv(|z| z.norm()).view()).unwrap().residual;
        for ((z, a), &r) in spectrum.iter().zip(&anomaly).zip(&residual) {
            assert!((a.norm() - r).abs() < 1e-12);
            assert!((a * z.conj()).im.abs() < 1e-9 && (a * z.conj()).re >= 0.0);
        }
        let mut frame = spectrum.column(3).to_owned();
        extractor.extract_spectrum_frame(frame.view_mut()).unwrap();
        assert_eq!(frame, anomaly.column(3));
    }
}

#[test]
fn every_method_finds_a_foreign_tone() {
    let atoms = matrix(24, 3, 6) + 0.05;
    let normal = atoms.dot(&(matrix(3, 300, 7) + 0.2));
    let mut x = normal.slice(s![.., ..60]).to_owned();
    x.slice_mut(s![11, 20..40]).mapv_inplace(|x| x + 3.0);
    let params = Nmf::params(3).iterations(500);
    let share = |x: &Array2<f64>| {
        let inside: f64 = x.slice(s![11, 20..40]).iter().map(|x| x * x).sum();
        inside / x.iter().map(|x| x * x).sum::<f64>()
    };
    for method in methods() {
        let extractor = AnomalousSoundExtractor::fit(normal.view(), &params, method).unwrap();
        let found = share(&extractor.extract(x.view()).unwrap().residual);
        // Greedy underapproximation leaves most of the normal sound where it is when atoms overlap this much.
        let least = if matches!(extractor.method(), Method::Nmu(_)) { 1.05 * share(&x) } else { 0.6 };
        assert!(found > least, "{:?}: {found}, mixture {}", extractor.method(), share(&x));
    }
}

#[test]
fn single_precision_extracts_alike() {
    let (w, x) = (matrix(20, 4, 8) + 0.05, matrix(20, 50, 9));
    for method in methods() {
        let double = AnomalousSoundExtractor::from_atoms(w.view(), method.clone()).unwrap();
        let single = AnomalousSoundExtractor::from_atoms(w.mapv(|w| w as f32).view(), method).unwrap();
        let r = double.extract(x.view()).unwrap().residual;
        let r32 = single.extract(x.mapv(|x| x as f32).view()).unwrap().residual;
        assert!(difference(r32.mapv(f64::from).view(), r.view()) < 2e-3, "{:?}", double.method());
    }
}

#[test]
fn bad_frames_are_refused() {
    let extractor = AnomalousSoundExtractor::from_atoms(array![[1.0], [2.0]].view(), Method::nmf()).unwrap();
    assert!(matches!(extractor.extract(array![[1.0]].view()), Err(Error::Shape { what: "x", rows: 2, .. })));
    let mut out = Array1::zeros(3);
    let refused = extractor.extract_frame_into(array![1.0, 1.0].view(), out.view_mut());
    assert!(matches!(refused, Err(Error::Shape { what: "residual", .. })));
    assert!(matches!(extractor.extract(array![[1.0], [-1.0]].view()), Err(Error::Negative { .. })));
    assert!(AnomalousSoundExtractor::from_atoms(array![[f32::NAN]].view(), Method::nmf()).is_err());
    let bad = Method::Nmu(NmuSolver::TepperSapiro { iterations: 3, tolerance: 0.0, sigma: 0.0 });
    assert!(extractor.with_method(bad).is_err());
}

#[test]
fn online_updates_match_scikit_learn() {
    let start = load("start");
    let (x, w0) = (load("x_zeros"), start.slice(s![..17, ..]));
    for (loss, name) in [(Loss::Euclidean, "2"), (Loss::KullbackLeibler, "1"), (Loss::Beta(0.5), "0.5")] {
        let params = OnlineParams::new(4).nmf(NmfParams::new(4).loss(loss)).batch_iterations(12);
        let mut online = OnlineNmf::from_atoms(params, w0).unwrap();
        // numpy.array_split of 33 frames into five.
        for (from, to) in [(0, 7), (7, 14), (14, 21), (21, 27), (27, 33)] {
            online.partial_fit(x.slice(s![.., from..to])).unwrap();
        }
        let theirs = load(&format!("online_{name}"));
        assert!(difference(online.atoms().unwrap().t(), theirs.view()) < 1e-10, "{name}");
    }
}

#[test]
fn online_learning_lowers_the_loss_and_follows_change() {
    let old = matrix(16, 3, 40) + 0.02;
    let new = matrix(16, 3, 41) + 0.02;
    let batch = |w: &Array2<f64>, seed| w.dot(&(matrix(3, 50, seed) + 0.1));
    let mut online = OnlineNmf::new(OnlineParams::new(3)).unwrap();
    assert!(online.transform(batch(&old, 0).view()).is_err());
    let mut losses: Vec<f64> = (0..60).map(|i| online.partial_fit(batch(&old, i).view()).unwrap()).collect();
    assert!(losses[59] < 0.2 * losses[0], "{} {}", losses[0], losses[59]);
    losses = (60..160).map(|i| online.partial_fit(batch(&new, i).view()).unwrap()).collect();
    assert!(losses[99] < 0.2 * losses[0], "{} {}", losses[0], losses[99]);
    assert!(matches!(online.partial_fit(matrix(15, 4, 1).view()), Err(Error::Shape { .. })));
    assert!(OnlineNmf::<f64>::new(OnlineParams::new(3).forget_factor(1.5)).is_err());
}
