//! `cargo xtask test`: every test of the workspace.
use anyhow::Result;

use crate::{
    Workspace,
    commands::{auscult::cargo_with, setup},
    process,
};

/// Set up, then run every test of the workspace, doctests included.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Fail rather than use the network.
    #[arg(long)]
    pub offline: bool,
    /// Handed on to `cargo test`, such as `-p auscult-stft-mel` or `-- --nocapture`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub rest: Vec<String>,
}

/// Tests in release, so that the dependencies are built once for runs and tests.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let libtorch = setup::ensure(workspace, args.offline)?;
    let mut cargo = cargo_with(workspace, &libtorch);
    cargo.args(["test", "--release"]);
    // `-p` and `--workspace` exclude each other.
    let chosen = args.rest.iter().any(|word| word.starts_with("-p") || word.starts_with("--package"));
    if !chosen {
        cargo.args(["--workspace", "--features", "auscult/torch"]);
    }
    process::run(cargo.args(&args.rest))
}
