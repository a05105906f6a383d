//! Transform, mel, MFCC and separation. Ids carry the sizes; signals are 10 s at 22,050 Hz.

use std::hint::black_box;

use auscult_stft_mel::{
    HpssParams, MelParams, MelSpectrogramParams, MfccParams, StftParams, magnitude_spectrogram,
};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array1;

const RATE: u32 = 22_050;

/// Noise of a fixed linear congruential generator.
fn noise(len: usize) -> Array1<f32> {
    let mut state = 7_u32;
    Array1::from_shape_simple_fn(len, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    })
}

fn bench(c: &mut Criterion) {
    let x = noise(10 * RATE as usize);
    let stft = StftParams::new(1024).hop_length(315).plan::<f32>().expect("valid");
    let spectrum = stft.forward(x.view()).expect("long enough");
    c.bench_function("stft/1024x315/10s", |b| b.iter(|| stft.forward(black_box(x.view()))));
    c.bench_function("istft/1024x315/10s", |b| b.iter(|| stft.inverse(black_box(spectrum.view()), None)));

    let mel = MelSpectrogramParams::new(stft.params().clone(), MelParams::new(RATE, 80))
        .plan::<f32>()
        .expect("valid");
    c.bench_function("mel/1024x315x80/10s", |b| b.iter(|| mel.process(black_box(x.view()))));
    for (name, params) in [
        ("librosa", MfccParams::librosa(RATE)),
        ("htk", MfccParams::htk(RATE)),
        ("kaldi", MfccParams::kaldi(RATE)),
    ] {
        let mfcc = params.plan::<f32>().expect("valid");
        c.bench_function(&format!("mfcc/{name}/10s"), |b| b.iter(|| mfcc.process(black_box(x.view()))));
    }

    let magnitude = magnitude_spectrogram(spectrum.view());
    let hpss = HpssParams::default().plan().expect("valid");
    c.bench_function("hpss/31x31/513x700", |b| b.iter(|| hpss.masks(black_box(magnitude.view()))));
}

criterion_group!(benches, bench);
criterion_main!(benches);
