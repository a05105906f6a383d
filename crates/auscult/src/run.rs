//! Run folders: one training with all it was made from and all it gave.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Result, files};

/// A folder `runs/PIPELINE/NAME`, with `run.json` saying what it is.
#[derive(Clone, Debug)]
pub struct Run {
    folder: PathBuf,
    about: About,
    /// Held while this process trains: two that write the same files would spoil both.
    _lock: Option<Arc<File>>,
}

/// What `run.json` holds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct About {
    /// The pipeline, e.g. `birds`.
    pub pipeline: String,
    /// The recipe's name.
    pub recipe: String,
    /// Hash of the resolved recipe and of the manifest: same hash, same results.
    pub fingerprint: String,
    /// Where it was made.
    pub environment: Environment,
}

/// Machine and versions, for the end of the report.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Environment {
    /// auscult's version.
    pub auscult: String,
    /// Operating system and processor family.
    pub platform: String,
    /// Processor, as the system names it.
    pub processor: String,
    /// Cores the process may use.
    pub cores: usize,
    /// Seconds since 1970 when the run began.
    pub began: u64,
}

impl Environment {
    /// Looks around.
    #[must_use]
    pub fn here() -> Self {
        let processor = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
            text.lines().find_map(|line| {
                Some(line.strip_prefix("model name")?.trim_start_matches([' ', '\t', ':']).to_owned())
            })
        });
        Self {
            auscult: env!("CARGO_PKG_VERSION").into(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: processor.unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            began: std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        }
    }
}

/// Hex SHA-256 of several parts, each set off by its length.
pub(crate) fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Run {
    /// Creates `runs/PIPELINE/RECIPE-HASH8`, or goes on with it where the same recipe on the same data was
    /// begun before; either way `runs/PIPELINE/latest` points to it. The folder is this process's until the run and
    /// its clones are dropped.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be written; [`Error::Run`] where another process works in it.
    pub fn open_or_create(runs: &Path, pipeline: &str, recipe: &str, fingerprint: &str) -> Result<Self> {
        let folder = runs.join(pipeline).join(Self::name_of(recipe, fingerprint));
        let lock = lock(&folder)?;
        let run = match files::read_json::<About>(&folder.join("run.json"))? {
            Some(about) => Self { folder, about, _lock: lock },
            None => {
                let about = About {
                    pipeline: pipeline.into(),
                    recipe: recipe.into(),
                    fingerprint: fingerprint.into(),
                    environment: Environment::here(),
                };
                files::write_json(&folder.join("run.json"), &about)?;
                Self { folder, about, _lock: lock }
            }
        };
        run.point_latest()?;
        Ok(run)
    }

    /// The name of the run of `recipe` with this fingerprint.
    pub(crate) fn name_of(recipe: &str, fingerprint: &str) -> String {
        format!("{recipe}-{}", &fingerprint[..8])
    }

    /// Opens a finished or unfinished run; `latest` means `runs/PIPELINE/latest`.
    ///
    /// # Errors
    /// [`Error::Run`] where there is no run there, or it is another pipeline's.
    pub fn open(runs: &Path, pipeline: &str, run: &Path) -> Result<Self> {
        let latest = run == Path::new("latest");
        let folder = if latest { runs.join(pipeline).join("latest") } else { run.to_path_buf() };
        let run = Self::open_folder(&folder)?;
        if run.about.pipeline != pipeline {
            let problem = format!("this is a `{}` run, not a `{pipeline}` run", run.about.pipeline);
            return Err(Error::Run { path: folder, problem });
        }
        Ok(run)
    }

    /// Opens a run of any pipeline.
    ///
    /// # Errors
    /// [`Error::Run`] where there is no run there.
    pub fn open_folder(folder: &Path) -> Result<Self> {
        let about: About = files::read_json(&folder.join("run.json"))?.ok_or_else(|| Error::Run {
            path: folder.into(),
            problem: "there is no run here; train one with `auscult train PIPELINE` (in the project: \
                      `cargo xtask run PIPELINE`) or name another with --run"
                .into(),
        })?;
        let folder = folder.canonicalize().map_err(Error::io("read", folder))?;
        Ok(Self { folder, about, _lock: None })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file or folder in the run.
    #[must_use]
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    /// What `run.json` says.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// `results.json`, which comes last and marks the run as complete.
    ///
    /// # Errors
    /// [`Error::Run`] where the run is not finished.
    pub(crate) fn results<R: serde::de::DeserializeOwned>(&self) -> Result<R> {
        files::read_json(&self.path("results.json"))?.ok_or_else(|| Error::Run {
            path: self.folder.clone(),
            problem: "the run is not finished; run the same command again and it goes on".into(),
        })
    }

    /// That this run has no model, why, and which of the runs beside it have one.
    pub(crate) fn lacks_model(&self, why: &str) -> Error {
        let beside = self.folder.parent().and_then(|folder| std::fs::read_dir(folder).ok());
        let mut others: Vec<String> = beside
            .into_iter()
            .flatten()
            .filter_map(|entry| Self::open_folder(&entry.ok()?.path()).ok())
            .filter(|run| run.about.pipeline == self.about.pipeline && run.path("model.json").is_file())
            .map(|run| run.folder.display().to_string())
            .collect();
        // One of them may be `latest` too.
        others.sort();
        others.dedup();
        let others = match others.as_slice() {
            [] => String::new(),
            some => format!("; these runs have one: {}", some.join(", ")),
        };
        Error::Run { path: self.folder.clone(), problem: format!("it has no model: {why}{others}") }
    }

    /// `stages.jsonl`: what was worked on, and for how many seconds, in the order it was done.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read.
    pub fn stages(&self) -> Result<Vec<(String, f64)>> {
        let path = self.path("stages.jsonl");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let stages = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
        stages.map_err(Error::part(path.display().to_string()))
    }

    /// Adds stages to `stages.jsonl`. A run that was interrupted lacks those of the process that did not live to add them.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be written.
    pub fn add_stages(&self, stages: &[(String, f64)]) -> Result<()> {
        let mut text = String::new();
        for stage in self.stages()?.iter().chain(stages) {
            text += &serde_json::to_string(stage).map_err(Error::part("stages.jsonl"))?;
            text.push('\n');
        }
        files::write(&self.path("stages.jsonl"), text)
    }

    /// Finished jobs count recordings by their place among the usable ones, so that a run can only go on with the very
    /// recordings it was begun with; `now` is their fingerprint.
    ///
    /// # Errors
    /// [`Error::Run`] where they are others.
    pub(crate) fn begun_with(&self, now: String) -> Result<()> {
        if files::marked(&self.path("jobs/recordings.sha256"), now)? {
            return Ok(());
        }
        Err(Error::Run {
            path: self.folder.clone(),
            problem:
                "the recordings are not those it was begun with: one was changed, mended or lost since; \
                      put it back, or remove this folder to train anew"
                    .into(),
        })
    }

    /// The run's name, e.g. `mini-1a2b3c4d`.
    #[must_use]
    pub fn name(&self) -> String {
        self.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    /// Re-points `latest` here, by rename, so that it always points somewhere.
    fn point_latest(&self) -> Result<()> {
        let Some(parent) = self.folder.parent() else { return Ok(()) };
        let latest = parent.join("latest");
        let new = parent.join(format!(".latest-{}", std::process::id()));
        // A killed process of the same number may have left its own.
        let _ = std::fs::remove_file(&new);
        #[cfg(unix)]
        let linked = std::os::unix::fs::symlink(self.name(), &new);
        #[cfg(not(unix))]
        let linked = std::fs::write(&new, self.name());
        linked.map_err(Error::io("create", &new))?;
        std::fs::rename(&new, &latest).map_err(Error::io("create", &latest))
    }
}

/// Takes the run folder for this process; the system gives it back however the process ends. None where folders
/// cannot be locked (Windows, some network file systems): that is no reason not to train there.
fn lock(folder: &Path) -> Result<Option<Arc<File>>> {
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let Ok(handle) = File::open(folder) else { return Ok(None) };
    match handle.try_lock() {
        Ok(()) => Ok(Some(Arc::new(handle))),
        Err(TryLockError::WouldBlock) => Err(Error::Run {
            path: folder.into(),
            problem:
                "another process is at work here; let it finish, or stop it and run the same command again"
                    .into(),
        }),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_again_and_latest_follows() {
        let runs = tempfile::tempdir().unwrap();
        let first = Run::open_or_create(runs.path(), "birds", "mini", "0123456789").unwrap();
        let about = first.about().clone();
        let error = Run::open_or_create(runs.path(), "birds", "mini", "0123456789").unwrap_err().to_string();
        assert!(error.contains("another process"), "{error}");
        drop(first);
        let first = Run::open_or_create(runs.path(), "birds", "mini", "0123456789").unwrap();
        assert_eq!(first.about(), &about);
        assert_eq!(first.name(), "mini-01234567");
        let second = Run::open_or_create(runs.path(), "birds", "best", "abcdef0123").unwrap();
        let latest = Run::open(runs.path(), "birds", Path::new("latest")).unwrap();
        assert_eq!(latest.name(), second.name());
        let error = Run::open(runs.path(), "svd", first.folder()).unwrap_err().to_string();
        assert!(error.contains("a `birds` run"), "{error}");
        let error = Run::open(runs.path(), "svd", Path::new("latest")).unwrap_err().to_string();
        assert!(error.contains("no run here"), "{error}");
    }

    #[test]
    fn a_run_without_a_model_names_those_that_have_one() {
        let runs = tempfile::tempdir().unwrap();
        let with = Run::open_or_create(runs.path(), "birds", "mini", "0123456789").unwrap();
        let without = Run::open_or_create(runs.path(), "birds", "best", "abcdef0123").unwrap();
        assert!(without.lacks_model("unfinished").to_string().ends_with("it has no model: unfinished"));
        files::write(&with.path("model.json"), "{}").unwrap();
        let error = without.lacks_model("unfinished").to_string();
        assert!(error.contains("unfinished; these runs have one: "), "{error}");
        assert!(error.ends_with("mini-01234567"), "{error}");
    }

    #[test]
    fn stages_add_up() {
        let runs = tempfile::tempdir().unwrap();
        let run = Run::open_or_create(runs.path(), "birds", "mini", "0123456789").unwrap();
        assert_eq!(run.stages().unwrap(), []);
        run.add_stages(&[("features".into(), 1.5)]).unwrap();
        run.add_stages(&[("training".into(), 2.0)]).unwrap();
        assert_eq!(run.stages().unwrap(), [("features".to_owned(), 1.5), ("training".to_owned(), 2.0)]);
    }

    #[test]
    fn fingerprints_depend_on_where_parts_end() {
        assert_ne!(fingerprint(&[b"ab", b"c"]), fingerprint(&[b"a", b"bc"]));
        assert_eq!(fingerprint(&[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
