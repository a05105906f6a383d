//! Times training steps and masks of a masker on one thread; `benches/peers/models_tch_masks.py` runs it beside PyTorch.
//! Arguments: the masker as JSON, the batch size, the number of steps. Prints one JSON line of processor seconds.

// A program may print.
#![allow(clippy::print_stdout)]

use std::ops::ControlFlow;

use auscult_models_tch::{
    Device, Examples, Masker, MaskerParams, Progress, TrainParams, set_threads, train_masker,
};
use serde_json::json;

struct Noise {
    len: usize,
}

impl Examples for Noise {
    fn len(&self) -> usize {
        self.len
    }

    fn fill(&self, _epoch: u64, index: usize, mixture: &mut [f32], sources: &mut [f32]) {
        for (place, value) in mixture.iter_mut().chain(sources).enumerate() {
            *value = ((place * 7919 + index * 104_729) % 1000) as f32 / 1000.0;
        }
    }
}

/// Processor time of this thread, which does all of libtorch's work when that has one thread.
fn processor_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().ok_or("no schedstat here: this needs Linux")?.parse()?;
    Ok(nanoseconds * 1e-9)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [masker, batch, steps] = arguments.as_slice() else {
        return Err("usage: time_masks MASKER_JSON BATCH STEPS".into());
    };
    let params: MaskerParams = serde_json::from_str(masker)?;
    let (batch, steps): (usize, usize) = (batch.parse()?, steps.parse()?);
    set_threads(1)?;
    let mut masker = Masker::new(&params, 0, Device::Cpu)?;

    let mut marks = vec![processor_seconds()?];
    let mut failure = None;
    let mut watch = |progress: &Progress| {
        if progress.finished.is_none() {
            match processor_seconds() {
                Ok(seconds) => marks.push(seconds),
                Err(error) => failure = Some(error),
            }
        }
        ControlFlow::Continue(())
    };
    let training = TrainParams::default().epochs(1).batch_size(batch);
    train_masker(&mut masker, &Noise { len: steps * batch }, None, &training, None, &mut watch)?;
    if let Some(error) = failure {
        return Err(error);
    }
    let seconds: Vec<f64> = marks.windows(2).map(|pair| pair[1] - pair[0]).collect();

    let magnitudes = vec![0.5; batch * params.patch.iter().product::<usize>()];
    let mut masks = Vec::new();
    for _ in 0..3 {
        let start = processor_seconds()?;
        masker.masks(&magnitudes, batch)?;
        masks.push(processor_seconds()? - start);
    }
    println!("{}", json!({"train": seconds, "predict": masks, "parameters": masker.parameters()}));
    Ok(())
}
