//! Reads the kept corpus through every reader, as it is and damaged: what once broke one stays mended.
// clippy.toml allows these in test functions; here the helpers are tests too.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use auscult_fuzz::{READERS, Reader};

/// What is kept for a reader: file name and contents, in order.
fn kept(reader: Reader) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(reader.name);
    let mut kept: Vec<(String, Vec<u8>)> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())
        })
        .collect();
    kept.sort();
    kept
}

/// Whole numbers below `below`, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % below.max(1)
    }
}

/// Cut off somewhere; some bits flipped, half of them near the beginning; a stretch doubled; four bytes at their greatest.
fn damaged(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let length = bytes.len();
    match numbers.next(4) {
        0 => bytes.truncate(numbers.next(length)),
        1 => {
            for flip in 0..=numbers.next(8) {
                let reach = if flip % 2 == 0 { length.min(64) } else { length };
                bytes[numbers.next(reach)] ^= 1 << numbers.next(8);
            }
        }
        2 => {
            let start = numbers.next(length);
            let stretch = bytes[start..(start + numbers.next(64)).min(length)].to_vec();
            bytes.splice(start..start, stretch);
        }
        _ => {
            let start = numbers.next(length);
            let end = (start + 4).min(length);
            bytes[start..end].fill(0xFF);
        }
    }
    bytes
}

/// No reader takes longer over a file of a few kilobytes, on a machine however busy.
const PATIENCE: Duration = Duration::from_secs(20);

// One test: what is held at once is counted for the whole process.
#[test]
fn no_file_breaks_a_reader() {
    for reader in READERS {
        let (files, mut numbers) = (kept(reader), Numbers(1));
        assert!(!files.is_empty(), "{}: nothing is kept", reader.name);
        let began = Instant::now();
        for (name, bytes) in &files {
            let read = |bytes: &[u8], how: &str| {
                let began = Instant::now();
                // What broke it is named, not only how.
                let read = std::panic::catch_unwind(|| reader.fuzz(bytes));
                assert!(read.is_ok(), "corpus/{}/{name}, {how}, broke the reader: see above", reader.name);
                assert!(
                    began.elapsed() < PATIENCE,
                    "corpus/{}/{name}, {how}: {:?}",
                    reader.name,
                    began.elapsed()
                );
            };
            read(bytes, "as it is");
            for round in 0..8 {
                if !bytes.is_empty() {
                    read(&damaged(bytes, &mut numbers), &format!("damage {round}"));
                }
            }
        }
        println!(
            "{}: {} files, each whole and with 8 damages, {:.1?}",
            reader.name,
            files.len(),
            began.elapsed()
        );
    }
}
