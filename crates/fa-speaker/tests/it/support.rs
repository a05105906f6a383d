//! Random models, and speech drawn from them.

use auscult_fa_speaker::ndarray::{Array1, Array2, Array3};
use auscult_fa_speaker::{Alignment, Gmm, Loadings, SpeakerModel, SpeakerStat, Statistics};

/// SplitMix64 with normal draws.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.uniform() * bound as f64) as usize
    }
}

/// A model with its hidden truth, to draw speech from.
pub(crate) struct Toy {
    pub(crate) gmm: Gmm,
    pub(crate) voices: Array3<f64>,
    pub(crate) channels: Array3<f64>,
    pub(crate) noise: Noise,
}

impl Toy {
    pub(crate) fn new(components: usize, features: usize, voices: usize, channels: usize, seed: u64) -> Self {
        let mut noise = Noise(seed);
        let means = Array2::from_shape_fn((components, features), |_| 4.0 * noise.normal());
        let variances = Array2::from_shape_fn((components, features), |_| 0.5 + noise.uniform());
        let gmm = Gmm::new(Array1::ones(components), means, variances).unwrap();
        let voices = Array3::from_shape_fn((components, features, voices), |_| 0.4 * noise.normal());
        let channels = Array3::from_shape_fn((components, features, channels), |_| 0.3 * noise.normal());
        Self { gmm, voices, channels, noise }
    }

    pub(crate) fn model(&self) -> SpeakerModel {
        SpeakerModel::new(self.gmm.clone(), Loadings::new(&self.gmm, self.voices.clone()).unwrap())
            .unwrap()
            .with_kappa(1.0)
            .unwrap()
    }

    pub(crate) fn extended(&self) -> SpeakerModel {
        self.model().with_eigenchannels(Loadings::new(&self.gmm, self.channels.clone()).unwrap()).unwrap()
    }

    pub(crate) fn factors(&mut self) -> Vec<f64> {
        (0..self.voices.shape()[2]).map(|_| self.noise.normal()).collect()
    }

    /// Frames of a speaker, with a channel of their own where asked, and the component of each.
    pub(crate) fn speak(&mut self, y: &[f64], frames: usize, channel: bool) -> (Array2<f64>, Vec<usize>) {
        let (components, features, _) = self.voices.dim();
        let z: Vec<f64> = (0..self.channels.shape()[2]).map(|_| self.noise.normal()).collect();
        let mut x = Array2::zeros((frames, features));
        let mut aligned = Vec::new();
        for mut frame in x.rows_mut() {
            let k = self.noise.below(components);
            for j in 0..features {
                let mut mean = self.gmm.means()[[k, j]];
                mean += y.iter().enumerate().map(|(f, y)| self.voices[[k, j, f]] * y).sum::<f64>();
                if channel {
                    mean += z.iter().enumerate().map(|(f, z)| self.channels[[k, j, f]] * z).sum::<f64>();
                }
                frame[j] = mean + self.gmm.variances()[[k, j]].sqrt() * self.noise.normal();
            }
            aligned.push(k);
        }
        (x, aligned)
    }

    /// Statistics of frames by their true components.
    pub(crate) fn statistics(&self, x: &Array2<f64>, aligned: &[usize]) -> Statistics {
        let mut statistics = Statistics::empty(&self.gmm);
        for (frame, &k) in x.rows().into_iter().zip(aligned) {
            statistics.occupation[k] += 1.0;
            let centred = &frame - &self.gmm.means().row(k);
            statistics.first_order.row_mut(k).zip_mut_with(&centred, |f, x| *f += x);
        }
        statistics
    }

    /// `utterances` of each of `speakers`, truly aligned, and whose they are.
    pub(crate) fn corpus(
        &mut self,
        speakers: usize,
        utterances: usize,
        frames: usize,
        channel: bool,
    ) -> Vec<Vec<Statistics>> {
        (0..speakers)
            .map(|_| {
                let y = self.factors();
                (0..utterances)
                    .map(|_| {
                        let (x, aligned) = self.speak(&y, frames, channel);
                        self.statistics(&x, &aligned)
                    })
                    .collect()
            })
            .collect()
    }

    /// What the model keeps of each utterance of a corpus, and its speaker.
    pub(crate) fn stats(model: &SpeakerModel, corpus: &[Vec<Statistics>]) -> (Vec<SpeakerStat>, Vec<usize>) {
        let flat = corpus.iter().enumerate().flat_map(|(s, of)| of.iter().map(move |one| (s, one)));
        flat.map(|(s, one)| (model.stat(one).unwrap(), s)).unzip()
    }
}

/// Whether two labellings are the same partition.
pub(crate) fn same_partition(a: &[usize], b: &[usize]) -> bool {
    (0..a.len()).all(|i| (0..i).all(|j| (a[i] == a[j]) == (b[i] == b[j])))
}

/// The alignment of a mixture's frames by posterior probabilities.
pub(crate) const SOFT: Alignment = Alignment::Soft;
