//! Dereverberation. Ids carry the sizes: 8 microphones, 10 s at 16 kHz with 512/256 windows are 626 x 257.

use std::hint::black_box;

use auscult_dereverb::{Complex, OnlineWpeParams, Real, WpeParams};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array3, s};

const SHAPE: (usize, usize, usize) = (8, 626, 257);

/// Noise of a fixed linear congruential generator.
fn noise<T: Real>(bins: usize) -> Array3<Complex<T>> {
    let mut state = 1_u32;
    let mut uniform = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        T::of(f64::from(state >> 8) / f64::from(1 << 24) - 0.5)
    };
    Array3::from_shape_simple_fn((SHAPE.0, SHAPE.1, bins), || Complex::new(uniform(), uniform()))
}

fn wpe<T: Real>(c: &mut Criterion, precision: &str) {
    // a part of the bins is enough: each costs the same
    let x = noise::<T>(32);
    let wpe = WpeParams::default().plan().expect("valid parameters");
    let mut group = c.benchmark_group("wpe/8x626x32, 10 taps, 3 iterations");
    group.sample_size(10);
    group.bench_function(precision, |b| b.iter(|| wpe.process(black_box(x.view()))));
    group.finish();

    let x = noise::<T>(SHAPE.2);
    let mut online = OnlineWpeParams::default().plan(SHAPE.0, SHAPE.2).expect("valid parameters");
    let mut clean = x.slice(s![.., 0, ..]).to_owned();
    let mut frame = (0..SHAPE.1).cycle();
    c.bench_function(&format!("online wpe/8x257, 10 taps, one frame/{precision}"), |b| {
        b.iter(|| {
            let t = frame.next().unwrap_or_default();
            online.step_into(black_box(x.slice(s![.., t, ..])), clean.view_mut())
        });
    });
}

fn bench(c: &mut Criterion) {
    wpe::<f64>(c, "f64");
    wpe::<f32>(c, "f32");
}

criterion_group!(benches, bench);
criterion_main!(benches);
