//! Sound files.

use std::path::Path;

use auscult::audio_io::ReadOptions;

/// Strictly, leniently, whole, from the middle, resampled, block by block.
pub(crate) fn read(folder: &Path, bytes: &[u8]) {
    let path = crate::lay(folder, "sound", bytes);
    for strict in [true, false] {
        // Two seconds: a header may promise days, and digital silence compresses well.
        let options = ReadOptions::default().strict(strict).duration(2.0);
        if let Ok(audio) = options.read(&path) {
            assert!(audio.channels() > 0 && audio.sample_rate > 0);
            assert!(audio.samples.iter().all(|sample| sample.is_finite()));
            let mut reader =
                options.open(&path).unwrap_or_else(|error| panic!("opened once, but not twice: {error}"));
            let mut frames = 0;
            while let Ok(Some(block)) = reader.next_block(1000) {
                frames += block.ncols();
            }
            assert_eq!(frames, audio.frames(), "blocks, joined, are the whole");
        }
        let _ = options.clone().mono(true).start(0.01).sample_rate(16_000).read(&path);
        let _ = options.track(1).read(&path);
    }
}
