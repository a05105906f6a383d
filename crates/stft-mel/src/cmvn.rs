//! Cepstral mean and variance normalisation.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::Real;
use crate::error::{Result, check};

/// Variances below this count as this, so that constant features become 0.
const VARIANCE_FLOOR: f64 = 1e-10;

/// Subtracts from each column of `[frame, feature]` its mean over all frames, and divides by its standard deviation
/// (population, floored) if `variance`.
pub fn cmvn<T: Real>(features: ArrayView2<'_, T>, variance: bool) -> Array2<T> {
    let mut moments = Moments::new(features.ncols());
    features.rows().into_iter().for_each(|frame| moments.add(frame));
    let mut out = features.to_owned();
    for (mut row, frame) in out.rows_mut().into_iter().zip(features.rows()) {
        moments.normalize(frame, variance).assign_to(&mut row);
    }
    out
}

/// The same over the `window` frames around each frame, moved inside at the ends: Kaldi's
/// `apply-cmvn-sliding --center=true`.
///
/// # Errors
/// [`BadParam`](crate::Error::BadParam) for a window of 0 frames.
pub fn sliding_cmvn<T: Real>(
    features: ArrayView2<'_, T>,
    window: usize,
    variance: bool,
) -> Result<Array2<T>> {
    check(window > 0, "window", window, "at least 1 frame")?;
    let frames = features.nrows();
    let mut moments = Moments::new(features.ncols());
    let (mut start, mut end) = (0, 0);
    let mut out = features.to_owned();
    for (t, mut row) in out.rows_mut().into_iter().enumerate() {
        let wanted_start = t.saturating_sub(window / 2).min(frames.saturating_sub(window));
        let wanted_end = (wanted_start + window).min(frames);
        while end < wanted_end {
            moments.add(features.row(end));
            end += 1;
        }
        while start < wanted_start {
            moments.remove(features.row(start));
            start += 1;
        }
        moments.normalize(features.row(t), variance).assign_to(&mut row);
    }
    Ok(out)
}

/// Running first and second moments of frames, in `f64`.
struct Moments {
    count: f64,
    sum: Array1<f64>,
    square: Array1<f64>,
}

impl Moments {
    fn new(features: usize) -> Self {
        Moments { count: 0.0, sum: Array1::zeros(features), square: Array1::zeros(features) }
    }

    fn add<T: Real>(&mut self, frame: ArrayView1<'_, T>) {
        self.weigh(frame, 1.0);
    }

    fn remove<T: Real>(&mut self, frame: ArrayView1<'_, T>) {
        self.weigh(frame, -1.0);
    }

    fn weigh<T: Real>(&mut self, frame: ArrayView1<'_, T>, sign: f64) {
        self.count += sign;
        for ((sum, square), x) in self.sum.iter_mut().zip(&mut self.square).zip(frame) {
            let x = x.wide();
            *sum += sign * x;
            *square += sign * x * x;
        }
    }

    fn normalize<T: Real>(&self, frame: ArrayView1<'_, T>, variance: bool) -> Array1<T> {
        Array1::from_shape_fn(frame.len(), |i| {
            let mean = self.sum[i] / self.count;
            let centred = frame[i].wide() - mean;
            let spread = self.square[i] / self.count - mean * mean;
            T::of(if variance { centred / spread.max(VARIANCE_FLOOR).sqrt() } else { centred })
        })
    }
}
