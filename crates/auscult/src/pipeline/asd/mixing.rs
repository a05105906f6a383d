//! Many sources into one array of microphones. Each source is transformed once for all microphones and each microphone
//! back once for all sources, which a convolution at a time would do for every pair; a hall has 11 times 8 of them.

use std::sync::Arc;

use auscult_dereverb::Complex;
use auscult_dereverb::room::LEAD;
use ndarray::{Array2, ArrayView2, Axis};
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

/// A convolver for responses of up to a given length (overlap-add).
pub(super) struct Mixer {
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
    /// Samples of a source in one transform.
    block: usize,
}

/// Transfer functions from one place to the array, [microphone, bin].
pub(super) struct Transfer(Array2<Complex<f64>>);

/// A dry sound, how loud it is, and where it comes from.
pub(super) struct Source<'a> {
    pub(super) dry: Vec<f64>,
    pub(super) gain: f64,
    pub(super) from: &'a Transfer,
}

impl Mixer {
    /// For responses of at most `longest` samples.
    pub(super) fn new(longest: usize) -> Self {
        let size = (2 * longest).next_power_of_two();
        let mut planner = RealFftPlanner::new();
        Self {
            forward: planner.plan_fft_forward(size),
            inverse: planner.plan_fft_inverse(size),
            block: size + 1 - longest,
        }
    }

    /// The transform of responses [microphone, sample] that begin [`LEAD`] samples early.
    pub(super) fn transfer(&self, responses: ArrayView2<f64>) -> Transfer {
        let (mut time, mut bins) = (self.forward.make_input_vec(), self.forward.make_output_vec());
        let size = time.len() as f64;
        let mut transfer = Array2::zeros((responses.nrows(), bins.len()));
        for (response, mut transfer) in responses.rows().into_iter().zip(transfer.rows_mut()) {
            time.fill(0.0);
            time.iter_mut().zip(response).for_each(|(time, value)| *time = value / size);
            // only fails for buffers of another length
            let _ = self.forward.process(&mut time, &mut bins);
            transfer.iter_mut().zip(&bins).for_each(|(transfer, &bin)| *transfer = bin);
        }
        Transfer(transfer)
    }

    /// What the microphones hear of all sources together, `[microphone, sample]`, `length` samples from the first on.
    pub(super) fn mix(&self, length: usize, microphones: usize, sources: &[Source]) -> Array2<f64> {
        let mut mixed = Array2::zeros((microphones, length));
        let (mut time, mut bins) = (self.forward.make_input_vec(), self.forward.make_output_vec());
        let mut scratch = self.forward.make_scratch_vec();
        scratch.resize(scratch.len().max(self.inverse.get_scratch_len()), Complex::default());
        let mut sums = Array2::<Complex<f64>>::zeros((microphones, bins.len()));
        for begin in (0..length).step_by(self.block) {
            sums.fill(Complex::default());
            for source in sources {
                let end = source.dry.len().min(begin + self.block);
                let dry = source.dry.get(begin..end).unwrap_or_default();
                if dry.iter().all(|&sample| sample == 0.0) {
                    continue;
                }
                time.fill(0.0);
                time.iter_mut().zip(dry).for_each(|(time, sample)| *time = source.gain * sample);
                let _ = self.forward.process_with_scratch(&mut time, &mut bins, &mut scratch);
                for (mut sum, transfer) in sums.rows_mut().into_iter().zip(source.from.0.rows()) {
                    for ((sum, bin), transfer) in sum.iter_mut().zip(&bins).zip(transfer) {
                        *sum += bin * transfer;
                    }
                }
            }
            for (sum, mut heard) in sums.rows().into_iter().zip(mixed.axis_iter_mut(Axis(0))) {
                bins.iter_mut().zip(sum).for_each(|(bin, &sum)| *bin = sum);
                // realfft insists on real ends, which rounding can spoil
                for end in [0, bins.len() - 1] {
                    bins[end].im = 0.0;
                }
                let _ = self.inverse.process_with_scratch(&mut bins, &mut time, &mut scratch);
                // sample 0 of the transform is heard LEAD samples before the block begins
                let skipped = LEAD.saturating_sub(begin);
                let at = begin + skipped - LEAD;
                heard.iter_mut().skip(at).zip(&time[skipped..]).for_each(|(heard, value)| *heard += value);
            }
        }
        mixed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auscult_dereverb::room::render;

    #[test]
    fn a_mix_is_the_sum_of_what_is_rendered_alone() {
        let wave = |length: usize, seed: usize| -> Vec<f64> {
            (0..length).map(|n| ((n * n + seed * n) % 101) as f64 / 50.0 - 1.0).collect()
        };
        let responses = |seed, length| Array2::from_shape_vec((2, length), wave(2 * length, seed)).unwrap();
        let (near, far) = (responses(3, 150), responses(5, 90));
        let mixer = Mixer::new(150);
        let (first, mut second) = (wave(1000, 7), wave(1000, 11));
        second[200..600].fill(0.0);
        let expected = render(&first, near.view()).unwrap() + 0.5 * render(&second, far.view()).unwrap();
        let transfers = [mixer.transfer(near.view()), mixer.transfer(far.view())];
        let sources = [
            Source { dry: first, gain: 1.0, from: &transfers[0] },
            Source { dry: second, gain: 0.5, from: &transfers[1] },
        ];
        let mixed = mixer.mix(1000, 2, &sources);
        assert!(mixed.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-10));
    }
}
