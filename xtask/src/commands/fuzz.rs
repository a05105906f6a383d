//! `cargo xtask fuzz`: feeds broken files to every reader, guided by what of the code they reach.
use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{
    Stop, Workspace,
    commands::{auscult::cargo_with, setup},
    process,
};

/// One target per kind of file; each is a binary of the crate in `fuzz/`.
const TARGETS: [&str; 6] = ["archive", "audio", "checkpoint", "manifest", "rttm", "toml"];

/// What libFuzzer wants counted, by the compiler's own pass, which is part of stable Rust.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Megabytes the whole process may take: libtorch alone takes 300.
const MEMORY_MB: u32 = 2048;

/// Seconds one input may take.
const TIMEOUT_S: u32 = 20;

/// Feed broken files to the readers: panics, hangs and absurd allocations are failures.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One kind of file (archive, audio, checkpoint, manifest, rttm, toml); all by default.
    #[arg(value_parser = TARGETS)]
    pub target: Option<String>,
    /// How long each.
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// Keep in `fuzz/corpus` what reaches code that nothing there did, as few and as small files as do.
    #[arg(long)]
    pub keep: bool,
    /// Fail rather than use the network.
    #[arg(long)]
    pub offline: bool,
}

/// Builds the targets into a folder of their own and runs each.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let libtorch = setup::ensure(workspace, args.offline)?;
    let host = host()?;
    let built = workspace.target()?.join("fuzz");
    let mut cargo = cargo_with(workspace, &libtorch);
    cargo.env("RUSTFLAGS", COVERAGE);
    // With a target named, build scripts and macros are built without the counters, which they could not link.
    cargo.args([
        "build",
        "--profile",
        "fuzz",
        "--package",
        "auscult-fuzz",
        "--features",
        "libfuzzer",
        "--bins",
    ]);
    process::run(cargo.arg("--target").arg(&host).arg("--target-dir").arg(&built))?;
    let chosen =
        TARGETS.into_iter().filter(|name| args.target.as_deref().is_none_or(|target| target == *name));
    for name in chosen {
        fuzz(workspace, &built, &built.join(&host).join("fuzz").join(name), name, args)?;
    }
    Ok(())
}

fn fuzz(workspace: &Workspace, built: &Path, program: &Path, name: &str, args: &Args) -> Result<()> {
    let kept = workspace.path("fuzz/corpus").join(name);
    let found = built.join("corpus").join(name);
    let failed = built.join("failures").join(name);
    for folder in [&kept, &found, &failed] {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let libfuzzer = || {
        let mut command = Command::new(program);
        command.args([format!("-rss_limit_mb={MEMORY_MB}"), format!("-timeout={TIMEOUT_S}")]);
        command
    };
    let mut artifacts = failed.clone().into_os_string();
    artifacts.push("/");
    let mut prefix = std::ffi::OsString::from("-artifact_prefix=");
    prefix.push(&artifacts);
    let mut command = libfuzzer();
    command.args(["-print_final_stats=1", &format!("-max_total_time={}", args.seconds)]).arg(&prefix);
    // The first folder takes what is new, the other is only read.
    if process::run(command.arg(&found).arg(&kept)).is_err() {
        return Err(Stop::Child {
            command: format!("{name}: the file that broke the reader lies in {}", workspace.shown(&failed)),
            code: 1,
        }
        .into());
    }
    if args.keep {
        let fewest = built.join("fewest").join(name);
        if fewest.exists() {
            fs::remove_dir_all(&fewest)?;
        }
        fs::create_dir_all(&fewest)?;
        process::run(libfuzzer().arg("-merge=1").arg(&fewest).arg(&kept).arg(&found))?;
        for entry in fs::read_dir(&fewest)? {
            let entry = entry?;
            fs::copy(entry.path(), kept.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The machine's own target, as rustc names it.
fn host() -> Result<String> {
    let text = process::capture(Command::new("rustc").arg("-vV"))?;
    match text.lines().find_map(|line| line.strip_prefix("host: ")) {
        Some(host) => Ok(host.to_owned()),
        None => bail!("`rustc -vV` names no host"),
    }
}
