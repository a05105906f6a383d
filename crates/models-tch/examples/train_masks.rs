//! Trains a small masker to tell steady tones from clicks, saves it, and adds the masks of one new patch:
//! `cargo run --release -p auscult-models-tch --example train_masks -- STEM`
//! writes `STEM.safetensors` and `STEM.json`.

// A program may print.
#![allow(clippy::print_stdout)]

use std::ops::ControlFlow;
use std::path::PathBuf;

use auscult_models_tch::{
    Device, Examples, Masker, MaskerParams, OptimizerParams, Progress, TrainParams, UNetParams, set_threads,
    train_masker,
};
use serde_json::json;

const SIDE: usize = 64;
const PATCH: usize = SIDE * SIDE;

/// Two tones (rows) and three clicks (columns), elsewhere in each example.
struct TonesAndClicks;

impl Examples for TonesAndClicks {
    fn len(&self) -> usize {
        32
    }

    fn fill(&self, epoch: u64, index: usize, mixture: &mut [f32], sources: &mut [f32]) {
        let (tones, clicks) = sources.split_at_mut(PATCH);
        let place = |k: usize| (epoch as usize * 17 + index * 11 + k * 23) % SIDE;
        for k in 0..2 {
            tones[place(k) * SIDE..][..SIDE].fill(0.5);
        }
        for k in 2..5 {
            clicks.iter_mut().skip(place(k)).step_by(SIDE).for_each(|value| *value = 0.5);
        }
        for ((mixture, tone), click) in mixture.iter_mut().zip(tones).zip(clicks) {
            *mixture = *tone + *click;
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stem = PathBuf::from(std::env::args().nth(1).ok_or("usage: train_masks STEM")?);
    set_threads(1)?;
    let params = MaskerParams::new(UNetParams::default().base(1), &["tones", "clicks"]).patch([SIDE, SIDE]);
    let mut masker = Masker::new(&params, 7, Device::Cpu)?;
    let training = TrainParams::default().epochs(60).batch_size(8).optimizer(OptimizerParams::adam(1e-2));
    let history = train_masker(&mut masker, &TonesAndClicks, None, &training, None, &mut |_: &Progress| {
        ControlFlow::Continue(())
    })?;
    let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.train_loss).collect();
    println!("loss {:.1}, at first {:.1}", losses[losses.len() - 1], losses[0]);

    let (mut inputs, mut sources) = (vec![0.0; PATCH], vec![0.0; 2 * PATCH]);
    TonesAndClicks.fill(1000, 0, &mut inputs, &mut sources);
    let every = 7;
    let masks: Vec<f32> = masker.masks(&inputs, 1)?.into_iter().step_by(every).collect();
    masker.save(&stem, &json!({"inputs": inputs, "every": every, "masks": masks}))?;
    println!("{}.safetensors, {0}.json", stem.display());
    Ok(())
}
