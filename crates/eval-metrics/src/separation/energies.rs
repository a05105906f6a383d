//! The energies every BSS Eval ratio is made of (Vincent, Gribonval and Fevotte 2006), for one reference and one
//! estimate, summed over channels.

use super::block_toeplitz::BlockToeplitz;
use super::correlation::Correlations;
use super::projection::{self, Filters};
use super::ratio::decibels;
use super::signals::Signals;
use crate::Result;

/// With `s` the true source, `e` the estimate, `Pj e` its projection on the delays of `s`, and `P e` on the delays of
/// all sources.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Energies {
    /// `|s|^2`
    pub(crate) source: f64,
    /// `|Pj e|^2`
    pub(crate) target: f64,
    /// `|P e|^2`
    pub(crate) explained: f64,
    /// `|Pj e - s|^2`, spatial (or filtering) distortion
    pub(crate) spatial: f64,
    /// `|P e - Pj e|^2`, interference
    pub(crate) interference: f64,
    /// `|e - P e|^2`, artifacts
    pub(crate) artifacts: f64,
    /// `|e - Pj e|^2`, interference and artifacts
    pub(crate) distortion: f64,
    /// `|e - s|^2`, all distortion
    pub(crate) image_distortion: f64,
}

/// The ratios in dB, as `bss_eval_sources` or as `bss_eval_images` defines them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratios {
    pub(crate) sdr: f64,
    pub(crate) isr: f64,
    pub(crate) sir: f64,
    pub(crate) sar: f64,
}

impl Energies {
    /// BSS Eval v3 `sources`: the target is whatever filtering of the source fits best.
    pub(crate) fn source_ratios(&self) -> Ratios {
        Ratios { sdr: decibels(self.target, self.distortion), ..self.image_ratios() }
    }

    /// BSS Eval v3 `images` and v4: the target is the source itself.
    pub(crate) fn image_ratios(&self) -> Ratios {
        Ratios {
            sdr: decibels(self.source, self.image_distortion),
            isr: decibels(self.source, self.spatial),
            sir: decibels(self.target, self.interference),
            sar: decibels(self.explained, self.artifacts),
        }
    }
}

/// The energies of every pair `[estimate][reference]` that `wanted` names, on the whole signal.
///
/// The residuals of a projection are orthogonal to it, so every energy is a difference of quadratic forms in the
/// correlations, and no projection is ever computed. Where such a difference cancels (ratios beyond 90 dB), the pair
/// is computed again from the projected signals.
pub(crate) fn of_pairs(
    reference: &Signals,
    estimate: &Signals,
    filter_length: usize,
    wanted: impl Fn(usize, usize) -> bool,
) -> Result<Vec<Vec<Option<Energies>>>> {
    let correlations = Correlations::new(reference, estimate, filter_length);
    let (sources, channels) = (reference.sources, reference.channels);
    let tracks_of = |source: usize| source * channels..(source + 1) * channels;
    let estimates: Vec<usize> = (0..sources).collect();

    let all = 0..sources * channels;
    let explained = projected_energies(&correlations, all, channels, &estimates)?;
    let mut energies = vec![vec![None; sources]; sources];
    for j in 0..sources {
        let partners: Vec<usize> = (0..sources).filter(|&e| wanted(e, j)).collect();
        let targets = if sources == 1 {
            explained.clone() // the same projection: no interference, exactly
        } else {
            projected_energies(&correlations, tracks_of(j), channels, &partners)?
        };
        for (&e, target) in partners.iter().zip(targets) {
            let common: f64 =
                tracks_of(j).zip(tracks_of(e)).map(|(a, x)| correlations.with_estimate(a, x)[0]).sum();
            let source: f64 = tracks_of(j).map(|a| correlations.reference_energy(a)).sum();
            let total: f64 = tracks_of(e).map(|x| correlations.estimate_energy(x)).sum();
            let mut cancelled = false;
            let mut difference = |large: f64, small: f64| {
                cancelled |= large - small < 1e-9 * large;
                large - small
            };
            let mut pair = Energies {
                source,
                target,
                explained: explained[e],
                // s is in the span of its own delays, so <s, Pj e> = <s, e>
                spatial: difference(target + source, 2.0 * common),
                interference: if sources == 1 { 0.0 } else { difference(explained[e], target) },
                artifacts: difference(total, explained[e]),
                distortion: difference(total, target),
                image_distortion: difference(total + source, 2.0 * common),
            };
            if cancelled {
                let filters = Filters::new(&correlations, reference, &[(e, j)], 0.0)?;
                let ends = (0, reference.samples);
                pair = projection::energies(reference, estimate, &filters, ends)[0];
            }
            energies[e][j] = Some(pair);
        }
    }
    Ok(energies)
}

/// `|P e|^2` for each of the given estimate sources, `P` projecting on the delays of the given reference tracks.
fn projected_energies(
    correlations: &Correlations,
    tracks: std::ops::Range<usize>,
    channels: usize,
    estimates: &[usize],
) -> Result<Vec<f64>> {
    let right: Vec<Vec<f64>> = estimates
        .iter()
        .flat_map(|e| (0..channels).map(move |channel| e * channels + channel))
        .map(|e| right_hand_side(correlations, tracks.clone(), e))
        .collect();
    let energies = BlockToeplitz::new(correlations, tracks, 0.0).energies(&right)?;
    Ok(energies.chunks_exact(channels).map(|of_channels| of_channels.iter().sum()).collect())
}

/// `b[(tau, a)] = sum_t r_a(t - tau) e(t)`, delay-major.
pub(crate) fn right_hand_side(
    correlations: &Correlations,
    tracks: std::ops::Range<usize>,
    estimate_track: usize,
) -> Vec<f64> {
    let lags: Vec<&[f64]> = tracks.map(|a| correlations.with_estimate(a, estimate_track)).collect();
    (0..correlations.filter_length).flat_map(|k| lags.iter().map(move |lag| lag[k])).collect()
}
