//! `cargo xtask eval`: scores a finished run on any labelled folder.
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::{
    Stop, Workspace,
    commands::{Auscult, auscult::run_folders, train::device},
    pipelines, process,
};

/// Evaluate a run on a manifest: writes metrics.json, a CSV per file, figures.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Which pipeline.
    #[arg(value_parser = pipelines::one())]
    pub pipeline: String,
    /// The run: its folder, or `latest`.
    #[arg(long, default_value = "latest")]
    pub run: String,
    /// The CSV of files and labels.
    #[arg(long, value_name = "CSV")]
    pub manifest: PathBuf,
    /// The folder the paths of the manifest start from.
    #[arg(long, value_name = "DIR")]
    pub root: PathBuf,
    /// Where to compute: `cpu` or `cuda:N`.
    #[arg(long, value_parser = device)]
    pub device: Option<String>,
    /// Leave out recordings that cannot be used or whose label the run does not know.
    #[arg(long)]
    pub skip_bad: bool,
    /// Print metrics.json instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Write metrics.json here too.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Fail rather than use the network.
    #[arg(long)]
    pub offline: bool,
}

/// Sets up and builds, then evaluates.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let auscult = Auscult::build(workspace, args.offline)?;
    evaluate(workspace, &auscult, args)
}

/// Evaluates with a command that is built already.
pub fn evaluate(workspace: &Workspace, auscult: &Auscult, args: &Args) -> Result<()> {
    auscult.check_device(args.device.as_deref())?;
    let mut line: Vec<OsString> = vec!["eval".into(), (&args.pipeline).into(), "--run".into()];
    line.extend(run_folders(workspace, &[&args.pipeline], &args.run)?.into_iter().map(Into::into));
    line.extend([
        "--manifest".into(),
        there(&args.manifest)?.into(),
        "--root".into(),
        there(&args.root)?.into(),
    ]);
    if let Some(device) = &args.device {
        line.extend(["--device".into(), device.into()]);
    }
    if let Some(output) = &args.output {
        line.extend(["--output".into(), process::absolute(output)?.into()]);
    }
    line.extend(args.skip_bad.then(|| "--skip-bad".into()));
    line.extend(args.json.then(|| "--json".into()));
    auscult.run(workspace, line)
}

fn there(path: &Path) -> Result<PathBuf> {
    let path = process::absolute(path)?;
    if path.exists() { Ok(path) } else { Err(Stop::Usage(format!("there is no {}", path.display())).into()) }
}
