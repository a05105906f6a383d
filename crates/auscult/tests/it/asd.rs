//! The asd pipeline: the smoke recipe end to end, on any number of threads, killed and resumed; real recordings.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use auscult::audio_io::{Audio, SampleFormat, write_wav};
use ndarray::Array2;

use crate::killing::files_quietly;
use crate::support::{Place, files, json};

/// The smoke recipe, smaller still.
const SMOKE: [&str; 12] = [
    "train",
    "asd",
    "--recipe",
    "smoke",
    "--set",
    "data.seconds=2",
    "--set",
    "data.reverberation_time=0.3",
    "--set",
    "detector.extraction.learning_iterations=5",
    "--set",
    "protocol.keep_audio=true",
];

fn with(more: &[&'static str]) -> Vec<&'static str> {
    SMOKE.iter().chain(more).copied().collect()
}

/// What a run gives, without when and where it was made.
fn outcome(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let run = place.path("runs/asd/latest").canonicalize().unwrap();
    let lasting = |name: &String| name != "run.json" && !name.ends_with(".jsonl") && !name.contains(".tmp");
    files(&run).into_iter().filter(|(name, _)| lasting(name)).collect()
}

#[test]
fn a_simulated_hall_ends_in_table_1() {
    let place = Place::empty();
    let said = place.auscult(SMOKE).well();
    for part in
        ["(H) BD + NNE", "proposed (B-D, F-H)", "dereverberation helps", "caution: Simulated", "controls"]
    {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    let run = place.path("runs/asd/latest");
    let results = json(run.join("results.json"));
    assert_eq!(results["cells"].as_array().unwrap().len(), 12);
    assert_eq!(results["controls"].as_array().unwrap().len(), 3);
    assert!(results["shifts_db"]["0 dB"].as_f64().unwrap().is_finite());
    assert!(results["claims"].as_array().unwrap().len() == 3);
    assert!(run.join("audio/seed1-machine00-04-0dB.wav").is_file());
    let rows = std::fs::read_to_string(run.join("predictions.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 3 * 2 * 2);
    place.auscult(["report", "runs/asd/latest", "-o", "report.html"]).well();
    let page = std::fs::read_to_string(place.path("report.html")).unwrap();
    assert!(page.contains("Table 1") && page.contains("three claims"));
    // finished runs are not repeated
    assert!(place.auscult(SMOKE).well().err.contains("nothing to do"));
    // and cannot score recordings: simulated machines have no names
    place.file("labels.csv", "path,machine,condition\na.wav,fan,normal\n");
    place.auscult(["eval", "asd", "--manifest", "labels.csv"]).refused(&["simulated"]);
}

#[test]
fn threads_and_kills_leave_no_trace() {
    let place = Place::empty();
    let halls = ["--set", "protocol.seeds=[1,2]"];
    let begun = |threads: [&'static str; 2]| with(&[halls, threads].concat());
    place.auscult(begun(["--threads", "1"])).well();
    let alone = outcome(&place);
    assert!(!alone.contains_key("so-far.txt"));
    std::fs::remove_dir_all(place.path("runs")).unwrap();

    let mut kills = 0;
    for moment in ["atoms-observed.npy", "model.json", "detector.json", "scores-00.json", "so-far.txt"] {
        let mut child = place
            .command(begun(["--threads", "3"]))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while !files_quietly(&place.path("runs")).iter().any(|path| path.ends_with(moment))
            && child.try_wait().unwrap().is_none()
        {
            assert!(began.elapsed() < Duration::from_secs(300), "{moment} did not come");
            std::thread::sleep(Duration::from_millis(2));
        }
        kills += usize::from(child.try_wait().unwrap().is_none());
        // too late if it has ended
        let _ = child.kill();
        child.wait().unwrap();
    }
    let so_far = std::fs::read_to_string(place.path("runs/asd/latest/so-far.txt")).unwrap();
    assert!(so_far.starts_with("after 1 halls") && so_far.contains("(H) BD + NNE"), "{so_far}");
    assert!(kills >= 2, "only {kills} kills came in time");
    place.auscult(begun(["--threads", "3"])).well();
    let broken = outcome(&place);
    let names = |outcome: &BTreeMap<String, Vec<u8>>| outcome.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&broken), names(&alone));
    for (name, contents) in &alone {
        assert!(&broken[name] == contents, "{name}");
    }
}

#[test]
fn recipes_that_contradict_themselves_are_refused() {
    let place = Place::empty();
    let refused = |setting: &str, expected: &str| {
        place.auscult(["train", "asd", "--recipe", "smoke", "--set", setting]).refused(&[expected]);
    };
    refused("data.machines=2", "at least 3");
    refused("data.sway=1.0", "0.15");
    refused("data.reverberation_time=0.01", "too short");
    refused("protocol.seeds=[1,1]", "twice");
    refused("protocol.snrs_db=[]", "nothing would be tested");
    refused("protocol.ensembles={ odd = 'XY' }", "`X` is no front end");
    refused("detector.front_ends=[]", "front_ends is empty");
    refused("detector.autoencoder.training.epochs=0", "epochs");
    refused("detector.features.sample_rate=8000", "16000");
    refused("data.colour='red'", "colour");
}

/// Two seconds of a humming machine; a broken one whistles.
pub(crate) fn machine(path: &Path, take: u64, whistle: f64, rate: u32, channels: usize, seconds: f64) {
    let mut state = (take + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    };
    let frames = (seconds * f64::from(rate)) as usize;
    let mut samples = Array2::zeros((channels, frames));
    for frame in 0..frames {
        let t = frame as f64 / f64::from(rate) + 0.37 * take as f64;
        let hum: f64 =
            (1..8).map(|h| (f64::from(h) * 100.0 * std::f64::consts::TAU * t).sin() / f64::from(h)).sum();
        let tone = (std::f64::consts::TAU * 3000.0 * t).sin();
        for channel in 0..channels {
            samples[[channel, frame]] = (0.05 * hum + 0.05 * noise() + whistle * tone) as f32;
        }
    }
    write_wav(path, &Audio::new(samples, rate).unwrap(), SampleFormat::I16).unwrap();
}

/// Two kinds of machine, seven normal and three whistling recordings each.
fn recordings(place: &Place) {
    let mut table = String::from("path,machine,machine_id,condition\n");
    for kind in ["fan", "pump"] {
        for take in 0..10 {
            let (name, whistle) = (format!("{kind}{take}.wav"), if take < 7 { 0.0 } else { 0.05 });
            machine(&place.path(&name), take, whistle, 16_000, 2, 2.0);
            let condition = if take < 7 { "normal" } else { "abnormal" };
            table += &format!("{name},{kind},id_00,{condition}\n");
        }
    }
    place.file("labels.csv", table);
    place.file(
        "recipe.toml",
        "about = 'a test'\n[data]\nkind = 'manifest'\nmanifest = 'labels.csv'\nchannels = 2\nsegment_seconds = 1.0\n\
         [detector]\nback_ends = ['autoencoder', 'gaussian-mixture', 'mahalanobis']\n\
         [detector.extraction]\natoms = 5\nlearning_iterations = 20\n\
         [detector.autoencoder.training]\nepochs = 20\nbatch_size = 16\n\
         [protocol]\nresamples = 50\n",
    );
}

#[test]
fn real_recordings_go_through_the_same_code() {
    let place = Place::empty();
    recordings(&place);
    let said = place.auscult(["train", "asd", "--recipe", "recipe.toml"]).well();
    assert!(said.out.contains("next to nothing"), "small samples are warned of: {}", said.out);
    let results = json(place.path("runs/asd/latest/results.json"));
    let cells = results["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 3 * 2 * 12);
    for cell in cells.iter().filter(|cell| cell["row"] == "proposed (B-D, F-H)") {
        assert!(cell["auc"]["value"].as_f64().unwrap() > 0.95, "{cell}");
    }
    // 3 normal and 3 abnormal recordings of two segments, of each kind
    assert_eq!(results["segments"], serde_json::json!([12, 12]));
    assert_eq!(results["groups"], 12);

    let said = place.auscult(["eval", "asd", "--manifest", "labels.csv"]).well();
    assert!(said.out.contains("harmonic_mean_of_auc_and_pauc"), "{}", said.out);
    // who trained is not scored
    place.file(
        "parts.csv",
        "path,machine,condition,part\nfan0.wav,fan,normal,train\nfan6.wav,fan,normal,test\nfan7.wav,fan,abnormal,test\n",
    );
    let said = place.auscult(["eval", "asd", "--manifest", "parts.csv"]).well();
    assert!(said.err.contains("1 normal recordings are left out"), "{}", said.err);
    assert!(said.out.contains("n = 4"), "two recordings of two segments: {}", said.out);
    place.file("other.csv", "path,machine,condition\nfan0.wav,lathe,normal\n");
    place.auscult(["eval", "asd", "--manifest", "other.csv"]).refused(&["line 2", "`lathe`"]);
    place.file("labels.csv", "path,machine,condition\nmissing.wav,fan,normal\nfan1.wav,fan,normal\n");
    place.auscult(["train", "asd", "--recipe", "recipe.toml"]).refused(&["missing.wav"]);
}
