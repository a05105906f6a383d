//! `cargo xtask validate`: everything a change must pass, cheapest first.
use anyhow::Result;

use crate::{
    Workspace,
    commands::{auscult::cargo_with, doc, setup, test, tidy},
    process,
};

/// Format, tidy, clippy, documentation, tests: everything a change must pass.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Stop before the tests.
    #[arg(long)]
    pub no_tests: bool,
    /// Fail rather than use the network.
    #[arg(long)]
    pub offline: bool,
}

/// Stops at the first that fails.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    process::run(process::cargo(workspace).args(["fmt", "--all", "--check"]))?;
    tidy::run(workspace, &tidy::Args {})?;
    let libtorch = setup::ensure(workspace, args.offline)?;
    let mut clippy = cargo_with(workspace, &libtorch);
    clippy.args(["clippy", "--release", "--workspace", "--all-targets", "--features", "auscult/torch"]);
    process::run(clippy.args(["--", "--deny", "warnings"]))?;
    doc::run(workspace, &doc::Args { open: false, offline: args.offline })?;
    if args.no_tests {
        return Ok(());
    }
    test::run(workspace, &test::Args { offline: args.offline, rest: Vec::new() })
}
