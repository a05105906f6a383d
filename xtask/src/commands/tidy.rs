//! `cargo xtask tidy`: house rules that no other tool checks.
use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{Workspace, process};

const MAX_BYTES: u64 = 2 << 20;

/// Endings of files that people write.
const TEXT: &[&str] = &["rs", "toml", "md", "py", "sh", "txt", "yml", "yaml", "html", "css", "run"];

// In pieces, so that this file passes its own check.
const UNFINISHED: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME")];
const MACHINE_FOLDERS: &[&str] =
    &[concat!("/t", "mp/"), concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Check the house rules: no trailing whitespace, no leftovers, no paths of one machine, module docs, small files.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Looks at every tracked file; lists all that is wrong.
pub fn run(workspace: &Workspace, _: &Args) -> Result<()> {
    let tracked =
        process::capture(Command::new("git").args(["ls-files", "-z"]).current_dir(workspace.root()))?;
    let mut problems = Vec::new();
    for name in tracked.split('\0').filter(|name| !name.is_empty()) {
        let path = workspace.path(name);
        let Ok(metadata) = path.symlink_metadata() else { continue }; // deleted, not yet committed
        if !metadata.is_file() {
            continue; // a link: what it points at is looked at under its own name
        }
        if metadata.len() > MAX_BYTES {
            problems.push(format!("{name}: {} bytes, more than 2 MiB", metadata.len()));
        }
        if is_text(name) {
            let text = fs::read_to_string(&path).with_context(|| format!("{name} is not UTF-8 text"))?;
            problems.extend(in_text(name, &text));
        }
    }
    if problems.is_empty() {
        println!("tidy: all is well");
        return Ok(());
    }
    bail!("{} problems:\n{}", problems.len(), problems.join("\n"))
}

fn is_text(name: &str) -> bool {
    let path = Path::new(name);
    let ending = path.extension().or(path.file_name()).and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| TEXT.contains(&ending))
}

fn in_text(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut problem = |what: &str| problems.push(format!("{name}:{}: {what}", index + 1));
        if line.ends_with(char::is_whitespace) {
            problem("trailing whitespace");
        }
        for word in UNFINISHED.iter().filter(|word| has_word(line, word)) {
            problem(&format!("{word} left behind"));
        }
        for folder in MACHINE_FOLDERS.iter().filter(|folder| starts_a_path(line, folder)) {
            problem(&format!("path of one machine ({folder})"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        problems.push(format!("{name}: no newline at the end"));
    }
    let source = name.ends_with(".rs") && (name.contains("/src/") || name.starts_with("benches/"));
    if source && !text.trim_start_matches("#![").lines().any(|line| line.starts_with("//!")) {
        problems.push(format!("{name}: no module documentation (`//!`)"));
    }
    problems
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        !line[..start].ends_with(is_part) && !line[start + word.len()..].starts_with(is_part)
    })
}

/// Whether an absolute path begins with `folder`, as opposed to having it somewhere in the middle (as URLs do).
fn starts_a_path(line: &str, folder: &str) -> bool {
    let goes_before = |c: char| c.is_alphanumeric() || "_-.~*}/)".contains(c);
    line.match_indices(folder).any(|(start, _)| !line[..start].ends_with(goes_before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_finds_its_breach() {
        let bad = |line: &str| in_text("docs/a.md", &format!("{line}\n"));
        assert_eq!(bad("fine"), Vec::<String>::new());
        assert_eq!(bad("ends here "), ["docs/a.md:1: trailing whitespace"]);
        assert_eq!(bad(&format!("// {}: later", UNFINISHED[0])).len(), 1);
        assert_eq!(bad(&format!("see `{}data/x.wav`", MACHINE_FOLDERS[1])).len(), 1);
        assert_eq!(in_text("docs/a.md", "no newline"), ["docs/a.md: no newline at the end"]);
        assert_eq!(in_text("crates/x/src/a.rs", "fn f() {}\n").len(), 1);
        assert!(in_text("crates/x/src/a.rs", "//! What it does.\nfn f() {}\n").is_empty());
    }

    #[test]
    fn what_only_looks_like_a_breach_passes() {
        let folder = MACHINE_FOLDERS[3];
        for line in [format!("https://example.org{folder}page"), format!("runs{folder}x"), "TODOS".into()] {
            assert!(in_text("docs/a.md", &format!("{line}\n")).is_empty(), "{line}");
        }
    }

    #[test]
    fn only_text_is_read() {
        for (name, text) in
            [("a/b.rs", true), (".ci/run", true), ("data/x.mp3", false), ("LICENSE-MIT", false)]
        {
            assert_eq!(is_text(name), text, "{name}");
        }
    }
}
