//! Autoencoders: sizes, errors, files, resuming.

use std::ops::ControlFlow;

use auscult_models_tch::{
    Autoencoder, Classifier, Device, Error, Network, OptimizerParams, TrainParams, train_autoencoder,
};

use crate::common::{names, one_thread};

fn paper() -> Network {
    Network::Autoencoder { hidden: vec![40; 3] }
}

fn small() -> Autoencoder {
    Autoencoder::new(&Network::Autoencoder { hidden: vec![8, 3, 8] }, 10, 1, Device::Cpu).unwrap()
}

fn params() -> TrainParams {
    TrainParams::default().epochs(60_usize).batch_size(32_usize).optimizer(OptimizerParams::adam(0.01))
}

/// Points on a curve in ten dimensions.
fn curve(count: usize) -> Vec<f32> {
    let point = |n: usize| (0..10).map(move |d| (n as f32 * 0.7 + d as f32 * 0.4).sin());
    (0..count).flat_map(point).collect()
}

#[test]
fn parameter_counts_are_those_of_the_papers() {
    one_thread();
    let count = |hidden: &[usize], features| {
        let network = Network::Autoencoder { hidden: hidden.to_vec() };
        Autoencoder::new(&network, features, 0, Device::Cpu).unwrap().parameters()
    };
    assert_eq!(count(&[40, 40, 40], 200), 19_760);
    assert_eq!(count(&[128, 128, 128, 128, 8, 128, 128, 128, 128], 640), 267_928);
}

#[test]
fn what_was_learnt_is_reconstructed_and_what_was_not_is_not() {
    one_thread();
    let mut autoencoder = small();
    let (train, strange) = (curve(256), (0..100).map(|n| (n as f32 * 2.3).cos() * 2.0).collect::<Vec<_>>());
    let keep = &mut |_: &_| ControlFlow::Continue(());
    let history =
        train_autoencoder(&mut autoencoder, &train, Some(&train[..100]), &params(), None, keep).unwrap();
    let (first, last) = (history.epochs[0], history.epochs[59]);
    assert!(last.train_loss < 0.2 * first.train_loss && last.train_accuracy.is_none());
    let mean = |errors: Vec<f32>| errors.iter().sum::<f32>() / errors.len() as f32;
    let (usual, unusual) =
        (mean(autoencoder.errors(&train, 50).unwrap()), mean(autoencoder.errors(&strange, 50).unwrap()));
    assert!(unusual > 5.0 * usual, "{usual} {unusual}");
    assert!(
        (f64::from(mean(autoencoder.errors(&train[..100], 7).unwrap())) - last.valid_loss.unwrap()).abs()
            < 1e-5
    );
}

#[test]
fn errors_are_mean_squares_and_do_not_depend_on_the_batch() {
    one_thread();
    let (autoencoder, inputs) = (small(), curve(9));
    let outputs = autoencoder.reconstruct(&inputs, 4).unwrap();
    let errors = autoencoder.errors(&inputs, 9).unwrap();
    for (row, error) in errors.iter().enumerate() {
        let range = 10 * row..10 * (row + 1);
        let square: f32 =
            inputs[range.clone()].iter().zip(&outputs[range]).map(|(a, b)| (a - b).powi(2)).sum();
        assert!((error - square / 10.0).abs() < 1e-6);
    }
    assert!(autoencoder.errors(&[], 4).unwrap().is_empty());
}

#[test]
fn files_and_interruptions_leave_no_trace() {
    one_thread();
    let folder = tempfile::tempdir().unwrap();
    let train = curve(100);
    let mut whole = small();
    train_autoencoder(&mut whole, &train, None, &params(), None, &mut |_| ControlFlow::Continue(())).unwrap();
    let mut steps = 0;
    let mut broken = small();
    let mut stop = |_: &_| {
        steps += 1;
        if steps > 70 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let jobs = folder.path().join("job");
    train_autoencoder(&mut broken, &train, None, &params(), Some(&jobs), &mut stop).unwrap();
    let mut resumed = small();
    let keep = &mut |_: &_| ControlFlow::Continue(());
    train_autoencoder(&mut resumed, &train, None, &params(), Some(&jobs), keep).unwrap();
    assert_eq!(resumed.errors(&train, 64).unwrap(), whole.errors(&train, 64).unwrap());

    let stem = folder.path().join("model");
    whole.save(&stem, &serde_json::json!({ "mu": 0.5 })).unwrap();
    let (loaded, metadata) = Autoencoder::load(&stem, Device::Cpu).unwrap();
    assert_eq!(loaded.errors(&train, 64).unwrap(), whole.errors(&train, 64).unwrap());
    assert_eq!(metadata["mu"], 0.5);
}

#[test]
fn misuse_is_refused() {
    one_thread();
    let mlp = Network::Mlp { hidden: vec![4], dropout: 0.0 };
    assert!(matches!(
        Autoencoder::new(&mlp, 8, 0, Device::Cpu),
        Err(Error::Parameter { name: "network", .. })
    ));
    let as_classifier = Classifier::new(&paper(), &[200], &names(3), 0, Device::Cpu);
    assert!(matches!(as_classifier, Err(Error::Parameter { name: "network", .. })));
    let zero = Network::Autoencoder { hidden: vec![4, 0] };
    assert!(matches!(
        Autoencoder::new(&zero, 8, 0, Device::Cpu),
        Err(Error::Parameter { name: "hidden", .. })
    ));
    assert!(matches!(Autoencoder::new(&paper(), 0, 0, Device::Cpu), Err(Error::InputShape { .. })));
    let mut autoencoder = small();
    assert!(matches!(autoencoder.errors(&[0.0; 11], 4), Err(Error::Length { .. })));
    assert!(matches!(autoencoder.errors(&[f32::NAN; 10], 4), Err(Error::Parameter { name: "inputs", .. })));
    assert!(matches!(autoencoder.errors(&[0.0; 10], 0), Err(Error::Parameter { name: "batch", .. })));
    let keep = &mut |_: &_| ControlFlow::Continue(());
    let empty = train_autoencoder(&mut autoencoder, &[], None, &params(), None, keep);
    assert!(matches!(empty, Err(Error::NoExamples { .. })));
    let smooth = params().label_smoothing(0.1);
    let refused = train_autoencoder(&mut autoencoder, &[0.0; 20], None, &smooth, None, keep);
    assert!(matches!(refused, Err(Error::Parameter { name: "label_smoothing", .. })));
}
