//! Differences of features over time.

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use crate::Real;
use crate::error::{Error, Result, check};

/// The `order`-th derivative of a polynomial of that order fitted to `width` frames around each frame, per frame:
/// `librosa.feature.delta`, a Savitzky-Golay filter. `features` is `[frame, feature]`.
///
/// Near the ends the fit is that of the first or last whole window (`mode="interp"`).
///
/// # Errors
/// [`Error::BadParam`] unless `width` is odd, at least 3 and above `order >= 1`; [`Error::SignalTooShort`] for fewer
/// frames than `width`.
pub fn delta<T: Real>(features: ArrayView2<'_, T>, width: usize, order: usize) -> Result<Array2<T>> {
    check(width >= 3 && width % 2 == 1, "width", width, "an odd number of frames, at least 3")?;
    check((1..width).contains(&order), "order", order, format!("1 to {}, below width = {width}", width - 1))?;
    let frames = features.nrows();
    if frames < width {
        return Err(Error::SignalTooShort {
            got: frames,
            needed: width,
            reason: "a window of the delta filter (counted in frames)",
            remedy: "use a smaller width, or delta_regression, which repeats the ends",
        });
    }
    let weights = savitzky_golay(width, order);
    let half = width / 2;
    // The derivative has the order of the polynomial: it is constant over a window, so the ends repeat.
    Ok(weighted(features, &weights, |t, i| t.clamp(half, frames - 1 - half) + i - half))
}

/// Regression deltas of HTK and Kaldi: `Σ θ (c[t+θ] - c[t-θ]) / (2 Σ θ²)`, θ = 1..=`window`, the first and last frame
/// repeated beyond the ends (HTK book, ch. 5). `features` is `[frame, feature]`.
///
/// # Errors
/// [`Error::BadParam`] for a window of 0.
pub fn delta_regression<T: Real>(features: ArrayView2<'_, T>, window: usize) -> Result<Array2<T>> {
    check(window > 0, "window", window, "at least 1 frame")?;
    let weights = savitzky_golay(2 * window + 1, 1);
    let last = features.nrows().saturating_sub(1);
    Ok(weighted(features, &weights, |t, i| (t + i).saturating_sub(window).min(last)))
}

/// The features, their regression deltas, the deltas of those, ... up to `orders` times, side by side: `[frame,
/// feature * (orders + 1)]` (HTK's `_D`, `_D_A`).
///
/// # Errors
/// As [`delta_regression`].
pub fn append_deltas<T: Real>(
    features: ArrayView2<'_, T>,
    window: usize,
    orders: usize,
) -> Result<Array2<T>> {
    let mut blocks = vec![features.to_owned()];
    for order in 0..orders {
        blocks.push(delta_regression(blocks[order].view(), window)?);
    }
    let views: Vec<_> = blocks.iter().map(|block| block.view()).collect();
    // Blocks share their shape, so they fit together.
    Ok(concatenate(Axis(1), &views).unwrap_or_default())
}

/// `out[t] = Σ_i weights[i] features[frame_of(t, i)]`.
fn weighted<T: Real>(
    features: ArrayView2<'_, T>,
    weights: &[f64],
    frame_of: impl Fn(usize, usize) -> usize,
) -> Array2<T> {
    let columns = features.ncols();
    let features = features.as_standard_layout();
    let values = features.as_slice().unwrap_or_default();
    let mut out = vec![T::zero(); values.len()];
    for (t, row) in out.chunks_exact_mut(columns.max(1)).enumerate() {
        for (i, &weight) in weights.iter().enumerate() {
            let frame = &values[frame_of(t, i) * columns..][..columns];
            let weight = T::of(weight);
            row.iter_mut().zip(frame).for_each(|(sum, &value)| *sum += weight * value);
        }
    }
    // As many values as went in.
    Array2::from_shape_vec(features.raw_dim(), out).unwrap_or_default()
}

/// Weights that give `order!` times the leading coefficient of the least-squares polynomial of degree `order` through
/// `width` equidistant points.
///
/// They are proportional to the discrete orthogonal polynomial of that degree, which Gram-Schmidt makes from powers.
fn savitzky_golay(width: usize, order: usize) -> Vec<f64> {
    let half = (width / 2) as f64;
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(x, y)| x * y).sum() };
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for degree in 0..=order {
        let mut polynomial: Vec<f64> = (0..width).map(|i| (i as f64 - half).powi(degree as i32)).collect();
        for lower in &basis {
            let projection = dot(&polynomial, lower) / dot(lower, lower);
            polynomial.iter_mut().zip(lower).for_each(|(p, l)| *p -= projection * l);
        }
        basis.push(polynomial);
    }
    let leading = &basis[order];
    let factorial: f64 = (1..=order).map(|n| n as f64).product();
    leading.iter().map(|p| factorial * p / dot(leading, leading)).collect()
}
