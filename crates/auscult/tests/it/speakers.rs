//! `auscult diarize`, `auscult same-speaker` and the speakers pipeline, on voices that the tests make and recordings that come along.

use std::path::{Path, PathBuf};

use auscult::audio_io::{Audio, SampleFormat, write_wav};
use auscult::eval_metrics::parse_rttm;
use ndarray::Array2;

use crate::support::{Said, json};

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// The command in a folder.
fn auscult(folder: &Path, arguments: &[&str]) -> Said {
    Said::from(
        std::process::Command::new(env!("CARGO_BIN_EXE_auscult"))
            .current_dir(folder)
            .args(arguments)
            .output()
            .unwrap(),
    )
}

/// A buzzing "voice" whose pitch and resonances are its speaker's, saying something else in each take.
pub(crate) fn voice(speaker: u64, take: u64, seconds: f64) -> Vec<f32> {
    let mix = |n: u64| {
        let z = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 32)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    let f0 = 90.0 + 120.0 * mix(speaker);
    let tract = 0.8 + 0.5 * mix(speaker + 1000);
    (0..(seconds * 8000.0) as usize)
        .map(|n| {
            let t = n as f64 / 8000.0;
            // A new "vowel" every 0.2 s, the same ones for all speakers.
            let vowel = take * 7919 + (t / 0.2) as u64;
            let (low, high) =
                (tract * (300.0 + 500.0 * mix(vowel)), tract * (900.0 + 1400.0 * mix(vowel + 500)));
            let sum: f64 = (1..=(3800.0 / f0) as u32)
                .map(|h| {
                    let f = f0 * f64::from(h);
                    let near = |formant: f64| 1.0 / (1.0 + ((f - formant) / 150.0).powi(2));
                    (near(low) + 0.5 * near(high)) * (std::f64::consts::TAU * f * t).sin()
                })
                .sum();
            let hiss = mix(n as u64 ^ (speaker << 32) ^ (take << 48)) - 0.5;
            (0.08 * sum + 0.002 * hiss) as f32
        })
        .collect()
}

fn write(path: &Path, samples: &[f32]) {
    let samples = Array2::from_shape_vec((1, samples.len()), samples.to_vec()).unwrap();
    write_wav(path, &Audio::new(samples, 8000).unwrap(), SampleFormat::I16).unwrap();
}

const RECIPE: &str = r#"
about = "A test."
data = { manifest = "labels.csv", meetings = "meetings.csv" }
models = { components = [8], eigenvoices = { factors = 4, iterations = 4 }, eigenchannels = { factors = 2, iterations = 2 }, plda = { total_variability = { factors = 6, iterations = 2 } } }
protocol = { seeds = [1], development = 0.5, development_conversations = 3, test_conversations = 3, speakers = [2, 3], segments = [6, 8], kappas = [0.1, 0.3] }
diarization = { development_conversations = 2, test_conversations = 2, kappas = [0.1], thresholds = [-3.0, 0.0] }
"#;

/// Eight background and eight evaluation speakers, and a conversation of two.
fn place(folder: &Path) {
    let mut labels = "path,speaker,part\n".to_owned();
    for speaker in 0..16 {
        let part = if speaker < 8 { "background" } else { "evaluation" };
        write(&folder.join(format!("s{speaker}.wav")), &voice(speaker, speaker, 9.0));
        labels += &format!("s{speaker}.wav,speaker {speaker},{part}\n");
    }
    std::fs::write(folder.join("labels.csv"), labels).unwrap();
    std::fs::write(folder.join("recipe.toml"), RECIPE).unwrap();
    write(&folder.join("talk.wav"), &[voice(3, 90, 4.0), voice(12, 91, 4.0), voice(3, 92, 4.0)].concat());
    let turn = |start: f64, who: &str| format!("SPEAKER talk 1 {start} 4.0 <NA> <NA> {who} <NA> <NA>\n");
    std::fs::write(folder.join("talk.rttm"), turn(0.0, "a") + &turn(4.0, "b") + &turn(8.0, "a")).unwrap();
    std::fs::write(folder.join("meetings.csv"), "path,rttm\ntalk.wav,talk.rttm\n").unwrap();
}

#[test]
fn a_run_trains_goes_on_reports_and_listens() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    place(folder);
    let train = ["train", "speakers", "--recipe", "recipe.toml"];
    let said = auscult(folder, &train).well();
    assert!(said.out.contains("i-vector + PLDA") && said.out.contains("DER, no collar"), "{}", said.out);
    let run = folder.join("runs/speakers/latest");
    let before = json(run.join("results.json"));
    assert!(auscult(folder, &train).well().err.contains("complete"));

    // Killed after its only job: the same figures come out again without that job's work.
    std::fs::remove_file(run.join("results.json")).unwrap();
    let again = auscult(folder, &train).well();
    assert!(!again.err.contains("8 Gaussians, seed 1"), "{}", again.err);
    assert_eq!(json(run.join("results.json"))["scores"], before["scores"]);

    auscult(folder, &["report", "runs/speakers/latest"]).well();
    let page = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert!(page.contains("Who is the same speaker") && page.contains("<svg"));

    let said = auscult(folder, &["eval", "speakers", "--manifest", "talk.rttm", "--root", "."]).well();
    assert!(said.out.contains("der_collar"), "{}", said.out);
    let score = |start: f64, length: f64| {
        let line = format!("SPEAKER talk 1 {start} {length} <NA> <NA> c <NA> <NA>\n");
        let turns = std::fs::read_to_string(folder.join("talk.rttm")).unwrap();
        let turns = if length > 0.0 { turns + &line } else { line };
        std::fs::write(folder.join("odd.rttm"), turns).unwrap();
        auscult(folder, &["eval", "speakers", "--manifest", "odd.rttm", "--root", "."])
    };
    score(1.0, 2.0).well(); // Overlap is scored.
    let refused = score(0.0, -4.0);
    assert_eq!(refused.err.matches("odd.rttm:1: duration -4 is negative").count(), 1, "{}", refused.err);
    score(0.0, 0.0).refused(&["talk.wav", "nothing to score"]);
    let said = auscult(folder, &["diarize", "talk.wav", "--run", "latest", "--speakers", "2"]).well();
    let turns = parse_rttm(&said.out, "stdout").unwrap().remove("talk").unwrap();
    assert!(turns.iter().any(|turn| turn.label == "S2"), "{turns:?}");
}

#[test]
fn turns_are_printed_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let meeting = shipped("data/speakers/meetings/dev00.ogg");
    let meeting = meeting.to_str().unwrap();
    let diarize = |more: &[&str]| auscult(folder, &[&["diarize", meeting], more].concat());
    let said = diarize(&["--rttm-out", "out", "--timeline", "out"]).well();
    let turns = parse_rttm(&said.out, "stdout").unwrap().remove("dev00").unwrap();
    assert!(!turns.is_empty());
    assert!(turns.windows(2).all(|pair| pair[0].end <= pair[1].start + 2e-3), "{turns:?}");
    assert!(turns.iter().all(|turn| turn.start >= 0.0 && turn.end <= 30.001));
    let written = std::fs::read_to_string(folder.join("out/dev00.rttm")).unwrap();
    assert_eq!(parse_rttm(&written, "out").unwrap()["dev00"].len(), turns.len());
    assert!(std::fs::read_to_string(folder.join("out/dev00.html")).unwrap().contains("<rect"));

    let object: serde_json::Value = serde_json::from_str(&diarize(&["--format", "json"]).well().out).unwrap();
    assert_eq!(object["turns"].as_array().unwrap().len(), turns.len());
    assert_eq!(object["seconds"], 240_001.0 / 8000.0); // libsndfile counts as many frames
    assert_eq!(diarize(&["--format", "csv"]).well().out.lines().count(), turns.len() + 1);
    assert_eq!(diarize(&["--format", "audacity"]).well().out.lines().count(), turns.len());
    let subtitles = diarize(&["--format", "webvtt"]).well().out;
    assert!(subtitles.starts_with("WEBVTT\n\n00:00:"), "{subtitles}");
    assert_eq!(subtitles.matches("<v S").count(), turns.len());
    let one = diarize(&["--speakers", "1", "--format", "json"]).well();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&one.out).unwrap()["speakers"], 1);
    diarize(&["--speakers", "0"]).refused(&["from 1 on"]);
}

#[test]
fn readers_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str| shipped(&format!("data/speakers/chapters/{name}.ogg")).display().to_string();
    let compare = |a: &str, b: &str| -> f64 {
        let said = auscult(folder.path(), &["same-speaker", &of(a), &of(b), "--json"]).well();
        serde_json::from_str::<serde_json::Value>(&said.out).unwrap()["llr"].as_f64().unwrap()
    };
    let same = compare("1688-142285-0001", "1688-142285-0003");
    let different = compare("1688-142285-0001", "2414-128291-0008");
    assert!(same > 0.0 && different < 0.0, "{same} {different}");
    let said =
        auscult(folder.path(), &["same-speaker", &of("1688-142285-0001"), &of("1688-142285-0003")]).well();
    assert!(said.out.starts_with("the same speaker: probability"), "{}", said.out);
}

#[test]
fn bad_input_is_named_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    place(folder);
    write(&folder.join("silence.wav"), &[0.0; 16_000]);
    write(&folder.join("crumb.wav"), &voice(1, 1, 0.1));
    std::fs::write(folder.join("text.wav"), "no sound").unwrap();
    assert_eq!(auscult(folder, &["diarize", "silence.wav"]).well().out, "");
    auscult(folder, &["same-speaker", "silence.wav", "s1.wav"]).refused(&["silence.wav", "speech"]);
    auscult(folder, &["same-speaker", "crumb.wav", "s1.wav"]).refused(&["crumb.wav", "0.2 s"]);
    auscult(folder, &["same-speaker", "s1.wav", "s2.wav", "--prior", "1.5"]).refused(&["prior"]);
    auscult(folder, &["diarize", "text.wav"]).refused(&["text.wav"]);
    let said = auscult(folder, &["diarize", "text.wav", "talk.wav", "--skip-bad", "--format", "csv"]).well();
    assert!(said.out.contains("talk.wav") && said.err.contains("text.wav"));
    auscult(folder, &["diarize", "talk.wav", "s1.wav", "--format", "audacity"]).refused(&["one file"]);
    auscult(folder, &["diarize", "talk.wav", "--run", "latest"]).refused(&["no run here"]);

    let manifest = folder.join("labels.csv");
    let labels = std::fs::read_to_string(&manifest).unwrap();
    let train = ["train", "speakers", "--recipe", "recipe.toml"];
    std::fs::write(&manifest, labels.clone() + "text.wav,x,background\n").unwrap();
    auscult(folder, &train).refused(&["text.wav", "--skip-bad"]);
    std::fs::write(&manifest, labels.clone() + "s1.wav,x,evaluation\n").unwrap();
    auscult(folder, &train).refused(&["line 18", "already"]);
    std::fs::write(&manifest, labels.lines().take(11).collect::<Vec<_>>().join("\n")).unwrap();
    auscult(folder, &train).refused(&["evaluation speakers", "protocol.speakers"]);
    std::fs::write(
        &manifest,
        labels.lines().take(1).chain(labels.lines().skip(7)).collect::<Vec<_>>().join("\n"),
    )
    .unwrap();
    auscult(folder, &train).refused(&["too few"]);
}
