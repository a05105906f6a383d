//! Files that are whole or not there: written under a temporary name, flushed, then renamed.

use std::io::Write;
use std::path::Path;

use ndarray::{Array2, ArrayView2};
use ndarray_npy::{ViewNpyExt as _, WriteNpyExt as _};

use crate::{Error, Result};

/// Writes `contents` to `path`, creating its folder; a reader (or a crash) never sees half a file.
///
/// # Errors
/// [`Error::Io`] where the folder or the file cannot be written; an earlier file is then still the old one.
pub fn write(path: &Path, contents: impl AsRef<[u8]>) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        // As any new file: readable to whom the user's umask allows, not to the user alone.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(Error::io("write into", folder))?;
    file.write_all(contents.as_ref()).map_err(Error::io("write", path))?;
    file.as_file().sync_all().map_err(Error::io("write", path))?;
    file.persist(path).map_err(|error| Error::io("write", path)(error.error))?;
    Ok(())
}

/// [`write`] of pretty JSON.
pub(crate) fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).map_err(Error::part(format!("{}", path.display())))?;
    text.push('\n');
    write(path, text)
}

/// The JSON at `path`, or `None` where there is no such file.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    serde_json::from_str(&text).map(Some).map_err(Error::part(format!("{}", path.display())))
}

/// Whether the file at `path` holds this mark and no other; where there is no file, the mark is left there.
pub(crate) fn marked(path: &Path, mark: String) -> Result<bool> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end() == mark),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => write(path, mark + "\n").map(|()| true),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// The array `[row, column]` in an .npy file of ours, or `None` where there is none that is whole.
///
/// The length a header claims is held against what follows it, so that a damaged one takes no memory.
pub(crate) fn read_npy(path: &Path) -> Option<Array2<f32>> {
    let bytes = std::fs::read(path).ok()?;
    Some(ArrayView2::<f32>::view_npy(&bytes).ok()?.to_owned())
}

/// [`write`] of an .npy file.
pub(crate) fn write_npy(path: &Path, values: &Array2<f32>) -> Result<()> {
    let mut npy = Vec::new();
    values.write_npy(&mut npy).map_err(Error::part(format!("{}", path.display())))?;
    write(path, npy)
}

/// A finished job is known by its results; its checkpoint, thrice the size of the network, only takes room.
pub(crate) fn remove_checkpoint(job: &Path) -> Result<()> {
    let file = job.join("checkpoint.safetensors");
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &file)(error)),
        _ => Ok(()),
    }
}
