//! Building and spawning the `auscult` command.
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{Stop, Workspace, commands::setup, libtorch, process};

/// The built `auscult` command and what it needs around it.
#[derive(Clone, Debug)]
pub struct Auscult {
    program: PathBuf,
    libtorch: libtorch::Found,
}

impl Auscult {
    /// Sets up if needed, then builds.
    pub fn build(workspace: &Workspace, offline: bool) -> Result<Self> {
        let libtorch = setup::ensure(workspace, offline)?;
        let mut cargo = cargo_with(workspace, &libtorch);
        cargo.args(["build", "--release", "--package", "auscult", "--features", "cli,torch"]);
        process::run(&mut cargo)?;
        Self::at(workspace.target()?.join("release/auscult"), libtorch)
    }

    /// A command that is built already.
    pub fn at(program: PathBuf, libtorch: libtorch::Found) -> Result<Self> {
        if !program.is_file() {
            bail!("the build left no {}", program.display());
        }
        Ok(Self { program, libtorch })
    }

    /// Runs it in the workspace's root; its exit code becomes ours.
    pub fn run<Arg: Into<OsString>>(
        &self,
        workspace: &Workspace,
        args: impl IntoIterator<Item = Arg>,
    ) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.current_dir(workspace.root()).args(args.into_iter().map(Into::into));
        surround(&mut command, &self.libtorch);
        process::run(&mut command)
    }

    /// The built program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Tells a command that will call it where libtorch is.
    pub fn surround(&self, command: &mut Command) {
        surround(command, &self.libtorch);
    }

    /// Refuses a device that this libtorch cannot use, before anything long starts.
    pub fn check_device(&self, device: Option<&str>) -> Result<()> {
        if device.is_some_and(|device| device.starts_with("cuda")) && !self.libtorch.cuda {
            return Err(Stop::Manual(format!(
                "{} is a libtorch without CUDA: set LIBTORCH to one of version {} with it, or type `cargo xtask setup --libtorch DIR`",
                self.libtorch.folder.display(),
                self.libtorch.version
            ))
            .into());
        }
        Ok(())
    }
}

/// Cargo, told where libtorch is.
pub(super) fn cargo_with(workspace: &Workspace, libtorch: &libtorch::Found) -> Command {
    let mut cargo = process::cargo(workspace);
    surround(&mut cargo, libtorch);
    cargo
}

fn surround(command: &mut Command, libtorch: &libtorch::Found) {
    command.env("LIBTORCH", &libtorch.folder);
    // Binaries carry an rpath, but doctests are linked without one.
    let lib = libtorch.folder.join("lib");
    let inherited = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let paths = std::iter::once(lib).chain(std::env::split_paths(&inherited).filter(|path| path.is_dir()));
    if let Ok(joined) = std::env::join_paths(paths) {
        command.env("LD_LIBRARY_PATH", joined);
    }
    // libgomp's idle threads spin by default; on shared cores that costs three times the CPU time.
    for (name, value) in [("OMP_WAIT_POLICY", "PASSIVE"), ("GOMP_SPINCOUNT", "0")] {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
}

/// The recipe as `auscult` takes it: a file by its full path, or a name, which `auscult` resolves itself.
pub(super) fn recipe(recipe: &str) -> Result<OsString> {
    let file = process::absolute(Path::new(recipe))?;
    Ok(if file.is_file() { file.into() } else { recipe.into() })
}

/// The run folders a `RUN` means: a folder, `latest`, or a name below `runs/`.
///
/// `latest` without a pipeline is the latest run of every pipeline that has one. Links are followed, so that a run is
/// called by its own name.
pub(super) fn run_folders(workspace: &Workspace, pipelines: &[&str], run: &str) -> Result<Vec<PathBuf>> {
    // The same variable moves the runs of `auscult` itself.
    let runs = std::env::var_os("AUSCULT_RUNS").map_or_else(|| workspace.path("runs"), PathBuf::from);
    let mut found: Vec<PathBuf> = pipelines.iter().map(|pipeline| runs.join(pipeline).join(run)).collect();
    found.retain(|folder| folder.is_dir());
    if found.is_empty() {
        found.extend(
            [process::absolute(Path::new(run))?, runs.join(run)].into_iter().find(|folder| folder.is_dir()),
        );
    }
    if found.is_empty() {
        let train = pipelines.first().context("there is a pipeline")?;
        let how = format!("no run `{run}`: give a folder, or train one with `cargo xtask run {train}`");
        return Err(Stop::Usage(how).into());
    }
    let real =
        |folder: &PathBuf| folder.canonicalize().with_context(|| format!("cannot open {}", folder.display()));
    found.iter().map(real).collect()
}
