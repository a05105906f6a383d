//! Bad input names the file and the remedy.

use auscult_audio_io::{AudioReader, Error, ReadOptions, Warning, read};

use crate::support::{Folder, RawWav, golden, pcm16};

#[test]
fn each_kind_of_bad_file_says_what_to_do() {
    let folder = Folder::new();
    let good = RawWav::new(1, 1, 8000, 16, pcm16(&[1, 2]));
    let bytes = |wav: RawWav| wav.bytes();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty.wav", vec![], "0 bytes"),
        ("no_frames.wav", bytes(RawWav { data: vec![], ..good.clone() }), "0 frames"),
        ("zero_hertz.wav", bytes(RawWav { rate: 0, ..good.clone() }), "0 Hz"),
        ("zero_channels.wav", bytes(RawWav { channels: 0, ..good.clone() }), "channel"),
        ("adpcm.wav", bytes(RawWav { tag: 0x50, ..good.clone() }), "ffmpeg"),
        ("page.mp3", b"<!DOCTYPE html><html>404</html>".to_vec(), "fetch it again"),
        ("notes.mp3", b"just some notes\nabout a song\n".to_vec(), "text starting with \"just some notes"),
        ("pointer.flac", b"version https://git-lfs.github.com/spec/v1\noid".to_vec(), "git lfs pull"),
        ("long.wav", b"RF64\xff\xff\xff\xffWAVEds64".to_vec(), "RF64"),
        ("set.wav", b"PK\x03\x04rest of an archive".to_vec(), "unpack"),
        ("film.mkv", b"\x1a\x45\xdf\xa3\0\0\0\0".to_vec(), "ffmpeg"),
        (
            "speech.opus",
            std::fs::read(golden("decode/opus.ogg")).unwrap(),
            "Opus is not supported; convert it",
        ),
        ("cut.wav", bytes(good.clone())[..30].to_vec(), "header"),
        ("cut.flac", b"fLaC\0\0\0\x22".to_vec(), "cut.flac"),
        ("bytes.mp3", vec![0x01; 4000], "no format known"),
        ("random.ogg", (0..4000u32).map(|n| ((n * n * 37) >> 5) as u8).collect(), "random.ogg"),
    ];
    for (name, bytes, expected) in cases {
        let error = read(folder.file(name, &bytes)).unwrap_err().to_string();
        println!("{error}");
        assert!(error.contains(name) && error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn missing_files_and_directories() {
    let folder = Folder::new();
    assert!(matches!(read(folder.path("gone.wav")), Err(Error::NotFound { .. })));
    assert!(matches!(read(folder.path("")), Err(Error::IsDirectory { .. })));
}

#[test]
fn empty_signals_can_be_asked_for() {
    let folder = Folder::new();
    let path = folder.file("empty.wav", &RawWav::new(1, 2, 8000, 16, vec![]).bytes());
    let (audio, warnings) = ReadOptions::default().strict(false).read_with_warnings(&path).unwrap();
    assert_eq!(audio.samples.dim(), (2, 0));
    assert_eq!(warnings, [Warning::Empty]);
}

#[test]
fn non_finite_samples_are_named_or_zeroed() {
    let folder = Folder::new();
    let mut samples = vec![0.25f32; 50_000];
    samples[40_001] = f32::NAN; // frame 20000, channel 1
    samples[40_004] = f32::INFINITY;
    let data = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
    let path = folder.file("nan.wav", &RawWav::new(3, 2, 8000, 32, data).bytes());

    let error = read(&path).unwrap_err();
    assert!(matches!(error, Error::NotFinite { channel: 1, frame: 20_000, .. }), "{error}");
    let error = ReadOptions::default().start(2.0).read(&path).unwrap_err();
    assert!(matches!(error, Error::NotFinite { channel: 1, frame: 20_000, .. }), "{error}");
    assert!(ReadOptions::default().duration(2.5).read(&path).is_ok());

    let (audio, warnings) = ReadOptions::default().strict(false).read_with_warnings(&path).unwrap();
    assert_eq!(warnings, [Warning::NotFinite { samples: 2 }]);
    assert_eq!(
        (audio.samples[[1, 20_000]], audio.samples[[0, 20_002]], audio.samples[[0, 0]]),
        (0.0, 0.0, 0.25)
    );
}

#[test]
fn a_damaged_stretch_is_an_error_or_silence() {
    let folder = Folder::new();
    let mut bytes = std::fs::read(golden("decode/lame.mp3")).unwrap();
    let middle = bytes.len() / 2;
    // The side information of one frame made impossible.
    let frame = (middle..).find(|&i| bytes[i] == 0xFF && bytes[i + 1] & 0xF6 == 0xF2).unwrap();
    bytes[frame + 4..frame + 24].fill(0xFF);
    let path = folder.file("damaged.mp3", &bytes);
    let error = read(&path).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    let (audio, warnings) = ReadOptions::default().strict(false).read_with_warnings(&path).unwrap();
    assert_eq!(audio.frames(), 6400, "silence keeps the time");
    assert!(matches!(warnings[..], [Warning::Corrupt { frames: 576.. }]), "{warnings:?}");
}

#[test]
fn impossible_options() {
    let path = golden("decode/flac.flac");
    let options = ReadOptions::default();
    assert!(matches!(options.clone().start(0.4).read(&path), Err(Error::StartBeyondEnd { .. })));
    assert!(matches!(
        options.clone().start(9.0).read(golden("decode/bare.mp3")),
        Err(Error::StartBeyondEnd { .. })
    ));
    assert!(matches!(options.clone().start(-1.0).read(&path), Err(Error::Parameter { .. })));
    assert!(matches!(options.clone().duration(f64::NAN).read(&path), Err(Error::Parameter { .. })));
    assert!(matches!(options.clone().sample_rate(0).read(&path), Err(Error::SampleRate { .. })));
    assert!(matches!(AudioReader::open(&path).unwrap().next_block(0), Err(Error::Parameter { .. })));
    assert_eq!(options.clone().duration(0.0).read(&path).unwrap().frames(), 0);
    let nothing = options.start(0.01).duration(0.0).read(golden("decode/bare.mp3")).unwrap();
    assert_eq!(nothing.frames(), 0, "from a file that cannot seek");
}

/// Finite, but transforms of such numbers are not; they would stop the resampler.
#[test]
fn samples_beyond_all_sound_are_no_samples() {
    let folder = Folder::new();
    let data = [f32::MAX, -f32::MAX, 0.5, 1e29].repeat(500).iter().flat_map(|x| x.to_le_bytes()).collect();
    let path = folder.file("loud.wav", &RawWav::new(3, 1, 8000, 32, data).bytes());
    let options = ReadOptions::default().sample_rate(16_000);
    let error = options.read(&path).unwrap_err();
    assert!(matches!(error, Error::NotFinite { channel: 0, frame: 0, .. }), "{error}");
    let (audio, warnings) = options.strict(false).read_with_warnings(&path).unwrap();
    assert_eq!(warnings, [Warning::NotFinite { samples: 1000 }]);
    assert!(audio.samples.iter().all(|x| x.is_finite()));
    for value in [f32::NAN, f32::INFINITY, 2e30] {
        let samples = auscult_audio_io::ndarray::Array2::from_elem((1, 4000), value);
        let refused = auscult_audio_io::resample(samples.view(), 8000, 16_000);
        assert!(matches!(refused, Err(Error::Parameter { name: "sample", .. })), "{value}");
    }
}
