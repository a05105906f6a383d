//! Files longer than a block: the same windows as of a short file, in the same memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use auscult::audio_io::{Audio, SampleFormat, write_wav};
use auscult::pipeline::birds::{BirdModel, FeatureExtractor, InferOptions, Listener, infer};
use ndarray::{Array2, ArrayView1, Axis, concatenate};

use crate::support::{Place, raw_wav, song, trained};
use crate::{asd, separating, songs, speakers};

const RATE: u32 = 8_000;

/// One song of each species after the other, over and over, for `seconds`.
fn endless(path: &Path, seconds: usize) {
    static CLIP: OnceLock<Vec<i16>> = OnceLock::new();
    let clip = CLIP.get_or_init(|| {
        let songs = (0..4).flat_map(|species| song(species, 9, 3.7, RATE, 1).into_raw_vec_and_offset().0);
        songs.map(|x| (32_768.0 * x) as i16).collect()
    });
    let samples: Vec<i16> = clip.iter().copied().cycle().take(seconds * RATE as usize).collect();
    std::fs::write(path, raw_wav(RATE, &samples)).unwrap();
}

fn listener() -> Listener {
    let model = BirdModel::load(&trained().run().join("model"), "cpu".parse().unwrap()).unwrap();
    Listener::new(model).unwrap()
}

/// Twelve minutes make three blocks; every window must be the one that the whole file, analysed at once, has there.
#[test]
fn blocks_leave_no_seam() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("long.wav");
    endless(&long, 12 * 60 + 1);
    let listener = listener();
    for hop in [None, Some(0.7)] {
        let options = InferOptions { hop, ..InferOptions::default() };
        let streamed = infer(&listener, &long, &options).unwrap();

        let model = listener.model();
        let front_end = model.front_end().clone();
        let extractor = FeatureExtractor::new(&front_end).unwrap();
        let whole = extractor.features_of_file(&long).unwrap();
        let frames = hop.map_or(16, |hop| (hop * front_end.frame_rate()).round() as usize);
        let windows = model.score(&whole, frames).unwrap();

        assert_eq!(streamed.windows.len(), windows.starts.len());
        let rows = windows.starts.iter().zip(windows.probabilities.rows());
        for (window, (&start, probabilities)) in streamed.windows.iter().zip(rows) {
            assert!((window.start - start as f64 / front_end.frame_rate()).abs() < 1e-9);
            let apart = ArrayView1::from(&window.probabilities)
                .iter()
                .zip(probabilities)
                .fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
            assert!(apart < 1e-5, "{apart} apart at {} s", window.start);
        }
        assert_eq!(streamed.windows.last().unwrap().end, 721.0);
        assert!(streamed.mean.iter().zip(windows.mean()).all(|(a, b)| (a - b).abs() < 1e-6));
    }
}

/// Lengths around the ends of blocks: no window lost, none past the end.
#[test]
fn files_may_end_anywhere_in_a_block() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.wav");
    let listener = listener();
    let hop = 60.0;
    for seconds in [300, 301, 302, 303, 600, 603] {
        endless(&path, seconds);
        let heard = infer(&listener, &path, &InferOptions { hop: Some(hop), lenient: false }).unwrap();
        let last = heard.windows.last().unwrap();
        assert_eq!((heard.seconds, last.end), (seconds as f64, seconds as f64));
        assert!(heard.windows.is_sorted_by(|a, b| a.start < b.start), "{seconds} s");
        let expected = (seconds as f64 / hop).ceil() as usize;
        assert!(
            (expected..=expected + 1).contains(&heard.windows.len()),
            "{seconds} s: {}",
            heard.windows.len()
        );
    }
}

/// The most memory a child had, MB, by the system's count.
#[cfg(target_os = "linux")]
fn peak_memory(mut command: Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kilobytes.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(child.wait().unwrap().success() && peak > 0);
    peak / 1024
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (short, long) = (folder.path().join("short.wav"), folder.path().join("long.wav"));
    endless(&short, 10 * 60);
    endless(&long, 40 * 60);
    let birds = |path: &Path| {
        trained().command(["birds", &path.display().to_string(), "--format", "csv", "--hop", "5"])
    };
    let (short, long) = (peak_memory(birds(&short)), peak_memory(birds(&long)));
    println!("10 min: {short} MB, 40 min: {long} MB");
    // 30 minutes more are 58 MB of samples and 290 MB of spectrum.
    assert!(long < short + 24, "10 min took {short} MB, 40 min {long} MB");
}

/// Writes the clip over and over, for `seconds`.
#[cfg(target_os = "linux")]
fn repeated(path: &Path, clip: &Array2<f32>, rate: u32, seconds: usize) {
    let copies = vec![clip.view(); (seconds * rate as usize).div_ceil(clip.ncols())];
    let samples = concatenate(Axis(1), &copies).unwrap();
    write_wav(path, &Audio::new(samples, rate).unwrap(), SampleFormat::I16).unwrap();
}

/// Peaks of the verb on `minutes` of the clip, fewer and more, held against the megabytes that more samples would be.
#[cfg(target_os = "linux")]
fn assert_no_growth(
    verb: &str,
    clip: &Array2<f32>,
    rate: u32,
    minutes: [usize; 2],
    command: impl Fn(&Path) -> Command,
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    let peaks = minutes.map(|minutes| {
        repeated(&path, clip, rate, 60 * minutes);
        peak_memory(command(&path))
    });
    let more = ((minutes[1] - minutes[0]) * 60 * rate as usize * clip.nrows() * 4) as u64 >> 20;
    println!("{verb}: {minutes:?} min took {peaks:?} MB; the samples between are {more} MB");
    assert!(more >= 40 && peaks[1] < peaks[0] + more / 2, "{verb}: {minutes:?} min took {peaks:?} MB");
}

#[cfg(target_os = "linux")]
#[test]
fn singing_is_found_in_the_same_memory() {
    let clip = songs::samples(1, 10.0, 16_000, 1);
    let shared = songs::trained();
    assert_no_growth("singing", &clip, 16_000, [6, 24], |path| {
        shared.command(["singing", &path.display().to_string(), "--format", "csv", "--hop", "70"])
    });
}

#[cfg(target_os = "linux")]
#[test]
fn songs_are_parted_in_the_same_memory() {
    let clip = separating::song(0, 0, 10.0, 8_000);
    let stems = tempfile::tempdir().unwrap();
    let stems = stems.path().display().to_string();
    assert_no_growth("separate", &clip, 8_000, [2, 30], |path| {
        separating::separation(&path.display().to_string(), &stems)
    });
}

/// Blocks of half an hour are clustered apart, so that two of them take what one does.
#[cfg(target_os = "linux")]
#[test]
fn speakers_are_told_apart_in_the_same_memory() {
    let turns: Vec<f32> = (0..8)
        .flat_map(|turn| speakers::voice(turn % 3, turn, 3.0).into_iter().chain(vec![0.0; 4000]))
        .collect();
    let clip = Array2::from_shape_vec((1, turns.len()), turns).unwrap();
    assert_no_growth("diarize", &clip, 8_000, [31, 58], |path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auscult"));
        command.arg("diarize").arg(path);
        command
    });
}

#[cfg(target_os = "linux")]
#[test]
fn machines_are_heard_in_the_same_memory() {
    let place = Place::empty();
    std::fs::create_dir(place.path("normal")).unwrap();
    for take in 0..6 {
        asd::machine(&place.path(format!("normal/{take}.wav")), take, 0.0, 16_000, 2, 4.0);
    }
    let train = ["monitor", "--train", "normal", "-o", "model", "--seconds", "1", "--ensemble", "B"];
    place.auscult(train).well();
    let clip = auscult::audio_io::read(place.path("normal/0.wav")).unwrap().samples;
    assert_no_growth("monitor", &clip, 16_000, [2, 10], |path| {
        place.command(["monitor", "--model", "model", "--json", &path.display().to_string()])
    });
}
