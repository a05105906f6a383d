//! `auscult score classification`: what `sklearn.metrics.classification_report` prints.

use std::path::PathBuf;

use auscult_eval_metrics::{Bootstrap, ClassScores, ClassificationReport, accuracy};
use serde_json::json;

use super::Report;
use super::table::{Table, columns, number};

/// Labels of a classifier, one example a row
#[derive(Debug, clap::Args)]
pub(super) struct ClassificationArgs {
    /// CSV file with a header
    file: PathBuf,
    /// Column of the true labels
    #[arg(long, default_value = "truth")]
    truth: String,
    /// Column of the predicted labels
    #[arg(long, default_value = "predicted")]
    predicted: String,
    /// Column that says which examples belong together (a recording): whole groups are resampled for the interval
    #[arg(long)]
    group: Option<String>,
}

pub(super) fn score(args: &ClassificationArgs) -> anyhow::Result<Report> {
    let mut wanted = vec![args.truth.as_str(), args.predicted.as_str()];
    wanted.extend(args.group.as_deref());
    let rows = columns(&args.file, &wanted)?;
    let mut names: Vec<&str> = rows.iter().flat_map(|(_, row)| [row[0].as_str(), row[1].as_str()]).collect();
    names.sort_unstable();
    names.dedup();
    // Every label is in `names`.
    let labels = |column: usize| -> Vec<usize> {
        rows.iter().map(|(_, row)| names.partition_point(|&name| name < row[column].as_str())).collect()
    };
    let (truth, predicted) = (labels(0), labels(1));
    let report = ClassificationReport::new(&truth, &predicted, names.len())?;

    let correct = |indices: &[usize]| {
        let pick = |labels: &[usize]| -> Vec<usize> { indices.iter().map(|&i| labels[i]).collect() };
        accuracy(&pick(&truth), &pick(&predicted)).unwrap_or(f64::NAN)
    };
    let bootstrap = Bootstrap::default();
    let interval = match args.group {
        Some(_) => bootstrap.interval_grouped(&super::detection::groups(&rows, 2).1, correct)?,
        None => bootstrap.interval(truth.len(), correct)?,
    };

    let mut table = Table::new(&["", "precision", "recall", "f1", "support"]);
    let cells =
        |s: &ClassScores| [number(s.precision), number(s.recall), number(s.f1), s.support.to_string()];
    for (name, scores) in names.iter().zip(&report.per_class) {
        table.row(*name, cells(scores));
    }
    table.row("", []);
    table.row("macro average", cells(&report.averages.macro_average));
    table.row("weighted average", cells(&report.averages.weighted_average));
    let text = format!(
        "{}\naccuracy           {:.3}  (95 % bootstrap interval {:.3} to {:.3}, {} examples)\n\
         balanced accuracy  {:.3}\n",
        table.render(),
        interval.value,
        interval.low,
        interval.high,
        truth.len(),
        report.balanced_accuracy,
    );
    let one = |value: f64| json!({ "value": value, "n": truth.len() });
    let json = json!({
        "metrics": {
            "accuracy": { "value": interval.value, "low": interval.low, "high": interval.high, "n": truth.len() },
            "balanced_accuracy": one(report.balanced_accuracy),
            "f1_macro": one(report.averages.macro_average.f1),
            "f1_weighted": one(report.averages.weighted_average.f1),
        },
        "classes": names,
        "per_class": report.per_class,
        "averages": report.averages,
        "confusion": report.confusion.rows().into_iter().map(|row| row.to_vec()).collect::<Vec<_>>(),
    });
    Ok(Report { text, json })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_scores_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels.csv");
        std::fs::write(&file, "clip,truth,predicted\na,wren,wren\nb,wren,robin\nc,robin,robin\nd,owl,owl\n")
            .unwrap();
        let args = |predicted: &str| ClassificationArgs {
            file: file.clone(),
            truth: "truth".into(),
            predicted: predicted.into(),
            group: None,
        };
        let report = score(&args("predicted")).unwrap();
        assert_eq!(report.json["metrics"]["accuracy"]["value"], 0.75);
        assert_eq!(report.json["classes"], json!(["owl", "robin", "wren"]));
        assert_eq!(report.json["confusion"], json!([[1, 0, 0], [0, 1, 0], [0, 1, 1]]));
        assert!(report.text.contains("robin"), "{}", report.text);
        let message = score(&args("guess")).err().unwrap().to_string();
        assert!(message.contains("no column `guess` (there are: clip, truth, predicted)"), "{message}");
    }
}
