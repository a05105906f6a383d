//! The svd pipeline and `auscult singing`, end to end.

use std::process::Stdio;
use std::time::{Duration, Instant};

use auscult::audio_io::{Audio, SampleFormat, write_wav};

use crate::songs::{Songs, is_sung, samples, trained, write};
use crate::support::{Said, files, json, without_times};

fn singing(arguments: &[&str]) -> Said {
    trained().auscult(["singing"].iter().chain(arguments).copied())
}

#[test]
fn an_svd_run_folder_holds_what_the_documentation_says() {
    let run = trained().run();
    let found = files(&run);
    let top: Vec<&str> = found.keys().map(String::as_str).filter(|name| !name.contains('/')).collect();
    let mut expected = vec!["metrics.json", "model.json", "model.safetensors", "predictions.csv"];
    expected.extend(["recipe.toml", "results.json", "run.json", "stages.jsonl"]);
    assert_eq!(top, expected);
    // (1 fold of artists + 2 of songs) x 2 networks.
    assert_eq!(found.keys().filter(|name| name.ends_with("predictions.json")).count(), 6);
    assert_eq!(found.keys().filter(|name| name.ends_with("checkpoint.safetensors")).count(), 0);
    let table = String::from_utf8(found["predictions.csv"].clone()).unwrap();
    assert!(table.starts_with("scheme,split,seed,model,path,time_s,sung,probability\n"));
    let metrics = json(run.join("metrics.json"));
    assert_eq!(metrics["pipeline"], "svd");
    for name in ["auc", "accuracy", "false_positive_rate", "new_songs_auc"] {
        let figure = |part: &str| metrics["metrics"][name][part].as_f64().unwrap();
        let (value, low, high) = (figure("value"), figure("low"), figure("high"));
        assert!(0.0 <= low && low <= value && value <= high && high <= 1.0, "{name}: {metrics}");
    }
    assert!(
        metrics["metrics"]["auc"]["value"].as_f64().unwrap() > 0.9,
        "trembling tones are easy: {metrics}"
    );
    let results = json(run.join("results.json"));
    assert_eq!(results["stress"].as_array().unwrap().len(), 6);
    assert_eq!(results["artists"], 3);
}

#[test]
fn a_second_svd_call_changes_nothing_and_the_report_tells_all() {
    let songs = trained();
    let before = files(&songs.run());
    let again =
        songs.train(&["--set", "protocol.stress=true", "--set", "contender.0.training.epochs=8"]).well();
    assert!(again.err.contains("nothing to do"), "{}", again.err);
    for part in ["AUC", "new-artists", "new-songs", "small", "recurrent", "majority", "vibrato of 6 Hz"] {
        assert!(again.out.contains(part), "`{part}` is not in: {}", again.out);
    }
    assert!(before == files(&songs.run()));
    let page = songs.path("report.html");
    let folder = songs.run().display().to_string();
    songs.auscult(["report", &folder, "--output", &page.display().to_string()]).well();
    let page = std::fs::read_to_string(page).unwrap();
    for part in [
        "Where does somebody sing?",
        "Songs of unseen artists",
        "Table 3",
        "Stress tests",
        "0.899",
        "Learning curves",
    ] {
        assert!(page.contains(part), "`{part}` is not in the report");
    }
}

#[test]
fn a_killed_svd_run_ends_as_an_unbroken_one() {
    let songs = Songs::new();
    let settings = ["--set", "protocol.song_folds=0", "--set", "contender.0.training.epochs=6"];
    songs.train(&settings).well();
    let outcome = || {
        let all = files(&songs.run())
            .into_iter()
            .filter(|(name, _)| name != "run.json" && !name.ends_with(".jsonl"));
        let strip = |(name, contents): (String, Vec<u8>)| match name.ends_with(".json") {
            true => {
                let mut value = without_times(&contents);
                strip_costs(&mut value);
                (name, serde_json::to_vec(&value).unwrap())
            }
            false => (name, contents),
        };
        all.map(strip).collect::<Vec<_>>()
    };
    let unbroken = outcome();
    std::fs::remove_dir_all(songs.path("runs")).unwrap();
    let jobs =
        |name: &str| files_below(&songs.path("runs")).iter().filter(|path| path.ends_with(name)).count();
    let mut kills = 0;
    for (file, count) in [("checkpoint.safetensors", 1), ("predictions.json", 1), ("predictions.json", 2)] {
        let arguments = ["train", "svd", "--recipe", "recipe.toml"].iter().chain(&settings).copied();
        let mut child = songs.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while jobs(file) < count && child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < Duration::from_secs(120), "the moment did not come");
            std::thread::sleep(Duration::from_millis(1));
        }
        kills += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(kills >= 1, "no kill came in time");
    songs.train(&settings).well();
    let broken = outcome();
    assert_eq!(broken.len(), unbroken.len());
    for ((name, broken), (_, unbroken)) in broken.iter().zip(&unbroken) {
        assert!(broken == unbroken, "{name} differs");
    }
}

/// Times, which no two runs share.
fn strip_costs(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.retain(|key, _| {
                !["cost", "step_seconds", "data_wait", "seconds_a_minute"].contains(&key.as_str())
            });
            map.values_mut().for_each(strip_costs);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(strip_costs),
        _ => {}
    }
}

fn files_below(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() && !path.is_symlink() => files_below(&path),
            path => vec![path.display().to_string()],
        })
        .collect()
}

#[test]
fn evaluation_takes_songs_and_intervals() {
    let songs = Songs::new();
    songs.train(&["--set", "protocol.song_folds=0"]).well();
    let metrics = |manifest: &str| {
        let said = songs.auscult(["eval", "svd", "--manifest", manifest, "--json"]).well();
        serde_json::from_str::<serde_json::Value>(&said.out).unwrap()["metrics"].clone()
    };
    let of_songs = metrics("songs.csv");
    assert_eq!(of_songs, metrics("labels.csv"));
    assert_eq!(of_songs["auc"]["n"], 6);
    let found = files(&songs.run());
    assert_eq!(
        found.keys().filter(|name| name.starts_with("eval/") && name.ends_with("songs.csv")).count(),
        2
    );

    // Pure instrumentals: nothing but false alarms to count.
    let quiet = "path,start_s,end_s,label\nquiet.wav,0,3,nosing\n";
    std::fs::write(songs.path("quiet.csv"), quiet).unwrap();
    let noise = samples(9, 1.4, 22_050, 1);
    let twice = ndarray::concatenate![ndarray::Axis(1), noise, noise];
    write_wav(songs.path("quiet.wav"), &Audio::new(twice, 22_050).unwrap(), SampleFormat::I16).unwrap();
    let figures = metrics("quiet.csv");
    assert!(figures["false_positive_rate"]["value"].is_number() && figures["auc"].is_null(), "{figures}");
}

#[test]
fn bad_songs_and_labels_are_named_with_file_and_line() {
    let songs = Songs::new();
    let refused = |expected: &[&str]| songs.train(&[]).refused(expected);
    songs.edit("labels.csv", "song0.wav,1.5,3,sing", "song0.wav,1.2,3,sing");
    refused(&["labels.csv", "line 3", "overlaps that of line 2"]);
    songs.edit("labels.csv", "song0.wav,1.2,3,sing", "song0.wav,1.5,3,sings");
    refused(&["labels.csv", "line 3", "`sings`"]);
    songs.edit("labels.csv", "3,sings", "3,sing");
    songs.edit("labels.csv", "song2.wav,4.5,6,sing", "song2.wav,4.5,16,sing");
    refused(&["labels.csv", "line 13", "song2.wav", "only 6"]);
    songs.edit("labels.csv", "song2.wav,4.5,16,sing", "song2.wav,4.5,6,sing");
    songs.edit("songs.csv", "song5.wav,Cy", "song6.wav,Cy");
    refused(&["songs.csv", "line 7", "`song6.wav` has no labels"]);
    songs.edit("songs.csv", "song6.wav,Cy", "song5.wav,Cy");
    std::fs::write(songs.path("song3.wav"), b"RIFF").unwrap();
    refused(&["song3.wav", "--skip-bad"]);
    let said = songs.train(&["--skip-bad", "--set", "protocol.song_folds=0"]).well();
    assert!(said.err.contains("5 recordings, 1 skipped"), "{}", said.err);
    let error = songs.auscult(["singing", "song0.wav", "--threshold", "1.5"]).refused(&["--threshold 1.5"]);
    assert!(error.contains("probability"));
}

#[test]
fn singing_is_found_and_printed_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let song = folder.path().join("new.wav");
    // A pitch of the training songs, in another rate and other noise.
    write(&song, 3, 6.0, 44_100, 2);
    let path = song.display().to_string();
    let said = singing(&[&path, "--format", "json"]).well();
    let object: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert!((object["seconds"].as_f64().unwrap() - 6.0).abs() < 1e-3);
    let hop = object["hop"].as_f64().unwrap();
    assert!((hop - 5.0 * 315.0 / 22_050.0).abs() < 1e-9);
    let probabilities: Vec<f64> =
        object["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    assert_eq!(probabilities.len(), 421_usize.div_ceil(5));
    let segments = object["segments"].as_array().unwrap();
    assert!(!segments.is_empty());
    let seconds: Vec<(f64, f64)> =
        segments.iter().map(|s| (s["start"].as_f64().unwrap(), s["end"].as_f64().unwrap())).collect();
    let inside = |time: f64| seconds.iter().any(|(start, end)| *start <= time && time < *end);
    let right = (0..600).filter(|&i| inside(0.01 * f64::from(i)) == is_sung(0.01 * f64::from(i))).count();
    assert!(right > 450, "{right} of 600 hundredths, {seconds:?}");

    let lines = |format: &str| -> Vec<String> {
        singing(&[&path, "--format", format]).well().out.lines().map(str::to_owned).collect()
    };
    let text = lines("text");
    assert!(text[0].contains("(6.0 s)  sung") && text.len() == 1 + seconds.len(), "{text:?}");
    let csv = lines("csv");
    assert_eq!(csv[0], "path,start_s,end_s,label,probability");
    assert_eq!(csv.len(), 1 + seconds.len());
    let audacity = lines("audacity");
    assert!(audacity.len() == seconds.len() && audacity[0].split('\t').count() == 3, "{audacity:?}");
    // A .lab covers the song without a gap.
    let mut end = 0.0;
    for line in lines("lab") {
        let fields: Vec<&str> = line.split(' ').collect();
        assert_eq!(fields[0].parse::<f64>().unwrap(), end);
        end = fields[1].parse().unwrap();
        assert!(["sing", "nosing"].contains(&fields[2]));
    }
    assert!((end - 6.0).abs() < 1e-3);

    let never = singing(&[&path, "--threshold", "1"]).well();
    assert_eq!(never.out.lines().count(), 1, "{}", never.out);
}

#[test]
fn files_go_to_folders_and_pictures_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.wav", "b.wav"] {
        write(&folder.path().join(name), 3, 3.0, 22_050, 1);
    }
    let [a, b, out, pictures] = ["a.wav", "b.wav", "out", "pictures"].map(|name| folder.path().join(name));
    let [a, b, out, pictures] = [&a, &b, &out, &pictures].map(|path| path.display().to_string());
    singing(&[&a, &b, "--format", "lab", "--output", &out, "--picture", &pictures]).well();
    for name in ["out/a.lab", "out/b.lab", "pictures/a.svg", "pictures/b.svg"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
    let svg = std::fs::read_to_string(folder.path().join("pictures/a.svg")).unwrap();
    assert!(svg.contains("<polyline") && svg.contains("data:image/png;base64"));
    singing(&[&a, &b, "--format", "lab"]).refused(&["--output FOLDER"]);
    singing(&["no-such.wav"]).refused(&["no-such.wav"]);
    std::fs::write(folder.path().join("broken.mp3"), "not music").unwrap();
    let broken = folder.path().join("broken.mp3").display().to_string();
    let said = singing(&[&broken, &a, "--skip-bad"]).well();
    assert!(said.err.contains("skipped") && said.out.contains("a.wav"));
}

/// Over five minutes, so in two blocks, a second is like every other.
#[test]
fn long_songs_are_judged_block_by_block_without_a_seam() {
    let folder = tempfile::tempdir().unwrap();
    let second = samples(5, 1.0, 22_050, 1).mapv(|x| x * 0.5);
    let views = vec![second.view(); 330];
    let long = ndarray::concatenate(ndarray::Axis(1), &views).unwrap();
    let path = folder.path().join("long.wav");
    write_wav(&path, &Audio::new(long, 22_050).unwrap(), SampleFormat::I16).unwrap();
    let said = singing(&[&path.display().to_string(), "--format", "json", "--hop", "70"]).well();
    let object: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let probabilities: Vec<f64> =
        object["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
    assert_eq!(probabilities.len(), 331);
    for (index, p) in probabilities[2..328].iter().enumerate() {
        // Means over blocks of different length differ a little.
        assert!((p - probabilities[2]).abs() < 0.02, "second {}: {p} and {}", index + 2, probabilities[2]);
    }
}

#[test]
fn corpora_become_manifests() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("amy_1_01.wav"), 1, 1.0, 16_000, 2);
    std::fs::write(folder.path().join("amy_1_01.vocal"), "0\n1\n1\n").unwrap();
    let place = folder.path().display().to_string();
    let said = trained().auscult(["manifest", "mir-1k", &place]).well();
    assert!(said.err.contains("songs.csv: 1 songs"), "{}", said.err);
    let labels = std::fs::read_to_string(folder.path().join("labels.csv")).unwrap();
    assert_eq!(labels, "path,start_s,end_s,label\namy_1_01.wav,0.030,0.070,sing\n");
    trained().auscult(["manifest", "jamendo-svd", &place]).refused(&["jamendo-svd", "data info"]);
}
