//! Which crate of the workspace a short name means.
use anyhow::Result;
use serde::Deserialize;

use crate::{Stop, Workspace, process};

/// A member of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    /// The name in its manifest: `auscult-stft-mel`.
    pub(super) name: String,
    /// Its folder below `crates/`: `stft-mel`.
    pub(super) folder: String,
    /// Whether it may go to a registry.
    pub(super) publishable: bool,
}

/// The members below `crates/`.
pub(super) fn all(workspace: &Workspace) -> Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Member>,
    }
    #[derive(Deserialize)]
    struct Member {
        name: String,
        manifest_path: std::path::PathBuf,
        publish: Option<Vec<String>>,
    }
    let mut cargo = process::cargo(workspace);
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let metadata: Metadata = serde_json::from_str(&process::capture(&mut cargo)?)?;
    let crates = workspace.path("crates");
    let package = |member: Member| {
        let folder = member.manifest_path.parent()?.strip_prefix(&crates).ok()?.to_str()?.to_owned();
        Some(Package {
            name: member.name,
            folder,
            publishable: member.publish.is_none_or(|to| !to.is_empty()),
        })
    };
    Ok(metadata.packages.into_iter().filter_map(package).collect())
}

/// The members a command means: the one of that folder or package name, or all.
pub(super) fn chosen(workspace: &Workspace, name: Option<&str>) -> Result<Vec<Package>> {
    let packages = all(workspace)?;
    let Some(name) = name else { return Ok(packages) };
    match packages.iter().find(|package| package.folder == name || package.name == name) {
        Some(package) => Ok(vec![package.clone()]),
        None => {
            let known: Vec<&str> = packages.iter().map(|package| package.folder.as_str()).collect();
            Err(Stop::Usage(format!("no crate `{name}`; there are: {}", known.join(", "))).into())
        }
    }
}
