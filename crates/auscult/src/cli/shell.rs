//! `auscult completions` and `auscult man`: what a shell and a reader of manuals want to know of the command line.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use super::say;

/// Arguments of `auscult completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// Arguments of `auscult man`.
#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// Folder for one page a verb; without it, the page of `auscult` itself goes to standard output
    #[arg(long, short)]
    output: Option<PathBuf>,
}

pub(super) fn completions(arguments: &CompletionsArguments, mut command: Command) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "auscult", &mut script);
    Ok(std::io::stdout().lock().write_all(&script)?)
}

pub(super) fn man(arguments: &ManArguments, command: Command) -> anyhow::Result<()> {
    match &arguments.output {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            clap_mangen::generate_to(command, folder)?;
            say(&format!("manual pages: {}", folder.display()));
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            std::io::stdout().lock().write_all(&page)?;
        }
    }
    Ok(())
}
