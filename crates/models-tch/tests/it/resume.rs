//! A run that was broken off goes on as if it had not been.

use std::ops::ControlFlow;
use std::path::Path;

use auscult_models_tch::{
    Error, History, Keep, OptimizerParams, Position, Progress, Result, Schedule, TrainParams,
    train_classifier,
};

use crate::common::{classifier, curve, lines, one_thread, small_resnet, weights};

fn params() -> TrainParams {
    TrainParams::default()
        .epochs(4)
        .batch_size(8)
        .optimizer(OptimizerParams::adamw(3e-3, 0.01))
        .schedule(Schedule::Cosine { warmup_epochs: 1.0, floor: 0.0 })
        .label_smoothing(0.1)
        .clip_norm(1.0)
        .keep(Keep::Best)
}

/// Trains in `folder` until the observer breaks off; returns the weights' bits too.
fn train(
    folder: &Path,
    params: &TrainParams,
    observer: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<(History, Vec<u8>)> {
    let mut network = classifier(&small_resnet());
    let (train, valid) = (lines(42, 1), lines(15, 2));
    let history = train_classifier(&mut network, &train, Some(&valid), params, Some(folder), observer)?;
    Ok((history, weights(&network)))
}

fn go_on(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn metrics(folder: &Path) -> Vec<String> {
    std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_run_broken_off_anywhere_ends_the_same_to_the_last_bit() {
    one_thread();
    let whole = tempfile::tempdir().unwrap();
    let (history, expected) = train(whole.path(), &params(), &mut go_on).unwrap();
    assert_eq!(history.resumed_from, None);
    assert_eq!(metrics(whole.path()).len(), 4);

    // An epoch has six steps; these are after the first, in the middle of the second epoch, at its end, and so on.
    for calls in [1, 9, 13, 14, 27] {
        let folder = tempfile::tempdir().unwrap();
        let mut count = 0;
        let mut stop = |_: &Progress| {
            count += 1;
            if count == calls { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let (broken, _) = train(folder.path(), &params(), &mut stop).unwrap();
        assert!(broken.interrupted && broken.epochs.len() < 4);
        let (resumed, found) = train(folder.path(), &params(), &mut go_on).unwrap();
        assert!(resumed.resumed_from.is_some() && !resumed.interrupted);
        assert_eq!(curve(&resumed.epochs), curve(&history.epochs), "broken off at call {calls}");
        assert_eq!(resumed.best_epoch, history.best_epoch);
        assert!(found == expected, "broken off at call {calls}: other weights");
        assert_eq!(metrics(folder.path()).len(), 4);
    }
}

#[test]
fn a_finished_run_is_not_repeated_but_can_be_extended() {
    one_thread();
    let folder = tempfile::tempdir().unwrap();
    let constant = params().schedule(Schedule::Constant);
    let (history, expected) = train(folder.path(), &constant.clone().epochs(2), &mut go_on).unwrap();
    let mut never = |_: &Progress| panic!("nothing is left to do");
    let (again, found) = train(folder.path(), &constant.clone().epochs(2), &mut never).unwrap();
    assert_eq!(again.resumed_from, Some(Position { epoch: 2, step: 0 }));
    assert_eq!((curve(&again.epochs), found), (curve(&history.epochs), expected));

    let (extended, found) = train(folder.path(), &constant.clone().epochs(4), &mut go_on).unwrap();
    let straight = tempfile::tempdir().unwrap();
    let (whole, expected) = train(straight.path(), &constant, &mut go_on).unwrap();
    assert_eq!((curve(&extended.epochs), found), (curve(&whole.epochs), expected));
}

#[test]
fn metrics_beyond_the_checkpoint_are_dropped() {
    one_thread();
    let folder = tempfile::tempdir().unwrap();
    let mut after_two = |progress: &Progress| match progress.finished {
        Some(record) if record.epoch == 1 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    train(folder.path(), &params(), &mut after_two).unwrap();
    let kept = metrics(folder.path());
    assert_eq!(kept.len(), 2);
    let mut text = kept.join("\n") + "\n";
    text += "{\"epoch\": 2, \"train_loss\": 0.";
    std::fs::write(folder.path().join("metrics.jsonl"), text).unwrap();
    let mut at_once = |_: &Progress| ControlFlow::Break(());
    train(folder.path(), &params(), &mut at_once).unwrap();
    assert_eq!(metrics(folder.path()), kept);
}

#[test]
fn another_run_is_not_taken_up() {
    one_thread();
    let folder = tempfile::tempdir().unwrap();
    train(folder.path(), &params().epochs(1), &mut go_on).unwrap();
    let error = train(folder.path(), &params().seed(9), &mut go_on).unwrap_err();
    assert!(matches!(error, Error::OtherRun { .. }), "{error}");
    assert!(error.to_string().contains("differs in training.seed (was 0, now 9):"), "{error}");

    let mut network = classifier(&small_resnet());
    let fewer = train_classifier(
        &mut network,
        &lines(41, 1),
        Some(&lines(15, 2)),
        &params(),
        Some(folder.path()),
        &mut go_on,
    );
    assert!(matches!(fewer, Err(Error::OtherRun { .. })));

    std::fs::write(folder.path().join("checkpoint.safetensors"), b"not a checkpoint").unwrap();
    let error = train(folder.path(), &params(), &mut go_on).unwrap_err();
    assert!(error.to_string().contains("checkpoint.safetensors"), "{error}");
}
