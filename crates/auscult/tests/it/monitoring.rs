//! `auscult monitor`: learning, scoring, and everything that can be wrong with a microphone.

use std::io::{BufRead as _, Write as _};
use std::process::Stdio;

use auscult::audio_io::{Audio, SampleFormat, read, write_wav};

use crate::asd::machine;
use crate::support::{Place, Said};

/// A monitor of a two-microphone machine, trained on twelve recordings.
fn trained() -> Place {
    let place = Place::empty();
    std::fs::create_dir(place.path("normal")).unwrap();
    for take in 0..12 {
        machine(&place.path(format!("normal/{take:02}.wav")), take, 0.0, 16_000, 2, 4.0);
    }
    let said = place.auscult(["monitor", "--train", "normal", "-o", "model", "--seconds", "1"]).well();
    assert!(said.err.contains("8 held-out segments") && said.err.contains("a guess"), "{}", said.err);
    place
}

fn listen(place: &Place, more: &[&'static str]) -> Said {
    place.auscult(["monitor", "--model", "model", "--json"].iter().chain(more).copied())
}

fn lines(said: &Said) -> Vec<serde_json::Value> {
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_monitor_hears_what_is_new_and_says_where() {
    let place = trained();
    machine(&place.path("well.wav"), 50, 0.0, 16_000, 2, 3.0);
    machine(&place.path("ill.wav"), 51, 0.05, 16_000, 2, 3.0);
    let well = lines(&listen(&place, &["well.wav"]).well());
    assert_eq!(well.len(), 3);
    let ill = lines(&listen(&place, &["ill.wav", "--pictures", "pictures"]).well());
    for (well, ill) in well.iter().zip(&ill) {
        assert_eq!(ill["alarm"], true, "{ill}");
        assert!(well["score"].as_f64().unwrap() < 0.2 * ill["score"].as_f64().unwrap(), "{well} {ill}");
        let band = ill["band_hz"].as_array().unwrap();
        assert!(band[0].as_f64().unwrap() < 3000.0 && band[1].as_f64().unwrap() > 3000.0, "{ill}");
        assert!(place.path(ill["picture"].as_str().unwrap()).is_file());
    }
    // a folder, and a stream, say the same
    let folder = lines(&listen(&place, &["normal"]).well());
    assert_eq!(folder.len(), 12 * 4);
    let mut child = place
        .command(["monitor", "--model", "model", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&std::fs::read(place.path("ill.wav")).unwrap()).unwrap();
    let streamed = lines(&Said::from(child.wait_with_output().unwrap()).well());
    assert_eq!(streamed.len(), 3);
    for (streamed, ill) in streamed.iter().zip(&ill) {
        assert!((streamed["score"].as_f64().unwrap() - ill["score"].as_f64().unwrap()).abs() < 1e-6);
    }
}

#[test]
fn a_followed_folder_is_heard_as_it_fills() {
    let place = trained();
    machine(&place.path("ill.wav"), 51, 0.05, 16_000, 2, 3.0);
    let whole = std::fs::read(place.path("ill.wav")).unwrap();
    std::fs::create_dir(place.path("inbox")).unwrap();
    std::fs::create_dir(place.path("second")).unwrap();
    let mut child = place
        .command(["monitor", "--model", "model", "--json", "--follow", "inbox", "second"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> serde_json::Value { serde_json::from_str(&said.next().unwrap().unwrap()).unwrap() };
    // a recorder that pauses is told of, and heard when it has gone on
    std::fs::write(place.path("inbox/a.wav"), &whole[..whole.len() / 2]).unwrap();
    assert!(next()["error"].as_str().unwrap().contains("truncated"));
    std::fs::write(place.path("inbox/a.wav"), &whole).unwrap();
    for second in 0..3 {
        let verdict = next();
        assert_eq!(
            (&verdict["start"], &verdict["alarm"]),
            (&(second as f64).into(), &true.into()),
            "{verdict}"
        );
    }
    // a file that came and was scored is left alone
    std::fs::write(place.path("inbox/b.wav"), &whole).unwrap();
    assert!(next()["path"].as_str().unwrap().ends_with("b.wav"));
    // and so is one in another folder
    std::fs::write(place.path("second/c.wav"), &whole).unwrap();
    while !next()["path"].as_str().unwrap().ends_with("c.wav") {}
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn broken_microphones_and_odd_files_are_never_scored_silently() {
    let place = trained();
    let whole = || {
        machine(&place.path("whole.wav"), 60, 0.0, 16_000, 2, 2.0);
        read(place.path("whole.wav")).unwrap()
    };
    let write = |name: &str, audio: &Audio| {
        write_wav(place.path(name), audio, SampleFormat::I16).unwrap();
    };
    // one of two is dead: half remain, and it is said
    let mut audio = whole();
    audio.samples.row_mut(1).fill(0.0);
    write("dead.wav", &audio);
    let dead = lines(&listen(&place, &["dead.wav"]).well());
    assert_eq!(dead[0]["dead"], serde_json::json!([1]));
    // one is clipped
    let mut audio = whole();
    audio.samples.row_mut(0).mapv_inplace(|x| (100.0 * x).clamp(-1.0, 1.0));
    write("clipped.wav", &audio);
    assert_eq!(lines(&listen(&place, &["clipped.wav"]).well())[0]["clipped"], serde_json::json!([0]));
    // both are
    let mut audio = whole();
    audio.samples.fill(0.0);
    write("silent.wav", &audio);
    let said = listen(&place, &["silent.wav"]);
    assert!(said.out.contains("0 of 2 microphones are in order"), "{}", said.out);
    said.refused(&["silent.wav"]);
    // a higher rate is resampled and scores alike; a lower one is refused
    machine(&place.path("rate48.wav"), 61, 0.0, 48_000, 2, 2.0);
    assert_eq!(lines(&listen(&place, &["rate48.wav"]).well()).len(), 2);
    machine(&place.path("rate8.wav"), 61, 0.0, 8_000, 2, 2.0);
    listen(&place, &["rate8.wav"]).refused(&["rate8.wav", "8000 Hz", "record at 16000 Hz or more"]);
    // other channels, too short to decide, too short to score
    machine(&place.path("mono.wav"), 62, 0.0, 16_000, 1, 2.0);
    listen(&place, &["mono.wav"]).refused(&["1 channels", "trained with 2"]);
    machine(&place.path("brief.wav"), 63, 0.0, 16_000, 2, 0.4);
    assert!(lines(&listen(&place, &["brief.wav"]).well())[0]["alarm"].is_null());
    machine(&place.path("blip.wav"), 64, 0.0, 16_000, 2, 0.05);
    listen(&place, &["blip.wav"]).refused(&["blip.wav", "too short"]);
    // a bad file does not keep the others from being scored
    let said = listen(&place, &["blip.wav", "whole.wav"]);
    assert_eq!(said.out.lines().filter(|line| line.contains("whole.wav")).count(), 2);
    said.refused(&["1 of 2 recordings"]);
}

#[test]
fn what_cannot_be_learnt_from_is_refused() {
    let place = Place::empty();
    std::fs::create_dir(place.path("empty")).unwrap();
    let train = |folder| place.auscult(["monitor", "--train", folder, "-o", "model"]);
    train("empty").refused(&["holds no recording"]);
    train("nowhere").refused(&["nowhere"]);
    std::fs::create_dir(place.path("short")).unwrap();
    machine(&place.path("short/a.wav"), 0, 0.0, 16_000, 1, 4.0);
    train("short").refused(&["whole segments of 10 s"]);
    // what was learnt from them is not taken for what others would teach
    std::fs::create_dir(place.path("other")).unwrap();
    machine(&place.path("other/a.wav"), 1, 0.0, 16_000, 1, 4.0);
    train("other").refused(&["other recordings or settings"]);
    std::fs::create_dir(place.path("mixed")).unwrap();
    machine(&place.path("mixed/a.wav"), 0, 0.0, 16_000, 1, 2.0);
    machine(&place.path("mixed/b.wav"), 1, 0.0, 16_000, 2, 2.0);
    place.auscult(["monitor", "--train", "mixed", "-o", "mixed-model"]).refused(&["b.wav", "2 channels"]);
    place.auscult(["monitor", "--model", "model2", "short"]).refused(&["there is no monitor here"]);
    place.auscult(["monitor", "--train", "short", "--false-alarms", "1.5"]).refused(&["false-alarm rate"]);
}
