//! The contingency table of classes and clusters.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, Axis};

use crate::{Error, Result, check, maximum_assignment};

/// How much of each class (row) lies in each cluster (column): what every clustering score is computed from.
///
/// Entries are counts of items, or durations in seconds.
///
/// ```
/// # fn main() -> auscult_eval_metrics::Result<()> {
/// use auscult_eval_metrics::Contingency;
/// let speakers = [0, 0, 0, 1, 1, 2];
/// let clusters = [7, 7, 9, 9, 9, 4];
/// let table = Contingency::from_labels(&speakers, &clusters)?;
/// assert_eq!(table.purity(), 5.0 / 6.0);
/// assert_eq!(table.one_to_one_accuracy()?, 5.0 / 6.0);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Contingency {
    pub(super) table: Array2<f64>,
    pub(super) classes: Array1<f64>,
    pub(super) clusters: Array1<f64>,
    pub(super) total: f64,
}

impl Contingency {
    /// From one class label and one cluster label per item. Labels are any numbers.
    ///
    /// # Errors
    /// Empty or mismatched input.
    pub fn from_labels(classes: &[usize], clusters: &[usize]) -> Result<Self> {
        check::same_length("classes", classes, "clusters", clusters)?;
        let (rows, columns) = (positions(classes), positions(clusters));
        let mut table = Array2::zeros((rows.len(), columns.len()));
        for (class, cluster) in classes.iter().zip(clusters) {
            table[[rows[class], columns[cluster]]] += 1.0;
        }
        Self::from_table(table)
    }

    /// From `[class, cluster]` counts or durations. Rows and columns of zeros are dropped.
    ///
    /// # Errors
    /// An entry that is negative or not finite, or nothing but zeros.
    pub fn from_table(table: Array2<f64>) -> Result<Self> {
        check::finite("table", table.iter())?;
        if let Some(&entry) = table.iter().find(|&&entry| entry < 0.0) {
            return Err(Error::Parameter {
                name: "table",
                value: entry.to_string(),
                expected: "counts or durations, none negative",
            });
        }
        let used = |axis: Axis| -> Vec<usize> {
            let sums = table.sum_axis(axis);
            (0..sums.len()).filter(|&i| sums[i] > 0.0).collect()
        };
        let (rows, columns) = (used(Axis(1)), used(Axis(0)));
        if rows.is_empty() {
            return Err(Error::Empty { what: "table" });
        }
        let table = table.select(Axis(0), &rows).select(Axis(1), &columns);
        let (classes, clusters, total) = (table.sum_axis(Axis(1)), table.sum_axis(Axis(0)), table.sum());
        Ok(Self { table, classes, clusters, total })
    }

    /// Number of classes that occur.
    pub fn n_classes(&self) -> usize {
        self.classes.len()
    }

    /// Number of clusters that occur.
    pub fn n_clusters(&self) -> usize {
        self.clusters.len()
    }

    /// The fraction of items that are right when each cluster stands for one class and each class for one cluster, by
    /// the best such assignment; in `(0, 1]`.
    ///
    /// # Errors
    /// None for a table that was accepted; the assignment reports its own.
    pub fn one_to_one_accuracy(&self) -> Result<f64> {
        let assignment = maximum_assignment(self.table.view())?;
        let right: f64 =
            assignment.iter().enumerate().filter_map(|(i, j)| j.map(|j| self.table[[i, j]])).sum();
        Ok(right / self.total)
    }

    /// `I_SPK` of one recording: `max(0, 1 - |clusters - classes| / classes)`, 1 when the number of clusters is right.
    ///
    /// Jeon, Ma and Macho (2011) report a measure of this name without defining it; this is our definition.
    pub fn speaker_count_score(&self) -> f64 {
        let classes = self.n_classes() as f64;
        (1.0 - (self.n_clusters() as f64 - classes).abs() / classes).max(0.0)
    }
}

/// The row or column of each label, in the order of labels.
fn positions(labels: &[usize]) -> BTreeMap<usize, usize> {
    let mut positions: BTreeMap<usize, usize> = labels.iter().map(|&label| (label, 0)).collect();
    positions.values_mut().enumerate().for_each(|(index, position)| *position = index);
    positions
}
