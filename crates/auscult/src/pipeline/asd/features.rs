//! Log mel energies, five frames a vector (3.3).

use auscult_stft_mel::{MelFilterBank, MelParams};
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// From spectra to vectors.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureParams {
    /// Samples a second; recordings of another rate are resampled, and the monitor refuses those of a lower one.
    pub sample_rate: u32,
    /// Samples of an analysis window (Hann).
    pub n_fft: usize,
    /// Samples from one window to the next.
    pub hop_length: usize,
    /// Mel bands from 0 Hz to half the sample rate (librosa's Slaney scale).
    pub n_mels: usize,
    /// Frames of a vector; vectors do not overlap.
    pub frames: usize,
    /// What is added to every mel energy before the logarithm, as a share of the mean energy in training. Extractors
    /// leave exact zeros: a floor far below that would make errors heavy-tailed.
    pub floor: f64,
}

impl Default for FeatureParams {
    fn default() -> Self {
        Self { sample_rate: 16_000, n_fft: 512, hop_length: 256, n_mels: 40, frames: 5, floor: 1e-3 }
    }
}

impl FeatureParams {
    /// Values of a vector.
    #[must_use]
    pub fn width(&self) -> usize {
        self.n_mels * self.frames
    }

    /// Seconds of a vector.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        (self.frames * self.hop_length) as f64 / f64::from(self.sample_rate)
    }

    /// Samples below which a recording fills no vector.
    pub(super) fn least_samples(&self) -> usize {
        self.n_fft.max(self.frames.saturating_add(1).saturating_mul(self.hop_length))
    }

    /// Lower and upper end of a mel band, Hz.
    pub(super) fn band(&self, band: usize) -> [f64; 2] {
        let centres = MelParams::new(self.sample_rate, self.n_mels).center_frequencies();
        let at = |index: usize| centres.get(index).copied();
        let below = band.checked_sub(1).and_then(at).unwrap_or(0.0);
        [below, at(band + 1).unwrap_or(f64::from(self.sample_rate) / 2.0)]
    }

    pub(super) fn filters(&self) -> Result<MelFilterBank<f32>> {
        let mel = MelParams::new(self.sample_rate, self.n_mels);
        mel.filter_bank(self.n_fft).map_err(Error::part("the mel filters"))
    }
}

/// Mel energies [frame, band] of amplitudes [frame, bin].
pub(super) fn mel_energies(filters: &MelFilterBank<f32>, amplitudes: ArrayView2<f32>) -> Result<Array2<f32>> {
    filters.apply(amplitudes.mapv(|x| x * x).view()).map_err(Error::part("mel energies"))
}

/// From mel energies to vectors of mean 0 and deviation 1 in training.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Scaling {
    /// ε: added to mel energies.
    epsilon: f32,
    frames: usize,
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Scaling {
    /// Fits ε, means and deviations to the training energies: [frame, band], one array a channel and segment.
    pub(super) fn fit(params: &FeatureParams, energies: &[Array2<f32>]) -> Self {
        let values = || energies.iter().flatten();
        let mean = values().map(|&x| f64::from(x)).sum::<f64>() / values().count().max(1) as f64;
        let mut scaling = Self {
            epsilon: (params.floor * mean).max(1e-20) as f32,
            frames: params.frames,
            mean: vec![0.0; params.width()],
            deviation: vec![1.0; params.width()],
        };
        let mut sums = vec![(0.0, 0.0); params.width()];
        let mut count = 0.0;
        for vectors in energies.iter().map(|energies| scaling.vectors(energies.view())) {
            for vector in vectors.chunks_exact(params.width()) {
                count += 1.0;
                for ((sum, square), &value) in sums.iter_mut().zip(vector) {
                    *sum += f64::from(value);
                    *square += f64::from(value) * f64::from(value);
                }
            }
        }
        for (d, (sum, square)) in sums.into_iter().enumerate() {
            let mean = sum / f64::max(count, 1.0);
            let variance = square / f64::max(count, 1.0) - mean * mean;
            scaling.mean[d] = mean as f32;
            // a band without any sound keeps a deviation that cannot blow it up
            scaling.deviation[d] = variance.max(1e-6).sqrt() as f32;
        }
        scaling
    }

    /// Whether it is for these features: a damaged file may be for none at all.
    pub(super) fn fits(&self, params: &FeatureParams) -> bool {
        self.frames == params.frames
            && [&self.mean, &self.deviation].iter().all(|of| of.len() == params.width())
    }

    /// Values of a vector.
    pub(super) fn width(&self) -> usize {
        self.mean.len()
    }

    /// Vectors [time, frame, band], flattened, of the energies [frame, band] of one channel; frames left over at the
    /// end are dropped.
    pub(super) fn vectors(&self, energies: ArrayView2<f32>) -> Vec<f32> {
        let width = self.width();
        let whole = energies.nrows() / self.frames * self.frames;
        energies
            .rows()
            .into_iter()
            .take(whole)
            .flatten()
            .enumerate()
            .map(|(n, &energy)| {
                let d = n % width;
                ((energy + self.epsilon).ln() - self.mean[d]) / self.deviation[d]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_scaled_and_five_frames_long() {
        let params = FeatureParams { n_mels: 3, ..FeatureParams::default() };
        let energies: Vec<Array2<f32>> = (0..20)
            .map(|k| Array2::from_shape_fn((12, 3), |(t, f)| ((k * 7 + t * 3 + f) % 11) as f32))
            .collect();
        let scaling = Scaling::fit(&params, &energies);
        let vectors: Vec<f32> = energies.iter().flat_map(|e| scaling.vectors(e.view())).collect();
        assert_eq!(vectors.len(), 20 * 2 * 15);
        for d in 0..15 {
            let column: Vec<f32> = vectors.iter().skip(d).step_by(15).copied().collect();
            let mean = column.iter().sum::<f32>() / 40.0;
            let square = column.iter().map(|x| x * x).sum::<f32>() / 40.0;
            assert!(mean.abs() < 1e-3 && (square - 1.0).abs() < 1e-2, "{d}: {mean} {square}");
        }
        let first = ((energies[0][[0, 1]] + scaling.epsilon).ln() - scaling.mean[1]) / scaling.deviation[1];
        assert_eq!(vectors[1], first);
    }

    #[test]
    fn silence_has_finite_vectors() {
        let scaling = Scaling::fit(&FeatureParams::default(), &[Array2::zeros((10, 40))]);
        assert!(scaling.vectors(Array2::zeros((10, 40)).view()).iter().all(|x| x.is_finite()));
    }
}
