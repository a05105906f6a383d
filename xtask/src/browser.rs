//! A page as a person sees it: opened in a headless Chromium, at the width of a desk and of a phone.
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{Stop, process, system};

/// Widths in pixels at which the page must neither overflow nor hide anything.
const WIDTHS: [u32; 2] = [1280, 390];

/// Opens the page in a frame of each width, and fails for script errors, images without a picture, sound that does
/// not load, and a page wider than its frame.
pub fn check(page: &Path) -> Result<()> {
    let browser = find()?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    for width in WIDTHS {
        let frame = folder.path().join("frame.html");
        fs::write(&frame, wrapped(page, width))?;
        // A browser that starts on a busy machine may give up before the page's script has run: ask once more.
        let found = match look(&browser, &frame, &folder.path().join("first")) {
            Ok(found) => found,
            Err(_) => look(&browser, &frame, &folder.path().join("second"))?,
        };
        ensure!(
            found.problems.is_empty(),
            "{} at {width} pixels: {}",
            page.display(),
            found.problems.join("; ")
        );
        println!("{} at {width} pixels: {}", page.display(), found.seen);
    }
    Ok(())
}

/// Opens the frame with a profile of its own and reads what its script and its console say.
fn look(browser: &Path, frame: &Path, profile: &Path) -> Result<Found> {
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--allow-file-access-from-files"])
        // virtual time stands still while files are read, so that the page is printed after it has loaded
        .args(["--virtual-time-budget=20000", "--dump-dom"])
        // what the page's console says goes to standard error
        .arg("--enable-logging=stderr")
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("file://{}", frame.display()))
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} did not start", browser.display()))?;
    ensure!(output.status.success(), "{} ended with {}", browser.display(), output.status);
    let log = String::from_utf8_lossy(&output.stderr);
    let dom = String::from_utf8_lossy(&output.stdout);
    let mut found = found(&dom).with_context(|| last_lines(&log, 8))?;
    found.problems.extend(console(&log).map(str::to_owned));
    Ok(found)
}

/// The end of the browser's log, to tell what went wrong in it.
fn last_lines(log: &str, count: usize) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// What the frame's script reports.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    seen: String,
    problems: Vec<String>,
}

/// A page that holds `page` in a frame and writes what it sees there into itself.
fn wrapped(page: &Path, width: u32) -> String {
    format!(
        r#"<!doctype html><meta charset="utf-8"><pre id="found"></pre>
<iframe id="frame" style="width:{width}px;height:900px;border:0"></iframe>
<script>
const frame = document.getElementById("frame"), problems = [];
frame.addEventListener("load", () => {{
  const page = frame.contentDocument;
  if (!page.body || !page.body.innerText.trim()) problems.push("the page is empty");
  const images = [...page.images];
  images.forEach((image, at) => {{ if (!image.naturalWidth) problems.push("image " + at + " shows nothing"); }});
  const drawings = [...page.querySelectorAll("svg")];
  drawings.forEach((drawing, at) => {{
    const box = drawing.getBoundingClientRect();
    const hidden = drawing.closest("details:not([open])");
    if (!hidden && !(box.width > 1 && box.height > 1)) problems.push("drawing " + at + " shows nothing");
  }});
  const sounds = [...page.querySelectorAll("audio")];
  sounds.forEach((sound, at) => {{ if (sound.error) problems.push("sound " + at + " does not load"); }});
  const root = page.documentElement;
  if (root.scrollWidth > {width}) {{
    const wide = [...page.querySelectorAll("body *")].find(item =>
      item.getBoundingClientRect().right > {width} + 1 && !item.closest(".scroll"));
    problems.push("it is " + root.scrollWidth + " pixels wide" + (wide ? ", by <" + wide.tagName.toLowerCase() + ">" : ""));
  }}
  const seen = images.length + " images, " + drawings.length + " drawings, " + sounds.length + " sounds, "
    + page.querySelectorAll("table").length + " tables, " + Math.round(root.scrollHeight / 900) + " screens";
  document.getElementById("found").textContent = ["found", seen, ...problems].join("\n") + "\nend";
}});
frame.src = "file://{}";
</script>"#,
        page.display()
    )
}

/// Reads the report of [`wrapped`]'s script from the page as the browser left it.
fn found(dom: &str) -> Result<Found> {
    let lines = dom.split_once("found\n").and_then(|(_, rest)| rest.split_once("\nend"));
    let Some((report, _)) = lines else { bail!("the browser did not finish with the page") };
    let mut lines = report.lines().map(str::to_owned);
    Ok(Found { seen: lines.next().unwrap_or_default(), problems: lines.collect() })
}

/// Lines of the page's console in the browser's log.
fn console(log: &str) -> impl Iterator<Item = &str> {
    log.lines().filter_map(|line| Some(line.split_once(":CONSOLE")?.1.split_once("] ")?.1))
}

fn find() -> Result<PathBuf> {
    let installed =
        || ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(process::find_program);
    if installed().is_none() {
        system::BROWSER.install()?;
    }
    installed().ok_or_else(|| Stop::Manual(format!("no Chromium: `{}`", system::BROWSER.remedy())).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_the_frame_is_read() {
        let dom = "<pre id=\"found\">found\n2 images\nimage 1 shows nothing\nend</pre>";
        let expected = Found { seen: "2 images".into(), problems: vec!["image 1 shows nothing".into()] };
        assert_eq!(found(dom).unwrap(), expected);
        let log =
            "[1:2:INFO:x.cc(1)] other\n[1:2:INFO:CONSOLE:3] \"Uncaught ReferenceError\", source: file:///p";
        assert_eq!(console(log).count(), 1);
        assert!(found("<pre id=\"found\"></pre>").is_err());
    }
}
