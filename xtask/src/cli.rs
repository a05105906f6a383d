//! The command line.
use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{
    Workspace,
    commands::{
        bench, data, doc, eval, examples, fuzz, parity, release, report, run, setup, test, tidy, train,
        validate,
    },
};

/// The driver of the auscult workspace.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something to be done by hand first.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Setup(setup::Args),
    #[command(subcommand)]
    Data(data::Command),
    Run(run::Args),
    Train(train::Args),
    Eval(eval::Args),
    Report(report::Args),
    Test(test::Args),
    Parity(parity::Args),
    Bench(bench::Args),
    Fuzz(fuzz::Args),
    Doc(doc::Args),
    Examples(examples::Args),
    Tidy(tidy::Args),
    Validate(validate::Args),
    Release(release::Args),
}

impl Cli {
    /// Does what the command line says.
    pub fn run(&self, workspace: &Workspace) -> Result<()> {
        match &self.command {
            Command::Setup(args) => setup::run(workspace, args),
            Command::Data(command) => data::run(workspace, command),
            Command::Run(args) => run::run(workspace, args),
            Command::Train(args) => train::run(workspace, args),
            Command::Eval(args) => eval::run(workspace, args),
            Command::Report(args) => report::run(workspace, args),
            Command::Test(args) => test::run(workspace, args),
            Command::Parity(args) => parity::run(workspace, args),
            Command::Bench(args) => bench::run(workspace, args),
            Command::Fuzz(args) => fuzz::run(workspace, args),
            Command::Doc(args) => doc::run(workspace, args),
            Command::Examples(args) => examples::run(workspace, args),
            Command::Tidy(args) => tidy::run(workspace, args),
            Command::Validate(args) => validate::run(workspace, args),
            Command::Release(args) => release::run(workspace, args),
        }
    }
}
