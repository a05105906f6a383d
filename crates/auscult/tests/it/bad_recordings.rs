//! Recordings that cannot be used: training stops and says which and why, or goes on without them.

use crate::support::{Place, raw_wav};

/// Name, contents, what the message says.
fn bad_files() -> Vec<(&'static str, Option<Vec<u8>>, &'static str)> {
    let mp3 =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/birds/black_phoebe/XC192052.mp3");
    let mp3 = std::fs::read(mp3).unwrap();
    let good = raw_wav(8_000, &[1000; 16_000]);
    let mut not_numbers = raw_wav(8_000, &[0; 16_000]);
    not_numbers[20] = 3; // 32-bit floats
    not_numbers[28..36].copy_from_slice(&[0, 0x7d, 0, 0, 4, 0, 32, 0]);
    not_numbers[44 + 4 * 77..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    vec![
        ("empty.wav", Some(vec![]), "0 bytes"),
        ("cut.wav", Some(good[..good.len() / 2].to_vec()), "truncated: 7989 of 16000 frames"),
        ("cut.mp3", Some(mp3[..mp3.len() / 2].to_vec()), "truncated"),
        ("text.mp3", Some(b"This is a letter, not a song.".to_vec()), "is not audio"),
        ("still.wav", Some(raw_wav(0, &[1; 16_000])), "0 Hz"),
        ("click.wav", Some(raw_wav(8_000, &[1])), "too short"),
        ("nan.wav", Some(not_numbers), "sample NaN at frame 77"),
        ("gone.wav", None, "no such file"),
        ("folder.wav", None, "directory"),
    ]
}

/// A place whose manifest ends with a bad recording.
fn place_with(name: &str, contents: Option<&[u8]>) -> Place {
    let place = Place::new();
    add(&place, name, contents);
    place
}

fn add(place: &Place, name: &str, contents: Option<&[u8]>) {
    match contents {
        Some(bytes) => drop(place.file(name, bytes)),
        None if name == "folder.wav" => std::fs::create_dir(place.path(name)).unwrap(),
        None => {}
    }
    place.list(&format!("{name},low_hummer,Ann,,"));
}

#[test]
fn each_stops_training_with_its_name_and_the_reason() {
    for (name, contents, reason) in bad_files() {
        let place = place_with(name, contents.as_deref());
        let message = place.train(&[]).refused(&[name, reason]);
        println!("{message}");
        let last = message.lines().last().unwrap();
        let error = message.lines().find(|line| line.starts_with("error: ")).unwrap();
        assert_eq!(error.matches(name).count(), 1, "said once: {error}");
        assert!(last.starts_with("hint: --skip-bad"), "the way on is named: {last}");
        assert!(!place.path("runs/birds/latest/results.json").exists());
    }
}

#[test]
fn all_of_them_are_reported_once_and_left_out_on_demand() {
    let place = Place::new();
    let bad = bad_files();
    for (name, contents, _) in &bad {
        add(&place, name, contents.as_deref());
    }
    // Without the option all are named at once, so that they can be mended at once.
    let names: Vec<&str> = bad.iter().map(|file| file.0).collect();
    place.train(&[]).refused(&names);

    let two_front_ends = "baselines=['majority', 'mfcc-statistics']";
    let said = place.train(&["--skip-bad", "--set", two_front_ends]).well();
    for (name, _, reason) in &bad {
        let lines: Vec<&str> = said.err.lines().filter(|line| line.contains(name)).collect();
        assert_eq!(lines.len(), 1, "{name} is reported once: {lines:?}");
        assert!(lines[0].contains(reason), "{}", lines[0]);
    }
    let clean = Place::new();
    clean.train(&["--set", two_front_ends]).well();
    let results = |place: &Place| {
        let mut results = crate::support::json(place.run().join("results.json"));
        results.as_object_mut().unwrap().remove("scores");
        crate::support::without_times(&serde_json::to_vec(&results).unwrap())
    };
    assert_eq!(results(&place), results(&clean), "as if they had never been listed");
}

#[test]
fn a_place_that_cannot_be_written_is_no_bad_recording() {
    let place = Place::new();
    std::fs::create_dir(place.path("runs")).unwrap();
    place.file("runs/cache", "in the way");
    place.train(&["--skip-bad"]).refused(&["runs/cache"]);
}
