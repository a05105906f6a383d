//! Training steps and prediction on one thread: `cargo bench -p auscult-benches --features torch --bench models_tch`.

use std::hint::black_box;
use std::ops::ControlFlow;

use auscult_models_tch::{
    BirdResNetParams, Classifier, Device, Examples, Network, Progress, TrainParams, set_threads,
    train_classifier,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const BATCH: usize = 16;

struct Noise;

impl Examples for Noise {
    fn len(&self) -> usize {
        BATCH
    }

    fn fill(&self, _epoch: u64, index: usize, input: &mut [f32], target: &mut [f32]) {
        for (pixel, value) in input.iter_mut().enumerate() {
            *value = ((pixel * 7919 + index * 104_729) % 1000) as f32 / 500.0 - 1.0;
        }
        target[index % target.len()] = 1.0;
    }
}

fn networks(criterion: &mut Criterion) {
    set_threads(1).expect("one thread is possible");
    let classes: Vec<String> = (0..91).map(|class| class.to_string()).collect();
    let mut group = criterion.benchmark_group("models_tch");
    group.sample_size(10).throughput(Throughput::Elements(BATCH as u64));
    for network in [Network::AvianV20, Network::BirdResNet(BirdResNetParams::default())] {
        let mut classifier = Classifier::new(&network, &[1, 128, 128], &classes, 0, Device::Cpu)
            .expect("the networks take 128x128");
        let one_step = TrainParams::default().epochs(1).batch_size(BATCH);
        group.bench_function(BenchmarkId::new("train_16x128x128", network.name()), |bencher| {
            bencher.iter(|| {
                let mut go_on = |_: &Progress| ControlFlow::Continue(());
                train_classifier(&mut classifier, &Noise, None, &one_step, None, &mut go_on)
            });
        });
        let inputs = vec![0.5; BATCH * 128 * 128];
        group.bench_function(BenchmarkId::new("predict_16x128x128", network.name()), |bencher| {
            bencher.iter(|| classifier.predict(black_box(&inputs), BATCH));
        });
    }
    group.finish();
}

criterion_group!(benches, networks);
criterion_main!(benches);
