//! The unified likelihood: it rises at every step, whatever the scene; what goes in scaled, permuted or mixed comes
//! out so.
use auscult_dereverb::{
    Complex, Error, FilterStep, LateModel, Moved, PowerFloor, SourceModel, Step, UnifiedDereverb,
    UnifiedParams, Update, WpeParams,
    ndarray::{Array3, Axis, concatenate, s},
};
use proptest::prelude::*;

use crate::golden::relative;
use crate::scenes::scene;

fn power(x: &Array3<Complex<f64>>) -> f64 {
    x.iter().map(|x| x.norm_sqr()).sum()
}

fn steps(unified: &UnifiedDereverb, x: &Array3<Complex<f64>>) -> Vec<Step> {
    let mut steps = Vec::new();
    unified.process_observed(x.view(), |step| steps.push(step.clone())).unwrap();
    steps
}

fn small() -> UnifiedParams {
    UnifiedParams::default().taps(3).delay(2)
}

fn any_params() -> impl Strategy<Value = UnifiedParams> {
    let late = prop_oneof![
        Just(LateModel::FluctuatingTaps),
        Just(LateModel::FluctuatingGain),
        Just(LateModel::None)
    ];
    let filter = prop_oneof![
        (1..5_usize).prop_map(|steps| FilterStep::Pcg { steps }),
        Just(FilterStep::Exact),
        Just(FilterStep::Mm),
    ];
    let sources = prop_oneof![
        Just(SourceModel::Free),
        (1..4_usize).prop_map(|components| SourceModel::Factorised { components })
    ];
    let update = prop_oneof![Just(Update::Em), Just(Update::Mm)];
    let prior = prop_oneof![Just(None), Just(Some(0.5))];
    (1..4_usize, 0..3_usize, late, filter, sources, update, prior, any::<u64>()).prop_map(
        |(sources, initial, late, filter, source_model, update, prior, seed)| {
            let params = small().sources(sources).initial_iterations(initial).late(late).filter(filter);
            let params = params.source_model(source_model).update(update).late_prior(prior).seed(seed);
            params.iterations(4).tolerance(0.0)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_step_raises_the_objective(params in any_params(), channels in 1..6_usize, seed: u64) {
        let x = scene(channels, 70, 3, seed);
        let steps = steps(&params.clone().plan().unwrap(), &x);
        prop_assert!(steps.len() > 8, "{} steps", steps.len());
        for pair in steps.windows(2) {
            let objective = |step: &Step| -> Vec<f64> {
                step.log_likelihood.iter().zip(&step.log_prior).map(|(l, p)| l + p).collect()
            };
            let (before, now) = (objective(&pair[0]), objective(&pair[1]));
            // activations serve all bins at once
            let (before, now) = match pair[1].moved {
                Moved::Activations => (vec![before.iter().sum()], vec![now.iter().sum()]),
                _ => (before, now),
            };
            for (before, now) in before.into_iter().zip(now) {
                prop_assert!(
                    now >= before - 1e-9 * before.abs(),
                    "{:?} of iteration {}: {before} -> {now}", pair[1].moved, pair[1].iteration
                );
            }
        }
    }

    #[test]
    fn scale_passes_through(exponent in -12..12_i32, update in prop_oneof![Just(Update::Em), Just(Update::Mm)], seed: u64) {
        let x = scene(2, 60, 2, seed);
        let gain = 3.0 * 10_f64.powi(exponent);
        let unified = small().update(update).plan().unwrap();
        let (plain, scaled) = (unified.process(x.view()).unwrap(), x.mapv(|x| x * gain));
        let parts = unified.process(scaled.view()).unwrap();
        prop_assert!(relative(&parts.mixture(), &plain.mixture().mapv(|y| y * gain)) < 1e-6);
        prop_assert!(relative(&parts.residual, &plain.residual.mapv(|y| y * gain)) < 1e-6);
        let (a, b) = (steps(&unified, &x), steps(&unified, &scaled));
        let shift = 2.0 * 2.0 * 60.0 * gain.ln(); // frames x channels x log |c|²
        for (a, b) in a[0].log_likelihood.iter().zip(&b[0].log_likelihood) {
            prop_assert!((a - shift - b).abs() < 1e-7 * (1.0 + a.abs() + shift.abs()));
        }
    }

    #[test]
    fn a_unitary_mix_of_the_microphones_passes_through(angle in -3.0..3.0_f64, phase in -3.0..3.0_f64, seed: u64) {
        let x = scene(3, 60, 2, seed);
        // a rotation of two channels with a phase, and a permutation
        let mix = |x: &Array3<Complex<f64>>| {
            let mut y = x.clone();
            let (c, s) = (angle.cos(), Complex::from_polar(angle.sin(), phase));
            y.slice_mut(s![0, .., ..]).assign(&(&x.slice(s![0, .., ..]) * Complex::from(c) + &x.slice(s![1, .., ..]) * s));
            y.slice_mut(s![1, .., ..]).assign(&(&x.slice(s![1, .., ..]) * Complex::from(c) - &x.slice(s![0, .., ..]) * s.conj()));
            y.invert_axis(Axis(0));
            y
        };
        let unified = small().sources(1).plan().unwrap();
        let (plain, mixed) = (unified.process(x.view()).unwrap(), unified.process(mix(&x).view()).unwrap());
        prop_assert!(relative(&mixed.mixture(), &mix(&plain.mixture())) < 1e-6);
        prop_assert!(relative(&mixed.residual, &mix(&plain.residual)) < 1e-6);
        prop_assert!(relative(&mixed.linear, &mix(&plain.linear)) < 1e-6);
    }
}

#[test]
fn single_precision_rises_too_and_follows() {
    let x = scene(3, 120, 8, 1);
    let single = x.mapv(|x| Complex::new(x.re as f32, x.im as f32));
    for update in [Update::Em, Update::Mm] {
        let unified = small().update(update).plan().unwrap();
        let mut totals = Vec::new();
        let parts = unified
            .process_observed(single.view(), |step| {
                totals.push(step.log_likelihood.iter().chain(&step.log_prior).sum::<f64>());
            })
            .unwrap();
        assert!(totals.windows(2).all(|pair| pair[1] >= pair[0] - 1e-4 * pair[0].abs()), "{totals:?}");
        let mixture = parts.mixture().mapv(|y| Complex::new(f64::from(y.re), f64::from(y.im)));
        let expected = unified.process(x.view()).unwrap().mixture();
        let difference = relative(&mixture, &expected);
        println!("f32, {update:?}: {difference:.1e}");
        assert!(difference < 0.03, "{difference:e}");
    }
}

#[test]
fn one_microphone_without_late_class_is_wpe() {
    // then S = 1, and EM sets v = |d|² at once
    let x = scene(1, 300, 3, 2);
    let unified = small().sources(1).late(LateModel::None).filter(FilterStep::Exact).noise_floor(1e-12);
    let unified = unified.initial_iterations(1).iterations(2).tolerance(0.0).plan().unwrap();
    let wpe = WpeParams::default().taps(3).delay(2).iterations(3).power_floor(PowerFloor::Mean(1e-12));
    let expected = wpe.plan().unwrap().process(x.view()).unwrap();
    let difference = relative(&unified.process(x.view()).unwrap().linear, &expected);
    assert!(difference < 1e-3, "{difference:e}");
}

#[test]
fn sound_without_reverberation_is_left_alone() {
    let mut noise = 1_u64;
    let mut uniform = || {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (noise >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    let x = Array3::from_shape_simple_fn((2, 2000, 2), || Complex::new(uniform(), uniform()));
    let parts = small().sources(1).late_level(0.02).plan().unwrap().process(x.view()).unwrap();
    // 12 coefficients from 4000 values a bin and microphone
    let change = power(&(&parts.linear - &x)) / power(&x);
    assert!(change < 0.01, "{change}");
    let change = power(&(&parts.mixture() - &x)) / power(&x);
    assert!(change < 0.02, "{change}");
}

#[test]
fn late_energy_falls() {
    // x(t) = 0.6 x(t - 2) + d(t), the coefficient jittering
    let d = scene(2, 1500, 2, 3);
    let mut x = d.clone();
    for t in 2..1500 {
        for f in 0..2 {
            let jitter = d[[0, (t * 7) % 1500, f]].re.clamp(-1.0, 1.0);
            for m in 0..2 {
                let past = x[[m, t - 2, f]];
                x[[m, t, f]] += past * (0.6 + 0.3 * jitter);
            }
        }
    }
    let parts = small().sources(1).plan().unwrap().process(x.view()).unwrap();
    let error = |y: &Array3<Complex<f64>>| power(&(y - &d)) / power(&d);
    assert!(error(&parts.linear) < 0.8 * error(&x), "{} {}", error(&parts.linear), error(&x));
    assert!(power(&parts.residual) > 0.0 && power(&parts.residual) < power(&parts.mixture()));
}

#[test]
fn threads_do_not_change_the_result() {
    let x = scene(2, 50, 20, 5);
    let unified = small().source_model(SourceModel::Factorised { components: 2 }).plan().unwrap();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| unified.process(x.view()).unwrap())
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn sane_on_degenerate_input() {
    let one = scene(1, 150, 2, 6);
    let zeros = Array3::zeros(one.dim());
    let mut clipped = scene(2, 150, 2, 7);
    clipped.mapv_inplace(|x| Complex::new(x.re.clamp(-0.5, 0.5), x.im.clamp(-0.5, 0.5)));
    let padding = scene(2, 20, 2, 8).mapv(|x| x * 1e-9);
    for (name, x) in [
        ("one microphone", one.clone()),
        ("two equal ones", concatenate(Axis(0), &[one.view(), one.view()]).unwrap()),
        ("one silent", concatenate(Axis(0), &[one.view(), zeros.view()]).unwrap()),
        ("clipped", clipped),
        ("a constant", Array3::from_elem((2, 150, 2), Complex::new(1.0, 0.0))),
        ("one frame", scene(2, 1, 2, 9)),
        ("fewer frames than unknowns", scene(4, 20, 2, 10)),
        ("padded", concatenate(Axis(1), &[scene(2, 150, 2, 11).view(), padding.view()]).unwrap()),
        ("silence after sound", concatenate(Axis(1), &[one.view(), zeros.view()]).unwrap()),
    ] {
        for update in [Update::Em, Update::Mm] {
            for source_model in [SourceModel::Free, SourceModel::Factorised { components: 2 }] {
                let unified = small().update(update).source_model(source_model).plan().unwrap();
                let parts = unified.process(x.view()).unwrap();
                let gain = power(&parts.mixture()) / power(&x);
                assert!(gain.is_finite() && gain < 1.1, "{name}, {update:?}, {source_model:?}: {gain}");
                let single = x.mapv(|x| Complex::new(x.re as f32, x.im as f32));
                let single = unified.process(single.view()).unwrap().mixture();
                assert!(single.iter().all(|y| y.re.is_finite() && y.im.is_finite()), "{name}, {update:?}");
            }
        }
    }
    let silence = Array3::<Complex<f64>>::zeros((2, 40, 3));
    assert_eq!(small().plan().unwrap().process(silence.view()).unwrap().mixture(), silence);
    let mut half = scene(2, 60, 3, 12);
    half.slice_mut(s![.., .., 1]).fill(Complex::default());
    let parts = small().plan().unwrap().process(half.view()).unwrap();
    assert!(parts.mixture().slice(s![.., .., 1]).iter().all(|y| y.norm_sqr() == 0.0));
}

#[test]
fn says_what_is_wrong() {
    for (params, name) in [
        (small().sources(0), "sources"),
        (small().taps(0), "taps"),
        (small().delay(0), "delay"),
        (small().late_groups(0), "late_groups"),
        (small().late_level(0.0), "late_level"),
        (small().late_prior(Some(-1.0)), "late_prior"),
        (small().reverberation_time(f64::NAN), "reverberation_time"),
        (small().hop(0.0), "hop"),
        (small().noise_floor(0.0), "noise_floor"),
        (small().tolerance(f64::NAN), "tolerance"),
        (small().filter(FilterStep::Pcg { steps: 0 }), "steps"),
        (small().source_model(SourceModel::Factorised { components: 0 }), "components"),
    ] {
        assert!(
            matches!(params.plan(), Err(Error::Parameter { name: found, .. }) if found == name),
            "{name}"
        );
    }
    let unified = small().plan().unwrap();
    let mut x = scene(2, 13, 3, 1);
    assert!(matches!(unified.process(x.slice(s![.., ..0, ..])), Err(Error::Empty { .. })));
    x[[1, 2, 0]].im = f64::NAN;
    assert_eq!(unified.process(x.view()), Err(Error::NotFinite { channel: 1, frame: 2, bin: 0 }));
}
