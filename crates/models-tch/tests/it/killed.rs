//! A run killed without warning, again and again, ends as if nothing had happened.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use auscult_models_tch::{EpochRecord, Keep, OptimizerParams, Progress, TrainParams, train_classifier};

use crate::common::{classifier, curve, lines, one_thread, small_resnet};

/// Tells the test binary, run by itself, to play the victim in this folder.
const VICTIM: &str = "AUSCULT_TEST_VICTIM_FOLDER";

/// Trains in `folder`, with a checkpoint after every step, and leaves the final weights there.
fn train(folder: &Path, pause: Duration) {
    one_thread();
    let params = TrainParams::default()
        .epochs(4)
        .batch_size(8)
        .optimizer(OptimizerParams::adamw(3e-3, 0.01))
        .keep(Keep::Best)
        .checkpoint_every_seconds(1e-9);
    let mut network = classifier(&small_resnet());
    let mut slowly = |_: &Progress| {
        sleep(pause);
        ControlFlow::Continue(())
    };
    let (train, valid) = (lines(42, 1), lines(15, 2));
    train_classifier(&mut network, &train, Some(&valid), &params, Some(folder), &mut slowly).unwrap();
    network.save(&folder.join("final"), &serde_json::Value::Null).unwrap();
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|data| data.modified()).ok()
}

fn outcome(folder: &Path) -> (Vec<[Option<f64>; 5]>, Vec<u8>) {
    let text = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let records: Vec<EpochRecord> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (curve(&records), std::fs::read(folder.join("final.safetensors")).unwrap())
}

#[test]
fn a_killed_run_ends_the_same_to_the_last_bit() {
    if let Some(folder) = std::env::var_os(VICTIM).map(PathBuf::from) {
        return train(&folder, Duration::from_millis(10));
    }
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint.safetensors");
    let mut kills = 0;
    for round in 0..100 {
        let before = modified(&checkpoint);
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::a_killed_run_ends_the_same_to_the_last_bit"])
            .env(VICTIM, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Once it has got a step further, give it a few more milliseconds, different ones each time.
        let finished = loop {
            if let Some(status) = victim.try_wait().unwrap() {
                assert!(status.success());
                break true;
            }
            if modified(&checkpoint) != before {
                sleep(Duration::from_millis(13 * round % 70));
                victim.kill().unwrap();
                break !victim.wait().unwrap().success() && folder.path().join("final.json").exists();
            }
            sleep(Duration::from_millis(1));
        };
        if finished {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 3, "killed {kills} times only");

    let unbroken = tempfile::tempdir().unwrap();
    train(unbroken.path(), Duration::ZERO);
    assert!(outcome(folder.path()) == outcome(unbroken.path()), "after {kills} kills");
}
