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
    process, python, system,
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
    /// With --peers: put the table, with its date and processor, into README.md, unless a script failed.
    #[arg(long, requires = "peers", conflicts_with = "package")]
    pub readme: bool,
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
        return peers(workspace, &files, args);
    }
    let mut cargo = process::cargo(workspace);
    cargo.args(["bench", "--package", "auscult-benches"]);
    for bench in files.iter().filter_map(|file| file.file_stem()) {
        cargo.arg("--bench").arg(bench);
    }
    process::run(cargo.arg("--").args(&args.rest))
}

/// Runs the scripts, and stores and prints the ratio table they fill.
fn peers(workspace: &Workspace, scripts: &[PathBuf], args: &Args) -> Result<()> {
    let rows = workspace.cache().join("ratios.jsonl");
    if rows.exists() {
        fs::remove_file(&rows).with_context(|| format!("cannot remove {}", rows.display()))?;
    }
    // What the Rust side of a script links.
    let libtorch = setup::ensure(workspace, false)?;
    let mut failed = Vec::new();
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
        let outcome = if args.json { process::run_quietly(&mut command) } else { process::run(&mut command) };
        // What the other scripts take an hour to find is not thrown away.
        if let Err(error) = outcome {
            eprintln!("{error:#}");
            failed.push(script.display().to_string());
        }
    }
    let table = fs::read_to_string(&rows).unwrap_or_default();
    let table = table.lines().map(serde_json::from_str::<Ratio>).collect::<Result<Vec<_>, _>>()?;
    let text = serde_json::to_string_pretty(&table)?;
    let kept = workspace.path(RATIOS);
    fs::create_dir_all(kept.parent().unwrap_or(workspace.root()))?;
    fs::write(&kept, &text).with_context(|| format!("cannot write {}", kept.display()))?;
    // Rows that a failed script lacks would be lost from the page.
    if args.readme && !failed.is_empty() {
        eprintln!("README.md keeps its old table");
    } else if args.readme {
        let page = workspace.path("README.md");
        let old = fs::read_to_string(&page).context("cannot read README.md")?;
        let when = process::capture(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
        let caption =
            format!("{}, {}, one thread a side, least of several turns.", when.trim(), system::processor());
        fs::write(&page, between_marks(&old, &format!("{}\n{caption}", markdown(&table)))?)?;
    }
    if args.json {
        println!("{text}");
    } else {
        println!("\n{}\nkept in {RATIOS}", markdown(&table));
    }
    anyhow::ensure!(failed.is_empty(), "the table lacks rows of {}, which failed", failed.join(", "));
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

/// The page with `text` where the table was.
fn between_marks(page: &str, text: &str) -> Result<String> {
    let [begin, end] = ["<!-- ratios -->\n", "<!-- end of ratios -->"];
    let marked = page.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) = marked.context("README.md has lost the marks around its table of ratios")?;
    Ok(format!("{before}{begin}{text}\n{end}{after}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_takes_the_place_of_the_old_one() {
        let page = "a\n<!-- ratios -->\nold\n<!-- end of ratios -->\nb\n";
        let expected = "a\n<!-- ratios -->\nnew\n<!-- end of ratios -->\nb\n";
        assert_eq!(between_marks(page, "new").unwrap(), expected);
        assert!(between_marks("a\n", "new").is_err());
    }

    #[test]
    fn missed_goals_are_told() {
        let row =
            |ratio, goal| Ratio { job: "j".into(), peer: "p".into(), ours_s: 1e-4, peer_s: 2.0, ratio, goal };
        let table = markdown(&[row(2.0, Some(3.0)), row(4.0, Some(3.0)), row(1.0, None)]);
        assert!(table.contains("| 100.00 µs | 2.00 s | 2.00x | 3x, missed |"), "{table}");
        assert!(table.contains("4.00x | 3x |") && table.contains("1.00x |  |"), "{table}");
    }
}
