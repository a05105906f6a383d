//! `cargo xtask examples`: the commands in README and docs, typed as a reader would type them.
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser as _;
use serde::Deserialize;

use crate::{Cli, Stop, Workspace, commands::Auscult};

/// What names in the pages stand for.
const STAND_INS: &str = "docs/examples.toml";

/// Languages of fenced blocks. Only `sh` is typed here; `rust` is run by `cargo test`, as part of each crate's docs.
const LANGUAGES: [&str; 5] = ["sh", "rust", "toml", "csv", "text"];

/// Driver commands that take long, need the network or data that is not ours: read by the driver's parser only.
const ONLY_READ: [&str; 9] =
    ["test", "validate", "parity", "bench", "setup", "release", "fuzz", "data fetch", "data verify"];

/// Type every command of README and docs; after `cargo xtask run all`, whose runs they use.
///
/// Trainings are not repeated: `cargo xtask run` and `train` are typed with `--show`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Pages, such as docs/birds.md; all by default.
    pub pages: Vec<PathBuf>,
    /// Fail rather than use the network.
    #[arg(long)]
    pub offline: bool,
}

/// Goes through all pages and tells every command that fails.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let pages = if args.pages.is_empty() { pages(workspace)? } else { args.pages.clone() };
    let stand_ins = workspace.path(STAND_INS);
    let text = fs::read_to_string(&stand_ins).with_context(|| format!("cannot read {STAND_INS}"))?;
    let stand_ins: BTreeMap<String, StandIns> =
        toml::from_str(&text).with_context(|| format!("{STAND_INS} does not hold together"))?;
    let auscult = Auscult::build(workspace, args.offline)?;
    let (mut done, mut failed) = (0, Vec::new());
    for page in &pages {
        let name = page.to_string_lossy();
        let text = fs::read_to_string(workspace.path(page)).with_context(|| format!("cannot read {name}"))?;
        let commands = commands(&name, &text)?;
        let typist = Typist::new(workspace, &auscult, page, stand_ins.get(&*name))?;
        for (line, command) in commands {
            let started = Instant::now();
            let outcome = typist.type_in(&command);
            let seconds = started.elapsed().as_secs_f64();
            match outcome {
                Ok(how) => println!("{name}:{line}: {command}: {how} ({seconds:.1} s)"),
                Err(error) => {
                    println!("{name}:{line}: {command}: FAILED: {error:#}");
                    failed.push(format!("{name}:{line}: {command}"));
                }
            }
            done += 1;
        }
    }
    ensure!(failed.is_empty(), "{} of {done} commands fail:\n{}", failed.len(), failed.join("\n"));
    println!("examples: all {done} commands of {} pages do what they should", pages.len());
    Ok(())
}

/// Stand-ins of one page: links by name, and what is typed before its first command.
#[derive(Debug, Default, Deserialize)]
struct StandIns {
    #[serde(default)]
    before: Vec<String>,
    #[serde(flatten)]
    links: BTreeMap<String, String>,
}

/// All pages, relative to the workspace's root.
fn pages(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut pages = vec![PathBuf::from("README.md"), PathBuf::from("CONTRIBUTING.md")];
    for (folder, file) in [("docs", None), ("crates", Some("README.md"))] {
        let mut found = Vec::new();
        for entry in fs::read_dir(workspace.path(folder)).with_context(|| format!("no folder {folder}"))? {
            let name = PathBuf::from(folder).join(entry?.file_name());
            let page = file.map_or_else(|| name.clone(), |file| name.join(file));
            if page.extension().is_some_and(|ending| ending == "md") && workspace.path(&page).is_file() {
                found.push(page);
            }
        }
        found.sort();
        pages.extend(found);
    }
    Ok(pages)
}

/// The commands of a page's `sh` blocks, with their lines; refuses blocks of no known language and `toml` that is none.
fn commands(name: &str, text: &str) -> Result<Vec<(usize, String)>> {
    let mut commands = Vec::new();
    let mut block: Option<&str> = None;
    let mut toml = String::new();
    for (index, line) in text.lines().enumerate() {
        let line_number = index + 1;
        if let Some(fence) = line.strip_prefix("```") {
            block = match block {
                Some(_) => {
                    toml::from_str::<toml::Table>(&std::mem::take(&mut toml))
                        .with_context(|| format!("{name}: the block that ends in line {line_number}"))?;
                    None
                }
                None => {
                    let language = fence.split(',').next().unwrap_or_default();
                    ensure!(
                        LANGUAGES.contains(&language),
                        "{name}:{line_number}: a block of `{language}`: write one of {}",
                        LANGUAGES.join(", ")
                    );
                    Some(language)
                }
            };
        } else if block == Some("toml") {
            toml += &format!("{line}\n");
        } else if block == Some("sh") {
            let command = line.split(" # ").next().unwrap_or_default().trim();
            if !command.is_empty() && !command.starts_with('#') {
                commands.push((line_number, command.to_owned()));
            }
        }
    }
    ensure!(block.is_none(), "{name}: the last block does not end");
    Ok(commands)
}

/// Types commands in a folder of the page's own.
struct Typist<'a> {
    workspace: &'a Workspace,
    auscult: &'a Auscult,
    folder: PathBuf,
}

impl<'a> Typist<'a> {
    fn new(
        workspace: &'a Workspace,
        auscult: &'a Auscult,
        page: &Path,
        stand_ins: Option<&StandIns>,
    ) -> Result<Self> {
        let folder = workspace
            .path("target/examples")
            .join(page.with_extension("").to_string_lossy().replace('/', "-"));
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        let named = stand_ins.iter().flat_map(|stand_ins| &stand_ins.links);
        let named = named.map(|(name, file)| (name.as_str(), workspace.path(file)));
        let links = [("target/release/auscult", auscult.program().to_owned())].into_iter().chain(named);
        for (name, file) in links {
            ensure!(file.exists(), "{STAND_INS}: there is no {}", file.display());
            let link = folder.join(name);
            fs::create_dir_all(link.parent().unwrap_or(&folder))?;
            symlink(&file, &link).with_context(|| format!("cannot link {}", link.display()))?;
        }
        let typist = Self { workspace, auscult, folder };
        for command in stand_ins.iter().flat_map(|stand_ins| &stand_ins.before) {
            typist.shell(command).with_context(|| format!("{STAND_INS}: {command}"))?;
        }
        Ok(typist)
    }

    /// What was done with the command.
    fn type_in(&self, command: &str) -> Result<&'static str> {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            ["cargo", "xtask", ref rest @ ..] => {
                let begins = |short: &&str| rest.join(" ").starts_with(*short);
                if ONLY_READ.iter().any(begins) {
                    Cli::try_parse_from(std::iter::once("cargo xtask").chain(rest.iter().copied()))
                        .map_err(|error| Stop::Usage(error.to_string()))?;
                    return Ok("read");
                }
                if begins(&"run") || begins(&"train") {
                    self.shell(&format!("{command} --show"))?;
                    return Ok("shown");
                }
            }
            ["cargo", "run", ..] => {
                let name = words.iter().skip_while(|word| **word != "--example").nth(1);
                let name = name.context("only examples are run by cargo")?;
                let examples = self.workspace.path("benches/examples");
                let there = examples.join(format!("{name}.rs")).is_file() || examples.join(name).is_dir();
                ensure!(there, "there is no example {name}");
                return Ok("there");
            }
            ["cargo", "install", ..] => return Ok("not ours to do"),
            _ => {}
        }
        self.shell(command)?;
        Ok("done")
    }

    /// Runs a line in the page's folder, with `auscult` and `cargo xtask` at hand.
    fn shell(&self, line: &str) -> Result<()> {
        let driver = std::env::current_exe().context("the driver does not know where it is")?;
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c"])
            .arg(format!("cargo() {{ shift; {driver:?} \"$@\"; }}\nauscult() {{ target/release/auscult \"$@\"; }}\n{line}"))
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        self.auscult.surround(&mut bash);
        if std::env::var_os("AUSCULT_RUNS").is_none() {
            bash.env("AUSCULT_RUNS", self.workspace.path("runs"));
        }
        let output = bash.output().context("there is no bash")?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = said.lines().collect();
        bail!("{}: {}", output.status, said[said.len().saturating_sub(6)..].join(" / "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_with_their_lines() {
        let page = "a\n```sh\nauscult birds dawn.mp3    # what it hears\n# a remark\n\ncargo xtask test\n```\n```toml\nx = 1\n```\n";
        let expected = vec![(3, "auscult birds dawn.mp3".to_owned()), (6, "cargo xtask test".to_owned())];
        assert_eq!(commands("page", page).unwrap(), expected);
    }

    #[test]
    fn blocks_of_no_language_are_refused() {
        let error = commands("page", "```\nauscult\n```\n").unwrap_err().to_string();
        assert!(error.contains("page:1") && error.contains("write one of sh"), "{error}");
        assert!(commands("page", "```sh\nauscult\n").is_err());
        assert!(commands("page", "```toml\nx 1\n```\n").is_err());
    }
}
