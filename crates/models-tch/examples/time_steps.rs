//! Times training steps and prediction of a network on one thread; `benches/peers/models_tch.py` runs it beside
//! PyTorch. Arguments: the network as JSON, the example's shape, the number of classes, the batch size, the number of
//! steps, such as `time_steps '{"kind": "avian_v20"}' 1,128,128 91 64 6`. Prints one JSON line of processor seconds.

// A program may print.
#![allow(clippy::print_stdout)]

use std::ops::ControlFlow;

use auscult_models_tch::{
    Classifier, Device, Examples, Network, Progress, TrainParams, set_threads, train_classifier,
};
use serde_json::json;

struct Noise {
    len: usize,
    classes: usize,
}

impl Examples for Noise {
    fn len(&self) -> usize {
        self.len
    }

    fn fill(&self, _epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
        for (pixel, value) in input.iter_mut().enumerate() {
            *value = ((pixel * 7919 + index * 104_729) % 1000) as f32 / 500.0 - 1.0;
        }
        // One class for all, or for each frame.
        target.chunks_exact_mut(self.classes).for_each(|frame| frame[index % self.classes] = 1.0);
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
    let [network, shape, classes, batch, steps] = arguments.as_slice() else {
        return Err("usage: time_steps NETWORK_JSON SHAPE CLASSES BATCH STEPS".into());
    };
    let network: Network = serde_json::from_str(network)?;
    let shape = shape.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>()?;
    let [classes, batch, steps] = [classes, batch, steps].map(|count| count.parse::<usize>());
    let (classes, batch, steps) = (classes?, batch?, steps?);
    set_threads(1)?;
    let classes: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
    let mut classifier = Classifier::new(&network, &shape, &classes, 0, Device::Cpu)?;

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
    let params = TrainParams::default().epochs(1).batch_size(batch);
    let noise = Noise { len: steps * batch, classes: classes.len() };
    let history = train_classifier(&mut classifier, &noise, None, &params, None, &mut watch)?;
    if let Some(error) = failure {
        return Err(error);
    }
    let seconds: Vec<f64> = marks.windows(2).map(|pair| pair[1] - pair[0]).collect();

    let inputs = vec![0.5; batch * shape.iter().product::<usize>()];
    let mut predict = Vec::new();
    for _ in 0..3 {
        let start = processor_seconds()?;
        classifier.predict(&inputs, batch)?;
        predict.push(processor_seconds()? - start);
    }
    let data_wait = history.epochs[0].data_wait_seconds;
    let parameters = classifier.parameters();
    println!(
        "{}",
        json!({"train": seconds, "predict": predict, "data_wait": data_wait, "parameters": parameters})
    );
    Ok(())
}
