//! Places that cannot be read or written: a clear error, nothing lost.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Place, files, json, without_times};

/// A disk of its own, in memory; gone when dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None`, and a word on why, where this user may not mount one: the tests of full and read-only disks need root.
    fn mounted(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at);
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self(at.to_path_buf())),
            Ok(output) => {
                println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(error) => {
                println!("skipped: mount: {error}");
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Results without times.
fn results(place: &Place) -> serde_json::Value {
    without_times(&std::fs::read(place.run().join("results.json")).unwrap())
}

#[test]
fn a_full_disk_stops_a_run_which_goes_on_when_there_is_room() {
    let place = Place::new();
    let Some(disk) = Disk::mounted(&place.path("runs"), "48k") else { return };
    let settings = ["--set", "protocol.disjoint_folds=0"];
    let mut stops = 0;
    for size in [48, 96, 144, 192, 240] {
        disk.remount(&format!("size={size}k"));
        let said = place.train(&settings);
        if said.success {
            break;
        }
        let message = said.refused(&["No space left on device"]);
        println!("{size} kB: {}", message.lines().find(|line| line.starts_with("error")).unwrap_or_default());
        stops += 1;
    }
    assert!(stops >= 2, "the disk was full {stops} times");
    disk.remount("size=64m");
    place.train(&settings).well();
    let unbroken = Place::new();
    unbroken.train(&settings).well();
    assert_eq!(results(&place), results(&unbroken));
}

#[test]
fn a_full_disk_leaves_no_half_labels_and_no_half_page() {
    let place = Place::with_trained_run();
    let Some(_disk) = Disk::mounted(&place.path("full"), "4k") else { return };
    std::fs::write(place.path("full/low_hummer_0.csv"), "earlier").unwrap();
    let birds = ["birds", "--format", "csv", "--hop", "0.02", "--output", "full", "low_hummer_0.wav"];
    place.auscult(birds).refused(&["full", "No space left on device"]);
    assert_eq!(std::fs::read(place.path("full/low_hummer_0.csv")).unwrap(), b"earlier");
    place
        .auscult(["report", "runs/birds/latest", "--output", "full/report.html"])
        .refused(&["report.html", "No space"]);
    assert!(!place.path("full/report.html").exists());
    let names: Vec<_> =
        std::fs::read_dir(place.path("full")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["low_hummer_0.csv"], "nothing temporary is left");
}

#[test]
fn a_run_that_cannot_be_written_is_refused_and_its_model_still_listens() {
    let place = Place::with_trained_run();
    let Some(disk) = Disk::mounted(&place.path("disk"), "64m") else { return };
    let copied = Command::new("cp").arg("-a").arg(place.path("runs/birds")).arg(place.path("disk")).status();
    assert!(copied.unwrap().success());
    disk.remount("ro");
    let disk = place.path("disk").display().to_string();
    let said = |arguments: &[&str]| place.auscult(arguments.iter().chain(&["--runs", &disk]).copied());
    said(&["birds", "low_hummer_0.wav"]).well();
    said(&["train", "birds", "--recipe", "recipe.toml"]).refused(&[&disk, "Read-only file system"]);
    said(&["birds", "low_hummer_0.wav", "--output", &disk]).refused(&[&disk, "Read-only file system"]);
}

#[test]
fn two_that_train_in_one_folder_do_not_mix() {
    let place = Place::new();
    let settings = ["--set", "contender.0.training.epochs=25"];
    let arguments = || ["train", "birds", "--recipe", "recipe.toml"].iter().chain(&settings).copied();
    let mut first = place.command(arguments()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !place.path("runs/birds/latest/run.json").exists() {
        assert!(began.elapsed() < Duration::from_secs(300), "the first did not begin");
        std::thread::sleep(Duration::from_millis(2));
    }
    let second = place.auscult(arguments());
    assert!(first.try_wait().unwrap().is_none(), "the first was done too soon to tell");
    second.refused(&["another process is at work here", "run the same command again"]);
    assert!(first.wait().unwrap().success());
    assert!(json(place.run().join("results.json")).is_object());
    place.auscult(arguments()).well();
}

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
