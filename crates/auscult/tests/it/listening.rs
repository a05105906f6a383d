//! `auscult birds`: every way of printing, every format, many files.

use std::path::{Path, PathBuf};

use crate::support::{Place, trained, write_song};

/// The command with the run that all tests share.
fn birds(arguments: &[&str]) -> crate::support::Said {
    trained().auscult(["birds"].iter().chain(arguments).copied())
}

/// Three seconds that do not fill whole windows.
fn recording(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    write_song(&path, 3, 50, 3.21, 16_000, 2);
    path.display().to_string()
}

fn shipped(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path).display().to_string()
}

/// Begin and end of windows that cover `seconds` without a gap.
#[track_caller]
fn assert_covering(windows: &[(f64, f64)], seconds: f64) {
    assert!(windows[0].0 == 0.0 && (windows[windows.len() - 1].1 - seconds).abs() < 1e-6, "{windows:?}");
    for pair in windows.windows(2) {
        assert!(pair[0].0 < pair[1].0 && pair[1].0 <= pair[0].1, "{pair:?}");
    }
}

#[test]
fn json_has_one_object_a_line_and_windows_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (recording(folder.path(), "a.wav"), recording(folder.path(), "b.wav"));
    let said = birds(&[&first, &second, "--format", "json", "--min-probability", "0"]).well();
    let lines: Vec<serde_json::Value> =
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["path"], &lines[1]["path"]), (&first.as_str().into(), &second.as_str().into()));
    let seconds = lines[0]["seconds"].as_f64().unwrap();
    assert!((seconds - 3.21).abs() < 1e-3);
    let windows: Vec<(f64, f64)> = lines[0]["windows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|window| (window["start"].as_f64().unwrap(), window["end"].as_f64().unwrap()))
        .collect();
    assert_covering(&windows, seconds);
    assert_eq!(lines[0]["windows"], lines[1]["windows"]);
    for named in lines[0]["windows"].as_array().unwrap().iter().map(|window| &window["species"]) {
        let p: Vec<f64> =
            named.as_array().unwrap().iter().map(|s| s["probability"].as_f64().unwrap()).collect();
        assert!(
            p.len() == 3 && p.is_sorted_by(|a, b| a >= b) && p.iter().sum::<f64>() <= 1.0 + 1e-6,
            "{p:?}"
        );
    }
}

#[test]
fn text_csv_and_label_tracks_agree() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), "one, two.wav");
    let print =
        |format: &str| birds(&[&path, "--format", format, "--top", "1", "--min-probability", "0"]).well();
    let text = print("text").out;
    assert!(text.lines().next().unwrap().contains("(3.2 s)"), "{text}");
    assert!(text.lines().last().unwrap().trim_start().contains(" - 0:03.2  "), "{text}");

    let table = print("csv").out;
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    assert_eq!(rows.headers().unwrap(), vec!["path", "start_s", "end_s", "rank", "species", "probability"]);
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    assert!(rows.iter().all(|row| row[0] == path && &row[3] == "1"));
    assert_eq!(rows.len() + 1, text.lines().count());

    let labels = print("audacity").out;
    let raven = print("raven").out;
    assert!(raven.starts_with(
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
    ));
    assert_eq!((labels.lines().count(), raven.lines().count()), (rows.len(), rows.len() + 1));
    for ((row, label), selection) in rows.iter().zip(labels.lines()).zip(raven.lines().skip(1)) {
        let label: Vec<&str> = label.split('\t').collect();
        let selection: Vec<&str> = selection.split('\t').collect();
        let seconds = |text: &str| text.parse::<f64>().unwrap();
        assert_eq!((label.len(), selection.len()), (3, 10));
        assert!((seconds(label[0]) - seconds(&row[1])).abs() < 1e-3);
        assert!((seconds(selection[4]) - seconds(&row[2])).abs() < 1e-3);
        assert!(label[2].starts_with(&row[4]) && selection[8] == &row[4]);
        assert_eq!((selection[6], selection[9]), ("4000", &row[5]));
    }
}

#[test]
fn every_format_is_heard() {
    let decode = |name: &str| shipped(&format!("crates/audio-io/tests/golden/decode/{name}"));
    let mut files: Vec<String> = [
        "flac.flac",
        "flac24.flac",
        "lame.mp3",
        "vorbis.ogg",
        "aac.m4a",
        "double.wav",
        "mulaw.wav",
        "piped.wav",
    ]
    .map(decode)
    .into();
    files.push(shipped("data/birds/black_phoebe/XC192052.mp3"));
    files.push(shipped("data/birds/extra/orange_crowned_warbler.ogg"));
    let arguments: Vec<&str> = files.iter().map(String::as_str).chain(["--format", "json"]).collect();
    let said = birds(&arguments).well();
    let seconds: Vec<f64> = said
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seconds"].as_f64().unwrap())
        .collect();
    assert_eq!(seconds.len(), files.len());
    assert!(seconds.iter().all(|&s| s > 0.04), "{seconds:?}");
    assert!((seconds[8] - 6.0).abs() < 0.03 && (seconds[9] - 24.0).abs() < 0.01, "{seconds:?}");
}

#[test]
fn one_file_a_recording_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (recording(folder.path(), "a.wav"), recording(folder.path(), "b.wav"));
    let target = folder.path().join("labels/of these");
    let output = target.display().to_string();
    birds(&[&first, &second, "--format", "audacity", "--output", &output]).well();
    let printed = birds(&[&first, "--format", "audacity"]).well();
    assert_eq!(std::fs::read_to_string(target.join("a.labels.txt")).unwrap(), printed.out);
    let mut names: Vec<PathBuf> = target.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert_eq!(names, [target.join("a.labels.txt"), target.join("b.labels.txt")]);
}

#[test]
fn recordings_that_would_write_the_same_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("b")).unwrap();
    let (first, second) = (recording(folder.path(), "a.wav"), recording(folder.path(), "b/a.wav"));
    let output = folder.path().join("labels").display().to_string();
    birds(&[&first, &second, "--output", &output]).refused(&[&first, &second, "a.txt"]);
    assert!(!Path::new(&output).exists());
}

#[test]
fn label_tracks_of_several_recordings_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (recording(folder.path(), "a.wav"), recording(folder.path(), "b.wav"));
    for format in ["audacity", "raven"] {
        birds(&[&first, &second, "--format", format]).refused(&["one recording", "--output"]);
    }
}

#[test]
fn a_bad_file_stops_or_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let good = recording(folder.path(), "good.wav");
    let bad = folder.path().join("bad.wav").display().to_string();
    std::fs::write(&bad, "no sound").unwrap();
    let cut = folder.path().join("cut.wav").display().to_string();
    let bytes = std::fs::read(&good).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();

    birds(&[&bad, &good]).refused(&["bad.wav: is not audio"]);
    birds(&[&cut]).refused(&["cut.wav: truncated"]);
    let said = birds(&[&bad, &cut, &good, "--skip-bad"]).well();
    assert!(said.err.contains("skipped") && said.err.contains("bad.wav"), "{}", said.err);
    assert!(said.err.contains("cut.wav") && said.err.contains("truncated"), "damage is told: {}", said.err);
    assert!(said.out.contains("good.wav") && said.out.contains("cut.wav  (1.6 s)"), "{}", said.out);
    birds(&[&bad, "--skip-bad"]).refused(&["none of the 1 files"]);
}

#[test]
fn impossible_wishes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = recording(folder.path(), "a.wav");
    for hop in ["0", "-1", "nan", "1e300"] {
        birds(&[&path, &format!("--hop={hop}")]).refused(&["hop"]);
    }
    birds(&[&path, "--top", "0"]).refused(&["--top"]);
    birds(&[&path, "--threads", "0"]).refused(&["threads"]);
    birds(&[&path, "--device", "tpu"]).refused(&["tpu", "cpu"]);
    birds(&[&path, "--run", "nowhere"]).refused(&["nowhere", "there is no run here"]);
    let said =
        birds(&[&path, "--hop", "0.1", "--format", "csv", "--top", "1", "--min-probability", "0"]).well();
    assert!(said.out.lines().count() > 20, "{}", said.out);
}

/// `auscult birds ... | head -1`.
#[test]
fn a_reader_that_leaves_is_no_failure() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    write_song(&path, 1, 1, 60.0, 8_000, 1);
    for format in ["csv", "text", "json"] {
        let path = path.display().to_string();
        let arguments = ["birds", &path, "--format", format, "--hop", "0.02", "--min-probability", "0"];
        let mut child =
            trained().command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::with_capacity(16, child.stdout.take().unwrap());
        if format != "json" {
            out.read_line(&mut line).unwrap();
        }
        drop(out);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_are_no_obstacle() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"sp\xe9cimen.wav"));
    write_song(&path, 0, 1, 2.0, 8_000, 1);
    let place: &Place = trained();
    for format in ["text", "json", "csv", "audacity", "raven"] {
        let output = place.command(["birds", "--format", format]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
