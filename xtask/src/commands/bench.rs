//! `cargo xtask bench`: our own timings, and side by side with the Python packages.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{
    Stop, Workspace,
    commands::{packages, setup},
    process, python,
};

const PEERS: &str = "benches/peers";

/// Where the ratio table is kept.
const RATIOS: &str = "target/auscult/ratios.json";

/// Files beside the scripts that are no script: what several of them share.
const SHARED: [&str; 2] = ["ratios", "side_by_side"];

/// Time the kernels.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One crate, by its folder or package name; all by default.
    #[arg(value_name = "CRATE")]
    pub package: Option<String>,
    /// Time side by side with the Python packages of benches/peers instead.
    #[arg(long)]
    pub peers: bool,
    /// With --peers: print the ratio table as JSON rows.
    #[arg(long, requires = "peers")]
    pub json: bool,
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
        !SHARED.contains(&name.as_str())
            && stems.as_ref().is_none_or(|stems| stems.iter().any(|stem| name.starts_with(stem)))
    };
    let (folder, extension) = if args.peers { (PEERS, "py") } else { ("benches/benches", "rs") };
    let files: Vec<PathBuf> =
        files(&workspace.path(folder), extension)?.into_iter().filter(|f| wanted(f)).collect();
    if files.is_empty() {
        return Err(Stop::Usage(format!("{folder} has nothing for that crate")).into());
    }
    if args.peers {
        return peers(workspace, &files, args.json);
    }
    let mut cargo = process::cargo(workspace);
    cargo.args(["bench", "--package", "auscult-benches"]);
    for bench in files.iter().filter_map(|file| file.file_stem()) {
        cargo.arg("--bench").arg(bench);
    }
    process::run(cargo.arg("--").args(&args.rest))
}

/// Runs the scripts, and stores and prints the ratio table they fill.
fn peers(workspace: &Workspace, scripts: &[PathBuf], json: bool) -> Result<()> {
    let rows = workspace.cache().join("ratios.jsonl");
    if rows.exists() {
        fs::remove_file(&rows).with_context(|| format!("cannot remove {}", rows.display()))?;
    }
    // What the Rust side of a script links.
    let libtorch = setup::ensure(workspace, false)?;
    for script in scripts {
        let mut command = Command::new(python::venv(workspace, std::slice::from_ref(script))?);
        // One thread a side: the ratio then says something about the code.
        for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"] {
            command.env(name, "1");
        }
        // Our binaries carry an rpath; PyTorch must find the libraries it came with.
        command.env("LIBTORCH", &libtorch.folder).env_remove("LD_LIBRARY_PATH");
        command.env("AUSCULT_RATIOS", &rows).arg(script).current_dir(workspace.root());
        // JSON alone belongs on our standard output.
        if json { process::run_quietly(&mut command)? } else { process::run(&mut command)? }
    }
    let table = fs::read_to_string(&rows).unwrap_or_default();
    let table = table.lines().map(serde_json::from_str::<Ratio>).collect::<Result<Vec<_>, _>>()?;
    let text = serde_json::to_string_pretty(&table)?;
    let kept = workspace.path(RATIOS);
    fs::create_dir_all(kept.parent().unwrap_or(workspace.root()))?;
    fs::write(&kept, &text).with_context(|| format!("cannot write {}", kept.display()))?;
    if json {
        println!("{text}");
        return Ok(());
    }
    println!("\n{}", markdown(&table));
    println!("kept in {RATIOS}");
    Ok(())
}

/// A row of the ratio table: seconds of both sides on the same input.
#[derive(Debug, Deserialize, Serialize)]
struct Ratio {
    job: String,
    peer: String,
    ours_s: f64,
    peer_s: f64,
    /// Theirs over ours.
    ratio: f64,
    /// The least ratio wanted, if there is one.
    goal: Option<f64>,
}

/// The table as the README shows it.
fn markdown(table: &[Ratio]) -> String {
    let mut text = String::from("| job | peer | ours | peer's | ratio | goal |\n|---|---|---|---|---|---|\n");
    for row in table {
        let goal = match row.goal {
            None => String::new(),
            Some(goal) if row.ratio >= goal => format!("{goal}x"),
            Some(goal) => format!("{goal}x, missed"),
        };
        let (ours, theirs) = (seconds(row.ours_s), seconds(row.peer_s));
        text += &format!("| {} | {} | {ours} | {theirs} | {:.2}x | {goal} |\n", row.job, row.peer, row.ratio);
    }
    text
}

/// With a unit that suits.
fn seconds(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", 1e3 * s),
        s => format!("{:.2} µs", 1e6 * s),
    }
}

/// What the files of a crate begin with: those of `stft-mel` with `stft_mel`.
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
