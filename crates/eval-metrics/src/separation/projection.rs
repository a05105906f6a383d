//! Projections by filtering: the distortion filters, and the energies of what they leave over, by overlap-save.

use realfft::num_complex::Complex64;

use super::block_toeplitz::BlockToeplitz;
use super::correlation::{Correlations, Transform};
use super::energies::{Energies, right_hand_side};
use super::signals::Signals;
use crate::Result;

/// The least-squares filters of some pairs (estimate, reference), as spectra.
pub(crate) struct Filters {
    length: usize,
    transform: Transform,
    channels: usize,
    pairs: Vec<(usize, usize)>,
    /// Estimates that occur in `pairs`.
    estimates: Vec<usize>,
    /// From all reference tracks: `[estimate in estimates][channel][track]`.
    explained: Vec<Vec<Vec<Vec<Complex64>>>>,
    /// From the tracks of one reference: `[pair][channel][track of the reference]`.
    target: Vec<Vec<Vec<Vec<Complex64>>>>,
}

impl Filters {
    pub(crate) fn new(
        correlations: &Correlations,
        reference: &Signals,
        pairs: &[(usize, usize)],
        ridge: f64,
    ) -> Result<Self> {
        let transform = Transform::for_filter(correlations.filter_length);
        let channels = reference.channels;
        let mut estimates: Vec<usize> = pairs.iter().map(|&(estimate, _)| estimate).collect();
        estimates.sort_unstable();
        estimates.dedup();
        let all = 0..correlations.references;
        let explained = spectra(correlations, &transform, all, channels, &estimates, ridge)?;
        let mut target = vec![Vec::new(); pairs.len()];
        for source in 0..reference.sources {
            let of_source: Vec<usize> = (0..pairs.len()).filter(|&pair| pairs[pair].1 == source).collect();
            let partners: Vec<usize> = of_source.iter().map(|&pair| pairs[pair].0).collect();
            let tracks = source * channels..(source + 1) * channels;
            let filters = spectra(correlations, &transform, tracks, channels, &partners, ridge)?;
            for (pair, filter) in of_source.into_iter().zip(filters) {
                target[pair] = filter;
            }
        }
        let length = correlations.filter_length;
        Ok(Self { length, transform, channels, pairs: pairs.to_vec(), estimates, explained, target })
    }
}

/// Filters from `tracks` to each channel of each estimate: `[estimate][channel][track]`.
fn spectra(
    correlations: &Correlations,
    transform: &Transform,
    tracks: std::ops::Range<usize>,
    channels: usize,
    estimates: &[usize],
    ridge: f64,
) -> Result<Vec<Vec<Vec<Vec<Complex64>>>>> {
    let right: Vec<Vec<f64>> = estimates
        .iter()
        .flat_map(|e| (0..channels).map(move |channel| e * channels + channel))
        .map(|e| right_hand_side(correlations, tracks.clone(), e))
        .collect();
    if right.is_empty() {
        return Ok(Vec::new());
    }
    let solutions = BlockToeplitz::new(correlations, tracks.clone(), ridge).solve(&right)?;
    let mut buffer = vec![0.0; transform.size];
    let mut spectrum_of = |solution: &[f64], track: usize| {
        let taps: Vec<f64> = solution.iter().skip(track).step_by(tracks.len()).copied().collect();
        let mut spectrum = vec![Complex64::default(); transform.size / 2 + 1];
        transform.spectrum(&taps, &mut buffer, &mut spectrum);
        spectrum
    };
    let mut by_output = solutions
        .iter()
        .map(|solution| (0..tracks.len()).map(|track| spectrum_of(solution, track)).collect::<Vec<_>>());
    Ok(estimates.iter().map(|_| by_output.by_ref().take(channels).collect()).collect())
}

/// The energies of each pair of `filters` within the samples `ends.0..ends.1`, the filters ringing out after the end.
/// What lies outside the window counts as silence, as in museval.
pub(crate) fn energies(
    reference: &Signals,
    estimate: &Signals,
    filters: &Filters,
    ends: (usize, usize),
) -> Vec<Energies> {
    let Filters { length, transform, channels, pairs, .. } = filters;
    let (history, size, bins) = (length - 1, transform.size, transform.size / 2 + 1);
    let step = size - history;
    let samples = ends.1 - ends.0;
    let mut energies = vec![Energies::default(); pairs.len()];
    let mut buffer = vec![0.0; size];
    let mut sum = vec![Complex64::default(); bins];
    let mut spectra = vec![vec![Complex64::default(); bins]; reference.tracks.len()];
    let mut explained = vec![vec![vec![0.0; step]; *channels]; filters.estimates.len()];
    let mut target = vec![0.0; step];
    let mut silence_before = vec![0.0; size];

    for start in (0..samples + history).step_by(step) {
        // Block: output samples start..start + step, which input from start - history on decides.
        let first = start.saturating_sub(history);
        let last = samples.min(start + step);
        let lead = history + first - start;
        for (track, spectrum) in reference.tracks.iter().zip(&mut spectra) {
            silence_before.fill(0.0);
            let input = &track[ends.0 + first.min(last)..ends.0 + last];
            silence_before[lead..lead + input.len()].copy_from_slice(input);
            transform.spectrum(&silence_before, &mut buffer, spectrum);
        }
        let mut filter = |filters: &[Vec<Complex64>], spectra: &[Vec<Complex64>], output: &mut [f64]| {
            sum.fill(Complex64::default());
            for (filter, spectrum) in filters.iter().zip(spectra) {
                sum.iter_mut().zip(filter).zip(spectrum).for_each(|((sum, h), x)| *sum += h * x);
            }
            transform.signal(&mut sum, &mut buffer);
            output.copy_from_slice(&buffer[history..]);
        };
        for (outputs, filters) in explained.iter_mut().zip(&filters.explained) {
            for (output, filters) in outputs.iter_mut().zip(filters) {
                filter(filters, &spectra, output);
            }
        }
        let outputs = step.min(samples + history - start);
        let signal = start.min(samples)..last;
        for ((pair, &(e, j)), energy) in pairs.iter().enumerate().zip(&mut energies) {
            let Ok(slot) = filters.estimates.binary_search(&e) else { continue };
            for channel in 0..*channels {
                let tracks = j * channels..(j + 1) * channels;
                filter(&filters.target[pair][channel], &spectra[tracks], &mut target);
                let s = &reference.source(j)[channel][ends.0..ends.1][signal.clone()];
                let e = &estimate.source(e)[channel][ends.0..ends.1][signal.clone()];
                energy.add(s, e, &target[..outputs], &explained[slot][channel][..outputs]);
            }
        }
    }
    if reference.sources == 1 {
        // One projection, computed twice: what differs is rounding.
        energies.iter_mut().for_each(|energy| energy.interference = 0.0);
    }
    energies
}

impl Energies {
    /// Adds a stretch of signal; `s` and `e` are silent beyond their end.
    fn add(&mut self, s: &[f64], e: &[f64], target: &[f64], explained: &[f64]) {
        let (target_on, target_off) = target.split_at(s.len());
        let (explained_on, explained_off) = explained.split_at(s.len());
        for (((&s, &e), &t), &p) in s.iter().zip(e).zip(target_on).zip(explained_on) {
            self.source += s * s;
            self.spatial += (t - s) * (t - s);
            self.artifacts += (e - p) * (e - p);
            self.distortion += (e - t) * (e - t);
            self.image_distortion += (e - s) * (e - s);
            self.target += t * t;
            self.explained += p * p;
            self.interference += (p - t) * (p - t);
        }
        for (&t, &p) in target_off.iter().zip(explained_off) {
            self.spatial += t * t;
            self.artifacts += p * p;
            self.distortion += t * t;
            self.target += t * t;
            self.explained += p * p;
            self.interference += (p - t) * (p - t);
        }
    }
}
