//! Every format, against libsndfile or by hand.

use auscult_audio_io::ndarray::{array, s};
use auscult_audio_io::{AudioReader, ReadOptions, Warning, read};

use crate::support::{Folder, RawWav, golden, npy2, pcm16, snr};

fn agrees_with_libsndfile(name: &str, decibels: f64) {
    let audio = read(golden(&format!("decode/{name}"))).unwrap();
    let expected = npy2(&format!("decode/{name}.npy"));
    assert_eq!(audio.sample_rate, 16_000, "{name}");
    assert_eq!(audio.samples.dim(), expected.dim(), "{name}");
    let snr = snr(expected.view(), audio.samples.view());
    println!("{name}: {snr:.1} dB");
    assert!(snr > decibels, "{name}: {snr} dB");
}

#[test]
fn lossy_formats_agree_with_libsndfile() {
    agrees_with_libsndfile("lame.mp3", 110.0);
    agrees_with_libsndfile("vorbis.ogg", 110.0);
}

#[test]
fn lossless_formats_agree_with_libsndfile_exactly() {
    for name in ["flac.flac", "flac24.flac", "double.wav", "mulaw.wav", "piped.wav", "piped_float.wav"] {
        let audio = read(golden(&format!("decode/{name}"))).unwrap();
        assert_eq!(audio.samples, npy2(&format!("decode/{name}.npy")), "{name}");
    }
}

/// Without a LAME header nobody knows the delay: nothing is trimmed.
#[test]
fn mp3_without_header_keeps_its_delay() {
    let path = golden("decode/bare.mp3");
    let audio = read(&path).unwrap();
    let expected = npy2("decode/bare.mp3.npy");
    println!("ours {:?}, libsndfile {:?}", audio.samples.dim(), expected.dim());
    assert_eq!(audio.samples.dim(), expected.dim());
    assert!(snr(expected.view(), audio.samples.view()) > 110.0);
    assert_eq!(AudioReader::open(&path).unwrap().frames(), None);
}

/// ffmpeg drops the encoder's delay of 1024 frames where the container tells it; we keep it, as documented.
#[test]
fn aac_is_ffmpeg_with_the_delay_in_front() {
    for (name, delay) in [("aac.m4a", 1024), ("aac.aac", 0)] {
        let audio = read(golden(&format!("decode/{name}"))).unwrap();
        let expected = npy2(&format!("decode/{name}.npy"));
        println!("{name}: ours {:?}, ffmpeg {:?}", audio.samples.dim(), expected.dim());
        let ours = audio.samples.slice_move(s![.., delay..]);
        let frames = ours.ncols().min(expected.ncols());
        assert!(frames >= 6400);
        let snr = snr(expected.slice(s![.., ..frames]), ours.slice(s![.., ..frames]));
        println!("{name}: {snr:.1} dB");
        assert!(snr > 110.0, "{name}: {snr} dB");
    }
}

/// Stems come as tracks of one file: tones of 200, 400, ... 1000 Hz.
#[test]
fn any_track_of_a_stem_file_can_be_read() {
    let path = golden("decode/five.stem.mp4");
    let hertz = |options: ReadOptions| {
        let audio = options.read(&path).unwrap();
        let samples = audio.samples.row(0);
        let middle = samples.slice(s![6000..18_000]);
        let rises = middle.iter().zip(middle.iter().skip(1)).filter(|(a, b)| **a < 0.0 && **b >= 0.0).count();
        rises as f64 * f64::from(audio.sample_rate) / 12_000.0
    };
    for track in 0..5 {
        let found = hertz(ReadOptions::default().track(track));
        let expected = 200.0 * (track + 1) as f64;
        assert!((found - expected).abs() < 10.0, "track {track}: {found} Hz");
    }
    assert!((hertz(ReadOptions::default()) - 200.0).abs() < 10.0, "the default is the first");
    let error = ReadOptions::default().track(5).read(&path).unwrap_err().to_string();
    assert!(error.contains("five.stem.mp4") && error.contains("there are 5"), "{error}");
    let wav = golden("decode/double.wav");
    assert!(ReadOptions::default().track(0).read(&wav).is_ok());
    assert!(ReadOptions::default().track(1).read(&wav).is_err());
}

#[test]
fn integers_scale_by_their_most_negative_value() {
    let folder = Folder::new();
    let cases: [(&str, RawWav); 6] = [
        ("u8", RawWav::new(1, 1, 8000, 8, vec![0, 64, 128, 255])),
        ("i16", RawWav::new(1, 1, 8000, 16, pcm16(&[-32768, -16384, 0, 32767]))),
        ("i24", RawWav::new(1, 1, 8000, 24, vec![0, 0, 0x80, 0, 0, 0xC0, 0, 0, 0, 255, 255, 0x7F])),
        (
            "i32",
            RawWav::new(1, 1, 8000, 32, [i32::MIN, i32::MIN / 2, 0, i32::MAX].map(i32::to_le_bytes).concat()),
        ),
        ("f32", RawWav::new(3, 1, 8000, 32, [-1.0f32, -0.5, 0.0, 2.5].map(f32::to_le_bytes).concat())),
        ("f64", RawWav::new(3, 1, 8000, 64, [-1.0f64, -0.5, 0.0, 2.5].map(f64::to_le_bytes).concat())),
    ];
    let last = [127.0 / 128.0, 32767.0 / 32768.0, 8_388_607.0 / 8_388_608.0, 1.0, 2.5, 2.5];
    for ((name, wav), last) in cases.into_iter().zip(last) {
        let audio = read(folder.file(name, &wav.bytes())).unwrap();
        assert_eq!(audio.samples, array![[-1.0, -0.5, 0.0, last]], "{name}");
    }
}

/// The extension says nothing, the content everything.
#[test]
fn content_decides_the_format() {
    let folder = Folder::new();
    let path = folder.file("song.mp3", &RawWav::new(1, 1, 8000, 16, pcm16(&[1, 2])).bytes());
    assert_eq!(read(path).unwrap().frames(), 2);
    let path = folder.file("song.wav", &std::fs::read(golden("decode/vorbis.ogg")).unwrap());
    assert_eq!(read(path).unwrap().frames(), 6400);
}

#[test]
fn one_sample_is_a_signal() {
    let folder = Folder::new();
    let path = folder.file("one.wav", &RawWav::new(1, 1, 8000, 16, pcm16(&[-32768])).bytes());
    assert_eq!(read(&path).unwrap().samples, array![[-1.0]]);
    let twice = ReadOptions::default().sample_rate(16_000).read(&path).unwrap();
    assert_eq!(twice.frames(), 2);
}

#[test]
fn extra_chunks_of_odd_length_are_passed_over() {
    let folder = Folder::new();
    let mut wav = RawWav::new(1, 2, 8000, 16, pcm16(&[1, 2, 3, 4]));
    wav.extra = b"note\x03\0\0\0abc\0".to_vec();
    assert_eq!(read(folder.file("odd.wav", &wav.bytes())).unwrap().frames(), 2);
}

/// Programs that write to a pipe cannot fill in the length.
#[test]
fn unknown_lengths_read_to_the_end() {
    let folder = Folder::new();
    for length in [u32::MAX, 0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000] {
        for (bits, tag) in [(16, 1), (32, 3)] {
            let mut wav = RawWav::new(tag, 1, 8000, bits, [0u8; 40].to_vec());
            wav.data_length = Some(length);
            let frames = 40 / (bits as usize / 8);
            let audio = read(folder.file("pipe.wav", &wav.bytes())).unwrap();
            assert_eq!(audio.frames(), frames, "{length:#x}, {bits} bit");
        }
    }
}

#[test]
fn truncated_files_are_errors_or_warnings() {
    let folder = Folder::new();
    let mut wav = RawWav::new(1, 2, 8000, 16, pcm16(&[1; 11]));
    wav.data_length = Some(80);
    let mut cases = vec![("cut.wav", wav.bytes(), Some((20, 5)))];
    for name in ["lame.mp3", "flac.flac", "vorbis.ogg", "double.wav", "aac.m4a"] {
        let bytes = std::fs::read(golden(&format!("decode/{name}"))).unwrap();
        cases.push((name, bytes[..bytes.len() * 9 / 10].to_vec(), None));
    }
    for (name, bytes, counts) in cases {
        let path = folder.file(name, &bytes);
        let error = read(&path).unwrap_err().to_string();
        println!("{error}");
        if name == "aac.m4a" {
            continue; // its index lies at the end: without it nothing can be read
        }
        assert!(error.contains(name) && error.contains("strict(false)"), "{error}");
        let (audio, warnings) = ReadOptions::default().strict(false).read_with_warnings(&path).unwrap();
        assert!(audio.frames() > 0, "{name}");
        let Warning::Truncated { expected, got } = warnings[0].clone() else { panic!("{warnings:?}") };
        assert_eq!(got, audio.frames() as u64, "{name}");
        if let Some((declared, there)) = counts {
            assert_eq!((expected, got), (Some(declared), there));
        }
    }
}
