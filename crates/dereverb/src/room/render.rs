//! Signals through impulse responses: convolution in blocks (overlap-add), and cross-fades for moving sources.

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis};
use rayon::prelude::*;
use realfft::RealFftPlanner;

use super::LEAD;
use crate::error::{Result, check_parameter, check_samples};

/// A `signal` through impulse responses [microphone, sample] that begin [`LEAD`] samples before the sound leaves the
/// source, such as those of [`Room::impulse_responses`](super::Room::impulse_responses) or a part of them:
/// [microphone, sample], as long as the signal.
///
/// # Errors
/// If one of them is empty or not finite, or the responses are not longer than the lead.
pub fn render(signal: &[f64], responses: ArrayView2<f64>) -> Result<Array2<f64>> {
    check_parameter(!signal.is_empty(), "samples of the signal", 0.0, "at least 1")?;
    check_samples(signal)?;
    let (microphones, length) = responses.dim();
    check_parameter(microphones >= 1, "responses", 0.0, "at least 1")?;
    check_parameter(length > LEAD, "samples of the responses", length as f64, "more than the lead of 40")?;
    check_samples(responses)?;
    let mut output = Array2::zeros((microphones, signal.len()));
    add_rendered(signal, 0, responses, output.view_mut());
    Ok(output)
}

/// Adds to `output` [microphone, sample] what the microphones hear of a `signal` that begins at sample `begin`.
pub(super) fn add_rendered(
    signal: &[f64],
    begin: usize,
    responses: ArrayView2<f64>,
    mut output: ArrayViewMut2<f64>,
) {
    output
        .axis_iter_mut(Axis(0))
        .zip(responses.axis_iter(Axis(0)))
        .par_bridge()
        .for_each(|(output, response)| add_convolved(signal, begin, response, output));
}

/// output[n] += Σ response[LEAD + k] signal[n - begin - k]
fn add_convolved(signal: &[f64], begin: usize, response: ArrayView1<f64>, mut output: ArrayViewMut1<f64>) {
    let block = response.len().min(signal.len()).next_power_of_two();
    let size = (block + response.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f64>::new();
    let (forward, inverse) = (planner.plan_fft_forward(size), planner.plan_fft_inverse(size));
    let mut time = forward.make_input_vec();
    let (mut spectrum, mut response_spectrum) = (forward.make_output_vec(), forward.make_output_vec());
    let mut scratch = forward.make_scratch_vec();
    scratch.resize(scratch.len().max(inverse.get_scratch_len()), Default::default());

    for (time, value) in time.iter_mut().zip(response) {
        *time = value / size as f64;
    }
    // these only fail for buffers of another length
    let _ = forward.process_with_scratch(&mut time, &mut response_spectrum, &mut scratch);
    for (index, samples) in signal.chunks(block).enumerate() {
        time.fill(0.0);
        time[..samples.len()].copy_from_slice(samples);
        let _ = forward.process_with_scratch(&mut time, &mut spectrum, &mut scratch);
        for (bin, response) in spectrum.iter_mut().zip(&response_spectrum) {
            *bin *= response;
        }
        // realfft insists on real ends, which rounding can spoil
        for end in [0, size / 2] {
            spectrum[end].im = 0.0;
        }
        let _ = inverse.process_with_scratch(&mut spectrum, &mut time, &mut scratch);
        // sample 0 of the block is heard LEAD samples after its place in `time`
        let from = begin + index * block;
        let skipped = LEAD.saturating_sub(from);
        let from = (from + skipped - LEAD).min(output.len());
        let heard = time[skipped..samples.len() + response.len() - 1].iter();
        for (output, value) in output.iter_mut().skip(from).zip(heard) {
            *output += value;
        }
    }
}

/// The part of the signal that sounds from point `index` of a path, faded in since the point before and out towards
/// the next; and the sample it begins at. `None` where the signal ends before.
pub(super) fn cross_faded(
    signal: &[f64],
    index: usize,
    points: usize,
    step: usize,
) -> Option<(usize, Vec<f64>)> {
    let centre = index * step;
    let begin = centre.saturating_sub(step);
    let end = if index + 1 == points { signal.len() } else { signal.len().min(centre + step) };
    if begin >= end {
        return None;
    }
    let gain = |sample: usize| match sample >= centre {
        true if index + 1 == points => 1.0,
        true => 1.0 - (sample - centre) as f64 / step as f64,
        false => 1.0 - (centre - sample) as f64 / step as f64,
    };
    Some((begin, (begin..end).map(|sample| gain(sample) * signal[sample]).collect()))
}
