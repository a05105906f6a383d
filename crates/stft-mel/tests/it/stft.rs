//! The transform against its definition, its inverse, and what it refuses.

use std::f64::consts::PI;

use auscult_stft_mel::ndarray::{Array1, Array2, array};
use auscult_stft_mel::num_complex::Complex;
use auscult_stft_mel::*;
use proptest::prelude::*;

/// `X[t, k] = Σ w[n] x[t hop + n - pad] exp(-2πi kn / N)`, with zeros beyond the ends.
fn naive_stft(x: &[f64], n_fft: usize, hop: usize, window: &[f64], pad: usize) -> Array2<Complex<f64>> {
    let frames = 1 + (x.len() + 2 * pad - n_fft) / hop;
    Array2::from_shape_fn((frames, n_fft / 2 + 1), |(t, k)| {
        let sample = |n: usize| (t * hop + n).checked_sub(pad).and_then(|i| x.get(i)).copied().unwrap_or(0.0);
        (0..n_fft)
            .map(|n| Complex::from_polar(window[n] * sample(n), -2.0 * PI * (k * n) as f64 / n_fft as f64))
            .sum()
    })
}

fn signal() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(-1.0..1.0f64, 64..300)
}

fn windows() -> impl Strategy<Value = Window> {
    prop_oneof![Just(Window::Hann), Just(Window::Hamming), Just(Window::Rectangular), Just(Window::SqrtHann)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn follows_the_definition(x in signal(), n_fft in 2usize..40, hop in 1usize..30, window in windows(), center: bool) {
        let stft = StftParams::new(n_fft).hop_length(hop).window(window).center(center).plan::<f64>()?;
        let shape = window.periodic::<f64>(n_fft).to_vec();
        let ours = stft.forward(Array1::from(x.clone()).view())?;
        let naive = naive_stft(&x, n_fft, hop, &shape, if center { n_fft / 2 } else { 0 });
        prop_assert_eq!(ours.dim(), naive.dim());
        prop_assert!(ours.iter().zip(&naive).all(|(a, b)| (a - b).norm() < 1e-10));
    }

    #[test]
    fn inverse_undoes_forward(x in signal(), quarter in 2usize..10, parts in 1usize..4, window in windows()) {
        // Hops of up to three quarters of the window, pad_end so that every sample is in a frame.
        let (n_fft, hop) = (4 * quarter, parts * quarter);
        let x = Array1::from(x);
        for mode in [PadMode::Constant, PadMode::Reflect, PadMode::Edge] {
            let params = StftParams::new(n_fft).hop_length(hop).window(window).pad_mode(mode).pad_end(true);
            let stft = params.plan::<f64>()?;
            let back = stft.inverse(stft.forward(x.view())?.view(), Some(x.len()))?;
            prop_assert!(back.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }

    #[test]
    fn energy_is_kept(x in signal(), n_fft in 2usize..40) {
        // Parseval, frame by frame: rectangular frames that do not overlap.
        let stft = StftParams::new(n_fft).hop_length(n_fft).window(Window::Rectangular).center(false).plan::<f64>()?;
        let x = Array1::from(x);
        let spectrum = stft.forward(x.view())?;
        for (t, frame) in spectrum.rows().into_iter().enumerate() {
            let time: f64 = x.iter().skip(t * n_fft).take(n_fft).map(|v| v * v).sum();
            // Bins between DC and Nyquist stand for two.
            let double = |k: usize| if k == 0 || 2 * k == n_fft { 1.0 } else { 2.0 };
            let freq: f64 = frame.iter().enumerate().map(|(k, v)| double(k) * v.norm_sqr()).sum();
            prop_assert!((time - freq / n_fft as f64).abs() < 1e-9);
        }
    }
}

#[test]
fn channels_are_independent() -> Result<()> {
    let x = Array2::from_shape_fn((3, 500), |(c, n)| ((c + 2) as f32 * n as f32 * 0.1).sin());
    let stft = StftParams::new(64).plan()?;
    let all = stft.forward_multi(x.view())?;
    let back = stft.inverse_multi(all.view(), Some(500))?;
    for c in 0..3 {
        assert_eq!(all.index_axis(ndarray::Axis(0), c), stft.forward(x.row(c))?);
        assert!(back.row(c).iter().zip(x.row(c)).all(|(a, b)| (a - b).abs() < 1e-5));
    }
    Ok(())
}

#[test]
fn strided_input_is_read_in_order() -> Result<()> {
    let interleaved = Array2::from_shape_fn((300, 2), |(n, c)| (n * (c + 1)) as f32);
    let stft = StftParams::new(32).plan()?;
    let column = interleaved.column(1);
    assert_eq!(stft.forward(column)?, stft.forward(column.to_owned().view())?);
    Ok(())
}

#[test]
fn silence_is_exactly_zero() -> Result<()> {
    let spectrum = StftParams::new(64).plan::<f32>()?.forward(Array1::zeros(400).view())?;
    assert!(spectrum.iter().all(|x| x.norm_sqr() == 0.0));
    Ok(())
}

#[test]
fn nan_stays_in_its_frames() -> Result<()> {
    let mut x = Array1::from_elem(400, 0.5f32);
    x[200] = f32::NAN;
    let stft = StftParams::new(64).hop_length(32).center(false).plan()?;
    for (t, frame) in stft.forward(x.view())?.rows().into_iter().enumerate() {
        let touched = (t * 32..t * 32 + 64).contains(&200);
        assert_eq!(frame.iter().any(|x| x.re.is_nan()), touched, "frame {t}");
    }
    Ok(())
}

#[test]
fn refuses_what_has_no_answer() -> Result<()> {
    let one = array![1.0f32];
    let plan = |params: StftParams| params.plan::<f32>();
    assert!(matches!(plan(StftParams::new(0)), Err(Error::BadParam { name: "n_fft", .. })));
    assert!(matches!(
        plan(StftParams::new(8).hop_length(0)),
        Err(Error::BadParam { name: "hop_length", .. })
    ));
    assert!(matches!(
        plan(StftParams::new(8).win_length(9)),
        Err(Error::BadParam { name: "win_length", .. })
    ));
    assert_eq!(plan(StftParams::new(8))?.forward(Array1::zeros(0).view()), Err(Error::EmptySignal));
    let reflect = plan(StftParams::new(8).pad_mode(PadMode::Reflect))?;
    assert!(matches!(reflect.forward(one.view()), Err(Error::SignalTooShort { needed: 5, .. })));
    let causal = plan(StftParams::new(8).center(false))?;
    assert!(matches!(causal.forward(one.view()), Err(Error::SignalTooShort { needed: 8, .. })));
    let gaps = plan(StftParams::new(8).hop_length(9))?;
    let spectrum = gaps.forward(Array1::zeros(40).view())?;
    assert!(matches!(gaps.inverse(spectrum.view(), None), Err(Error::NotInvertible { .. })));
    let wrong = Array2::zeros((3, 4));
    assert!(matches!(causal.inverse(wrong.view(), None), Err(Error::Shape { expected: 5, .. })));
    let mut small = Array2::zeros((2, 5));
    let x = Array1::zeros(40);
    assert!(matches!(
        causal.forward_into(x.view(), small.view_mut()),
        Err(Error::Shape { axis: "frames", .. })
    ));
    Ok(())
}

#[test]
fn one_sample_is_enough_with_zero_padding() -> Result<()> {
    let one = array![1.0f32];
    assert_eq!(StftParams::new(8).plan()?.forward(one.view())?.dim(), (1, 5));
    assert_eq!(StftParams::new(8).center(false).pad_end(true).plan()?.forward(one.view())?.dim(), (1, 5));
    Ok(())
}

#[test]
fn inverse_of_no_frames_is_silence() -> Result<()> {
    let stft = StftParams::new(8).plan::<f32>()?;
    let none = Array2::zeros((0, 5));
    assert_eq!(stft.inverse(none.view(), None)?.len(), 0);
    assert_eq!(stft.inverse(none.view(), Some(3))?, array![0.0, 0.0, 0.0]);
    Ok(())
}

#[test]
fn plans_cross_threads() {
    fn shareable<T: Send + Sync + Clone>() {}
    shareable::<Stft>();
    shareable::<MelSpectrogram>();
    shareable::<Mfcc>();
    shareable::<Fbank>();
    fn movable<T: Send>() {}
    movable::<StreamingStft>();
    movable::<StreamingMel>();
}

#[test]
fn times_and_frames_agree() {
    assert_eq!(time_to_frame(frame_to_time(7, 512, 22_050), 512, 22_050), 7);
    assert_eq!(time_to_frame(-1.0, 512, 22_050), 0);
}
