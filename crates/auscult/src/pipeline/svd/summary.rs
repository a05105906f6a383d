//! The results of a run as text, for the terminal.

use std::fmt::Write as _;

use super::results::{Results, Score};
use crate::pipeline::metrics::Figure;

/// A table a scheme, and the differences below.
#[must_use]
pub fn summary(results: &Results) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(results, &mut text);
    text
}

fn write(results: &Results, out: &mut String) -> std::fmt::Result {
    let mut scheme = None;
    for score in &results.scores {
        if scheme != Some(score.scheme) {
            scheme = Some(score.scheme);
            writeln!(out, "\n{} (percent, 95 % intervals over stretches of 10 s)", score.scheme.name())?;
            writeln!(
                out,
                "{:22} {:>20} {:>20} {:>20} {:>20}  AUC by seed",
                "model", "AUC", "accuracy", "at one half", "false alarms"
            )?;
        }
        row(score, out)?;
    }
    if !results.comparisons.is_empty() {
        writeln!(out, "\nfirst model minus the others, on the same songs (points)")?;
        writeln!(out, "{:12} {:22} {:>20} {:>20}", "", "", "AUC", "accuracy")?;
    }
    for comparison in &results.comparisons {
        writeln!(
            out,
            "{:12} {:22} {:>20} {:>20}",
            comparison.scheme.name(),
            comparison.against,
            comparison.auc.percent(),
            comparison.accuracy.percent()
        )?;
    }
    if !results.stress.is_empty() {
        writeln!(out, "\nstress tests of the first model (percent)")?;
        writeln!(out, "{:52} {:>8} {:>8} {:>12}", "", "AUC", "accuracy", "false alarms")?;
    }
    for stress in &results.stress {
        writeln!(
            out,
            "{:52} {:>8} {:>8.1} {:>12.1}",
            stress.test,
            stress.auc.map_or_else(|| "-".into(), |auc| format!("{:.1}", 100.0 * auc)),
            100.0 * stress.accuracy,
            100.0 * stress.false_alarms
        )?;
    }
    writeln!(out)
}

fn row(score: &Score, out: &mut String) -> std::fmt::Result {
    write!(out, "{:22}", score.model)?;
    for name in ["auc", "accuracy", "plain_accuracy", "false_positive_rate"] {
        write!(out, " {:>20}", score.metrics.get(name).map_or_else(|| "-".into(), Figure::percent))?;
    }
    let seeds: Vec<String> = score.per_seed.iter().map(|(auc, _)| format!("{:.1}", 100.0 * auc)).collect();
    writeln!(out, "  {}", seeds.join(" "))
}
