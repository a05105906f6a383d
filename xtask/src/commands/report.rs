//! `cargo xtask report`: one HTML page over any number of runs.
use std::{ffi::OsString, path::PathBuf};

use anyhow::Result;

use crate::{
    Workspace, browser,
    commands::{Auscult, auscult::run_folders},
    pipelines::PIPELINES,
    process,
};

/// Where the report goes unless told otherwise.
pub const REPORT: &str = "target/auscult/report.html";

/// Write one HTML page about runs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The runs: folders, names below runs/, or `latest` for the latest of every pipeline.
    #[arg(default_value = "latest")]
    pub runs: Vec<String>,
    /// The page to write.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Open the page in a headless Chromium too: no script errors, every picture there, readable on a phone.
    #[arg(long)]
    pub check: bool,
    /// Fail rather than use the network.
    #[arg(long)]
    pub offline: bool,
}

/// Sets up and builds, then writes the page.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let auscult = Auscult::build(workspace, args.offline)?;
    let pipelines: Vec<&str> = PIPELINES.iter().map(|pipeline| pipeline.name).collect();
    let mut folders = Vec::new();
    for run in &args.runs {
        folders.extend(run_folders(workspace, &pipelines, run)?);
    }
    let output = args.output.as_deref().map(process::absolute).transpose()?;
    let output = output.unwrap_or_else(|| workspace.path(REPORT));
    write(workspace, &auscult, folders, &[], output.clone())?;
    if args.check { browser::check(&output) } else { Ok(()) }
}

/// Writes the page with a command that is built already; `notes` come at its end.
pub fn write(
    workspace: &Workspace,
    auscult: &Auscult,
    runs: Vec<PathBuf>,
    notes: &[String],
    output: PathBuf,
) -> Result<()> {
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut line: Vec<OsString> = vec!["report".into()];
    line.extend(runs.into_iter().map(Into::into));
    line.extend(notes.iter().flat_map(|note| ["--note".into(), note.into()]));
    line.extend(["--output".into(), (&output).into()]);
    auscult.run(workspace, line)?;
    println!("report: {}", workspace.shown(&output));
    Ok(())
}
