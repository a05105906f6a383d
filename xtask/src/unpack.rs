//! Unpacking an archive that a stranger made: nothing leaves the folder, nothing grows without bound, links are refused.
use std::{
    fs::{self, File},
    io::{BufReader, Read, Write},
    path::{Component, Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, anyhow, bail};
use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use crate::{
    Stop,
    checksum::{Hasher, Sums},
    process,
    progress::{Progress, Unit},
};

/// How far an archive may grow before it is taken for a bomb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Unpacked bytes for each of its own.
    pub ratio: u64,
    /// Unpacked bytes that any archive may have, however small it is.
    pub free: u64,
}

impl Default for Limit {
    fn default() -> Self {
        Self { ratio: 200, free: 1 << 30 }
    }
}

/// An archive format, told by the file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.zip`
    Zip,
    /// `.tar`
    Tar,
    /// `.tar.gz`, `.tgz`
    TarGz,
    /// `.rar`, `.7z`: read by `bsdtar`, there is no well-kept Rust reader
    Bsdtar,
}

impl Format {
    /// The format of a file of this name; `None` if it is no archive.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if ends(&[".zip"]) {
            Some(Self::Zip)
        } else if ends(&[".tar.gz", ".tgz"]) {
            Some(Self::TarGz)
        } else if ends(&[".tar"]) {
            Some(Self::Tar)
        } else if ends(&[".rar", ".7z"]) {
            Some(Self::Bsdtar)
        } else {
            None
        }
    }
}

/// Unpacks into `folder`, over what is there, and returns the sums of all files of the archive.
pub fn unpack(archive: &Path, format: Format, folder: &Path, limit: Limit) -> Result<Sums> {
    let unpacked = || -> Result<Sums> {
        let size = archive.metadata()?.len();
        let mut sink =
            Sink::new(archive, folder, size.saturating_mul(limit.ratio).saturating_add(limit.free))?;
        match format {
            Format::Zip => unzip(archive, &mut sink)?,
            Format::Tar => untar(BufReader::new(File::open(archive)?), &mut sink)?,
            Format::TarGz => untar(MultiGzDecoder::new(BufReader::new(File::open(archive)?)), &mut sink)?,
            Format::Bsdtar => by_bsdtar(archive, folder, &mut sink)?,
        }
        Ok(sink.sums)
    };
    unpacked().with_context(|| format!("cannot unpack {}", archive.display()))
}

/// Where the files go: checks names and sizes, hashes on the way.
struct Sink {
    folder: PathBuf,
    bytes_left: u64,
    sums: Sums,
    progress: Progress,
}

impl Sink {
    fn new(archive: &Path, folder: &Path, limit: u64) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let name = archive.file_name().unwrap_or_default().to_string_lossy();
        let progress = Progress::new(&format!("unpacking {name}"), Unit::Bytes, None);
        Ok(Self { folder: folder.to_owned(), bytes_left: limit, sums: Sums::default(), progress })
    }

    fn add(&mut self, name: &Path, mut content: impl Read) -> Result<()> {
        let target = self.folder.join(inside(name)?);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        // Never write through a link that an earlier attempt or the user left there.
        if target.symlink_metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            fs::remove_file(&target)?;
        }
        let mut file =
            File::create_new(&target).with_context(|| format!("cannot create {}", target.display()))?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count =
                content.read(&mut buffer).with_context(|| format!("{} is damaged", name.display()))?;
            if count == 0 {
                break;
            }
            self.bytes_left = self
                .bytes_left
                .checked_sub(count as u64)
                .ok_or_else(|| anyhow!("it unpacks to far more than its size: a bomb; refused"))?;
            hasher.update(&buffer[..count]);
            file.write_all(&buffer[..count]).with_context(|| format!("cannot write {}", target.display()))?;
            self.progress.advance(count as u64);
        }
        self.sums.files.insert(Sums::key(&self.folder, &target)?, hasher.finish().sha256);
        Ok(())
    }
}

/// The name, if it stays inside the folder it is unpacked to.
fn inside(name: &Path) -> Result<PathBuf> {
    let mut kept = PathBuf::new();
    for part in name.components() {
        match part {
            Component::Normal(part) => kept.push(part),
            Component::CurDir => {}
            _ => bail!("entry `{}` points outside the archive; refused", name.display()),
        }
    }
    if kept.as_os_str().is_empty() {
        bail!("an entry has no name");
    }
    Ok(kept)
}

fn refuse_link(name: &Path) -> anyhow::Error {
    anyhow!("entry `{}` is a link, which could lead outside; unpack this archive by hand", name.display())
}

fn unzip(archive: &Path, sink: &mut Sink) -> Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(archive)?))?;
    for index in 0..archive.len() {
        let entry = archive.by_index(index)?;
        let name = PathBuf::from(entry.name()?.as_ref());
        if entry.is_symlink() {
            return Err(refuse_link(&name));
        }
        if entry.is_dir() {
            inside(&name)?;
        } else {
            sink.add(&name, entry)?;
        }
    }
    Ok(())
}

fn untar(reader: impl Read, sink: &mut Sink) -> Result<()> {
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries()? {
        let entry = entry?;
        let name = entry.path()?.into_owned();
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_hard_link() {
            return Err(refuse_link(&name));
        }
        if kind.is_file() {
            sink.add(&name, entry)?;
        } else if kind.is_dir() {
            if name.components().any(|part| part != Component::CurDir) {
                inside(&name)?;
            }
        } else if !kind.is_pax_global_extensions() {
            bail!("entry `{}` is neither file nor folder; refused", name.display());
        }
    }
    Ok(())
}

/// Lets bsdtar unpack into a folder of its own, and takes the files from there by the same rules.
fn by_bsdtar(archive: &Path, folder: &Path, sink: &mut Sink) -> Result<()> {
    if process::find_program("bsdtar").is_none() {
        return Err(
            Stop::Manual("this format needs bsdtar: `apt-get install -y libarchive-tools`".into()).into()
        );
    }
    let apart = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(folder)?;
    let mut bsdtar = Command::new("bsdtar");
    process::run(bsdtar.arg("-xf").arg(archive).arg("-C").arg(apart.path()))?;
    let mut folders = vec![apart.path().to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(&current)? {
            let path = entry?.path();
            let name = path.strip_prefix(apart.path())?.to_owned();
            let kind = path.symlink_metadata()?.file_type();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                sink.add(&name, File::open(&path)?)?;
            } else {
                return Err(refuse_link(&name));
            }
        }
    }
    Ok(())
}
