//! Streams give bit for bit what the batch gives.

use auscult_stft_mel::ndarray::{Array1, Array2, ArrayView1, Axis, concatenate};
use auscult_stft_mel::num_complex::Complex;
use auscult_stft_mel::*;
use proptest::prelude::*;

fn modes() -> impl Strategy<Value = PadMode> {
    prop_oneof![Just(PadMode::Constant), Just(PadMode::Reflect), Just(PadMode::Edge)]
}

/// Splits `x` into blocks of the given sizes, over and over.
fn blocks<'a>(x: &'a [f32], sizes: &[usize]) -> Vec<ArrayView1<'a, f32>> {
    let mut rest = x;
    let mut out = Vec::new();
    for &size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (block, tail) = rest.split_at(size.min(rest.len()));
        out.push(ArrayView1::from(block));
        rest = tail;
    }
    out
}

fn stacked<A: Clone>(parts: &[Array2<A>]) -> Array2<A> {
    concatenate(Axis(0), &parts.iter().map(|p| p.view()).collect::<Vec<_>>()).expect("equal widths")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn streams_equal_batch(
        x in proptest::collection::vec(-1.0..1.0f32, 1..400),
        sizes in proptest::collection::vec(1usize..90, 1..5),
        n_fft in 2usize..48, hop in 1usize..60, center: bool, pad_end: bool, mode in modes(),
    ) {
        let params = StftParams::new(n_fft).hop_length(hop).center(center).pad_mode(mode).pad_end(pad_end);
        let stft = params.plan::<f32>()?;
        let mel = MelSpectrogramParams::new(params, MelParams::new(8000, 4)).plan::<f32>()?;
        let (mut stft_stream, mut mel_stream) = (stft.stream(), mel.stream());
        let (mut spectra, mut mels) = (Vec::new(), Vec::new());
        for block in blocks(&x, &sizes) {
            spectra.push(stft_stream.push(block)?);
            mels.push(mel_stream.push(block)?);
        }
        let x = ArrayView1::from(&x);
        match (stft.forward(x), stft_stream.finish(), mel_stream.finish()) {
            (Ok(batch), Ok(last), Ok(last_mel)) => {
                spectra.push(last);
                mels.push(last_mel);
                prop_assert_eq!(stacked(&spectra), batch);
                prop_assert_eq!(stacked(&mels), mel.process(x)?);
            }
            (Err(batch), Err(stream), Err(stream_mel)) => {
                prop_assert_eq!(&batch, &stream);
                prop_assert_eq!(batch, stream_mel);
            }
            other => prop_assert!(false, "one failed, the other did not: {other:?}"),
        }
    }

    #[test]
    fn inverse_stream_equals_batch(
        frames in 0usize..12, half in 1usize..24, hop in 1usize..40, center: bool, step in 1usize..5,
        length in proptest::option::of(0usize..300),
    ) {
        let n_fft = 2 * half;
        prop_assume!(hop < n_fft);
        let stft = StftParams::new(n_fft).hop_length(hop).window(Window::Hamming).center(center).plan::<f32>()?;
        let spectrum = Array2::from_shape_fn((frames, half + 1), |(t, k)| {
            Complex::new(((t * 7 + k * 3) as f32).sin(), ((t * 5 + k) as f32).cos())
        });
        let mut stream = stft.inverse_stream()?;
        let mut samples = Vec::new();
        for block in spectrum.axis_chunks_iter(Axis(0), step) {
            samples.extend(stream.push(block)?);
        }
        let early = samples.len();
        samples.extend(stream.finish(length));
        let batch = stft.inverse(spectrum.view(), length)?.to_vec();
        match length {
            Some(length) if early > length => prop_assert_eq!(&samples[..length], &batch[..]),
            _ => prop_assert_eq!(samples, batch),
        }
    }
}

#[test]
fn a_finished_stream_says_so() -> Result<()> {
    let x = Array1::from_elem(100, 0.1f32);
    let mut stream = StftParams::new(16).plan()?.stream();
    let early = stream.push(x.view())?;
    stream.finish()?;
    assert_eq!(stream.push(x.view()), Err(Error::StreamFinished));
    assert_eq!(stream.finish(), Err(Error::StreamFinished));
    stream.reset();
    assert_eq!(stream.push(x.view())?, early);
    Ok(())
}

#[test]
fn a_centred_frame_comes_with_half_a_window_of_latency() -> Result<()> {
    let mut stream = StftParams::new(16).hop_length(4).plan::<f32>()?.stream();
    // Frame 3 is centred on sample 12 and ends with sample 19, the 20th.
    assert_eq!(stream.push(Array1::zeros(19).view())?.nrows(), 3);
    assert_eq!(stream.push(Array1::zeros(1).view())?.nrows(), 1);
    Ok(())
}
