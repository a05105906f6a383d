//! Factorisation and extraction. Ids carry the sizes; the spectrogram is 60 s at 16 kHz, 257 x 3750, K = 20.

use std::hint::black_box;

use auscult_nmf_family::{
    AnomalousSoundExtractor, Loss, Method, NmfParams, NmuSolver, NneParams, Real, Solver, Variant,
};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;

const SHAPE: (usize, usize, usize) = (257, 3750, 20);

/// Positive noise of a fixed linear congruential generator.
fn noise<T: Real>(rows: usize, columns: usize, seed: u32) -> Array2<T> {
    let mut state = seed;
    Array2::from_shape_simple_fn((rows, columns), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        T::of(f64::from(state >> 8) / f64::from(1 << 24) + 1e-3)
    })
}

fn factorisation<T: Real>(c: &mut Criterion, precision: &str) {
    let (bins, frames, atoms) = SHAPE;
    let (x, w, h) = (noise::<T>(bins, frames, 1), noise::<T>(bins, atoms, 2), noise::<T>(atoms, frames, 3));
    let mut group = c.benchmark_group("nmf/257x3750x20/10 iterations");
    group.sample_size(10);
    for (name, loss, solver) in [
        ("mu/euclidean", Loss::Euclidean, Solver::Multiplicative),
        ("mu/kl", Loss::KullbackLeibler, Solver::Multiplicative),
        ("mu/is", Loss::ItakuraSaito, Solver::Multiplicative),
        ("cd/euclidean", Loss::Euclidean, Solver::CoordinateDescent),
    ] {
        let params = NmfParams::new(atoms).loss(loss).solver(solver).iterations(10).tolerance(0.0);
        let fit = || params.fit_from(black_box(x.view()), w.view(), h.view());
        group.bench_function(format!("{name}/{precision}"), |b| b.iter(fit));
    }
}

fn extraction(c: &mut Criterion) {
    let (bins, _, atoms) = SHAPE;
    // 10 s.
    let (x, w) = (noise::<f32>(bins, 625, 1), noise::<f32>(bins, atoms, 2));
    let mut group = c.benchmark_group("extract/257x625x20");
    group.sample_size(10);
    for (name, method) in [
        ("nmf 100", Method::nmf()),
        ("nmu 30", Method::nmu()),
        ("nmu exact", Method::Nmu(NmuSolver::Exact)),
        ("nne 30", Method::nne()),
        ("nne admm 30", Method::Nne(NneParams::new(Variant::Admm { rho: 1.0 }))),
        ("nne exact", Method::Nne(NneParams::new(Variant::Exact))),
    ] {
        let extractor = AnomalousSoundExtractor::from_atoms(w.view(), method).expect("valid atoms");
        group.bench_function(name, |b| b.iter(|| extractor.extract(black_box(x.view()))));
    }
}

fn bench(c: &mut Criterion) {
    factorisation::<f64>(c, "f64");
    factorisation::<f32>(c, "f32");
    extraction(c);
}

criterion_group!(benches, bench);
criterion_main!(benches);
