//! `cargo xtask parity`: makes the golden files anew from the Python packages, then tests against them.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    Workspace,
    commands::{auscult::cargo_with, packages, setup},
    process, python,
};

/// Regenerate golden files with the reference packages, and test against them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One crate, by its folder or package name; all by default.
    #[arg(value_name = "CRATE")]
    pub package: Option<String>,
}

/// Runs every `generate.py` below `tests/golden`, then the tests of the crates that have one.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let packages = packages::chosen(workspace, args.package.as_deref())?;
    let libtorch = setup::ensure(workspace, false)?;
    for package in packages {
        let golden = workspace.path("crates").join(&package.folder).join("tests/golden");
        let scripts = generators(&golden)?;
        if scripts.is_empty() {
            println!("{}: no golden files", package.folder);
            continue;
        }
        let python = python::venv(workspace, &scripts)?;
        for script in scripts {
            let folder = script.parent().context("a script is in a folder")?;
            process::run(Command::new(&python).arg(&script).current_dir(folder))?;
        }
        let mut git = Command::new("git");
        git.args(["status", "--short", "--"]).arg(&golden).current_dir(workspace.root());
        match process::capture(&mut git)?.trim() {
            "" => println!("{}: the golden files come out as committed", package.folder),
            changed => {
                println!("{}: golden files differ from the committed ones:\n{changed}", package.folder)
            }
        }
        process::run(cargo_with(workspace, &libtorch).args([
            "test",
            "--release",
            "--package",
            &package.name,
        ]))?;
    }
    Ok(())
}

/// Every `generate.py` in a folder and the folders below it, in a fixed order.
fn generators(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name == "generate.py") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generators_are_found_at_every_depth() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("mel/slaney")).unwrap();
        for name in ["generate.py", "mel/slaney/generate.py", "mel/helper.py"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = generators(folder.path()).unwrap();
        assert_eq!(found, [folder.path().join("generate.py"), folder.path().join("mel/slaney/generate.py")]);
        assert!(generators(&folder.path().join("absent")).unwrap().is_empty());
    }
}
