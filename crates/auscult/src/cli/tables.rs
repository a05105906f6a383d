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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_have_one_digit_and_stand_in_columns() {
        let figure = |value, low, high| Figure { value, low, high, n: 7 };
        assert_eq!(percent(None), "-");
        assert_eq!(percent(Some(&figure(1.0, 0.955, 1.0))), "100.0 [95.5, 100.0]");
        assert_eq!(percent(Some(&figure(0.0512, 0.0, 0.1))), "  5.1 [ 0.0,  10.0]");
        assert_eq!(percent(Some(&figure(-0.031, -0.1, 0.02))), " -3.1 [-10.0,   2.0]");
    }

    #[test]
    fn an_evaluation_is_a_line_a_figure() {
        let figure = Figure { value: 0.5, low: 0.25, high: 0.75, n: 12 };
        let metrics = Metrics {
            pipeline: "birds".into(),
            run: "mini-1".into(),
            manifest: "labels.csv".into(),
            metrics: [("accuracy".to_owned(), figure)].into(),
        };
        let mut out = Vec::new();
        super::metrics(&metrics, &mut out).unwrap();
        assert_eq!(out, b"accuracy                 0.5000  [0.2500, 0.7500]  n = 12\n");
    }
}
