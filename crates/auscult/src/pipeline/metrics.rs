//! Figures with intervals, as `metrics.json` holds them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use auscult_eval_metrics::Interval;
use serde::{Deserialize, Serialize};

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Figure {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Recordings behind it.
    pub n: usize,
}

impl Figure {
    pub(crate) fn new(interval: &Interval, n: usize) -> Self {
        Self { value: interval.value, low: interval.low, high: interval.high, n }
    }

    /// In percent, `74.1 [59.2,  86.8]`, for columns.
    #[must_use]
    pub fn percent(&self) -> String {
        format!("{:5.1} [{:4.1}, {:5.1}]", 100.0 * self.value, 100.0 * self.low, 100.0 * self.high)
    }
}

/// A figure in percent as the report shows it, a dash where there is none.
pub(crate) fn percent(figure: Option<&Figure>) -> String {
    figure.map_or_else(
        || "—".into(),
        |f| format!("{:.1} ({:.1} to {:.1})", 100.0 * f.value, 100.0 * f.low, 100.0 * f.high),
    )
}

/// The scores of a run on a manifest, by the field's names in snake_case.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Metrics {
    /// The pipeline.
    pub pipeline: String,
    /// The run's name.
    pub run: String,
    /// The manifest, as given.
    pub manifest: String,
    /// Name to figure.
    pub metrics: BTreeMap<String, Figure>,
}

impl Metrics {
    /// A line a figure, for the terminal.
    #[must_use]
    pub fn table(&self) -> String {
        self.metrics.iter().fold(String::new(), |mut table, (name, figure)| {
            let Figure { value, low, high, n } = figure;
            // Writing to a string cannot fail.
            let _ = writeln!(table, "{name:24} {value:.4}  [{low:.4}, {high:.4}]  n = {n}");
            table
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_have_one_digit_and_stand_in_columns() {
        let figure = |value, low, high| Figure { value, low, high, n: 7 };
        assert_eq!(figure(1.0, 0.955, 1.0).percent(), "100.0 [95.5, 100.0]");
        assert_eq!(figure(0.0512, 0.0, 0.1).percent(), "  5.1 [ 0.0,  10.0]");
        assert_eq!(figure(-0.031, -0.1, 0.02).percent(), " -3.1 [-10.0,   2.0]");
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
        assert_eq!(metrics.table(), "accuracy                 0.5000  [0.2500, 0.7500]  n = 12\n");
    }
}
