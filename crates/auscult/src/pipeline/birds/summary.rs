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
            writeln!(out, "\n{} (percent, 95 % intervals over recordings)", score.scheme.name())?;
            writeln!(
                out,
                "{:22} {:>20} {:>20} {:>20} {:>20}  by seed",
                "model", "accuracy", "top 3", "macro F1", "one random crop"
            )?;
        }
        row(score, out)?;
    }
    if !results.comparisons.is_empty() {
        writeln!(out, "\nfirst model minus the others, on the same recordings (points of accuracy)")?;
    }
    for comparison in &results.comparisons {
        writeln!(
            out,
            "{:18} {:22} {:>20}  McNemar p = {:.2e}",
            comparison.scheme.name(),
            comparison.against,
            comparison.difference.percent(),
            comparison.mcnemar_p
        )?;
    }
    writeln!(out)
}

fn row(score: &Score, out: &mut String) -> std::fmt::Result {
    write!(out, "{:22}", score.model)?;
    for name in ["accuracy", "top3_accuracy", "macro_f1", "single_crop_accuracy"] {
        write!(out, " {:>20}", score.metrics.get(name).map_or_else(|| "-".into(), Figure::percent))?;
    }
    let seeds: Vec<String> =
        score.per_seed.iter().map(|accuracy| format!("{:.1}", 100.0 * accuracy)).collect();
    writeln!(out, "  {}", seeds.join(" "))
}
