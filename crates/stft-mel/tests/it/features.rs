//! Mel, cepstra, deltas, normalisation and separation: their definitions, and what they refuse.

use auscult_stft_mel::ndarray::{Array1, Array2, Axis, array};
use auscult_stft_mel::*;
use proptest::prelude::*;

fn chirp(len: usize) -> Array1<f32> {
    Array1::from_shape_fn(len, |n| (n as f32 * n as f32 * 1e-4).sin() * 0.3)
}

#[test]
fn mel_is_the_dense_product() -> Result<()> {
    let mel = MelSpectrogramParams::new(StftParams::new(256), MelParams::new(16_000, 20)).plan()?;
    let x = chirp(2000);
    let power = power_spectrogram(mel.stft().forward(x.view())?.view());
    let dense = power.dot(&mel.filters().to_dense().t());
    let fused = mel.process(x.view())?;
    assert!(fused.iter().zip(&dense).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(1e-6)));
    let separate = mel.filters().apply(power.view())?;
    assert!(separate.iter().zip(&dense).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(1e-6)));
    Ok(())
}

#[test]
fn mel_scales_invert() {
    for scale in [MelScale::Slaney, MelScale::Htk] {
        for hz in [0.0, 60.0, 999.0, 1000.0, 1001.0, 7000.0] {
            assert!((scale.mel_to_hz(scale.hz_to_mel(hz)) - hz).abs() < 1e-9);
        }
    }
}

#[test]
fn filter_norms_do_what_they_say() -> Result<()> {
    for triangles in [MelTriangles::Hz, MelTriangles::Mel, MelTriangles::Bins] {
        let mel = MelParams::new(16_000, 20).triangles(triangles).f_min(50.0);
        let sum = mel.clone().norm(MelNorm::Sum).filter_bank::<f64>(1024)?.to_dense();
        assert!(sum.sum_axis(Axis(1)).iter().all(|s| (s - 1.0).abs() < 1e-12));
        let peak = mel.norm(MelNorm::None).filter_bank::<f64>(1024)?.to_dense();
        assert!(peak.iter().all(|w| (0.0..=1.0).contains(w)));
    }
    Ok(())
}

#[test]
fn bin_triangles_peak_on_a_bin() -> Result<()> {
    // 8 kHz, 16-point transform: bins every 500 Hz. The corners 600, 1548 and 3400 Hz round up to bins 2, 4 and 7.
    let mel = MelParams::new(8000, 1).f_min(600.0).f_max(3400.0).scale(MelScale::Htk).norm(MelNorm::None);
    let filters = mel.triangles(MelTriangles::Bins).filter_bank::<f64>(16)?.to_dense();
    let expected = array![0.0, 0.0, 0.0, 0.5, 1.0, 2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0];
    assert!(filters.row(0).iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{filters}");
    Ok(())
}

#[test]
fn too_many_bands_show() -> Result<()> {
    let filters = MelParams::new(22_050, 128).filter_bank::<f32>(256)?;
    assert!(!filters.empty_filters().is_empty());
    assert!(MelParams::new(22_050, 40).filter_bank::<f32>(1024)?.empty_filters().is_empty());
    Ok(())
}

#[test]
fn mel_refuses_impossible_edges() {
    let name = |params: MelParams| match params.filter_bank::<f32>(512) {
        Err(Error::BadParam { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(name(MelParams::new(8000, 40).f_max(4001.0)), "f_max");
    assert_eq!(name(MelParams::new(8000, 40).f_min(4000.0)), "f_min");
    assert_eq!(name(MelParams::new(8000, 40).f_min(f64::NAN)), "f_min");
    assert_eq!(name(MelParams::new(8000, 0)), "n_mels");
    assert_eq!(name(MelParams::new(0, 4)), "sample_rate");
}

#[test]
fn filter_banks_refuse_frames_of_no_length_and_of_every() {
    for seconds in [0.0, 1e9, f64::INFINITY, f64::NAN] {
        let refused = FbankParams::kaldi(8000).frame_length(seconds).plan::<f32>();
        assert!(matches!(refused, Err(Error::BadParam { name: "frame_length", .. })), "{seconds}");
    }
}

#[test]
fn log_scales_do_what_they_say() -> Result<()> {
    let x = array![[0.0, 1.0, std::f64::consts::E]];
    assert_eq!(LogScale::LnOrZero.apply(x.view())?, array![[0.0, 0.0, 1.0]]);
    assert_eq!(LogScale::Ln { floor: 1.0 }.apply(x.view())?, array![[0.0, 0.0, 1.0]]);
    assert_eq!(LogScale::LnPlus { offset: 1.0 }.apply(x.view())?[[0, 0]], 0.0);
    assert_eq!(LogScale::Ln1p.apply(x.view())?, x.mapv(f64::ln_1p));
    assert!(LogScale::power_db().apply(array![f64::NAN].view())?[0].is_nan());
    assert!(matches!(
        LogScale::Ln { floor: 0.0 }.apply(x.view()),
        Err(Error::BadParam { name: "floor", .. })
    ));
    assert!(matches!(
        power_to_db(x.view(), Reference::Max, 1e-10, Some(-1.0)),
        Err(Error::BadParam { name: "top_db", .. })
    ));
    Ok(())
}

#[test]
fn silence_has_finite_features() -> Result<()> {
    let silence = Array1::<f32>::zeros(8000);
    for params in [MfccParams::librosa(8000), MfccParams::htk(8000), MfccParams::kaldi(8000)] {
        assert!(params.plan()?.process(silence.view())?.iter().all(|x| x.is_finite()));
    }
    Ok(())
}

#[test]
fn mfcc_refuses_what_it_cannot_do() {
    let name = |params: MfccParams| match params.plan::<f32>() {
        Err(Error::BadParam { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(name(MfccParams::htk(8000).n_mfcc(24)), "n_mfcc");
    assert_eq!(name(MfccParams::htk(8000).n_mfcc(0)), "n_mfcc");
    assert_eq!(name(MfccParams::librosa(8000).energy(EnergyTerm::LogEnergy)), "energy");
    assert_eq!(name(MfccParams::kaldi(8000).lifter(-1.0)), "lifter");
    let mfcc = MfccParams::htk(8000).plan::<f32>().unwrap();
    assert_eq!(mfcc.process(Array1::zeros(0).view()), Err(Error::EmptySignal));
    assert!(matches!(mfcc.process(chirp(199).view()), Err(Error::SignalTooShort { needed: 200, .. })));
    assert_eq!(mfcc.process(chirp(200).view()).unwrap().dim(), (1, 13));
}

#[test]
fn regression_deltas_follow_the_formula() -> Result<()> {
    let x = Array2::from_shape_fn((7, 2), |(t, i)| ((t * t) as f64).sin() + i as f64);
    let ours = delta_regression(x.view(), 2)?;
    let at = |t: isize, i: usize| x[[t.clamp(0, 6) as usize, i]];
    for t in 0..7isize {
        for i in 0..2 {
            let sum: f64 = (1..=2).map(|h| h as f64 * (at(t + h, i) - at(t - h, i))).sum();
            assert!((ours[[t as usize, i]] - sum / 10.0).abs() < 1e-12);
        }
    }
    let appended = append_deltas(x.view(), 2, 2)?;
    assert_eq!(appended.dim(), (7, 6));
    assert!((appended[[3, 2]] - ours[[3, 0]]).abs() < 1e-15);
    assert_eq!(append_deltas(Array2::<f64>::zeros((0, 3)).view(), 2, 1)?.dim(), (0, 6));
    assert!(matches!(delta(x.view(), 9, 1), Err(Error::SignalTooShort { .. })));
    assert!(matches!(delta(x.view(), 4, 1), Err(Error::BadParam { name: "width", .. })));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sliding_cmvn_follows_kaldi(x in proptest::collection::vec(-5.0..5.0f64, 1..60), window in 1usize..20) {
        let n = x.len();
        let features = Array2::from_shape_vec((n, 1), x.clone()).unwrap();
        let ours = sliding_cmvn(features.view(), window, true)?;
        for t in 0..n {
            // apply-cmvn-sliding --center=true
            let mut start = t as isize - (window / 2) as isize;
            let mut end = start + window as isize;
            if start < 0 {
                end -= start;
                start = 0;
            }
            if end > n as isize {
                start = (start - (end - n as isize)).max(0);
                end = n as isize;
            }
            let around = &x[start as usize..end as usize];
            let mean = around.iter().sum::<f64>() / around.len() as f64;
            let variance = around.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / around.len() as f64;
            // Too flat to compare: both divide rounding errors by the floor.
            if variance > 1e-6 {
                prop_assert!((ours[[t, 0]] - (x[t] - mean) / variance.sqrt()).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn cmvn_normalises(x in proptest::collection::vec(-5.0..5.0f64, 4..60)) {
        let n = x.len() / 2;
        let features = Array2::from_shape_vec((n, 2), x[..2 * n].to_vec()).unwrap();
        let out = cmvn(features.view(), true);
        prop_assert!(out.mean_axis(Axis(0)).unwrap().iter().all(|m| m.abs() < 1e-6));
        prop_assert!(out.iter().all(|v| v.abs() < 1e3));
    }

    #[test]
    fn hpss_masks_sum_to_one(x in proptest::collection::vec(0.0..1.0f64, 60)) {
        let magnitude = Array2::from_shape_vec((10, 6), x).unwrap();
        let masks = HpssParams::default().kernel(5, 3).plan()?.masks(magnitude.view())?;
        let sum = &masks.harmonic + &masks.percussive;
        prop_assert!(sum.iter().all(|s| (s - 1.0).abs() < 1e-12));
    }
}

#[test]
fn separation_tells_a_tone_from_a_click() -> Result<()> {
    let mut x = Array1::from_shape_fn(16_000, |n| (n as f64 * 0.3).sin() * 0.2);
    x[8000] += 3.0;
    let stft = StftParams::new(512).hop_length(128).plan::<f64>()?;
    let diffusion = DiffusionParams::default().plan()?;
    let parts = diffusion.separate_signal(&stft, x.view())?;
    let sum = &parts.harmonic + &parts.percussive;
    assert!(sum.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-9));
    assert!(parts.percussive[8000] > 2.0);
    let energy = |a: &Array1<f64>| a.iter().skip(2000).take(3000).map(|v| v * v).sum::<f64>();
    assert!(energy(&parts.harmonic) > 100.0 * energy(&parts.percussive));
    Ok(())
}

#[test]
fn two_stages_bring_out_vibrato() -> Result<()> {
    // A steady tone, and one whose pitch swings by 10 % three times a second, as sung tones glide.
    let tau = std::f64::consts::TAU;
    let time = Array1::from_shape_fn(48_000, |n| n as f64 / 16_000.0);
    let steady = time.mapv(|t| (tau * 300.0 * t).sin() * 0.3);
    let voice = time.mapv(|t| (tau * 880.0 * t + 880.0 * 0.1 / 3.0 * (tau * 3.0 * t).sin()).sin() * 0.3);
    let parts = TwoStageHpssParams::default().plan()?.process((&steady + &voice).view())?;
    let along = |a: &Array1<f64>, b: &Array1<f64>| a.dot(b) / b.dot(b);
    assert!(along(&parts.harmonic, &voice) > 0.6, "{}", along(&parts.harmonic, &voice));
    assert!(along(&parts.harmonic, &steady) < 0.4, "{}", along(&parts.harmonic, &steady));
    Ok(())
}

#[test]
fn separation_refuses_nan() -> Result<()> {
    let mut magnitude = Array2::<f32>::zeros((4, 3));
    magnitude[[1, 2]] = f32::NAN;
    let refused = HpssParams::default().plan()?.masks(magnitude.view());
    assert!(matches!(refused, Err(Error::NotFinite { at: 5, .. })));
    assert!(matches!(HpssParams::default().kernel(0, 3).plan(), Err(Error::BadParam { .. })));
    assert_eq!(
        HpssParams::default().plan()?.masks(Array2::<f32>::zeros((0, 3)).view())?.harmonic.dim(),
        (0, 3)
    );
    Ok(())
}
