//! Whatever the bytes, no panic and no allocation beyond what the file's size makes credible.

use auscult_audio_io::{Error, ReadOptions};
use proptest::prelude::*;

use crate::support::{Folder, RawWav, golden, pcm16};

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> =
        ["lame.mp3", "vorbis.ogg", "flac.flac", "aac.m4a", "aac.aac", "double.wav", "mulaw.wav", "piped.wav"]
            .iter()
            .map(|name| std::fs::read(golden(&format!("decode/{name}"))).unwrap())
            .collect();
    seeds.push(RawWav::new(1, 2, 44_100, 16, pcm16(&[7; 400])).bytes());
    seeds.push(RawWav::new(3, 1, 8000, 32, vec![0; 400]).bytes());
    seeds
}

/// Reads with and without strictness; only the absence of a panic counts.
fn read_all_ways(bytes: &[u8]) {
    let folder = Folder::new();
    let path = folder.file("mutant", bytes);
    for strict in [true, false] {
        let options = ReadOptions::default().strict(strict).duration(2.0);
        let _ = options.read(&path);
        let _ = options.mono(true).start(0.01).sample_rate(16_000).read(&path);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_panic(
        seed in 0usize..10,
        mutations in prop::collection::vec((0.0f64..1.0, any::<u8>(), any::<bool>()), 1..12),
        keep in 0.05f64..1.2,
    ) {
        let mut bytes = seeds().swap_remove(seed);
        for (place, value, early) in mutations {
            // Half of the mutations hit the header.
            let reach = if early { bytes.len().min(64) } else { bytes.len() };
            let place = (place * reach as f64) as usize;
            bytes[place] = value;
        }
        bytes.truncate((bytes.len() as f64 * keep) as usize);
        read_all_ways(&bytes);
    }

    #[test]
    fn random_bytes_never_panic(magic in 0usize..10, bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut file = seeds().swap_remove(magic);
        file.truncate(12);
        file.extend(bytes);
        read_all_ways(&file);
    }
}

/// A demuxer that fills up the mask of speakers shifts by as many bits as channels are missing.
#[test]
fn more_channels_than_speakers_are_refused() {
    let folder = Folder::new();
    let good = std::fs::read(golden("decode/double.wav")).unwrap();
    let with = |channels: u16, mask: u32| {
        let mut bytes = good.clone();
        bytes[22..24].copy_from_slice(&channels.to_le_bytes());
        bytes[40..44].copy_from_slice(&mask.to_le_bytes());
        ReadOptions::default().strict(false).read(folder.file("mutant.wav", &bytes))
    };
    assert!(with(2, 3).is_ok());
    for (channels, mask) in [(258, 3), (34, 3), (32, 0), (2, 1 << 31), (u16::MAX, 0)] {
        let refused = with(channels, mask);
        assert!(matches!(refused, Err(Error::Malformed { .. })), "{channels} {mask}: {refused:?}");
    }
}

/// A header that claims 4 GB, 65535 channels or a rate of 1 Hz does not make us believe it.
#[test]
fn absurd_headers_cost_nothing() {
    let folder = Folder::new();
    let mut huge = RawWav::new(1, 65_535, 8000, 8, vec![0; 100]);
    huge.data_length = Some(65_535 * 65_000);
    let path = folder.file("huge.wav", &huge.bytes());
    assert!(matches!(ReadOptions::default().read(&path), Err(Error::Truncated { .. })));
    let lenient = ReadOptions::default().strict(false);
    assert_eq!(lenient.read(&path).unwrap().frames(), 0);

    let slow = folder.file("slow.wav", &RawWav::new(1, 1, 1, 16, pcm16(&[1; 1000])).bytes());
    let resampled = lenient.clone().sample_rate(16_000).read(&slow);
    assert!(matches!(resampled, Err(Error::SampleRate { from: 1, .. })));
    let fast = folder.file("fast.wav", &RawWav::new(1, 1, 2_147_483_647, 16, pcm16(&[1; 1000])).bytes());
    assert!(matches!(lenient.sample_rate(16_000).read(&fast), Err(Error::SampleRate { .. })));
}
