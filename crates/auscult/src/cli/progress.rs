//! Progress: a bar with the time left on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use auscult::Observer;
use indicatif::{ProgressBar, ProgressStyle};

use super::say;

/// Plain lines are at least this far apart within a stage.
const QUIET: Duration = Duration::from_secs(10);

/// Whether Ctrl-C was pressed; see [`stop_at_signal`].
static STOPPED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C, or SIGTERM, stops what reports its progress at its next step, so that it can clear up behind itself;
/// a second one ends the command at once.
#[cfg(feature = "torch")]
pub(super) fn stop_at_signal() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if STOPPED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    Ok(())
}

/// Draws what the library reports.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    terminal: bool,
    stage: String,
    total: u64,
    began: Instant,
    spoke: Instant,
    stages: Vec<(String, f64)>,
}

impl Progress {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let terminal = std::io::stderr().is_terminal();
        Self {
            bar: None,
            terminal,
            stage: String::new(),
            total: 0,
            began: now,
            spoke: now,
            stages: Vec::new(),
        }
    }

    /// The stages that ended, and their seconds.
    #[cfg(feature = "torch")]
    pub(super) fn stages(&self) -> &[(String, f64)] {
        &self.stages
    }
}

fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    if whole < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

impl Observer for Progress {
    fn begin(&mut self, stage: &str, total: u64) {
        (self.stage, self.total) = (stage.to_owned(), total);
        self.began = Instant::now();
        self.spoke = self.began;
        if self.terminal && total > 0 {
            let bar = ProgressBar::new(total);
            if let Ok(style) = ProgressStyle::with_template(
                "{prefix} {wide_bar} {pos}/{len}  {elapsed} gone, {eta} left  {msg}",
            ) {
                bar.set_style(style);
            }
            bar.set_prefix(self.stage.clone());
            bar.enable_steady_tick(Duration::from_millis(200));
            self.bar = Some(bar);
        }
    }

    fn advance(&mut self, done: u64, note: &str) -> ControlFlow<()> {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(note.to_owned());
        } else if self.spoke.elapsed() >= QUIET {
            self.spoke = Instant::now();
            let elapsed = self.began.elapsed();
            // A total of 0 is one that nobody knows.
            let (of, left) = match self.total {
                0 => (String::new(), None),
                total => (
                    format!("/{total}"),
                    (done > 0).then(|| elapsed.mul_f64(total.saturating_sub(done) as f64 / done as f64)),
                ),
            };
            let left = left.map_or(String::new(), |left| format!(", {} left", seconds(left)));
            say(&format!("{}: {done}{of} {note} ({} gone{left})", self.stage, seconds(elapsed)));
        }
        if STOPPED.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn end(&mut self, summary: &str) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let elapsed = self.began.elapsed();
        self.stages.push((self.stage.clone(), elapsed.as_secs_f64()));
        say(&format!("{}: {summary} ({})", self.stage, seconds(elapsed)));
    }

    fn warn(&mut self, message: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(&format!("warning: {message}"))),
            None => say(&format!("warning: {message}")),
        }
    }
}
