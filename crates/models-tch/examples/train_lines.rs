//! Trains a small network to count lines, saves it, and says what it thinks of three new images:
//! `cargo run --release -p auscult-models-tch --example train_lines -- STEM`
//! writes `STEM.safetensors` and `STEM.json`.

// A program may print.
#![allow(clippy::print_stdout)]

use std::ops::ControlFlow;
use std::path::PathBuf;

use auscult_models_tch::{
    BirdResNetParams, Classifier, Device, Examples, Network, OptimizerParams, Progress, TrainParams,
    set_threads, train_classifier,
};
use serde_json::json;

const SIZE: usize = 16;

/// Images of one, two or three horizontal lines, lower by a pixel every other epoch.
struct Lines;

impl Examples for Lines {
    fn len(&self) -> usize {
        24
    }

    fn fill(&self, epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
        for line in 0..=index % 3 {
            let row = 2 + 4 * line + (epoch as usize + index) % 2;
            input[row * SIZE..(row + 1) * SIZE].fill(1.0);
        }
        target[index % 3] = 1.0;
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stem = std::env::args().nth(1).ok_or("say where to save: train_lines STEM")?;
    set_threads(1)?;
    let network = Network::BirdResNet(BirdResNetParams::default().widths([4, 6]).time_width(4).dropout(0.1));
    let classes = ["one", "two", "three"].map(String::from);
    let mut classifier = Classifier::new(&network, &[1, SIZE, SIZE], &classes, 1, Device::Cpu)?;
    let params =
        TrainParams::default().epochs(30).batch_size(8).optimizer(OptimizerParams::adamw(1e-2, 0.01));
    let mut watch = |progress: &Progress| {
        if let Some(record) = progress.finished {
            println!("epoch {}: loss {:.3}", record.epoch, record.train_loss);
        }
        ControlFlow::Continue(())
    };
    train_classifier(&mut classifier, &Lines, None, &params, None, &mut watch)?;

    let mut inputs = vec![0.0; 3 * SIZE * SIZE];
    for (index, image) in inputs.chunks_mut(SIZE * SIZE).enumerate() {
        Lines.fill(31, index, image, &mut [0.0; 3]);
    }
    let probabilities = classifier.predict(&inputs, 3)?;
    for (row, class) in probabilities.chunks(3).zip(&classes) {
        println!("{class}: {row:.3?}");
    }
    classifier.save(&PathBuf::from(stem), &json!({"inputs": inputs, "probabilities": probabilities}))?;
    Ok(())
}
