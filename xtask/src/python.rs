//! Python: for fetching wheels, and, in a venv of the project's own, for the packages our results are compared with.
use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{Stop, Workspace, checksum, lock, process};

/// What the comparisons need, one package and version a line.
const REQUIREMENTS: &str = "benches/peers/requirements.txt";

/// The same and PyTorch, some 5 GB: only for scripts that import it.
const REQUIREMENTS_WITH_TORCH: &str = "benches/peers/requirements-torch.txt";

/// A `python3` that has pip, or a message that says how to get one.
pub fn with_pip() -> Result<Command> {
    if process::find_program("python3").is_none() {
        return Err(
            Stop::Manual("python3 is missing: `apt-get install -y python3 python3-pip`".into()).into()
        );
    }
    if !process::succeeds(Command::new("python3").args(["-m", "pip", "--version"])) {
        return Err(Stop::Manual("python3 has no pip: `apt-get install -y python3-pip`".into()).into());
    }
    Ok(Command::new("python3"))
}

/// The interpreter of a venv that has what `scripts` import: `.venv`, or `.venv-torch` where one of them needs PyTorch.
/// Made or brought up to date if needed.
pub fn venv(workspace: &Workspace, scripts: &[PathBuf]) -> Result<PathBuf> {
    let imports_torch = |script: &PathBuf| {
        let text = fs::read_to_string(script).unwrap_or_default();
        text.lines().any(|line| line.trim_start().starts_with("import torch"))
    };
    let (name, files): (_, &[&str]) = if scripts.iter().any(imports_torch) {
        (".venv-torch", &[REQUIREMENTS_WITH_TORCH, REQUIREMENTS])
    } else {
        (".venv", &[REQUIREMENTS])
    };
    let requirements = workspace.path(files[0]);
    let sums = files.iter().map(|file| Ok(checksum::of_file(&workspace.path(file))?.sha256));
    let wanted = sums.collect::<Result<Vec<_>>>()?.join(" ");
    let venv = workspace.path(name);
    let (python, stamp) = (venv.join("bin/python"), venv.join("requirements.sha256"));
    let _lock = lock::exclusive(&workspace.cache().join("venv.lock"))?;
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) && python.is_file() {
        return Ok(python);
    }
    if !python.is_file() {
        let mut create = Command::new("python3");
        process::run(create.arg("-m").arg("venv").arg(&venv)).map_err(|error| {
            error
                .context(Stop::Manual("python3 cannot make a venv: `apt-get install -y python3-venv`".into()))
        })?;
    }
    let mut install = Command::new(&python);
    process::run(install.args(["-m", "pip", "install", "--requirement"]).arg(&requirements))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}
