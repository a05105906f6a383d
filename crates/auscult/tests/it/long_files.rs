//! Files longer than a block: the same windows as of a short file, in the same memory.

use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;

use auscult::pipeline::birds::{BirdModel, FeatureExtractor, InferOptions, Listener, infer};
use ndarray::ArrayView1;

use crate::support::{raw_wav, song, trained};

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
    let mut listener = listener();
    for hop in [None, Some(0.7)] {
        let options = InferOptions { hop, ..InferOptions::default() };
        let streamed = infer(&mut listener, &long, &options).unwrap();

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
    let mut listener = listener();
    let hop = 60.0;
    for seconds in [300, 301, 302, 303, 600, 603] {
        endless(&path, seconds);
        let heard = infer(&mut listener, &path, &InferOptions { hop: Some(hop), lenient: false }).unwrap();
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
fn peak_memory(path: &Path) -> u64 {
    let mut child = trained()
        .command(["birds", &path.display().to_string(), "--format", "csv", "--hop", "5"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
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
    let (short, long) = (peak_memory(&short), peak_memory(&long));
    println!("10 min: {short} MB, 40 min: {long} MB");
    // 30 minutes more are 58 MB of samples and 290 MB of spectrum.
    assert!(long < short + 24, "10 min took {short} MB, 40 min {long} MB");
}
