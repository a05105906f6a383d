//! A bar with the time left on a terminal, a plain line every ten seconds elsewhere.
use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};

const LINE_EVERY: Duration = Duration::from_secs(10);

/// What is being counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Shown as KiB, MiB, ...
    Bytes,
    /// Shown as a plain number.
    Files,
}

/// How far one long job is.
#[derive(Debug)]
pub struct Progress {
    label: String,
    unit: Unit,
    total: Option<u64>,
    done: u64,
    started: Instant,
    last_line: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Starts at zero of `total`; without a total only what is done is shown.
    pub fn new(label: &str, unit: Unit, total: Option<u64>) -> Self {
        let now = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| bar(label, unit, total));
        Self { label: label.to_owned(), unit, total, done: 0, started: now, last_line: now, bar }
    }

    /// Adds to what is done.
    pub fn advance(&mut self, amount: u64) {
        self.done += amount;
        match &self.bar {
            Some(bar) => bar.inc(amount),
            None if self.last_line.elapsed() >= LINE_EVERY => {
                self.last_line = Instant::now();
                println!("{}", self.line());
            }
            None => {}
        }
    }

    /// Shows a line of text without breaking the bar.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => println!("{text}"),
        }
    }

    fn line(&self) -> String {
        let shown = |amount: u64| match self.unit {
            Unit::Bytes => HumanBytes(amount).to_string(),
            Unit::Files => amount.to_string(),
        };
        match self.total {
            Some(total) if self.done > 0 && total >= self.done => {
                let rest = (total - self.done) as f64 / self.done as f64;
                let left = self.started.elapsed().mul_f64(rest);
                format!(
                    "{}: {} of {}, {} left",
                    self.label,
                    shown(self.done),
                    shown(total),
                    HumanDuration(left)
                )
            }
            _ => format!("{}: {}", self.label, shown(self.done)),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(label: &str, unit: Unit, total: Option<u64>) -> ProgressBar {
    let template = match (unit, total) {
        (Unit::Bytes, Some(_)) => "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left",
        (Unit::Bytes, None) => "{msg} {spinner} {bytes} {bytes_per_sec}",
        (Unit::Files, _) => "{msg} [{bar:30}] {pos}/{len}, {eta} left",
    };
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(label.to_owned())
}
