//! Checking tables of labelled intervals, such as those that say when somebody sings: every file has some, none overlap,
//! none goes on after its file has ended.
use std::{collections::BTreeMap, path::Path};

use anyhow::Result;

use crate::manifest;

/// A label may end this much after its sound, seconds: annotators round, encoders pad.
const SLACK: f64 = 0.5;

/// What is wrong with `labels` (`path`, `start_s`, `end_s`, `label`) as the intervals of the rows of `csv`, which has a
/// `path` and, where its length is known, a `duration_s`. Rows that do not fit their header are `csv`'s own problem.
pub fn problems(csv: &Path, labels: &Path) -> Result<Vec<String>> {
    let (files, intervals) = (manifest::read(csv)?, manifest::read(labels)?);
    let mut problems = intervals.problems.clone();
    let mut of_file: BTreeMap<&str, Vec<(f64, f64, u64)>> = BTreeMap::new();
    for (line, row) in &intervals.rows {
        let mut problem = |what: String| problems.push(format!("{} line {line}: {what}", labels.display()));
        let field = |name: &str| row.get(name).map_or("", |value| value.trim());
        let seconds = |name: &str| field(name).parse::<f64>().ok().filter(|t| t.is_finite() && *t >= 0.0);
        match (seconds("start_s"), seconds("end_s")) {
            (Some(start), Some(end)) if start <= end => {
                of_file.entry(field("path")).or_default().push((start, end, *line));
            }
            _ => problem(format!("{} to {} is no interval", field("start_s"), field("end_s"))),
        }
        if field("label").is_empty() {
            problem("`label` is empty".into());
        }
    }
    for intervals in of_file.values_mut() {
        intervals.sort_by(|a, b| a.0.total_cmp(&b.0));
        for pair in intervals.windows(2) {
            let ((_, end, first), (start, _, second)) = (pair[0], pair[1]);
            if start < end - 1e-4 {
                problems.push(format!(
                    "{} line {second}: the interval from {start} s overlaps that of line {first}, which ends at {end} s",
                    labels.display()
                ));
            }
        }
    }
    for (line, row) in &files.rows {
        let path = row.get("path").map_or("", |path| path.trim());
        let Some(intervals) = of_file.remove(path) else {
            problems.push(format!(
                "{} line {line}: `{path}` has no labels in {}",
                csv.display(),
                labels.display()
            ));
            continue;
        };
        let duration = row.get("duration_s").and_then(|seconds| seconds.trim().parse::<f64>().ok());
        for (_, end, line) in intervals {
            if let Some(duration) = duration
                && end > duration + SLACK
            {
                problems.push(format!(
                    "{} line {line}: the interval ends at {end} s, but `{path}` is only {duration} s long",
                    labels.display()
                ));
            }
        }
    }
    for (path, intervals) in of_file {
        let line = intervals.first().map_or(0, |interval| interval.2);
        problems.push(format!(
            "{} line {line}: `{path}` is not listed in {}",
            labels.display(),
            csv.display()
        ));
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn found(labels: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let [songs, intervals] = ["songs.csv", "labels.csv"].map(|name| folder.path().join(name));
        fs::write(&songs, "path,duration_s\na.ogg,10\nb.ogg,\n").unwrap();
        fs::write(&intervals, format!("path,start_s,end_s,label\n{labels}")).unwrap();
        problems(&songs, &intervals).unwrap()
    }

    #[test]
    fn sound_tables_pass() {
        assert!(found("a.ogg,0,4,sing\nb.ogg,0,99,nosing\na.ogg,4,10.3,nosing\n").is_empty());
    }

    #[test]
    fn every_kind_of_bad_interval_is_named_with_its_line() {
        let problems = found(
            "a.ogg,0,4,sing\na.ogg,3,12,nosing\na.ogg,x,13,sing\na.ogg,6,5,sing\nc.ogg,0,1,sing\nc.ogg,1,2,\n",
        );
        let at = |what: &str| problems.iter().any(|problem| problem.contains(what));
        assert_eq!(problems.len(), 7, "{problems:?}");
        assert!(at("labels.csv line 3: the interval from 3 s overlaps that of line 2"));
        assert!(at("labels.csv line 3: the interval ends at 12 s, but `a.ogg` is only 10 s long"));
        assert!(at("line 4: x to 13 is no interval"));
        assert!(at("line 5: 6 to 5 is no interval"));
        assert!(at("line 7: `label` is empty"));
        assert!(at("songs.csv line 3: `b.ogg` has no labels"));
        assert!(at("line 6: `c.ogg` is not listed in"));
    }
}
