//! Ratios in decibel.

use ndarray::ArrayView1;

use super::signals::{dot, samples_of};
use crate::{Error, Result, check};

/// `10 log10(signal / error)`, +inf without error (as mir_eval has it).
pub(crate) fn decibels(signal: f64, error: f64) -> f64 {
    if error == 0.0 { f64::INFINITY } else { 10.0 * (signal / error).log10() }
}

/// Signal-to-noise ratio in dB: `10 log10(|s|^2 / |s - e|^2)`. +inf when the estimate equals the reference.
///
/// # Errors
/// Empty or mismatched signals, a sample that is not finite, or a silent reference.
pub fn snr<T: Copy + Into<f64>>(reference: ArrayView1<T>, estimate: ArrayView1<T>) -> Result<f64> {
    check::same_shape("reference", reference.shape(), "estimate", estimate.shape())?;
    let reference = samples_of("reference", 0, reference)?;
    let estimate = samples_of("estimate", 0, estimate)?;
    let energy = dot(&reference, &reference);
    if energy == 0.0 {
        return Err(Error::SilentSource { what: "reference", index: 0 });
    }
    let noise: Vec<f64> = reference.iter().zip(&estimate).map(|(s, e)| s - e).collect();
    Ok(decibels(energy, dot(&noise, &noise)))
}
