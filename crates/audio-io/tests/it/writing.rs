//! Round trips, clipping, dither, and files that appear only when complete.

use auscult_audio_io::ndarray::{Array2, array};
use auscult_audio_io::{Audio, Error, SampleFormat, WavWriter, read, write_wav};
use proptest::prelude::*;

use crate::support::{Folder, noise};

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn round_trips(
        channels in 1usize..9,
        frames in 1usize..3000,
        rate in prop::sample::select(vec![1u32, 8000, 11_025, 44_100, 192_000]),
        seed in any::<u64>(),
    ) {
        let folder = Folder::new();
        let audio = Audio::new(noise(channels, frames, seed), rate).unwrap();
        for (format, step) in
            [(SampleFormat::F32, 0.0), (SampleFormat::I24, 1.0 / 8_388_608.0), (SampleFormat::I16, 1.0 / 32_768.0)]
        {
            let path = folder.path("a.wav");
            let written = write_wav(&path, &audio, format).unwrap();
            prop_assert_eq!((written.frames, written.clipped), (frames as u64, 0));
            let back = read(&path).unwrap();
            prop_assert_eq!((back.sample_rate, back.samples.dim()), (rate, (channels, frames)));
            for (x, y) in audio.samples.iter().zip(&back.samples) {
                prop_assert!((x - y).abs() <= 0.5 * step || (*x > 1.0 - step && (x - y).abs() <= step), "{x} {y}");
            }
            // What was read is written without any further loss.
            write_wav(&path, &back, format).unwrap();
            prop_assert!(read(&path).unwrap() == back);
        }
    }
}

#[test]
fn clipping_saturates_and_counts() {
    let folder = Folder::new();
    let audio = Audio::new(array![[1.0, -1.0, 1.5, -7.0, 0.0]], 8000).unwrap();
    let path = folder.path("clipped.wav");
    assert_eq!(write_wav(&path, &audio, SampleFormat::I16).unwrap().clipped, 2);
    let top = 32_767.0 / 32_768.0;
    assert_eq!(read(&path).unwrap().samples, array![[top, -1.0, top, -1.0, 0.0]]);
    assert_eq!(write_wav(&path, &audio, SampleFormat::F32).unwrap().clipped, 0);
    assert_eq!(read(&path).unwrap(), audio);
}

/// A tone below half a step vanishes when rounded, and survives in the mean of dithered samples.
#[test]
fn dither_keeps_what_rounding_loses() {
    let folder = Folder::new();
    let faint = Array2::from_elem((1, 40_000), 0.3f32 / 32_768.0);
    let write = |name: &str, seed: Option<u64>| {
        let path = folder.path(name);
        let mut writer = WavWriter::create(&path, 1, 8000, SampleFormat::I16).unwrap();
        if let Some(seed) = seed {
            writer = writer.dither(seed);
        }
        writer.push(faint.view()).unwrap();
        writer.finish().unwrap();
        read(&path).unwrap().samples
    };
    assert!(write("plain.wav", None).iter().all(|&x| x == 0.0));
    let dithered = write("dithered.wav", Some(1));
    assert!((dithered.mean().unwrap() * 32_768.0 - 0.3).abs() < 0.02);
    assert_eq!(dithered, write("again.wav", Some(1)));
    assert_ne!(dithered, write("other.wav", Some(2)));
}

#[test]
fn a_file_appears_only_when_complete() {
    let folder = Folder::new();
    let path = folder.path("a.wav");
    let old = Audio::new(noise(1, 10, 1), 8000).unwrap();
    write_wav(&path, &old, SampleFormat::F32).unwrap();

    let mut writer = WavWriter::create(&path, 1, 8000, SampleFormat::F32).unwrap();
    writer.push(noise(1, 5, 2).view()).unwrap();
    assert_eq!(folder.list().len(), 2);
    drop(writer);
    assert_eq!(folder.list(), ["a.wav"]);
    assert_eq!(read(&path).unwrap(), old);

    let nan = Audio { samples: array![[0.0, f32::NAN]], sample_rate: 8000 };
    let error = write_wav(&path, &nan, SampleFormat::I16).unwrap_err();
    assert!(matches!(error, Error::NotFinite { frame: 1, .. }), "{error}");
    assert_eq!(folder.list(), ["a.wav"]);
    assert_eq!(read(&path).unwrap(), old);
}

#[cfg(unix)]
#[test]
fn a_file_gets_the_usual_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let usual = std::fs::metadata(folder.file("usual", b"x")).unwrap().permissions().mode();
    let path = folder.path("a.wav");
    write_wav(&path, &Audio::new(noise(1, 1, 1), 8000).unwrap(), SampleFormat::I16).unwrap();
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode(), usual);
}

#[test]
fn impossible_files() {
    let folder = Folder::new();
    let create = |name: &str, channels, rate| {
        WavWriter::create(folder.path(name), channels, rate, SampleFormat::I16).map(|_| ()).unwrap_err()
    };
    assert!(matches!(create("a.wav", 0, 8000), Error::Channels { got: 0, .. }));
    assert!(matches!(create("a.wav", 70_000, 8000), Error::Channels { .. }));
    assert!(matches!(create("a.wav", 1, 0), Error::Parameter { .. }));
    assert!(matches!(create("a.wav", 1, u32::MAX), Error::Parameter { .. }));
    assert!(matches!(create("no/such/folder/a.wav", 1, 8000), Error::NotFound { .. }));
    assert!(matches!(create("", 1, 8000), Error::IsDirectory { .. }));
    let mut writer = WavWriter::create(folder.path("a.wav"), 2, 8000, SampleFormat::I16).unwrap();
    assert!(matches!(writer.push(noise(1, 5, 1).view()), Err(Error::Channels { expected: 2, got: 1, .. })));
}
