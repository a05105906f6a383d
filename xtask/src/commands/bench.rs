//! `cargo xtask bench`: our own timings, and side by side with the Python packages.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{Stop, Workspace, commands::packages, process, python};

const PEERS: &str = "benches/peers";

/// Time the kernels.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One crate, by its folder or package name; all by default.
    #[arg(value_name = "CRATE")]
    pub package: Option<String>,
    /// Time side by side with the Python packages of benches/peers instead.
    #[arg(long)]
    pub peers: bool,
    /// Handed on to criterion.
    #[arg(last = true)]
    pub rest: Vec<String>,
}

/// Runs the criterion benches, or the scripts that run both sides in turn.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let stems = match &args.package {
        Some(name) => {
            let folders = packages::chosen(workspace, Some(name))?.into_iter().map(|package| package.folder);
            Some(folders.map(|folder| stem(&folder)).collect::<Vec<_>>())
        }
        None => None,
    };
    let wanted = |file: &Path| {
        let name = file.file_stem().and_then(|name| name.to_str()).map(stem).unwrap_or_default();
        stems.as_ref().is_none_or(|stems| stems.contains(&name))
    };
    let (folder, extension) = if args.peers { (PEERS, "py") } else { ("benches/benches", "rs") };
    let files: Vec<PathBuf> =
        files(&workspace.path(folder), extension)?.into_iter().filter(|f| wanted(f)).collect();
    if files.is_empty() {
        return Err(Stop::Usage(format!("{folder} has nothing for that crate")).into());
    }
    if args.peers {
        let python = python::venv(workspace)?;
        for script in files {
            let mut command = Command::new(&python);
            // One thread a side: the ratio then says something about the code.
            for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"] {
                command.env(name, "1");
            }
            process::run(command.arg(&script).current_dir(workspace.root()))?;
        }
        return Ok(());
    }
    let mut cargo = process::cargo(workspace);
    cargo.args(["bench", "--package", "auscult-benches"]);
    for bench in files.iter().filter_map(|file| file.file_stem()) {
        cargo.arg("--bench").arg(bench);
    }
    process::run(cargo.arg("--").args(&args.rest))
}

/// `stft-mel` and `stft_mel` are the same crate.
fn stem(name: &str) -> String {
    name.replace('-', "_")
}

fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
