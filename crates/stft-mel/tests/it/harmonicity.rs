//! Periodicity of known signals, and voice activity.

use auscult_stft_mel::ndarray::{Array1, s};
use auscult_stft_mel::{Error, HarmonicityParams, VoiceActivityParams};

/// A buzz of `f0` with `noise` times its power in white noise.
fn buzz(rate: u32, seconds: f64, f0: f64, noise: f64) -> Array1<f64> {
    let mut state = 9_u64;
    let samples = (seconds * f64::from(rate)) as usize;
    let harmonics = 5;
    Array1::from_shape_fn(samples, |n| {
        let phase = std::f64::consts::TAU * f0 * n as f64 / f64::from(rate);
        let tone: f64 = (1..=harmonics).map(|h| (phase * f64::from(h) + f64::from(h * h)).cos()).sum();
        let uniform: f64 = (0..12)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) as f64 / (1_u64 << 24) as f64 - 0.5
            })
            .sum();
        0.1 * (tone + uniform * (noise * f64::from(harmonics) / 2.0).sqrt())
    })
}

#[test]
fn harmonicity_is_the_periodic_share_of_the_power() {
    for rate in [8000, 16_000] {
        let plan = HarmonicityParams::new(rate).plan::<f64>().unwrap();
        for (noise, expected, tolerance) in [(0.0, 1.0, 0.02), (0.25, 0.8, 0.06), (1.0, 0.5, 0.1)] {
            for f0 in [90.0, 153.7, 310.0] {
                let found = plan.process(buzz(rate, 2.0, f0, noise).view()).unwrap();
                let inner = found.harmonicity.slice(s![5..found.harmonicity.len() - 5]);
                let mean = inner.mean().unwrap();
                assert!((mean - expected).abs() < tolerance, "{rate} Hz, {f0} Hz, {noise}: {mean}");
            }
        }
    }
}

#[test]
fn frames_go_beside_those_of_mfcc() {
    let plan = HarmonicityParams::new(8000).plan::<f32>().unwrap();
    for samples in [200, 279, 280, 8000, 8001] {
        let signal = Array1::from_elem(samples, 0.1_f32);
        let frames = plan.process(signal.view()).unwrap().level.len();
        assert_eq!(frames, 1 + (samples - 200) / 80);
    }
    let short = plan.process(Array1::zeros(199).view());
    assert!(matches!(short, Err(Error::SignalTooShort { got: 199, needed: 200, .. })));
}

#[test]
fn voice_is_told_from_silence_and_noise() {
    let plan = HarmonicityParams::new(8000).plan::<f64>().unwrap();
    let mut signal = buzz(8000, 3.0, 140.0, 0.05);
    signal.slice_mut(s![8000..16_000]).fill(0.0);
    let speech = VoiceActivityParams::default().speech(&plan.process(signal.view()).unwrap()).unwrap();
    let share = |range: std::ops::Range<usize>| {
        speech[range.clone()].iter().filter(|&&speech| speech).count() as f64 / range.len() as f64
    };
    assert_eq!(share(5..95), 1.0);
    assert!(share(110..190) < 0.05, "{}", share(110..190));
    assert_eq!(share(205..290), 1.0);
    let hiss = buzz(8000, 3.0, 140.0, 1e4);
    let speech = VoiceActivityParams::default().speech(&plan.process(hiss.view()).unwrap()).unwrap();
    let found = speech.iter().filter(|&&speech| speech).count();
    assert!(found * 3 < speech.len(), "{found} of {} frames of noise are taken for speech", speech.len());
    let silence = plan.process(Array1::zeros(8000).view()).unwrap();
    assert!(VoiceActivityParams::default().speech(&silence).unwrap().iter().all(|&speech| !speech));
}

#[test]
fn a_frame_shorter_than_those_beside_it_lies_in_their_middle() {
    let mut params = HarmonicityParams::new(8000);
    params.beside = 0.08;
    let mut signal = Array1::<f64>::zeros(640);
    let tone = |n: usize| (std::f64::consts::TAU * n as f64 / 32.0).sin();
    signal.slice_mut(s![160..480]).assign(&Array1::from_shape_fn(320, tone));
    let found = params.plan::<f64>().unwrap().process(signal.view()).unwrap();
    assert_eq!(found.level.len(), 1);
    assert!((found.level[0] + 3.0103).abs() < 1e-3, "{}", found.level[0]);
}

#[test]
fn bad_parameters_are_refused() {
    let mut params = HarmonicityParams::new(8000);
    params.f_min = 500.0;
    assert!(params.plan::<f32>().is_err());
    for f_min in [0.0, 1e-300, -60.0, f64::NAN] {
        params.f_min = f_min;
        assert!(params.plan::<f32>().is_err(), "{f_min}");
    }
    params = HarmonicityParams::new(8000);
    for frame_length in [0.02, 1e9, f64::INFINITY] {
        params.frame_length = frame_length;
        assert!(params.plan::<f32>().is_err(), "{frame_length}");
    }
}
