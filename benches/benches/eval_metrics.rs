//! Scores: BSS Eval v3 and v4 of two 30 s sources, AUC of a million scores, DER of an hour.

use std::hint::black_box;

use auscult_eval_metrics::{BssEvalV4, DiarizationScoring, Segment, bss_eval_sources, roc_auc, sdr};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, Axis};

/// Numbers in [-0.5, 0.5) from a fixed seed.
fn noise() -> impl FnMut() -> f64 {
    let mut state: u64 = 1;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }
}

fn separation(criterion: &mut Criterion) {
    let mut draw = noise();
    let reference = Array2::from_shape_simple_fn((2, 30 * 22_050), &mut draw);
    let estimate = reference.mapv(|sample| sample + 0.3 * draw());
    let (r, e) = (reference.view(), estimate.view());
    let mut group = criterion.benchmark_group("separation/2x30s@22050");
    group.sample_size(10);
    group.bench_function("bss_eval_sources", |b| b.iter(|| bss_eval_sources(black_box(r), e, true)));
    group.bench_function("sdr", |b| b.iter(|| sdr(black_box(r.row(0)), e.row(0))));
    let plan = BssEvalV4::default().window(22_050).hop(22_050);
    let (r, e) = (r.insert_axis(Axis(1)), e.insert_axis(Axis(1)));
    group.bench_function("bss_eval_v4", |b| b.iter(|| plan.evaluate(black_box(r), e)));
}

fn ranking(criterion: &mut Criterion) {
    let mut draw = noise();
    let truth: Vec<bool> = (0..1_000_000).map(|_| draw() > 0.2).collect();
    let scores: Vec<f64> =
        truth.iter().map(|&positive| f64::from(u8::from(positive)) + 3.0 * draw()).collect();
    let mut group = criterion.benchmark_group("ranking/1e6");
    group.sample_size(20);
    group.bench_function("roc_auc", |b| b.iter(|| roc_auc(black_box(&truth), &scores)));
}

fn diarization(criterion: &mut Criterion) {
    let mut draw = noise();
    let mut now = 0.0;
    let mut turns = |name: &str, jitter: f64| -> Vec<Segment> {
        now = 0.0;
        let mut turns = Vec::new();
        while now < 3600.0 {
            let length = 2.5 + 2.0 * draw();
            let speaker = ((draw() + 0.5) * 5.0) as usize;
            turns.push(Segment::new(now, now + length + jitter * draw(), format!("{name}{speaker}")));
            now += length;
        }
        turns
    };
    let (reference, hypothesis) = (turns("S", 0.0), turns("H", 0.5));
    let scoring = DiarizationScoring::default().collar(0.25);
    criterion.bench_function("diarization/1h", |b| {
        b.iter(|| scoring.evaluate(black_box(&reference), &hypothesis, None));
    });
}

criterion_group!(benches, separation, ranking, diarization);
criterion_main!(benches);
