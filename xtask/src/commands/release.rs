//! `cargo xtask release --dry-run`: packs every publishable crate the way a registry would get it.
use anyhow::Result;

use crate::{
    Stop, Workspace,
    commands::{auscult::cargo_with, packages, setup},
    process,
};

/// Pack every publishable crate, in the order they depend on each other.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Pack, but publish nothing: the only mode there is; publishing is a person's decision.
    #[arg(long)]
    pub dry_run: bool,
    /// Also build every crate from its package alone.
    #[arg(long)]
    pub verify: bool,
    /// Pack with uncommitted changes.
    #[arg(long)]
    pub allow_dirty: bool,
}

/// One `cargo package` over all crates: cargo orders them, and lets each find the others before any is published.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if !args.dry_run {
        let how = "this packs and publishes nothing: say --dry-run; to publish, a person types `cargo publish --workspace`";
        return Err(Stop::Usage(how.into()).into());
    }
    let libtorch = setup::ensure(workspace, false)?;
    let mut cargo = cargo_with(workspace, &libtorch);
    cargo.args(["package", "--quiet"]);
    let publishable = packages::all(workspace)?.into_iter().filter(|package| package.publishable);
    for package in publishable {
        cargo.args(["--package", &package.name]);
    }
    if !args.verify {
        cargo.arg("--no-verify");
    }
    if args.allow_dirty {
        cargo.arg("--allow-dirty");
    }
    process::run(&mut cargo)?;
    println!("packed into {}", workspace.shown(&workspace.target()?.join("package")));
    Ok(())
}
