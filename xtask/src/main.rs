//! `cargo xtask`: reads the command line, does what it says, and turns the outcome into an exit code.
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = xtask::Cli::parse();
    match xtask::Workspace::here().and_then(|workspace| cli.run(&workspace)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => xtask::report_failure(&error),
    }
}
