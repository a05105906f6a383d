//! What can go wrong above the leaf crates, said so that the reader knows what to do next.

use std::path::{Path, PathBuf};

/// Everything that can fail in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb: "read", "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's own words.
        source: std::io::Error,
    },
    /// A CSV table (manifest) has a missing column or a bad row.
    #[error("{}, line {line}: {problem}", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// Line in the file, from 1 (the header).
        line: u64,
        /// What is wrong and how to mend it.
        problem: String,
    },
    /// A recipe cannot be read or contradicts itself.
    #[error("recipe {name}: {problem}")]
    Recipe {
        /// The recipe's name or file.
        name: String,
        /// What is wrong and how to mend it.
        problem: String,
    },
    /// A run folder is missing, incomplete, or another pipeline's.
    #[error("run {}: {problem}", path.display())]
    Run {
        /// The run folder.
        path: PathBuf,
        /// What is wrong and how to mend it.
        problem: String,
    },
    /// A recording cannot be used.
    #[error("{}: {problem}", path.display())]
    Recording {
        /// The recording.
        path: PathBuf,
        /// What is wrong and how to mend it.
        problem: String,
    },
    /// The data do not allow what was asked (too few recordings of a class, one class only, ...).
    #[error("{0}")]
    Data(String),
    /// A leaf crate refused; its own message says why.
    #[error("{context}: {source}")]
    Part {
        /// What was being done.
        context: String,
        /// The leaf crate's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Stopped by the observer; what was finished is on disk and the same call goes on from there.
    #[error("interrupted; run the same command again to go on from here")]
    Interrupted,
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn part<E>(context: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let context = context.into();
        move |source| Self::Part { context, source: Box::new(source) }
    }

    pub(crate) fn recording(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::Recording { path: path.as_ref().to_path_buf(), problem: problem.into() }
    }

    /// What the reader of sound files says, which begins with the path, as an error that names the path once.
    pub(crate) fn unreadable(path: &Path, error: &auscult_audio_io::Error) -> Self {
        let said = error.to_string();
        let problem = said.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&said);
        Self::recording(path, problem)
    }
}
