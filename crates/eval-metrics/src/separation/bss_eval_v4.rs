//! BSS Eval v4, window by window.

use ndarray::{Array2, ArrayView3, Axis};
use rayon::prelude::*;

use super::bss_eval::{FILTER_LENGTH, best_permutation, check_framing};
use super::correlation::Correlations;
use super::energies::Energies;
use super::projection::{self, Filters};
use super::signals;
use crate::{Error, Result};

/// BSS Eval v4 (Liutkus, Stoter and Ito 2018), the measure of SiSEC and MUSDB18.
///
/// Distortion filters are fitted once on the whole signal; the ratios of `bss_eval_images` are then taken in windows.
/// Exact to `museval.metrics.bss_eval` with its default `framewise_filters=False` (`museval.eval_mus_track` uses a window
/// and hop of one second).
///
/// ```
/// # fn main() -> auscult_eval_metrics::Result<()> {
/// use auscult_eval_metrics::{BssEvalV4, ndarray::Array3};
/// let reference = Array3::from_shape_fn((2, 2, 8000), |(j, c, t)| ((t * t + 31 * c + 997 * j) as f64 * 0.37).sin());
/// let estimate = Array3::from_shape_fn((2, 2, 8000), |(j, c, t)| reference[[j, c, t]] + 0.1 * reference[[1 - j, c, t]]);
/// let scores = BssEvalV4::default().window(2000).hop(2000).evaluate(reference.view(), estimate.view())?;
/// assert_eq!(scores.sdr.dim(), (2, 4));
/// assert!((scores.median_sdr()[0].unwrap_or(0.0) - 20.0).abs() < 1.0);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct BssEvalV4 {
    /// Window in samples (2 s at 44.1 kHz). A window longer than the signal means the whole signal.
    pub window: usize,
    /// Distance of windows in samples (1.5 s at 44.1 kHz).
    pub hop: usize,
    /// Taps of the distortion filters (512).
    pub filter_length: usize,
    /// Whether to match estimates to references by the greatest mean SIR (no).
    pub permute: bool,
}

impl Default for BssEvalV4 {
    fn default() -> Self {
        Self { window: 88_200, hop: 66_150, filter_length: FILTER_LENGTH, permute: false }
    }
}

/// Ratios in dB, `[source, window]`; NaN in the windows where a source is silent.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct WindowScores {
    /// Source to distortion.
    pub sdr: Array2<f64>,
    /// Source image to spatial distortion.
    pub isr: Array2<f64>,
    /// Source to interference.
    pub sir: Array2<f64>,
    /// Source to artifacts.
    pub sar: Array2<f64>,
    /// The estimate that was scored against each reference.
    pub permutation: Vec<usize>,
}

impl WindowScores {
    /// Median SDR of each source over the windows that have one; the score of a track in SiSEC. `None` if no window has.
    pub fn median_sdr(&self) -> Vec<Option<f64>> {
        medians(&self.sdr)
    }

    /// Median ISR of each source, likewise.
    pub fn median_isr(&self) -> Vec<Option<f64>> {
        medians(&self.isr)
    }

    /// Median SIR of each source, likewise.
    pub fn median_sir(&self) -> Vec<Option<f64>> {
        medians(&self.sir)
    }

    /// Median SAR of each source, likewise.
    pub fn median_sar(&self) -> Vec<Option<f64>> {
        medians(&self.sar)
    }
}

impl BssEvalV4 {
    /// Sets the window, in samples.
    #[must_use]
    pub fn window(mut self, window: usize) -> Self {
        self.window = window;
        self
    }

    /// Sets the distance of windows, in samples.
    #[must_use]
    pub fn hop(mut self, hop: usize) -> Self {
        self.hop = hop;
        self
    }

    /// Sets the number of filter taps.
    #[must_use]
    pub fn filter_length(mut self, filter_length: usize) -> Self {
        self.filter_length = filter_length;
        self
    }

    /// Sets whether estimates are matched to references.
    #[must_use]
    pub fn permute(mut self, permute: bool) -> Self {
        self.permute = permute;
        self
    }

    /// Scores estimates against references, both `[source, channel, sample]`.
    ///
    /// If any window is without value, its NaN keeps museval from ranking permutations, and so the given order stays;
    /// this function does the same.
    ///
    /// # Errors
    /// Empty or mismatched arrays, a sample that is not finite, a source silent throughout, or a parameter of 0.
    pub fn evaluate<T: Copy + Into<f64>>(
        &self,
        reference: ArrayView3<T>,
        estimate: ArrayView3<T>,
    ) -> Result<WindowScores> {
        check_framing(self.window, self.hop)?;
        if self.filter_length == 0 {
            return Err(Error::Parameter {
                name: "filter_length",
                value: "0".into(),
                expected: "at least 1",
            });
        }
        let (reference, estimate) = signals::pair(reference, estimate)?;
        let (sources, samples) = (reference.sources, reference.samples);
        let pairs: Vec<(usize, usize)> = (0..sources)
            .flat_map(|e| (0..sources).map(move |j| (e, j)))
            .filter(|&(e, j)| self.permute || e == j)
            .collect();
        let correlations = Correlations::new(&reference, &estimate, self.filter_length);
        // museval's regularisation
        let filters = Filters::new(&correlations, &reference, &pairs, f64::EPSILON)?;

        let windows = if self.window < samples { (samples - self.window) / self.hop + 1 } else { 1 };
        let energies: Vec<Option<Vec<Energies>>> = (0..windows)
            .into_par_iter()
            .map(|t| {
                let start = t * self.hop;
                let end = samples.min(start + self.window);
                let silent = reference.silent_source(start, end).or(estimate.silent_source(start, end));
                silent.is_none().then(|| projection::energies(&reference, &estimate, &filters, (start, end)))
            })
            .collect();

        let permutation = match (self.permute, energies.iter().flatten().count() == windows) {
            (true, true) => {
                let mean_sir = |j: usize, e: usize| {
                    let ratios = energies.iter().flatten().map(|all| all[e * sources + j].image_ratios().sir);
                    ratios.sum::<f64>() / windows as f64
                };
                best_permutation(Array2::from_shape_fn((sources, sources), |(j, e)| mean_sir(j, e)).view())?
            }
            _ => (0..sources).collect(),
        };
        let nan = || Array2::from_elem((sources, windows), f64::NAN);
        let mut scores = WindowScores { sdr: nan(), isr: nan(), sir: nan(), sar: nan(), permutation };
        for (t, all) in energies.iter().enumerate() {
            let Some(all) = all else { continue };
            for j in 0..sources {
                let pair = if self.permute { scores.permutation[j] * sources + j } else { j };
                let ratios = all[pair].image_ratios();
                scores.sdr[[j, t]] = ratios.sdr;
                scores.isr[[j, t]] = ratios.isr;
                scores.sir[[j, t]] = ratios.sir;
                scores.sar[[j, t]] = ratios.sar;
            }
        }
        Ok(scores)
    }
}

/// Median of each row, NaN left out.
fn medians(ratios: &Array2<f64>) -> Vec<Option<f64>> {
    let of_row = |row: ndarray::ArrayView1<f64>| {
        let mut values: Vec<f64> = row.iter().copied().filter(|value| !value.is_nan()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() {
            0 => None,
            n if n % 2 == 1 => Some(values[middle]),
            _ => Some((values[middle - 1] + values[middle]) / 2.0),
        }
    };
    ratios.axis_iter(Axis(0)).map(of_row).collect()
}
