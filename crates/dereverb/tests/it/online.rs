//! Recursive WPE: parity with nara_wpe, the streams it must survive.
use auscult_dereverb::{
    Complex, Error, OnlineWpe, OnlineWpeParams, Real,
    ndarray::{Array2, Array3, Axis, concatenate, s},
};
use proptest::prelude::*;

use crate::golden::{golden_spectrum, relative};
use crate::scenes::scene;

fn all_frames<T: Real>(wpe: &mut OnlineWpe<T>, x: &Array3<Complex<T>>) -> Array3<Complex<T>> {
    let mut output = Array3::default(x.dim());
    for (frame, clean) in x.axis_iter(Axis(1)).zip(output.axis_iter_mut(Axis(1))) {
        wpe.step_into(frame, clean).unwrap();
    }
    output
}

fn run<T: Real>(params: OnlineWpeParams, x: &Array3<Complex<T>>) -> Array3<Complex<T>> {
    all_frames(&mut params.plan(x.len_of(Axis(0)), x.len_of(Axis(2))).unwrap(), x)
}

fn narrow(x: &Array3<Complex<f64>>) -> Array3<Complex<f32>> {
    x.mapv(|x| Complex::new(x.re as f32, x.im as f32))
}

fn widen(x: &Array3<Complex<f32>>) -> Array3<Complex<f64>> {
    x.mapv(|x| Complex::new(x.re.into(), x.im.into()))
}

fn power(x: &Array3<Complex<f64>>) -> f64 {
    x.iter().map(|x| x.norm_sqr()).sum()
}

#[test]
fn equals_nara_wpe_frame_by_frame() {
    let input = golden_spectrum("wpe/input");
    let params = OnlineWpeParams::default;
    for (name, params, channels) in [
        ("default", params().taps(4).delay(2), 3),
        ("forgetful", params().taps(3).delay(1).forgetting(0.97), 3),
        ("mono", params().taps(6).delay(3).forgetting(0.999), 1),
    ] {
        let output = run(params, &input.slice(s![..channels, .., ..]).to_owned());
        let difference = relative(&output, &golden_spectrum(&format!("online/{name}")));
        println!("online/{name}: {difference:.1e}");
        assert!(difference < 1e-8, "{name}: {difference:e}");
    }
}

/// The recursion as it is written, without regard for speed.
fn naive(params: &OnlineWpeParams, x: &Array3<Complex<f64>>) -> Array3<Complex<f64>> {
    let (channels, frames, bins) = x.dim();
    let order = channels * params.taps;
    let past = |t: usize, f: usize| -> Vec<Complex<f64>> {
        let tap = |l: usize| t.checked_sub(params.delay + l);
        let at = |l, m| tap(l).map_or(Complex::default(), |t| x[[m, t, f]]);
        (0..params.taps).flat_map(|l| (0..channels).map(move |m| at(l, m))).collect()
    };
    let mut q: Vec<_> = (0..bins).map(|_| Array2::<Complex<f64>>::eye(order)).collect();
    let mut g: Vec<_> = (0..bins).map(|_| Array2::<Complex<f64>>::zeros((order, channels))).collect();
    let mut y = x.clone();
    for t in 0..frames {
        for f in 0..bins {
            let w = past(t, f);
            let oldest = (t + 1).saturating_sub(params.taps + params.delay);
            let energy: f64 = x.slice(s![.., oldest..=t, f]).iter().map(|x| x.norm_sqr()).sum();
            let p = energy / (channels * (params.taps + params.delay)) as f64;
            for m in 0..channels {
                y[[m, t, f]] -= (0..order).map(|j| g[f][[j, m]].conj() * w[j]).sum::<Complex<f64>>();
            }
            let n: Vec<Complex<f64>> =
                (0..order).map(|i| (0..order).map(|j| q[f][[i, j]] * w[j]).sum()).collect();
            let denominator =
                params.forgetting * p + w.iter().zip(&n).map(|(w, n)| (w.conj() * n).re).sum::<f64>();
            for i in 0..order {
                for j in 0..order {
                    q[f][[i, j]] = (q[f][[i, j]] - n[i] * n[j].conj() / denominator) / params.forgetting;
                }
                for m in 0..channels {
                    g[f][[i, m]] += n[i] / denominator * y[[m, t, f]].conj();
                }
            }
        }
    }
    y
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn equals_the_recursion_as_written(channels in 1..6_usize, taps in 1..9_usize, delay in 1..4_usize, seed: u64) {
        let params = OnlineWpeParams::default().taps(taps).delay(delay).forgetting(0.99);
        let x = scene(channels, 40, 2, seed);
        let expected = naive(&params, &x);
        prop_assert!(relative(&run(params.clone(), &x), &expected) < 1e-8);
        prop_assert!(relative(&widen(&run(params, &narrow(&x))), &expected) < 1e-2);
    }

    #[test]
    fn scale_passes_through(exponent in -30..30_i32, seed: u64) {
        let x = scene(2, 60, 3, seed);
        let gain = 10_f64.powi(exponent);
        let params = OnlineWpeParams::default().taps(3).delay(2);
        let expected = run(params.clone(), &x).mapv(|y| y * gain);
        prop_assert!(relative(&run(params, &x.mapv(|x| x * gain)), &expected) < 1e-8);
    }
}

#[test]
fn learns_an_autoregressive_process() {
    let d = scene(1, 4000, 1, 9);
    let mut x = d.clone();
    for t in 2..4000 {
        let past = x[[0, t - 2, 0]];
        x[[0, t, 0]] += past * 0.8;
    }
    let y = run(OnlineWpeParams::default().taps(3).delay(2), &x);
    let late = s![.., 2000.., ..];
    let (x, y, d) = (x.slice(late).to_owned(), y.slice(late).to_owned(), d.slice(late).to_owned());
    // the scene itself reverberates over 8 frames: not all that is predictable is x's own echo
    assert!(power(&(&y - &d)) < 0.5 * power(&(&x - &d)), "{} {}", power(&(&y - &d)), power(&(&x - &d)));
}

#[test]
fn threads_do_not_change_the_result() {
    let x = scene(2, 50, 70, 5);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(OnlineWpeParams::default().taps(4), &x))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn a_second_signal_starts_afresh() {
    let x = scene(2, 80, 5, 6);
    let mut wpe = OnlineWpeParams::default().plan(2, 5).unwrap();
    let first = all_frames(&mut wpe, &x);
    wpe.reset();
    assert_eq!(all_frames(&mut wpe, &x), first);
}

#[test]
fn silence_neither_breaks_nor_teaches() {
    let (sound, silence) = (scene(2, 300, 2, 7), Array3::zeros((2, 2000, 2)));
    let params = OnlineWpeParams::default().taps(4).delay(2).forgetting(0.95);
    let joined = concatenate(Axis(1), &[silence.view(), sound.view(), silence.view(), sound.view()]).unwrap();
    let y = run(params.clone(), &joined);
    assert!(y.iter().all(|y| y.norm_sqr().is_finite()));
    // 0.95^-2000 = 10^44: an update in silence would have to start over; what was learnt is still there
    let again = y.slice(s![.., 4300.., ..]).to_owned();
    assert!(power(&again) < power(&sound), "{} {}", power(&again), power(&sound));
    let alone = run(params.clone(), &sound);
    assert!(relative(&y.slice(s![.., 2000..2300, ..]).to_owned(), &alone) < 1e-9);
    // the same in single precision
    let single = run(params, &narrow(&joined));
    assert!(single.iter().all(|y| y.norm_sqr().is_finite()));
}

#[test]
fn stays_sane_for_long_and_on_degenerate_input() {
    let one = scene(1, 20_000, 1, 8);
    let equal = concatenate(Axis(0), &[one.view(), one.view()]).unwrap();
    let half_silent = concatenate(Axis(0), &[one.view(), Array3::zeros(one.dim()).view()]).unwrap();
    let constant = Array3::from_elem((2, 20_000, 1), Complex::new(1.0, 0.0));
    for (name, x) in [("equal", equal), ("half silent", half_silent), ("constant", constant), ("mono", one)] {
        for forgetting in [0.9, 0.999] {
            let params = OnlineWpeParams::default().taps(5).delay(2).forgetting(forgetting);
            let single = widen(&run(params.clone(), &narrow(&x)));
            for (precision, y) in [("f64", run(params, &x)), ("f32", single)] {
                let gain = power(&y) / power(&x);
                assert!(gain.is_finite() && gain < 1.5, "{name}, {precision}, {forgetting}: {gain}");
            }
        }
    }
}

#[test]
fn says_what_is_wrong() {
    let params = OnlineWpeParams::default;
    for (plan, name) in [
        (params().taps(0).plan::<f64>(2, 3), "taps"),
        (params().delay(0).plan(2, 3), "delay"),
        (params().forgetting(0.0).plan(2, 3), "forgetting"),
        (params().forgetting(f64::NAN).plan(2, 3), "forgetting"),
        (params().plan(0, 3), "channels"),
        (params().plan(2, 0), "bins"),
    ] {
        assert!(matches!(plan, Err(Error::Parameter { name: found, .. }) if found == name), "{name}");
    }
    let mut wpe = params().plan::<f64>(2, 3).unwrap();
    assert!(matches!(wpe.step(Array2::default((3, 2)).view()), Err(Error::Shape { what: "frame", .. })));
    let mut frame = Array2::default((2, 3));
    assert!(matches!(
        wpe.step_into(frame.view(), Array2::default((2, 2)).view_mut()),
        Err(Error::Shape { what: "output", .. })
    ));
    frame[[1, 2]] = Complex::new(0.0, f64::INFINITY);
    assert_eq!(wpe.step(frame.view()), Err(Error::NotFinite { channel: 1, frame: 0, bin: 2 }));
}
