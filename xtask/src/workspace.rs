//! Where things lie in the checkout.
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;

/// The checkout the driver works on.
#[derive(Clone, Debug)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace around the current directory.
    pub fn here() -> Result<Self> {
        let start = std::env::current_dir().context("the current directory is gone")?;
        start
            .ancestors()
            .find(|dir| dir.join("xtask/Cargo.toml").is_file())
            .map(Self::at)
            .with_context(|| format!("{} is not inside an auscult checkout", start.display()))
    }

    /// The workspace whose root is `root`.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder that holds the workspace's `Cargo.toml`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside the checkout.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// Where the driver keeps what it can fetch again.
    pub fn cache(&self) -> PathBuf {
        self.path("target/xtask-cache")
    }

    /// Cargo's target directory, wherever the user's configuration puts it.
    pub fn target(&self) -> Result<PathBuf> {
        #[derive(Deserialize)]
        struct Metadata {
            target_directory: PathBuf,
        }
        let mut cargo = process::cargo(self);
        cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
        let text = process::capture(&mut cargo)?;
        let metadata: Metadata = serde_json::from_str(&text).context("`cargo metadata` answered no JSON")?;
        Ok(metadata.target_directory)
    }

    /// The path as a person would type it: relative to the root where it lies inside.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}
