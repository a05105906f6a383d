//! Pre-emphasis of a whole signal: highs up, lows down.

use ndarray::{Array1, ArrayView1};

use crate::Real;

/// `y[n] = x[n] - coefficient x[n - 1]`, as `librosa.effects.preemphasis` with its own start: `y[0] = 3 x[0] - x[1]`.
/// The usual coefficient is 0.97. An empty signal gives an empty one; a single sample `y[0] = x[0]`.
///
/// Kaldi and HTK emphasise each frame by itself: [`FbankParams::preemphasis`](crate::FbankParams::preemphasis).
pub fn preemphasis<T: Real>(signal: ArrayView1<'_, T>, coefficient: f64) -> Array1<T> {
    let coefficient = T::of(coefficient);
    Array1::from_shape_fn(signal.len(), |n| match (n, signal.get(1)) {
        (0, Some(&second)) => T::of(3.0) * signal[0] - second,
        (0, None) => signal[0],
        _ => signal[n] - coefficient * signal[n - 1],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// `librosa.effects.preemphasis` 0.11.0 of the same samples.
    #[test]
    fn agrees_with_librosa() {
        let signal = array![0.1, -0.4, 0.25, 0.9, -0.3];
        for (coefficient, expected) in [
            (0.97, array![0.7, -0.497, 0.638, 0.6575, -1.173]),
            (0.5, array![0.7, -0.45, 0.45, 0.775, -0.75]),
        ] {
            let difference = preemphasis(signal.view(), coefficient) - &expected;
            assert!(difference.iter().all(|d: &f64| d.abs() < 1e-15), "{difference}");
        }
    }

    #[test]
    fn short_signals_have_an_answer() {
        assert_eq!(preemphasis(Array1::<f32>::zeros(0).view(), 0.97).len(), 0);
        assert_eq!(preemphasis(array![0.5_f32].view(), 0.97), array![0.5]);
    }
}
