//! A small problem that a small network learns in seconds.

use std::ops::ControlFlow;

use auscult_models_tch::{
    Classifier, Device, EpochRecord, Examples, History, Network, Progress, Result, TrainParams, set_threads,
    train_classifier,
};

/// One thread, so that tests neither fight for the machine nor differ in the last bit.
pub(crate) fn one_thread() {
    set_threads(1).unwrap();
}

pub(crate) fn names(count: usize) -> Vec<String> {
    (0..count).map(|class| format!("class {class}")).collect()
}

/// Noisy images of one, two or three horizontal lines; the class is their number less one.
pub(crate) struct Lines {
    pub(crate) len: usize,
    pub(crate) size: usize,
    pub(crate) seed: u64,
}

impl Examples for Lines {
    fn len(&self) -> usize {
        self.len
    }

    fn fill(&self, epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
        let mut noise = Noise(self.seed ^ (epoch << 40) ^ ((index as u64) << 8));
        input.iter_mut().for_each(|pixel| *pixel = 0.3 * (noise.next() - 0.5));
        for line in 0..=index % 3 {
            let row = (self.size * (line + 1)) / 4;
            input[row * self.size..(row + 1) * self.size].iter_mut().for_each(|pixel| *pixel += 1.0);
        }
        target[index % 3] = 1.0;
    }
}

/// Uniform numbers in [0, 1) (SplitMix64).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) >> 40) as f32 / (1 << 24) as f32
    }
}

pub(crate) const SIZE: usize = 32;

pub(crate) fn lines(len: usize, seed: u64) -> Lines {
    Lines { len, size: SIZE, seed }
}

pub(crate) fn classifier(network: &Network) -> Classifier {
    Classifier::new(network, &[1, SIZE, SIZE], &names(3), 5, Device::Cpu).unwrap()
}

/// A network with batch norm and dropout: everything that has a state or draws random numbers.
pub(crate) fn small_resnet() -> Network {
    serde_json::from_str(r#"{"kind": "bird_resnet", "widths": [4, 8], "time_width": 8, "dropout": 0.3}"#)
        .unwrap()
}

pub(crate) fn train(classifier: &mut Classifier, params: &TrainParams) -> Result<History> {
    let watch = &mut |_: &Progress| ControlFlow::Continue(());
    train_classifier(classifier, &lines(42, 1), Some(&lines(15, 2)), params, None, watch)
}

/// Records without the times, which no two runs share.
pub(crate) fn curve(records: &[EpochRecord]) -> Vec<[Option<f64>; 5]> {
    records
        .iter()
        .map(|r| {
            [Some(r.train_loss), r.train_accuracy, r.valid_loss, r.valid_accuracy, Some(r.learning_rate)]
        })
        .collect()
}

/// The classifier's weights, as bits, by way of the file they are saved to.
pub(crate) fn weights(classifier: &Classifier) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("weights");
    classifier.save(&stem, &serde_json::Value::Null).unwrap();
    std::fs::read(folder.path().join("weights.safetensors")).unwrap()
}
