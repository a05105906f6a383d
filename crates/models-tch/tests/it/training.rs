//! Learning, stopping, keeping, and refusing.

use std::ops::ControlFlow;

use auscult_models_tch::{
    Classifier, Device, EarlyStopping, Error, Examples, Keep, Monitor, Network, OptimizerParams, Progress,
    Schedule, TrainParams, train_classifier,
};

use crate::common::{classifier, curve, lines, one_thread, small_resnet, train, weights};

fn params(epochs: usize) -> TrainParams {
    TrainParams::default().epochs(epochs).batch_size(8)
}

#[test]
fn every_optimiser_learns() {
    one_thread();
    for (optimizer, label_smoothing) in [
        (OptimizerParams::adam(3e-3), 0.0),
        (OptimizerParams::adamw(3e-3, 0.05), 0.1),
        (OptimizerParams::sgd(0.03, 0.9), 0.0),
    ] {
        let mut network = classifier(&small_resnet());
        let params = params(10).optimizer(optimizer).label_smoothing(label_smoothing).clip_norm(2.0);
        let history = train(&mut network, &params).unwrap();
        let (first, last) = (&history.epochs[0], &history.epochs[9]);
        assert!(last.train_loss < 0.7 * first.train_loss, "{optimizer:?}: {:?}", curve(&history.epochs));
        assert!(last.valid_accuracy.unwrap() > 0.9, "{optimizer:?}: {:?}", curve(&history.epochs));
    }
}

#[test]
fn batch_norms_learn_their_running_statistics() {
    one_thread();
    let mut network = classifier(&small_resnet());
    let before = weights(&network);
    // With a learning rate of zero nothing else can change.
    train(&mut network, &params(1).optimizer(OptimizerParams::sgd(0.0, 0.0))).unwrap();
    assert_ne!(before, weights(&network));
    let mut plain =
        Classifier::new(&Network::AvianV20, &[1, 64, 64], network.classes(), 0, Device::Cpu).unwrap();
    let before = weights(&plain);
    let watch = &mut |_: &Progress| ControlFlow::Continue(());
    let examples = crate::common::Lines { len: 9, size: 64, seed: 1 };
    let still = params(1).optimizer(OptimizerParams::sgd(0.0, 0.0));
    train_classifier(&mut plain, &examples, None, &still, None, watch).unwrap();
    assert_eq!(before, weights(&plain));
}

#[test]
fn a_run_repeats_whatever_the_number_of_loader_threads() {
    one_thread();
    let run = |loader_threads| {
        let mut network = classifier(&small_resnet());
        let history = train(&mut network, &params(2).loader_threads(loader_threads)).unwrap();
        (curve(&history.epochs), weights(&network))
    };
    let one = run(1);
    assert_eq!(one, run(3));
    let mut other = classifier(&small_resnet());
    let history = train(&mut other, &params(2).seed(1)).unwrap();
    assert_ne!(one.0, curve(&history.epochs), "another seed, another order");
}

#[test]
fn the_best_weights_are_kept() {
    one_thread();
    // A rate this great makes the loss leap about.
    let wild = params(6).optimizer(OptimizerParams::sgd(0.3, 0.9)).keep(Keep::Best);
    let mut network = classifier(&small_resnet());
    let history = train(&mut network, &wild).unwrap();
    let best = history.best_epoch.unwrap();
    let losses: Vec<f64> = history.epochs.iter().map(|record| record.valid_loss.unwrap()).collect();
    assert!(losses.iter().all(|loss| *loss >= losses[best]));
    assert!(best < 5, "the last epoch happens to be the best: {losses:?}");
    // Training only as far as the best epoch gives the same weights.
    let mut short = classifier(&small_resnet());
    train(&mut short, &wild.clone().epochs(best + 1).keep(Keep::Last)).unwrap();
    assert_eq!(weights(&network), weights(&short));
}

#[test]
fn training_stops_early() {
    one_thread();
    let stuck = params(50)
        .optimizer(OptimizerParams::sgd(0.0, 0.0))
        .early_stopping(EarlyStopping { monitor: Monitor::ValidAccuracy, patience: 3 });
    let mut network = classifier(&small_resnet());
    let history = train(&mut network, &stuck).unwrap();
    assert!(history.stopped_early && history.epochs.len() < 50, "{:?}", curve(&history.epochs));
}

#[test]
fn the_learning_rate_follows_its_schedule() {
    one_thread();
    let schedule = Schedule::Step { every: 1, factor: 0.5 };
    let history = train(&mut classifier(&small_resnet()), &params(3).schedule(schedule)).unwrap();
    let rates: Vec<f64> = history.epochs.iter().map(|record| record.learning_rate).collect();
    assert_eq!(rates, [1e-3, 5e-4, 2.5e-4]);
}

#[test]
fn a_diverging_run_says_where_and_what_to_do() {
    one_thread();
    let folder = tempfile::tempdir().unwrap();
    let wild = params(9).optimizer(OptimizerParams::sgd(1e30, 0.0));
    let watch = &mut |_: &Progress| ControlFlow::Continue(());
    let error = train_classifier(
        &mut classifier(&small_resnet()),
        &lines(42, 1),
        None,
        &wild,
        Some(folder.path()),
        watch,
    )
    .unwrap_err();
    assert!(matches!(error, Error::Diverged { epoch: 0, .. }), "{error}");
    assert!(error.to_string().contains("lower the learning rate"));
}

#[test]
fn unusable_parameters_are_named() {
    one_thread();
    let refused = |params: TrainParams, has_validation: bool| {
        let valid = lines(3, 2);
        let watch = &mut |_: &Progress| ControlFlow::Continue(());
        let valid: Option<&dyn Examples> = if has_validation { Some(&valid) } else { None };
        match train_classifier(&mut classifier(&small_resnet()), &lines(6, 1), valid, &params, None, watch) {
            Err(Error::Parameter { name, .. }) => name,
            other => panic!("{other:?}"),
        }
    };
    let stop = |monitor, patience| EarlyStopping { monitor, patience };
    assert_eq!(refused(params(0), true), "epochs");
    assert_eq!(refused(params(1).batch_size(0), true), "batch_size");
    assert_eq!(refused(params(1).loader_threads(0), true), "loader_threads");
    assert_eq!(refused(params(1).label_smoothing(1.0), true), "label_smoothing");
    assert_eq!(refused(params(1).clip_norm(0.0), true), "clip_norm");
    assert_eq!(refused(params(1).checkpoint_every_seconds(f64::NAN), true), "checkpoint_every_seconds");
    assert_eq!(refused(params(1).keep(Keep::Best), false), "keep");
    assert_eq!(
        refused(params(1).early_stopping(stop(Monitor::ValidLoss, 1)), false),
        "early_stopping.monitor"
    );
    assert_eq!(
        refused(params(1).early_stopping(stop(Monitor::TrainLoss, 0)), false),
        "early_stopping.patience"
    );
    assert_eq!(refused(params(1).optimizer(OptimizerParams::adam(f64::NAN)), true), "lr");
    assert_eq!(refused(params(1).optimizer(OptimizerParams::sgd(0.1, 1.0)), true), "momentum");
    assert_eq!(refused(params(1).schedule(Schedule::Step { every: 0, factor: 0.5 }), true), "every");
    assert_eq!(refused(params(1).schedule(Schedule::Plateau { patience: 1, factor: 0.0 }), true), "factor");
}

#[test]
fn a_batch_too_small_for_its_statistics_is_refused() {
    one_thread();
    let mut network =
        Classifier::new(&small_resnet(), &[1, 4, 4], &crate::common::names(3), 0, Device::Cpu).unwrap();
    let examples = crate::common::Lines { len: 5, size: 4, seed: 1 };
    let mut run = |batch_size| {
        let watch = &mut |_: &Progress| ControlFlow::Continue(());
        train_classifier(&mut network, &examples, None, &params(1).batch_size(batch_size), None, watch)
    };
    assert!(matches!(run(1), Err(Error::Parameter { name: "batch_size", .. })));
    run(4).unwrap();
}

struct Unfair;

impl Examples for Unfair {
    fn len(&self) -> usize {
        4
    }

    fn fill(&self, _epoch: u64, _index: usize, _input: &mut [f32], target: &mut [f32]) {
        target[0] = 0.5;
    }
}

struct Panics;

impl Examples for Panics {
    fn len(&self) -> usize {
        4
    }

    fn fill(&self, _epoch: u64, _index: usize, _input: &mut [f32], _target: &mut [f32]) {
        panic!("on purpose");
    }
}

#[test]
fn unusable_examples_are_refused() {
    one_thread();
    let refused = |examples: &dyn Examples| {
        let watch = &mut |_: &Progress| ControlFlow::Continue(());
        train_classifier(&mut classifier(&small_resnet()), examples, None, &params(1), None, watch)
            .unwrap_err()
    };
    assert!(matches!(refused(&lines(0, 1)), Error::NoExamples { what: "training" }));
    assert!(matches!(refused(&Unfair), Error::Target { epoch: 0, .. }));
    assert!(matches!(refused(&Panics), Error::LoaderStopped));
}

#[test]
fn parameters_have_documented_defaults_in_recipes() {
    let parsed: TrainParams =
        serde_json::from_str(r#"{"epochs": 7, "optimizer": {"kind": "adamw", "lr": 0.002}}"#).unwrap();
    let expected = TrainParams::default().epochs(7).optimizer(OptimizerParams::adamw(2e-3, 0.01));
    assert_eq!(parsed, expected);
    let text = serde_json::to_string(&expected).unwrap();
    assert_eq!(serde_json::from_str::<TrainParams>(&text).unwrap(), expected);
    for wrong in [
        r#"{"epoch": 7}"#,
        r#"{"optimizer": {"kind": "adam", "learning_rate": 1.0}}"#,
        r#"{"schedule": {"kind": "step", "every": 1, "factor": 0.1, "floor": 0}}"#,
        r#"{"early_stopping": {"patience": 1, "watch": "train_loss"}}"#,
    ] {
        assert!(serde_json::from_str::<TrainParams>(wrong).is_err(), "{wrong}");
    }
}
