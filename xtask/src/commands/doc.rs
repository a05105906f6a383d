//! `cargo xtask doc`: the documentation of every crate, where a warning is a failure.
use anyhow::Result;

use crate::{
    Workspace,
    commands::{auscult::cargo_with, setup},
    process,
};

/// Build the documentation; a warning is a failure.
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Show it in a browser.
    #[arg(long)]
    pub open: bool,
    /// Fail rather than use the network.
    #[arg(long)]
    pub offline: bool,
}

/// Documents in release, which shares its work with clippy and the tests.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let libtorch = setup::ensure(workspace, args.offline)?;
    let mut cargo = cargo_with(workspace, &libtorch);
    cargo.env("RUSTDOCFLAGS", "-D warnings");
    cargo.args(["doc", "--release", "--workspace", "--no-deps", "--features", "auscult/torch"]);
    if args.open {
        cargo.arg("--open");
    }
    process::run(&mut cargo)
}
