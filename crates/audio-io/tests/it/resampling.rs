//! Length, phase, linearity, edges, and agreement with soxr and scipy.

use std::f64::consts::TAU;

use auscult_audio_io::ndarray::{Array2, ArrayView1, Axis, concatenate, s};
use auscult_audio_io::{Audio, Error, Resampler, resample};
use proptest::prelude::*;

use crate::support::{max_error, noise, npy1, snr};

const PAIRS: [(u32, u32); 14] = [
    (44_100, 16_000),
    (48_000, 22_050),
    (8_000, 16_000),
    (16_000, 8_000),
    (44_100, 48_000),
    (44_100, 22_050),
    (11_025, 16_000),
    (37_800, 16_000),
    (96_000, 44_100),
    (22_050, 16_000),
    (48_000, 16_000),
    (16_000, 44_100),
    (44_100, 8_000),
    (16_001, 16_000),
];

fn sine(rate: u32, frames: usize, hertz: f64, phase: f64) -> Array2<f32> {
    let w = TAU * hertz / f64::from(rate);
    Array2::from_shape_fn((1, frames), |(_, n)| (0.8 * (w * n as f64 + phase).sin()) as f32)
}

/// Sample for sample where the analytic sine is: no delay, no half-sample shift, at any ratio.
#[test]
fn a_sine_keeps_its_phase() {
    for (from, to) in PAIRS {
        for hertz in [0.02, 0.2, 0.43].map(|f| f * f64::from(from.min(to))) {
            let x = sine(from, from as usize, hertz, 0.3);
            let y = resample(x.view(), from, to).unwrap();
            let frames = (from as usize * to as usize).div_ceil(from as usize);
            assert_eq!(y.ncols(), frames);
            let expected = sine(to, frames, hertz, 0.3);
            let margin = to as usize / 10;
            let middle = s![0, margin..frames - margin];
            let interior = max_error(y.slice(middle), expected.slice(middle));
            let overall = max_error(y.row(0), expected.row(0));
            println!("{from} -> {to}, {hertz:.0} Hz: interior {interior:.1e}, with edges {overall:.1e}");
            assert!(interior < 5e-6, "{from} -> {to}, {hertz} Hz: {interior}");
        }
    }
}

/// The odd extension keeps the first and last milliseconds of a low tone, also of one that starts in full swing.
#[test]
fn edges_stay_sane() {
    for (from, to) in PAIRS {
        for phase in [0.0, 0.8, 1.6] {
            let x = sine(from, from as usize / 2, 220.0, phase);
            let y = resample(x.view(), from, to).unwrap();
            let expected = sine(to, y.ncols(), 220.0, phase);
            let worst = max_error(y.row(0), expected.row(0));
            assert!(worst < 0.02, "{from} -> {to}, phase {phase}: {worst}");
        }
        let constant = Array2::from_elem((1, 3000), 0.5f32);
        let y = resample(constant.view(), from, to).unwrap();
        assert!(y.iter().all(|x| (x - 0.5).abs() < 1e-5), "{from} -> {to}: a constant stays constant");
    }
}

/// Flat up to 93 % of the lower Nyquist frequency.
#[test]
fn the_passband_is_flat() {
    for (from, to) in PAIRS {
        for fraction in [0.5, 0.8, 0.93] {
            let x = sine(from, from as usize, fraction * f64::from(from.min(to)) / 2.0, 0.3);
            let y = resample(x.view(), from, to).unwrap();
            let power =
                |x: &Array2<f32>| x.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / x.len() as f64;
            let decibels = 10.0 * (power(&y) / power(&x)).log10();
            println!("{from} -> {to} at {fraction}: {decibels:.4} dB");
            assert!(decibels.abs() < 0.05, "{from} -> {to} at {fraction}: {decibels} dB");
        }
    }
}

/// Frequencies that do not fit below the new Nyquist frequency vanish instead of folding back.
#[test]
fn nothing_aliases() {
    for (from, to) in PAIRS.into_iter().filter(|(from, to)| *from as f64 > 1.1 * *to as f64) {
        let x = sine(from, from as usize, 0.52 * f64::from(to), 0.3);
        let y = resample(x.view(), from, to).unwrap();
        let margin = to as usize / 10;
        let worst = y.slice(s![0, margin..y.ncols() - margin]).iter().fold(0.0f32, |m, x| x.abs().max(m));
        assert!(worst < 1e-4, "{from} -> {to}: {worst}");
    }
}

#[test]
fn agrees_with_soxr_and_scipy() {
    for name in ["44100_16000", "48000_22050", "8000_16000", "11025_16000"] {
        let (from, to) = name.split_once('_').unwrap();
        let x = npy1(&format!("resample/{name}_in.npy")).insert_axis(Axis(0));
        let y = resample(x.view(), from.parse().unwrap(), to.parse().unwrap()).unwrap();
        for (peer, decibels) in [("soxr_hq", 85.0), ("poly", 55.0)] {
            let expected = npy1(&format!("resample/{name}_{peer}.npy")).insert_axis(Axis(0));
            assert_eq!(y.dim(), expected.dim(), "{name} {peer}");
            let middle = s![.., 300..y.ncols() - 300];
            let snr = snr(expected.slice(middle), y.slice(middle));
            println!("{name} {peer}: {snr:.1} dB");
            assert!(snr > decibels, "{name} {peer}: {snr} dB");
        }
    }
}

#[test]
fn short_signals_and_none() {
    for (from, to) in PAIRS {
        for frames in [0usize, 1, 2, 3, 10, 500] {
            let x = noise(2, frames, 3);
            let y = resample(x.view(), from, to).unwrap();
            assert_eq!(y.dim(), (2, (frames * to as usize).div_ceil(from as usize)));
            assert!(y.iter().all(|y| y.abs() < 6.0));
        }
        let one = resample(Array2::from_elem((1, 1), 0.5f32).view(), from, to).unwrap();
        assert!(one.iter().all(|x| (x - 0.5).abs() < 1e-5), "one sample is a constant");
    }
}

#[test]
fn impossible_rates() {
    let x = noise(1, 10, 1);
    for (from, to) in [(0, 1), (1, 0), (1, 16_000), (4_000_000_000, 16_000), (20_000_003, 19_999_999)] {
        assert!(matches!(resample(x.view(), from, to), Err(Error::SampleRate { .. })), "{from} -> {to}");
    }
    assert!(matches!(resample(noise(0, 10, 1).view(), 8000, 16_000), Err(Error::Channels { got: 0, .. })));
    let mut resampler = Resampler::new(2, 8000, 16_000).unwrap();
    assert!(matches!(resampler.push(x.view()), Err(Error::Channels { expected: 2, got: 1, .. })));
}

#[test]
fn channels_do_not_mix() {
    let x = noise(3, 5000, 4);
    let together = resample(x.view(), 44_100, 16_000).unwrap();
    for channel in 0..3 {
        let alone = resample(x.slice(s![channel..=channel, ..]), 44_100, 16_000).unwrap();
        assert_eq!(alone.row(0), together.row(channel));
    }
    let audio = Audio::new(x.clone(), 44_100).unwrap().resample(16_000).unwrap();
    assert_eq!((audio.samples, audio.sample_rate), (together, 16_000));
    // Any memory layout.
    let transposed = x.t().as_standard_layout().to_owned();
    assert_eq!(
        resample(transposed.t(), 44_100, 16_000).unwrap(),
        resample(x.view(), 44_100, 16_000).unwrap()
    );
}

fn in_blocks(
    x: &Array2<f32>,
    from: u32,
    to: u32,
    blocks: &[usize],
    resampler: &mut Resampler,
) -> Array2<f32> {
    assert_eq!(resampler.channels(), x.nrows());
    let mut parts = Vec::new();
    let (mut start, mut sizes) = (0, blocks.iter().cycle());
    while start < x.ncols() {
        let end = (start + sizes.next().unwrap()).min(x.ncols());
        parts.push(resampler.push(x.slice(s![.., start..end])).unwrap());
        start = end;
    }
    parts.push(resampler.finish().unwrap());
    let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
    let joined = concatenate(Axis(1), &views).unwrap();
    assert_eq!(joined.ncols(), (x.ncols() * to as usize).div_ceil(from as usize));
    joined
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stream_equals_batch(
        pair in 0..PAIRS.len(),
        channels in 1usize..3,
        frames in 0usize..9000,
        blocks in prop::collection::vec(1usize..3000, 1..8),
    ) {
        let (from, to) = PAIRS[pair];
        let x = noise(channels, frames, frames as u64);
        let batch = resample(x.view(), from, to).unwrap();
        let mut resampler = Resampler::new(channels, from, to).unwrap();
        let first = in_blocks(&x, from, to, &blocks, &mut resampler);
        prop_assert!(first == batch);
        let again = in_blocks(&x, from, to, &blocks, &mut resampler);
        prop_assert!(again == batch, "finish leaves the resampler as new");
    }

    #[test]
    fn linear(pair in 0..PAIRS.len(), frames in 1usize..4000, a in -1.0f32..1.0, b in -1.0f32..1.0) {
        let (from, to) = PAIRS[pair];
        let (x, y) = (noise(1, frames, 1), noise(1, frames, 2));
        let sum = resample((a * &x + b * &y).view(), from, to).unwrap();
        let sum_of_parts =
            a * resample(x.view(), from, to).unwrap() + b * resample(y.view(), from, to).unwrap();
        let flat = |x: &Array2<f32>| x.row(0).to_owned();
        let error = max_error(flat(&sum).view(), flat(&sum_of_parts).view());
        prop_assert!(error < 1e-5, "{error}");
    }

    #[test]
    fn equal_rates_copy(rate in 1u32..200_000, frames in 0usize..2000) {
        let x = noise(2, frames, 5);
        prop_assert!(resample(x.view(), rate, rate).unwrap() == x);
    }

    #[test]
    fn any_pair_of_rates_keeps_the_length(from in 4000u32..100_000, to in 4000u32..100_000) {
        let x = noise(1, 777, 6);
        let y = resample(x.view(), from, to).unwrap();
        prop_assert_eq!(y.ncols() as u64, (777 * u64::from(to)).div_ceil(u64::from(from)));
        let finite = |row: ArrayView1<f32>| row.iter().all(|x| x.is_finite());
        prop_assert!(finite(y.row(0)));
    }
}
