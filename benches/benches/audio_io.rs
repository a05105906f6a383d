//! Resampling, WAV reading and WAV writing; ten seconds of seeded noise each.

use std::hint::black_box;

use auscult_audio_io::{Audio, ReadOptions, SampleFormat, read, resample, write_wav};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;

fn noise(channels: usize, frames: usize) -> Array2<f32> {
    let mut state = 1u64;
    Array2::from_shape_simple_fn((channels, frames), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    })
}

fn resampling(c: &mut Criterion) {
    let mut group = c.benchmark_group("resample");
    for (from, to) in
        [(44_100, 16_000), (48_000, 16_000), (44_100, 48_000), (8_000, 16_000), (22_050, 16_000)]
    {
        let x = noise(1, 10 * from as usize);
        group.throughput(Throughput::Elements(x.len() as u64));
        group.bench_function(format!("{from}_{to}/10s"), |b| {
            b.iter(|| resample(black_box(x.view()), from, to).expect("these rates convert"));
        });
    }
    group.finish();
}

fn files(c: &mut Criterion) {
    let folder = std::env::temp_dir().join("auscult-bench-audio-io");
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let path = folder.join("stereo.wav");
    let audio = Audio::new(noise(2, 441_000), 44_100).expect("valid audio");

    let mut group = c.benchmark_group("wav");
    group.throughput(Throughput::Elements(audio.samples.len() as u64));
    for format in [SampleFormat::I16, SampleFormat::I24, SampleFormat::F32] {
        group.bench_function(format!("write/{format:?}/2x10s"), |b| {
            b.iter(|| write_wav(&path, black_box(&audio), format).expect("a file"));
        });
        group.bench_function(format!("read/{format:?}/2x10s"), |b| b.iter(|| read(&path).expect("a file")));
    }
    let speech = ReadOptions::default().mono(true).sample_rate(16_000);
    group.bench_function("read/F32/2x10s/mono/16k", |b| b.iter(|| speech.read(&path).expect("a file")));
    group.finish();
    let _ = std::fs::remove_dir_all(folder);
}

criterion_group!(benches, resampling, files);
criterion_main!(benches);
