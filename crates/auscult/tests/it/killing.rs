//! A run that is killed, wherever, ends as one that is not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Place, files, json, without_times};

/// More epochs than elsewhere, so that there is time to be killed in.
const SETTINGS: [&str; 4] =
    ["--set", "contender.0.training.epochs=25", "--set", "baselines=['majority', 'mfcc-statistics']"];

/// What a run gives, without times.
fn outcome(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = |value: serde_json::Value| serde_json::to_vec(&value).unwrap();
    files(run)
        .into_iter()
        .filter(|(name, _)| name != "run.json" && !name.ends_with(".jsonl"))
        .map(|(name, contents)| match name.ends_with(".json") {
            true => (name, bytes(without_times(&contents))),
            false => (name, contents),
        })
        .collect()
}

/// Starts training and kills it as soon as `moment` is come; false if it finished before.
fn killed_when(place: &Place, moment: &mut dyn FnMut() -> bool) -> bool {
    let arguments = ["train", "birds", "--recipe", "recipe.toml"].iter().chain(&SETTINGS).copied();
    let mut child = place.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while !moment() {
        assert!(began.elapsed() < Duration::from_secs(300), "the moment did not come");
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

/// Files below `folder` whose path ends so.
fn count(folder: &Path, ending: &str) -> usize {
    files_quietly(folder).iter().filter(|path| path.to_string_lossy().ends_with(ending)).count()
}

/// As [`files`], while somebody else writes and renames.
pub(crate) fn files_quietly(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() && !path.is_symlink() => files_quietly(&path),
            path => vec![path],
        })
        .collect()
}

/// Everything under its final name is whole.
fn assert_nothing_half_written(runs: &Path) {
    for path in files_quietly(runs) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') || name.ends_with(".part") {
            continue;
        }
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("json") => drop(json(&path)),
            Some("npy") => drop(ndarray_npy::read_npy::<_, ndarray::Array2<f32>>(&path).unwrap()),
            Some("toml") => drop(std::fs::read_to_string(&path).unwrap().parse::<toml::Table>().unwrap()),
            Some("safetensors") => {
                let bytes = std::fs::read(&path).unwrap();
                let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
                let tensors: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header]).unwrap();
                let ends =
                    tensors.as_object().unwrap().values().filter_map(|t| t["data_offsets"][1].as_u64());
                assert_eq!(8 + header + ends.max().unwrap() as usize, bytes.len(), "{}", path.display());
            }
            _ => {}
        }
    }
}

/// Moments that nobody chose: other ones in every test run, each told.
#[test]
fn a_run_killed_at_random_ends_as_an_unbroken_one() {
    let place = Place::new();
    let began = Instant::now();
    place.train(&SETTINGS).well();
    let whole = began.elapsed();
    let unbroken = outcome(&place.run());
    std::fs::remove_dir_all(place.path("runs")).unwrap();
    let mut state = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    for _ in 0..6 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let moment = whole.mul_f64(0.4 * f64::from(state) / f64::from(u32::MAX));
        let began = Instant::now();
        let killed = killed_when(&place, &mut || began.elapsed() >= moment);
        println!("{} after {moment:?}", if killed { "killed" } else { "done" });
        assert_nothing_half_written(&place.path("runs"));
    }
    place.train(&SETTINGS).well();
    let broken = outcome(&place.run());
    for (name, contents) in &unbroken {
        assert!(&broken[name] == contents, "{name} is another");
    }
}

#[test]
fn a_run_killed_time_and_again_ends_as_an_unbroken_one() {
    let place = Place::new();
    let runs = place.path("runs");
    place.train(&SETTINGS).well();
    let unbroken = outcome(&place.run());
    let name = place.run();
    std::fs::remove_dir_all(&runs).unwrap();

    // While features are extracted, within the first network's training, at several places in and between jobs,
    // in the final fit, and around the very end.
    let mut kills = 0;
    let mut kill = |moment: &mut dyn FnMut() -> bool| {
        kills += usize::from(killed_when(&place, moment));
        assert_nothing_half_written(&runs);
    };
    kill(&mut || count(&runs.join("cache"), ".npy") >= 3);
    kill(&mut || count(&runs.join("cache"), ".npy") >= 25);
    kill(&mut || count(&runs, "shuffle-0-seed1-small/checkpoint.safetensors") > 0);
    for jobs in [1, 2, 5, 8] {
        kill(&mut || count(&runs, "predictions.json") >= jobs);
    }
    let metrics = name.join("jobs/recordist-disjoint-1-seed1-small/metrics.jsonl");
    kill(&mut || std::fs::read_to_string(&metrics).is_ok_and(|text| text.lines().count() >= 7));
    kill(&mut || count(&runs, "final-small/checkpoint.safetensors") > 0);
    kill(&mut || count(&runs, "model.safetensors") > 0);
    kill(&mut || count(&runs, "final-small/predictions.json") > 0);
    // How many come in time is a matter of how fast the machine is.
    assert!(kills >= 3, "only {kills} kills came in time");

    place.train(&SETTINGS).well();
    assert_eq!(place.run(), name);
    let broken = outcome(&name);
    let names = |outcome: &BTreeMap<String, Vec<u8>>| {
        let whole = |name: &&String| !name.contains("/.tmp") && !name.starts_with(".tmp");
        outcome.keys().filter(whole).cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&broken), names(&unbroken));
    for (name, contents) in &unbroken {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(2000).collect::<String>();
        assert!(&broken[name] == contents, "{name}:\n{}\n\n{}", text(contents), text(&broken[name]));
    }
}
