//! Places that cannot be read or written: a clear error, nothing lost.

use crate::support::{Place, files};

#[test]
fn a_file_where_runs_should_be() {
    let place = Place::new();
    place.file("runs", "in the way");
    place.train(&[]).refused(&["runs", "Not a directory"]);
    assert_eq!(std::fs::read(place.path("runs")).unwrap(), b"in the way");
}

#[test]
fn a_job_folder_that_cannot_be_made_loses_no_finished_job() {
    let place = Place::new();
    let settings = ["--set", "protocol.disjoint_folds=0"];
    place.train(&settings).well();
    let (run, before) = (place.run(), files(&place.run()));
    std::fs::remove_file(run.join("results.json")).unwrap();
    std::fs::remove_dir_all(run.join("jobs/shuffle-1-seed1-small")).unwrap();
    std::fs::write(run.join("jobs/shuffle-1-seed1-small"), "in the way").unwrap();
    place.train(&settings).refused(&["shuffle-1-seed1-small"]);
    std::fs::remove_file(run.join("jobs/shuffle-1-seed1-small")).unwrap();
    place.train(&settings).well();
    let after = files(&run);
    assert!(before["predictions.csv"] == after["predictions.csv"]);
    let finished = "jobs/shuffle-0-seed1-small/predictions.json";
    assert!(before[finished] == after[finished], "finished jobs are not done again");
}

#[test]
fn a_run_does_not_go_on_with_other_recordings() {
    let place = Place::new();
    place.train(&["--set", "protocol.disjoint_folds=0"]).well();
    let run = place.run();
    std::fs::remove_file(run.join("results.json")).unwrap();
    let (own, other) = (place.path("low_hummer_1.wav"), place.path("low_hummer_2.wav"));
    let before = std::fs::read(&own).unwrap();
    std::fs::copy(&other, &own).unwrap();
    let name = run.file_name().unwrap().to_str().unwrap();
    place.train(&["--set", "protocol.disjoint_folds=0"]).refused(&[name, "changed, mended or lost"]);
    std::fs::write(&own, before).unwrap();
    place.train(&["--set", "protocol.disjoint_folds=0"]).well();
}

#[test]
fn damaged_files_of_a_run_are_named() {
    let place = Place::new();
    place.train(&["--set", "protocol.disjoint_folds=0"]).well();
    let run = place.run();
    let weights = std::fs::read(run.join("model.safetensors")).unwrap();
    std::fs::write(run.join("model.safetensors"), &weights[..weights.len() / 2]).unwrap();
    place.auscult(["birds", "low_hummer_0.wav"]).refused(&["model.safetensors", "safetensors"]);
    std::fs::write(run.join("model.json"), "{").unwrap();
    place.auscult(["birds", "low_hummer_0.wav"]).refused(&["model.json"]);
    std::fs::write(run.join("results.json"), "{").unwrap();
    place.train(&["--set", "protocol.disjoint_folds=0"]).refused(&["results.json"]);
    place.auscult(["report", "runs/birds/latest"]).refused(&["results.json"]);
    std::fs::write(run.join("run.json"), "{").unwrap();
    place.auscult(["birds", "low_hummer_0.wav"]).refused(&["run.json"]);
}

#[test]
fn outputs_that_cannot_be_written_are_named() {
    let place = Place::with_trained_run();
    let blocked = tempfile::NamedTempFile::new().unwrap();
    let blocked = blocked.path().display().to_string();
    let (page, folder) = (format!("{blocked}/report.html"), format!("{blocked}/labels"));
    place.auscult(["report", "runs/birds/latest", "--output", &page]).refused(&[&blocked]);
    place.auscult(["birds", "low_hummer_0.wav", "--output", &folder]).refused(&[&folder]);
    let call = ["eval", "birds", "--manifest", "labels.csv", "--output", &page];
    place.auscult(call).refused(&["could not", &blocked]);
}
