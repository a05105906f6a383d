//! Estimators that want a whole recording, on recordings of any length: in segments that overlap.
//!
//! Neighbouring segments share `overlap` samples. In the first half of them the later segment only gathers the past its
//! prediction needs; in the second half it fades in while the earlier one fades out. Both are estimates of the same
//! sound, so that they add as amplitudes. No segment is shorter than half the usual length, lest there be too little to
//! learn from: the last one takes up to half a segment more.

use ndarray::{Array2, ArrayView2, Axis, s};

use crate::Result;

/// Dereverberates one segment [channel, frame] into one as long.
pub(super) type Estimator = Box<dyn FnMut(ArrayView2<'_, f64>) -> Result<Array2<f64>> + Send>;

pub(super) struct Segments {
    estimator: Estimator,
    length: usize,
    overlap: usize,
    /// Samples from the start of the next segment on
    pending: Array2<f64>,
    /// What the last segment made of the overlap
    tail: Option<Array2<f64>>,
    pub(super) done: usize,
}

impl Segments {
    /// `length` is more than twice the `overlap`.
    pub(super) fn new(channels: usize, length: usize, overlap: usize, estimator: Estimator) -> Self {
        Self { estimator, length, overlap, pending: Array2::zeros((channels, 0)), tail: None, done: 0 }
    }

    /// Takes a block and returns what is finished, perhaps nothing.
    pub(super) fn push(&mut self, block: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        self.pending.append(Axis(1), block).map_err(crate::Error::part("blocks of one recording"))?;
        let mut finished = Array2::zeros((self.pending.nrows(), 0));
        while self.pending.ncols() >= self.length + self.length / 2 {
            let body = self.segment(self.length)?;
            let kept = self.length - self.overlap;
            let (ready, tail) = body.view().split_at(Axis(1), kept);
            finished.append(Axis(1), ready).map_err(crate::Error::part("blocks of one recording"))?;
            self.tail = Some(tail.to_owned());
            self.pending = self.pending.slice(s![.., kept..]).to_owned();
        }
        Ok(finished)
    }

    /// The rest of the recording.
    pub(super) fn finish(&mut self) -> Result<Array2<f64>> {
        match self.pending.ncols() {
            0 => Ok(self.pending.clone()),
            rest => self.segment(rest),
        }
    }

    /// The next segment, faded in over the tail of the last.
    fn segment(&mut self, length: usize) -> Result<Array2<f64>> {
        let mut output = (self.estimator)(self.pending.slice(s![.., ..length]))?;
        if let Some(tail) = self.tail.take() {
            let (fade, overlap) = (self.overlap - self.overlap / 2, self.overlap);
            for n in 0..overlap.min(length) {
                let gain = (n + 1).saturating_sub(overlap - fade) as f64 / (fade + 1) as f64;
                for (out, &earlier) in output.column_mut(n).iter_mut().zip(tail.column(n)) {
                    *out = gain * *out + (1.0 - gain) * earlier;
                }
            }
        }
        self.done += 1;
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::concatenate;
    use proptest::prelude::*;

    use super::*;

    fn run(samples: &Array2<f64>, block: usize, mut segments: Segments) -> (Array2<f64>, usize) {
        let mut parts: Vec<_> =
            samples.axis_chunks_iter(Axis(1), block).map(|block| segments.push(block).unwrap()).collect();
        parts.push(segments.finish().unwrap());
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        (concatenate(Axis(1), &views).unwrap(), segments.done)
    }

    proptest! {
        #[test]
        fn an_estimator_that_changes_nothing_leaves_no_seam(length in 1..2000_usize, block in 1..500_usize, segment in 50..300_usize) {
            let samples = Array2::from_shape_fn((2, length), |(m, n)| (m + n * n) as f64);
            let estimator: Estimator = Box::new(move |x| {
                assert!(2 * x.ncols() >= segment.min(2 * length) && x.ncols() < 2 * segment);
                Ok(x.to_owned())
            });
            let (output, done) = run(&samples, block, Segments::new(2, segment, segment / 3, estimator));
            prop_assert_eq!(output.dim(), samples.dim());
            prop_assert!((&output - &samples).iter().all(|difference| difference.abs() < 1e-6));
            prop_assert_eq!(done > 1, length >= segment + segment / 2);
        }
    }

    #[test]
    fn one_segment_fades_into_the_next() {
        // every segment comes out as its number
        let mut number = 0.0;
        let estimator: Estimator = Box::new(move |x| {
            number += 1.0;
            Ok(x.mapv(|_| number))
        });
        let (output, done) = run(&Array2::zeros((1, 290)), 60, Segments::new(1, 100, 20, estimator));
        assert_eq!(done, 3);
        let output = output.row(0).to_vec();
        // segments begin at 0, 80, 160; the fades are at 90..100, 170..180
        assert!(output[..90].iter().all(|&x| x == 1.0) && output[100..170].iter().all(|&x| x == 2.0));
        assert!(output[180..].iter().all(|&x| x == 3.0));
        assert!(
            output[89..101].is_sorted() && output[94] > 1.3 && output[95] < 1.7,
            "{:?}",
            &output[89..101]
        );
    }
}
