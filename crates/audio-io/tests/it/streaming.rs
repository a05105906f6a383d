//! Blocks, joined, equal the whole; stretches equal slices of the whole.

use auscult_audio_io::ndarray::{Array2, Axis, concatenate, s};
use auscult_audio_io::{Audio, AudioReader, ReadOptions, SampleFormat, WavWriter, read, write_wav};
use proptest::prelude::*;

use crate::support::{Folder, golden, noise};

const FILES: [&str; 7] =
    ["lame.mp3", "bare.mp3", "vorbis.ogg", "flac.flac", "aac.m4a", "double.wav", "piped.wav"];

fn joined(reader: &mut AudioReader, block: usize) -> Array2<f32> {
    let mut blocks = vec![Array2::zeros((reader.channels(), 0))];
    while let Some(next) = reader.next_block(block).unwrap() {
        assert!(next.ncols() <= block);
        assert_eq!(blocks.last().unwrap().ncols() % block, 0, "only the last block is short");
        blocks.push(next);
    }
    assert!(reader.next_block(block).unwrap().is_none(), "the end stays the end");
    let views: Vec<_> = blocks.iter().map(|block| block.view()).collect();
    concatenate(Axis(1), &views).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn blocks_join_to_the_whole(
        file in 0..FILES.len(),
        block in 1usize..5000,
        mono in any::<bool>(),
        rate in prop::option::of(prop::sample::select(vec![8000u32, 16_000, 22_050, 44_100])),
        start in 0.0f64..0.04,
        duration in prop::option::of(0.0f64..0.5),
    ) {
        let path = golden(&format!("decode/{}", FILES[file]));
        let options = ReadOptions::default().mono(mono).sample_rate(rate).start(start).duration(duration);
        let whole = options.read(&path).unwrap();
        let mut reader = options.open(&path).unwrap();
        prop_assert_eq!((reader.channels(), reader.sample_rate()), (whole.channels(), whole.sample_rate));
        if let Some(frames) = reader.frames() {
            prop_assert_eq!(frames, whole.frames() as u64);
        }
        prop_assert!(joined(&mut reader, block) == whole.samples);
    }

    /// Cut, mix, resample, in this order, do what the same methods of `Audio` do.
    #[test]
    fn options_equal_methods(
        file in 0..FILES.len(),
        start in 0.0f64..0.04,
        duration in prop::option::of(0.0f64..0.5),
    ) {
        let path = golden(&format!("decode/{}", FILES[file]));
        let options = ReadOptions::default().start(start).duration(duration).mono(true).sample_rate(22_050);
        let cut = read(&path).unwrap().slice(start, duration).unwrap();
        let mono = Audio::new(cut.mono().insert_axis(Axis(0)), cut.sample_rate).unwrap();
        prop_assert!(options.read(&path).unwrap() == mono.resample(22_050).unwrap());
    }
}

/// Seeking in a file of many blocks lands on the frame.
#[test]
fn stretches_of_a_long_file_are_slices() {
    let folder = Folder::new();
    let path = folder.path("long.wav");
    let samples = noise(3, 100_003, 9);
    write_wav(&path, &Audio::new(samples.clone(), 1000).unwrap(), SampleFormat::F32).unwrap();
    for (start, duration) in [(0.0, 100.003), (17.001, 3.0), (50.0, 999.0), (100.002, 1.0)] {
        let stretch = ReadOptions::default().start(start).duration(duration).read(&path).unwrap();
        let first = (start * 1000.0_f64).round() as usize;
        let last = (first + (duration * 1000.0_f64).round() as usize).min(100_003);
        assert_eq!(stretch.samples, samples.slice(s![.., first..last]));
    }
}

/// An hour at 16 kHz is 230 MB of samples; the reader's blocks stay in the low megabytes.
#[test]
fn an_hour_streams_in_bounded_memory() {
    let folder = Folder::new();
    let path = folder.path("hour.wav");
    let mut writer = WavWriter::create(&path, 1, 16_000, SampleFormat::I16).unwrap();
    let minute = noise(1, 60 * 16_000, 2);
    for _ in 0..60 {
        writer.push(minute.view()).unwrap();
    }
    assert_eq!(writer.finish().unwrap().frames, 3600 * 16_000);
    let before = resident_kilobytes();
    let mut reader = ReadOptions::default().sample_rate(8000).open(&path).unwrap();
    assert_eq!(reader.frames(), Some(3600 * 8000));
    let mut frames = 0;
    while let Some(block) = reader.next_block(8000).unwrap() {
        frames += block.ncols();
    }
    assert_eq!(frames, 3600 * 8000);
    if let (Some(before), Some(after)) = (before, resident_kilobytes()) {
        // Other tests run in this process meanwhile; the whole signal would be 115 MB.
        assert!(after < before + 60_000, "{before} kB before, {after} kB after");
    }
}

/// Where /proc has it.
fn resident_kilobytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
