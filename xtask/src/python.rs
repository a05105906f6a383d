//! Python: for fetching wheels, and, in a venv of the project's own, for the packages our results are compared with.
use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result};

use crate::{Stop, Workspace, checksum, lock, process};

/// What the comparisons need, one package and version a line.
pub const REQUIREMENTS: &str = "benches/peers/requirements.txt";

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

/// The interpreter of `.venv`, which holds exactly what [`REQUIREMENTS`] lists; made or brought up to date if needed.
pub fn venv(workspace: &Workspace) -> Result<PathBuf> {
    let requirements = workspace.path(REQUIREMENTS);
    let wanted = checksum::of_file(&requirements)?.sha256;
    let venv = workspace.path(".venv");
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
