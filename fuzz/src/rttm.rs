//! Speaker turns and regions to score.

use std::path::Path;

use auscult::eval_metrics::{DiarizationScoring, parse_rttm, parse_uem, read_rttm, write_rttm, write_uem};

/// Read, scored against themselves, written and read again.
pub(crate) fn read(folder: &Path, bytes: &[u8]) {
    let path = crate::lay(folder, "turns", bytes);
    let _ = read_rttm(&path);
    let text = String::from_utf8_lossy(bytes);
    let regions = parse_uem(&text, &path);
    if let Ok(turns) = parse_rttm(&text, &path) {
        for (name, turns) in &turns {
            assert!(
                turns.iter().all(|turn| turn.start.is_finite() && turn.end.is_finite()),
                "a turn without end"
            );
            let scored = regions.as_ref().ok().and_then(|regions| regions.get(name)).map(Vec::as_slice);
            if let Ok(scores) = DiarizationScoring::default().evaluate(turns, turns, scored) {
                assert!(!scores.errors.rate().is_nan());
            }
        }
        if write_rttm(&path, &turns).is_ok() {
            let again =
                read_rttm(&path).unwrap_or_else(|error| panic!("what was written is not read: {error}"));
            let count = |all: &auscult::eval_metrics::Recordings| all.values().map(Vec::len).sum::<usize>();
            assert_eq!(count(&turns), count(&again));
        }
    }
    if let Ok(regions) = regions {
        let _ = write_uem(&path, &regions);
    }
}
