//! Speaker comparison. Ids carry the sizes.

use std::hint::black_box;

use auscult_fa_speaker::{EvidenceRatio, GmmParams, SpeakerStat, agglomerate, llr_all_pairs};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;

/// Numbers from -1 to 1 of a fixed linear congruential generator.
fn noise(state: &mut u32) -> f64 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    f64::from(*state >> 8) / f64::from(1 << 23) - 1.0
}

fn stats(count: usize, factors: usize) -> Vec<SpeakerStat> {
    let mut state = 1;
    let one = |_| {
        let g = Array2::from_shape_simple_fn((factors, factors), || 2.0 * noise(&mut state));
        let p = g.dot(&g.t());
        let packed = (0..factors).flat_map(|i| (0..=i).map(move |j| (i, j))).map(|at| p[at]).collect();
        let linear = (0..factors).map(|_| 20.0 * noise(&mut state)).collect();
        SpeakerStat::new(packed, linear).expect("positive definite")
    };
    (0..count).map(one).collect()
}

fn comparison(c: &mut Criterion) {
    let mut group = c.benchmark_group("all pairs/1000 utterances");
    group.sample_size(10);
    for factors in [10, 20, 50] {
        let stats = stats(1000, factors);
        group.bench_function(format!("{factors} factors"), |b| b.iter(|| llr_all_pairs(black_box(&stats))));
    }
    group.finish();
    let stats = stats(500, 20);
    c.bench_function("agglomerate/500 utterances, 20 factors", |b| {
        b.iter(|| agglomerate(&EvidenceRatio, black_box(&stats), 1 << 30));
    });
}

fn mixtures(c: &mut Criterion) {
    let mut state = 2;
    let frames = Array2::from_shape_simple_fn((20_000, 26), || 3.0 * noise(&mut state));
    let mut group = c.benchmark_group("mixture/20000x26");
    group.sample_size(10);
    for components in [64, 256] {
        let params = GmmParams { components, iterations: 2, ..GmmParams::default() };
        let gmm = params.fit(frames.view()).expect("enough frames").gmm;
        group.bench_function(format!("log-likelihoods, {components}"), |b| {
            b.iter(|| gmm.log_likelihoods(black_box(frames.view())));
        });
    }
}

criterion_group!(benches, comparison, mixtures);
criterion_main!(benches);
