//! Normalised SDR: what separation gains over the mixture.

use ndarray::{ArrayView1, ArrayView2, Axis};

use super::bss_eval::{self, FILTER_LENGTH};
use super::signals;
use crate::{Error, Result};

/// SDR of one source in dB, with 512-tap distortion filters.
///
/// The SDR of [`bss_eval_sources`](crate::bss_eval_sources) for this source, whatever the other sources are: they decide
/// only how the distortion divides into interference and artifacts.
///
/// # Errors
/// Empty or mismatched signals, a sample that is not finite, or a silent signal.
pub fn sdr<T: Copy + Into<f64>>(reference: ArrayView1<T>, estimate: ArrayView1<T>) -> Result<f64> {
    let one = |signal| ArrayView1::insert_axis(signal, Axis(0));
    let (reference, estimate) = signals::pair(signals::mono(one(reference)), signals::mono(one(estimate)))?;
    Ok(bss_eval::sources(&reference, &estimate, FILTER_LENGTH, false)?.sdr[0])
}

/// Normalised SDR of each source in dB: what the estimate gains over the mixture taken as estimate,
/// `SDR(estimate, reference) - SDR(mixture, reference)` (Jansson et al. 2017, eq 2; also called SDR improvement).
///
/// `reference` and `estimate` are `[source, sample]`; estimate `j` belongs to reference `j`.
///
/// # Errors
/// Empty or mismatched arrays, a sample that is not finite, or a silent signal.
pub fn nsdr<T: Copy + Into<f64>>(
    reference: ArrayView2<T>,
    estimate: ArrayView2<T>,
    mixture: ArrayView1<T>,
) -> Result<Vec<f64>> {
    crate::check::same_shape("reference", reference.shape(), "estimate", estimate.shape())?;
    let name = |error: Error, j: usize| match error {
        Error::SilentSource { what, .. } => Error::SilentSource { what, index: j },
        other => other,
    };
    (0..reference.nrows())
        .map(|j| {
            let of_estimate = sdr(reference.row(j), estimate.row(j)).map_err(|error| name(error, j))?;
            let of_mixture = sdr(reference.row(j), mixture).map_err(|error| match error {
                Error::SilentSource { what: "estimate", .. } => {
                    Error::SilentSource { what: "mixture", index: 0 }
                }
                Error::NotFinite { what: "estimate", index, value } => {
                    Error::NotFinite { what: "mixture", index, value }
                }
                other => name(other, j),
            })?;
            Ok(of_estimate - of_mixture)
        })
        .collect()
}
