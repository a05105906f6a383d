//! SHA-256 and MD5, and the `SHA256SUMS` file that records what a folder should hold.
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use md5::Md5;
use sha2::{Digest, Sha256};

/// The file, beside the data, that lists `sha256  path` as `sha256sum` writes it.
pub const SUMS_FILE: &str = "SHA256SUMS";

/// Both digests of one stream, kept as the bytes go by.
#[derive(Clone, Default)]
pub struct Hasher {
    sha256: Sha256,
    md5: Md5,
    bytes: u64,
}

/// What went through a [`Hasher`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Lower-case hexadecimal SHA-256.
    pub sha256: String,
    /// Lower-case hexadecimal MD5; Zenodo publishes these.
    pub md5: String,
    /// How many bytes there were.
    pub bytes: u64,
}

impl Hasher {
    /// Takes the next bytes of the stream.
    pub fn update(&mut self, chunk: &[u8]) {
        self.sha256.update(chunk);
        self.md5.update(chunk);
        self.bytes += chunk.len() as u64;
    }

    /// The digests of all bytes taken.
    pub fn finish(self) -> Digests {
        Digests { sha256: hex(&self.sha256.finalize()), md5: hex(&self.md5.finalize()), bytes: self.bytes }
    }
}

/// The digests of a file.
pub fn of_file(path: &Path) -> Result<Digests> {
    let mut hasher = Hasher::default();
    feed(path, &mut hasher)?;
    Ok(hasher.finish())
}

/// Feeds a whole file to a hasher.
pub fn feed(path: &Path, hasher: &mut Hasher) -> Result<()> {
    let mut file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

/// The `SHA256SUMS` of a folder: path inside the folder to digest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Paths use `/` and are relative to the folder.
    pub files: BTreeMap<String, String>,
}

impl Sums {
    /// Reads the folder's `SHA256SUMS`; a folder without one has no sums.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(SUMS_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let mut files = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            match line.split_once("  ") {
                Some((digest, file)) if digest.len() == 64 => {
                    files.insert(file.to_owned(), digest.to_owned());
                }
                _ => bail!("{} line {}: expected `sha256  path`, got `{line}`", path.display(), index + 1),
            }
        }
        Ok(Self { files })
    }

    /// Replaces the folder's `SHA256SUMS` in one step.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(SUMS_FILE);
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            for (name, digest) in &self.files {
                writeln!(file, "{digest}  {name}")?;
            }
            file.persist(&path)?;
            Ok(())
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// The key of a file in this table.
    pub fn key(folder: &Path, file: &Path) -> Result<String> {
        let inside = file.strip_prefix(folder);
        let inside = inside.with_context(|| format!("{} is not in {}", file.display(), folder.display()))?;
        Ok(inside.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/"))
    }

    /// Every file of the table that is missing or differs, with what is wrong.
    pub fn check(&self, folder: &Path, mut seen: impl FnMut(u64)) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        for (name, digest) in &self.files {
            let path: PathBuf = folder.join(name);
            if !path.is_file() {
                problems.push(format!("{name}: missing"));
            } else {
                let found = of_file(&path)?.sha256;
                if found != *digest {
                    problems.push(format!("{name}: sha256 is {found}, expected {digest}"));
                }
            }
            seen(1);
        }
        Ok(problems)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_published_ones_of_abc() {
        let mut hasher = Hasher::default();
        hasher.update(b"a");
        hasher.update(b"bc");
        let digests = hasher.finish();
        assert_eq!(digests.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digests.md5, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(digests.bytes, 3);
    }

    #[test]
    fn sums_survive_a_round_trip_and_find_a_changed_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        for name in ["one.wav", "sub/two.wav", "three.wav"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let mut sums = Sums::default();
        for name in ["one.wav", "sub/two.wav", "three.wav"] {
            sums.files.insert(name.into(), of_file(&folder.path().join(name)).unwrap().sha256);
        }
        sums.write(folder.path()).unwrap();
        assert_eq!(Sums::read(folder.path()).unwrap(), sums);
        assert!(sums.check(folder.path(), |_| ()).unwrap().is_empty());

        fs::write(folder.path().join("sub/two.wav"), "changed").unwrap();
        fs::remove_file(folder.path().join("three.wav")).unwrap();
        let problems = sums.check(folder.path(), |_| ()).unwrap();
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("sub/two.wav: sha256 is"));
        assert_eq!(problems[1], "three.wav: missing");
    }

    #[test]
    fn a_line_that_is_no_sum_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(SUMS_FILE), "nonsense\n").unwrap();
        assert!(Sums::read(folder.path()).unwrap_err().to_string().contains("line 1"));
    }
}
