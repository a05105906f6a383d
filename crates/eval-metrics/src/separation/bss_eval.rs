//! BSS Eval v3: SDR, SIR, SAR of sources and ISR of images.

use ndarray::{Array2, ArrayView2, ArrayView3};

use super::energies::{self, Energies, Ratios};
use super::signals::{self, Signals};
use crate::{Error, Result, maximum_assignment};

/// Taps of the distortion filters, as in the BSS Eval toolbox.
pub(crate) const FILTER_LENGTH: usize = 512;

/// Ratios in dB per reference source.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SourceScores {
    /// Source to distortion.
    pub sdr: Vec<f64>,
    /// Source to interference.
    pub sir: Vec<f64>,
    /// Source to artifacts.
    pub sar: Vec<f64>,
    /// The estimate that was scored against each reference.
    pub permutation: Vec<usize>,
}

/// Ratios in dB per reference source, spatial distortion apart.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ImageScores {
    /// Source to distortion.
    pub sdr: Vec<f64>,
    /// Source image to spatial distortion.
    pub isr: Vec<f64>,
    /// Source to interference.
    pub sir: Vec<f64>,
    /// Source to artifacts.
    pub sar: Vec<f64>,
    /// The estimate that was scored against each reference.
    pub permutation: Vec<usize>,
}

/// [`SourceScores`] of successive windows; a window in which a source is silent has `None`.
pub type FramewiseSourceScores = Vec<Option<SourceScores>>;

/// [`ImageScores`] of successive windows; a window in which a source is silent has `None`.
pub type FramewiseImageScores = Vec<Option<ImageScores>>;

/// BSS Eval v3 for single-channel sources: SDR, SIR and SAR in dB, filtering of the source allowed (512 taps).
///
/// Arrays are `[source, sample]`. With `permute`, estimates are matched to references so that the mean SIR is greatest;
/// otherwise estimate `j` is scored against reference `j`. Exact to `mir_eval.separation.bss_eval_sources`, except that
/// linearly dependent references, which mir_eval cannot handle, are scored with a diagonal loading of 1e-13 of the
/// reference's energy. A perfect estimate scores above 200 dB, where only rounding decides; SIR is +inf for one source.
///
/// # Errors
/// Empty or mismatched arrays, a sample that is not finite, or a silent source.
///
/// ```
/// # fn main() -> auscult_eval_metrics::Result<()> {
/// use auscult_eval_metrics::{bss_eval_sources, ndarray::Array2};
/// let noise = |i: usize| (i as f64 * i as f64 * 0.37).sin();
/// let reference = Array2::from_shape_fn((2, 4000), |(j, t)| noise(t + 5000 * j));
/// let mut estimate = reference.clone();
/// estimate.row_mut(0).scaled_add(0.1, &reference.row(1)); // 20 dB of interference
/// let scores = bss_eval_sources(reference.view(), estimate.view(), true)?;
/// assert!((scores.sir[0] - 20.0).abs() < 1.5);
/// assert_eq!(scores.permutation, [0, 1]);
/// # Ok(()) }
/// ```
pub fn bss_eval_sources<T: Copy + Into<f64>>(
    reference: ArrayView2<T>,
    estimate: ArrayView2<T>,
    permute: bool,
) -> Result<SourceScores> {
    let (reference, estimate) = signals::pair(signals::mono(reference), signals::mono(estimate))?;
    sources(&reference, &estimate, FILTER_LENGTH, permute)
}

/// [`bss_eval_sources`] on windows of `window` samples, `hop` apart.
///
/// With fewer than two windows in the signal there is one result, for the whole signal. A window in which any source is
/// silent gives `None` (mir_eval: NaN). Exact to `mir_eval.separation.bss_eval_sources_framewise`, whose defaults are
/// `window` 30 s and `hop` 15 s at 44.1 kHz.
///
/// # Errors
/// As [`bss_eval_sources`], and a `window` or `hop` of 0.
pub fn bss_eval_sources_framewise<T: Copy + Into<f64>>(
    reference: ArrayView2<T>,
    estimate: ArrayView2<T>,
    window: usize,
    hop: usize,
    permute: bool,
) -> Result<FramewiseSourceScores> {
    let (reference, estimate) = signals::pair(signals::mono(reference), signals::mono(estimate))?;
    framewise(&reference, &estimate, window, hop, |r, e| sources(r, e, FILTER_LENGTH, permute))
}

/// BSS Eval v3 for multichannel source images: SDR, ISR, SIR and SAR in dB.
///
/// Arrays are `[source, channel, sample]`. Exact to `mir_eval.separation.bss_eval_images` (which takes
/// `[source, sample, channel]`); otherwise as [`bss_eval_sources`].
///
/// # Errors
/// As [`bss_eval_sources`]. A source whose channels cancel in every sample counts as silent.
pub fn bss_eval_images<T: Copy + Into<f64>>(
    reference: ArrayView3<T>,
    estimate: ArrayView3<T>,
    permute: bool,
) -> Result<ImageScores> {
    let (reference, estimate) = signals::pair(reference, estimate)?;
    images(&reference, &estimate, permute)
}

/// [`bss_eval_images`] on windows of `window` samples, `hop` apart; see [`bss_eval_sources_framewise`].
///
/// # Errors
/// As [`bss_eval_images`], and a `window` or `hop` of 0.
pub fn bss_eval_images_framewise<T: Copy + Into<f64>>(
    reference: ArrayView3<T>,
    estimate: ArrayView3<T>,
    window: usize,
    hop: usize,
    permute: bool,
) -> Result<FramewiseImageScores> {
    let (reference, estimate) = signals::pair(reference, estimate)?;
    framewise(&reference, &estimate, window, hop, |r, e| images(r, e, permute))
}

pub(crate) fn sources(
    reference: &Signals,
    estimate: &Signals,
    filter_length: usize,
    permute: bool,
) -> Result<SourceScores> {
    let (ratios, permutation) = score(reference, estimate, filter_length, permute, Energies::source_ratios)?;
    Ok(SourceScores {
        sdr: ratios.iter().map(|r| r.sdr).collect(),
        sir: ratios.iter().map(|r| r.sir).collect(),
        sar: ratios.iter().map(|r| r.sar).collect(),
        permutation,
    })
}

fn images(reference: &Signals, estimate: &Signals, permute: bool) -> Result<ImageScores> {
    let (ratios, permutation) = score(reference, estimate, FILTER_LENGTH, permute, Energies::image_ratios)?;
    Ok(ImageScores {
        sdr: ratios.iter().map(|r| r.sdr).collect(),
        isr: ratios.iter().map(|r| r.isr).collect(),
        sir: ratios.iter().map(|r| r.sir).collect(),
        sar: ratios.iter().map(|r| r.sar).collect(),
        permutation,
    })
}

/// The ratios of each reference with its estimate, and which that is.
fn score(
    reference: &Signals,
    estimate: &Signals,
    filter_length: usize,
    permute: bool,
    ratios: impl Fn(&Energies) -> Ratios,
) -> Result<(Vec<Ratios>, Vec<usize>)> {
    let energies = energies::of_pairs(reference, estimate, filter_length, |e, j| permute || e == j)?;
    let pairs: Vec<Vec<Option<Ratios>>> =
        energies.iter().map(|row| row.iter().map(|pair| pair.as_ref().map(&ratios)).collect()).collect();
    let permutation = if permute {
        let sir = Array2::from_shape_fn((reference.sources, reference.sources), |(j, e)| {
            pairs[e][j].map_or(f64::NAN, |pair| pair.sir)
        });
        best_permutation(sir.view())?
    } else {
        (0..reference.sources).collect()
    };
    let chosen = permutation.iter().enumerate().filter_map(|(j, &e)| pairs[e][j]).collect();
    Ok((chosen, permutation))
}

/// The estimate of each reference that makes the mean of `sir[reference, estimate]` greatest.
pub(crate) fn best_permutation(sir: ArrayView2<f64>) -> Result<Vec<usize>> {
    // A ratio of +-inf dB must not swallow the others.
    let bounded = sir.mapv(|ratio| ratio.clamp(-1e4, 1e4));
    Ok(maximum_assignment(bounded.view())?.into_iter().flatten().collect())
}

fn framewise<S>(
    reference: &Signals,
    estimate: &Signals,
    window: usize,
    hop: usize,
    score: impl Fn(&Signals, &Signals) -> Result<S>,
) -> Result<Vec<Option<S>>> {
    check_framing(window, hop)?;
    let windows = (reference.samples + hop).saturating_sub(window) / hop;
    if windows < 2 {
        return Ok(vec![Some(score(reference, estimate)?)]);
    }
    (0..windows)
        .map(|k| {
            let (start, end) = (k * hop, k * hop + window);
            let silent = reference.silent_source(start, end).or(estimate.silent_source(start, end));
            match silent {
                Some(_) => Ok(None),
                None => score(&reference.window(start, end), &estimate.window(start, end)).map(Some),
            }
        })
        .collect()
}

pub(crate) fn check_framing(window: usize, hop: usize) -> Result<()> {
    for (name, value) in [("window", window), ("hop", hop)] {
        if value == 0 {
            return Err(Error::Parameter { name, value: value.to_string(), expected: "at least one sample" });
        }
    }
    Ok(())
}
