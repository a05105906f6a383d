//! `auscult score detection`: how well a score tells positives from negatives.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use auscult_eval_metrics::{
    DetectionCost, EqualErrorRateMethod, PartialAuc, average_precision, best_f1_threshold, delong_interval,
    equal_error_rate, partial_auc, roc_auc,
};
use serde_json::{Value, json};

use super::Report;
use super::table::{Table, columns, number};

/// Scores of a detector, one example a row; higher means more positive (more anomalous)
#[derive(Debug, clap::Args)]
pub(super) struct DetectionArgs {
    /// CSV file with a header
    file: PathBuf,
    /// Column of the truth: 1, true or yes for positives, 0, false or no for negatives
    #[arg(long, default_value = "truth")]
    truth: String,
    /// Column of the scores
    #[arg(long, default_value = "score")]
    score: String,
    /// Column to score by, one row for each of its values (machine, speaker); means over them come below
    #[arg(long)]
    group: Option<String>,
    /// False-positive rate at which the partial AUC stops (McClish scaling, as DCASE baselines and sklearn report it)
    #[arg(long, default_value_t = 0.1)]
    max_fpr: f64,
    /// Prior probability of a target for minDCF
    #[arg(long, default_value_t = 0.05)]
    target_prior: f64,
}

const NAMES: [&str; 6] = ["roc_auc", "partial_auc", "average_precision", "eer", "min_dcf", "best_f1"];

pub(super) fn score(args: &DetectionArgs) -> anyhow::Result<Report> {
    let mut wanted = vec![args.truth.as_str(), args.score.as_str()];
    wanted.extend(args.group.as_deref());
    let rows = columns(&args.file, &wanted)?;
    let mut truth = Vec::with_capacity(rows.len());
    let mut scores = Vec::with_capacity(rows.len());
    for (line, row) in &rows {
        truth.push(is_positive(&args.file, *line, &row[0])?);
        let score: f64 = row[1]
            .parse()
            .with_context(|| format!("{}:{line}: score `{}` is no number", args.file.display(), row[1]))?;
        scores.push(score);
    }

    let mut table = Table::new(&[
        "",
        "AUC",
        "95 % interval",
        &format!("pAUC {}", args.max_fpr),
        "AP",
        "EER",
        "minDCF",
        "best F1",
        "at threshold",
        "positive",
        "negative",
    ]);
    let mut json = serde_json::Map::new();
    let all = summary(args, &truth, &scores).with_context(|| args.file.display().to_string())?;
    if args.group.is_some() {
        let (names, groups) = groups(&rows, 2);
        let mut values: Vec<[f64; 6]> = Vec::new();
        let mut per_group = serde_json::Map::new();
        for (group, name) in names.iter().enumerate() {
            let members: Vec<usize> = (0..groups.len()).filter(|&i| groups[i] == group).collect();
            let truth: Vec<bool> = members.iter().map(|&i| truth[i]).collect();
            let scores: Vec<f64> = members.iter().map(|&i| scores[i]).collect();
            let one = summary(args, &truth, &scores)
                .with_context(|| format!("{}, group `{name}`", args.file.display()))?;
            table.row(name.as_str(), one.cells);
            per_group.insert(name.clone(), one.json);
            values.push(one.values);
        }
        let n = values.len() as f64;
        let mean = |k: usize| values.iter().map(|v| v[k]).sum::<f64>() / n;
        let harmonic = |k: usize| n / values.iter().map(|v| v[k].recip()).sum::<f64>();
        for (name, mean) in
            [("arithmetic mean", &mean as &dyn Fn(usize) -> f64), ("harmonic mean", &harmonic)]
        {
            let cell = |k: usize| number(mean(k));
            table.row(name, [cell(0), String::new(), cell(1), cell(2), cell(3), cell(4), cell(5)]);
            let values: serde_json::Map<String, Value> =
                NAMES.iter().enumerate().map(|(k, &name)| (name.to_owned(), json!(mean(k)))).collect();
            json.insert(name.replace(' ', "_"), values.into());
        }
        json.insert("groups".into(), per_group.into());
    }
    table.row("all", all.cells);
    json.insert("metrics".into(), all.json);
    Ok(Report { text: table.render(), json: json.into() })
}

struct Summary {
    values: [f64; 6],
    cells: Vec<String>,
    json: Value,
}

fn summary(args: &DetectionArgs, truth: &[bool], scores: &[f64]) -> anyhow::Result<Summary> {
    let n = truth.len();
    let positives = truth.iter().filter(|&&t| t).count();
    let auc = roc_auc(truth, scores)?;
    // A class of one example has no variance to tell an interval from.
    let interval =
        (positives.min(n - positives) > 1).then(|| delong_interval(truth, scores, 0.95)).transpose()?;
    let best = best_f1_threshold(truth, scores)?;
    let values = [
        auc,
        partial_auc(truth, scores, args.max_fpr, PartialAuc::McClish)?,
        average_precision(truth, scores)?,
        equal_error_rate(truth, scores, EqualErrorRateMethod::Linear)?,
        DetectionCost::with_target_prior(args.target_prior).minimum(truth, scores)?.min_dcf,
        best.f1,
    ];
    let mut cells: Vec<String> = values.map(number).to_vec();
    cells.insert(1, interval.map_or_else(String::new, |i| format!("{:.3} to {:.3}", i.low, i.high)));
    cells.extend([format!("{:.6}", best.threshold), positives.to_string(), (n - positives).to_string()]);
    let mut json: serde_json::Map<String, Value> = NAMES
        .iter()
        .zip(values)
        .map(|(&name, value)| (name.to_owned(), json!({ "value": value, "n": n })))
        .collect();
    if let Some(interval) = interval {
        json.insert(
            "roc_auc".into(),
            json!({ "value": interval.value, "low": interval.low, "high": interval.high, "n": n }),
        );
    }
    json.insert("best_f1_threshold".into(), json!({ "value": best.threshold, "n": n }));
    Ok(Summary { values, cells, json: json.into() })
}

/// The distinct values of a column, and the index of each row's value among them.
pub(super) fn groups(rows: &[(u64, Vec<String>)], column: usize) -> (Vec<String>, Vec<usize>) {
    let mut names: Vec<String> = rows.iter().map(|(_, row)| row[column].clone()).collect();
    names.sort_unstable();
    names.dedup();
    let index = |row: &Vec<String>| names.partition_point(|name| *name < row[column]);
    let indices = rows.iter().map(|(_, row)| index(row)).collect();
    (names, indices)
}

fn is_positive(file: &Path, line: u64, cell: &str) -> anyhow::Result<bool> {
    match cell.to_ascii_lowercase().as_str() {
        "1" | "1.0" | "true" | "yes" => Ok(true),
        "0" | "0.0" | "false" | "no" => Ok(false),
        _ => bail!("{}:{line}: truth `{cell}`: expected 1, true or yes, or 0, false or no", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(file: &Path, group: Option<&str>) -> DetectionArgs {
        DetectionArgs {
            file: file.to_owned(),
            truth: "truth".into(),
            score: "score".into(),
            group: group.map(str::to_owned),
            max_fpr: 0.5,
            target_prior: 0.05,
        }
    }

    #[test]
    fn scores_by_group() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scores.csv");
        let rows = ["fan,1,3", "fan,0,2", "pump,yes,1", "pump,no,5", "pump,0,0", "fan,0,1"];
        std::fs::write(&file, format!("machine,truth,score\n{}\n", rows.join("\n"))).unwrap();
        let report = score(&args(&file, Some("machine"))).unwrap();
        assert_eq!(report.json["groups"]["fan"]["roc_auc"]["value"], 1.0);
        assert_eq!(report.json["groups"]["pump"]["roc_auc"]["value"], 0.5);
        assert_eq!(report.json["arithmetic_mean"]["roc_auc"], 0.75);
        assert!((report.json["harmonic_mean"]["roc_auc"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(report.json["metrics"]["roc_auc"]["n"], 6);
        assert!(report.text.contains("pump"), "{}", report.text);
    }

    #[test]
    fn bad_cells_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scores.csv");
        let message = |text: &str| {
            std::fs::write(&file, text).unwrap();
            format!("{:#}", score(&args(&file, None)).err().unwrap())
        };
        assert!(message("truth,score\n1,2\nmaybe,1\n").contains("scores.csv:3: truth `maybe`"));
        assert!(message("truth,score\n1,high\n").contains("scores.csv:2: score `high` is no number"));
        assert!(message("truth,score\n1,2\n1,3\n").contains("no negative example"));
        assert!(message("truth,score\n").contains("no rows"));
    }
}
