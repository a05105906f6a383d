//! Results as text tables on standard output.

use std::io::Write;

use auscult::pipeline::birds::{Figure, Metrics, Results};

fn percent(figure: Option<&Figure>) -> String {
    figure.map_or_else(
        || "-".into(),
        |figure| {
            format!("{:5.1} [{:4.1}, {:5.1}]", 100.0 * figure.value, 100.0 * figure.low, 100.0 * figure.high)
        },
    )
}

/// The table a training ends with.
pub(super) fn results(results: &Results, out: &mut impl Write) -> std::io::Result<()> {
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
        let cell = |name: &str| percent(score.metrics.get(name));
        let seeds: Vec<String> =
            score.per_seed.iter().map(|accuracy| format!("{:.1}", 100.0 * accuracy)).collect();
        writeln!(
            out,
            "{:22} {:>20} {:>20} {:>20} {:>20}  {}",
            score.model,
            cell("accuracy"),
            cell("top3_accuracy"),
            cell("macro_f1"),
            cell("single_crop_accuracy"),
            seeds.join(" ")
        )?;
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
            percent(Some(&comparison.difference)),
            comparison.mcnemar_p
        )?;
    }
    writeln!(out)
}

/// The figures of one evaluation.
pub(super) fn metrics(metrics: &Metrics, out: &mut impl Write) -> std::io::Result<()> {
    for (name, figure) in &metrics.metrics {
        writeln!(
            out,
            "{name:24} {:.4}  [{:.4}, {:.4}]  n = {}",
            figure.value, figure.low, figure.high, figure.n
        )?;
    }
    Ok(())
}
