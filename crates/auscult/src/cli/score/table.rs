//! Tables for a terminal, and the columns of CSV files.

use std::path::Path;

use anyhow::{Context as _, bail};

/// Rows of cells in columns: the first aligned left, the others right.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    pub(super) fn row(&mut self, first: impl Into<String>, rest: impl IntoIterator<Item = String>) {
        self.rows.push(std::iter::once(first.into()).chain(rest).collect());
    }

    pub(super) fn render(&self) -> String {
        let columns = self.rows[0].len();
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                line += &match column {
                    0 => format!("{cell:<width$}"),
                    _ => format!("  {cell:>width$}"),
                };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// Three decimals.
pub(super) fn number(value: f64) -> String {
    format!("{value:.3}")
}

/// The named columns of a CSV file with a header, with the line each row begins at.
pub(super) fn columns(path: &Path, names: &[&str]) -> anyhow::Result<Vec<(u64, Vec<String>)>> {
    let file = || path.display().to_string();
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).with_context(file)?;
    let header = reader.headers().with_context(file)?.clone();
    let places = names
        .iter()
        .map(|&name| match header.iter().position(|column| column == name) {
            Some(place) => Ok(place),
            None => bail!(
                "{}: no column `{name}` (there are: {}); name the columns with the options of this command",
                path.display(),
                header.iter().collect::<Vec<_>>().join(", ")
            ),
        })
        .collect::<anyhow::Result<Vec<usize>>>()?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.with_context(file)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |&place: &usize| record.get(place).unwrap_or_default().to_owned();
        rows.push((line, places.iter().map(cell).collect()));
    }
    if rows.is_empty() {
        bail!("{}: no rows below the header", path.display());
    }
    Ok(rows)
}
