//! Offline WPE: parity with nara_wpe, the likelihood, the traps.
use auscult_dereverb::{
    Complex, Error, PowerFloor, PsdContext, Statistics, WpeParams,
    ndarray::{Array2, Array3, Axis, concatenate, s},
};
use proptest::prelude::*;

use crate::golden::{golden_spectrum, relative};
use crate::scenes::scene;

/// nara_wpe's rules where ours differ.
fn nara() -> WpeParams {
    WpeParams::default().power_floor(PowerFloor::Max(1e-10))
}

fn input() -> Array3<Complex<f64>> {
    golden_spectrum("wpe/input")
}

#[test]
fn equals_nara_wpe_bin_for_bin() {
    let cases = [
        ("default", nara().taps(5).delay(2)),
        ("once", nara().taps(3).delay(1).iterations(1)),
        ("valid", nara().taps(5).delay(3).iterations(2).statistics(Statistics::Valid)),
        ("context", nara().taps(4).delay(2).psd_context(PsdContext::Frames(2))),
        ("all", nara().taps(4).delay(2).iterations(2).psd_context(PsdContext::All)),
    ];
    for (name, params) in cases {
        let output = params.plan().unwrap().process(input().view()).unwrap();
        let difference = relative(&output, &golden_spectrum(&format!("wpe/{name}")));
        println!("wpe/{name}: {difference:.1e}");
        assert!(difference < 1e-8, "{name}: {difference:e}");
    }
}

#[test]
fn one_channel_equals_nara_wpe() {
    let output = nara().taps(6).delay(2).plan().unwrap().process(input().slice(s![..1, .., ..])).unwrap();
    assert!(relative(&output, &golden_spectrum("wpe/mono")) < 1e-8);
}

#[test]
fn single_precision_follows_double() {
    let single = input().mapv(|x| Complex::new(x.re as f32, x.im as f32));
    let output = nara().taps(5).delay(2).plan().unwrap().process(single.view()).unwrap();
    let difference =
        relative(&output.mapv(|x| Complex::new(x.re.into(), x.im.into())), &golden_spectrum("wpe/default"));
    println!("f32: {difference:.1e}");
    assert!(difference < 1e-3, "{difference:e}");
}

/// After each iteration the likelihood of output and power is -M Σ log λ + const, and must not fall.
fn minus_log_power(output: &Array3<Complex<f64>>) -> f64 {
    let channels = output.len_of(Axis(0)) as f64;
    output.mapv(|x| x.norm_sqr()).sum_axis(Axis(0)).mapv(|power| -channels * (power / channels).ln()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn likelihood_never_falls(channels in 1..4_usize, taps in 1..5_usize, delay in 1..4_usize, seed: u64) {
        let x = scene(channels, 80, 2, seed);
        let after = |iterations| {
            let params = WpeParams::default().taps(taps).delay(delay).iterations(iterations);
            let params = params.power_floor(PowerFloor::Mean(0.0));
            params.plan().unwrap().process(x.view()).unwrap()
        };
        // Without a floor the likelihood is unbounded: a frame predicted exactly weighs more than all others together,
        // and rounding decides the rest.
        let predicted_exactly = |output: &Array3<Complex<f64>>| {
            let powers = output.mapv(|x| x.norm_sqr()).sum_axis(Axis(0));
            let mean = powers.mean().unwrap();
            powers.iter().any(|&power| power < 1e-9 * mean)
        };
        let mut before = minus_log_power(&x);
        for iterations in 1..5 {
            let output = after(iterations);
            if predicted_exactly(&output) {
                break;
            }
            let now = minus_log_power(&output);
            prop_assert!(now >= before - 1e-9 * before.abs(), "{before} {now}");
            before = now;
        }
    }

    #[test]
    fn scale_and_channel_order_pass_through(channels in 1..5_usize, exponent in -30..30_i32, seed: u64) {
        let x = scene(channels, 60, 9, seed);
        let wpe = WpeParams::default().taps(3).delay(2).plan().unwrap();
        let y = wpe.process(x.view()).unwrap();
        // powers of two are exact
        let gain = 2_f64.powi(3 * exponent);
        prop_assert_eq!(wpe.process(x.mapv(|x| x * gain).view()).unwrap(), y.mapv(|y| y * gain));
        // other gains round, and the order of channels does too: weights within two decades do not blow that up
        let wpe = WpeParams::default().taps(3).delay(2).power_floor(PowerFloor::Mean(1e-2)).plan().unwrap();
        let y = wpe.process(x.view()).unwrap();
        let gain = 3.0 * 10_f64.powi(exponent);
        prop_assert!(relative(&wpe.process(x.mapv(|x| x * gain).view()).unwrap(), &y.mapv(|y| y * gain)) < 1e-9);
        let reversed = wpe.process(x.slice(s![..;-1, .., ..])).unwrap();
        prop_assert!(relative(&reversed, &y.slice(s![..;-1, .., ..]).to_owned()) < 1e-9);
    }
}

#[test]
fn threads_do_not_change_the_result() {
    let x = scene(2, 50, 33, 5);
    let wpe = WpeParams::default().plan().unwrap();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| wpe.process(x.view()).unwrap())
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn late_reverberation_of_an_autoregressive_process_is_found() {
    // x_t = 0.5 x_{t-2} + d_t: the prediction must give d back
    let d = scene(1, 3000, 1, 9).mapv(|x| x / 10.0);
    let d = Array3::from_shape_fn(d.dim(), |(m, t, f)| d[[m, (t * 17) % 3000, f]]); // scattered: white
    let mut x = d.clone();
    for t in 2..3000 {
        let past = x[[0, t - 2, 0]];
        x[[0, t, 0]] += past * 0.5;
    }
    // with equal weights: weights 1/|x|² favour frames where d and the past happen to cancel
    let params = WpeParams::default().taps(3).delay(2).psd_context(PsdContext::All);
    let y = params.plan().unwrap().process(x.view()).unwrap();
    let power = |a: &Array3<Complex<f64>>| a.iter().map(|a| a.norm_sqr()).sum::<f64>();
    assert!(power(&(&y - &d)) < 0.02 * power(&d), "{} {}", power(&(&y - &d)), power(&d));
}

#[test]
fn near_silent_padding_leaves_the_equations_well_conditioned() {
    let x = scene(2, 400, 3, 11);
    let padding = scene(2, 12, 3, 12).mapv(|x| x * 1e-9);
    let padded = concatenate(Axis(1), &[x.view(), padding.view()]).unwrap();
    let wpe = WpeParams::default().taps(4).delay(2).plan().unwrap();
    let output = wpe.process(padded.view()).unwrap();
    // rounding, which the order of channels changes, is not blown up
    let reversed = wpe.process(padded.slice(s![..;-1, .., ..])).unwrap();
    assert!(relative(&reversed, &output.slice(s![..;-1, .., ..]).to_owned()) < 1e-8);
    // masked, the padding makes no difference at all to the filter
    let mask = Array2::from_shape_fn((412, 3), |(t, _)| if t < 400 { 1.0 } else { 0.0 });
    let masked = wpe.process_masked(padded.view(), mask.view()).unwrap();
    let alone = wpe.process(x.view()).unwrap();
    assert!(relative(&masked.slice(s![.., ..400, ..]).to_owned(), &alone) < 1e-9);
    // nor hardly unmasked: it is recognised, and weighs next to nothing
    assert!(relative(&output.slice(s![.., ..400, ..]).to_owned(), &alone) < 1e-5);
    // what nara_wpe's rule makes of it
    let nara = nara().taps(4).delay(2).plan().unwrap();
    let (spoilt, expected) = (nara.process(padded.view()).unwrap(), nara.process(x.view()).unwrap());
    assert!(relative(&spoilt.slice(s![.., ..400, ..]).to_owned(), &expected) > 1e-2);
}

#[test]
fn masked_frames_are_not_learnt_from() {
    let x = scene(2, 300, 2, 21);
    let mut damaged = x.clone();
    damaged.slice_mut(s![.., 280.., ..]).fill(Complex::new(50.0, -70.0));
    let wpe = WpeParams::default().taps(3).delay(2).plan().unwrap();
    let mask = Array2::from_shape_fn((300, 2), |(t, _)| if t < 280 { 1.0 } else { 0.0 });
    let masked = wpe.process_masked(damaged.view(), mask.view()).unwrap();
    let short = wpe.process(x.slice(s![.., ..280, ..])).unwrap();
    assert!(relative(&masked.slice(s![.., ..280, ..]).to_owned(), &short) < 1e-6);
    assert_eq!(wpe.process_masked(x.view(), Array2::ones((300, 2)).view()), wpe.process(x.view()));
}

#[test]
fn sane_on_degenerate_input() {
    let wpe = WpeParams::default().plan().unwrap();
    let silence = Array3::<Complex<f32>>::zeros((2, 40, 5));
    assert_eq!(wpe.process(silence.view()).unwrap(), silence);
    let finite = |x: &Array3<Complex<f64>>| {
        let y = wpe.process(x.view()).unwrap();
        let (before, after) = (x.mapv(|x| x.norm_sqr()).sum(), y.mapv(|y| y.norm_sqr()).sum());
        assert!(after.is_finite() && after <= 1.01 * before, "{before} {after}");
    };
    let x = scene(1, 200, 2, 31);
    finite(&concatenate(Axis(0), &[x.view(), x.view()]).unwrap()); // two equal microphones
    finite(&concatenate(Axis(0), &[x.view(), Array3::zeros(x.dim()).view()]).unwrap()); // one is silent
    finite(&Array3::from_elem((2, 200, 2), Complex::new(1.0, 0.0))); // a constant
    // sound at both ends of rounding errors: what predicts the end must not blow up the start
    finite(&Array3::from_shape_fn((2, 200, 2), |(m, t, _)| {
        let level = if t == 0 || t == 199 { 1.0 } else { 1e-17 };
        Complex::from_polar(level, (m + t * t) as f64)
    }));
    finite(&scene(2, 1, 2, 32)); // one frame
    finite(&scene(4, 20, 2, 33)); // fewer frames than unknowns
}

#[test]
fn says_what_is_wrong() {
    for (params, name) in [
        (WpeParams::default().taps(0), "taps"),
        (WpeParams::default().delay(0), "delay"),
        (WpeParams::default().iterations(0), "iterations"),
        (WpeParams::default().power_floor(PowerFloor::Mean(f64::NAN)), "power_floor"),
    ] {
        assert!(matches!(params.plan(), Err(Error::Parameter { name: found, .. }) if found == name));
    }
    let wpe = WpeParams::default().statistics(Statistics::Valid).plan().unwrap();
    let mut x = scene(2, 13, 3, 1);
    wpe.process(x.view()).unwrap();
    let short = wpe.process(x.slice(s![.., ..12, ..])).unwrap_err();
    assert_eq!(short, Error::TooShort { frames: 12, needed: 13 });
    assert!(matches!(wpe.process(x.slice(s![.., ..0, ..])), Err(Error::Empty { .. })));
    assert!(matches!(
        wpe.process_into(x.view(), Array3::default((2, 13, 2)).view_mut()),
        Err(Error::Shape { what: "output", .. })
    ));
    assert!(matches!(wpe.process_masked(x.view(), Array2::ones((3, 13)).view()), Err(Error::Shape { .. })));
    let mask = Array2::from_elem((13, 3), 1.5);
    assert!(matches!(wpe.process_masked(x.view(), mask.view()), Err(Error::Mask { frame: 0, bin: 0, .. })));
    x[[1, 2, 0]].im = f64::NAN;
    assert_eq!(wpe.process(x.view()), Err(Error::NotFinite { channel: 1, frame: 2, bin: 0 }));
}
