//! Archives of data sets.

use std::path::Path;

use xtask::unpack::{Format, Limit, unpack};

/// The first byte chooses the format, as the name does elsewhere; nothing may appear outside the folder it is unpacked to.
pub(crate) fn read(folder: &Path, bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let format = [Format::Zip, Format::Tar, Format::TarGz][usize::from(*kind) % 3];
    let archive = crate::lay(folder, "archive", bytes);
    let into = folder.join("deep/er/into");
    // Small, so that no time goes into filling the disk with zeros.
    let limit = Limit { ratio: 20, free: 1 << 16 };
    let _ = unpack(&archive, format, &into, limit);
    let mut size = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in std::fs::read_dir(&current).into_iter().flatten().flatten() {
            let (path, kind) = (entry.path(), entry.file_type());
            let kind = kind.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(!kind.is_symlink(), "{} is a link", path.display());
            if kind.is_dir() {
                folders.push(path);
            } else if path != archive {
                assert!(path.starts_with(&into), "{} lies outside", path.display());
                size += entry.metadata().map_or(0, |metadata| metadata.len());
            }
        }
    }
    let most = limit.free + limit.ratio * bytes.len() as u64;
    assert!(size <= most, "{size} bytes came out, at most {most} may");
}
