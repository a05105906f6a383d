//! What a broken file goes through: for every kind of file that auscult reads, one function that reads it in every way there is.
//!
//! A reader may refuse a file, with a message. It must not panic, hang, take more memory than [`Ceiling`] allows, or leave the
//! folder it was given. Three callers hold it to that:
//!
//! * the fuzz targets in `fuzz_targets/`, which `cargo xtask fuzz` drives;
//! * `tests/replay.rs`, which reads the corpus those targets left, whole and damaged, in the ordinary test run;
//! * `tests/broken.rs`, which tries the broken files of `docs/robustness.md`.

mod archive;
mod audio;
mod ceiling;
mod checkpoint;
mod manifest;
mod rttm;
mod toml;

use std::path::Path;

pub use ceiling::Ceiling;
pub use checkpoint::{bundle, lay_out};

/// The reader of one kind of file.
#[derive(Clone, Copy, Debug)]
pub struct Reader {
    /// The name of its target, and of its folder in `corpus/`.
    pub name: &'static str,
    /// Reads the bytes, as files of a folder of their own.
    read: fn(&Path, &[u8]),
}

/// All of them.
pub const READERS: [Reader; 6] = [
    Reader { name: "archive", read: archive::read },
    Reader { name: "audio", read: audio::read },
    Reader { name: "checkpoint", read: checkpoint::read },
    Reader { name: "manifest", read: manifest::read },
    Reader { name: "rttm", read: rttm::read },
    Reader { name: "toml", read: toml::read },
];

impl Reader {
    /// The reader of this name.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let found = READERS.into_iter().find(|reader| reader.name == name);
        found.unwrap_or_else(|| panic!("no reader `{name}`"))
    }

    /// Reads one file.
    ///
    /// # Panics
    /// Where the reader does, or breaks one of the promises above.
    pub fn fuzz(self, bytes: &[u8]) {
        // In memory where there is such a place: a fuzzer writes thousands a second.
        let memory = Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let folder = folder.unwrap_or_else(|error| panic!("no temporary folder: {error}"));
        Ceiling::watch(|| (self.read)(folder.path(), bytes));
    }
}

/// Lays a file there.
fn lay(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    path
}
