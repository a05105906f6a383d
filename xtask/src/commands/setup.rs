//! `cargo xtask setup`: what is there, what is not, and how to mend it.
use std::{path::PathBuf, process::Command};

use anyhow::Result;

use crate::{
    Stop, Workspace, libtorch, process,
    system::{Installed, PACKAGES, SystemPackage},
};

/// Prepare this machine: a C++ compiler, libtorch.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Only look; install and fetch nothing.
    #[arg(long)]
    pub check: bool,
    /// Use the libtorch in this folder instead of fetching one.
    #[arg(long, value_name = "DIR", conflicts_with = "check")]
    pub libtorch: Option<PathBuf>,
    /// Fail rather than use the network.
    #[arg(long)]
    pub offline: bool,
}

/// Mends what can be mended without asking, then prints the table; fails if something that is needed is missing.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if let Some(folder) = &args.libtorch {
        libtorch::adopt(workspace, folder)?;
    }
    if !args.check {
        for package in PACKAGES.iter().filter(|package| package.version().is_none()) {
            provide(package, args.offline)?;
        }
        libtorch::ensure(workspace, args.offline)?;
    }
    let missing = table(workspace)?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(Stop::Manual(format!("missing: {}; the table says how to get it", missing.join(", "))).into())
}

/// What every build with libtorch needs; quiet and quick when all is there.
pub fn ensure(workspace: &Workspace, offline: bool) -> Result<libtorch::Found> {
    for package in PACKAGES.iter().filter(|package| package.required && package.version().is_none()) {
        provide(package, offline)?;
    }
    libtorch::ensure(workspace, offline)
}

fn provide(package: &SystemPackage, offline: bool) -> Result<()> {
    let outcome = if offline { Installed::NotAllowed } else { package.install()? };
    if outcome == Installed::Yes {
        return Ok(());
    }
    let message = format!("{} is missing ({}): `{}`", package.name, package.purpose, package.remedy());
    if package.required {
        return Err(Stop::Manual(message).into());
    }
    println!("warning: {message}; going on without it");
    Ok(())
}

/// Prints one line per thing; returns the names of needed things that are missing.
fn table(workspace: &Workspace) -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    let rustc = process::capture(Command::new("rustc").arg("--version"));
    row("rustc", rustc.as_deref().unwrap_or("missing").trim(), "");
    for package in PACKAGES {
        match package.version() {
            Some(version) => row(package.name, &version, package.purpose),
            None => {
                row(package.name, "missing", &format!("{}: {}", package.purpose, package.remedy()));
                if package.required {
                    missing.push(package.name);
                }
            }
        }
    }
    let needs = libtorch::required(workspace)?;
    match libtorch::find(workspace)? {
        Some(found) => {
            let device = if found.cuda { "CUDA" } else { "CPU" };
            let place = workspace.shown(&found.folder);
            row(
                "libtorch",
                &format!("{} ({device}) in {place}", found.version),
                &format!("for tch {}", needs.tch),
            );
        }
        None => {
            row("libtorch", "missing", &format!("{} is needed: cargo xtask setup", needs.libtorch));
            missing.push("libtorch");
        }
    }
    let gpu =
        process::capture(Command::new("nvidia-smi").args(["--query-gpu=name", "--format=csv,noheader"]));
    match gpu.ok().and_then(|text| text.lines().next().map(str::to_owned)) {
        Some(name) => {
            row("GPU", &name, "needs a libtorch with CUDA: set LIBTORCH, or `setup --libtorch DIR`")
        }
        None => row("GPU", "none", "everything runs without one"),
    }
    Ok(missing)
}

fn row(name: &str, state: &str, note: &str) {
    println!("{name:<14}{state:<44}  {note}");
}
