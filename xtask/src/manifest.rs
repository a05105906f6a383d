//! Checking a manifest: the CSV that lists audio files and their labels.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// A readable CSV with its header: every row by column name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The header, in order.
    pub columns: Vec<String>,
    /// Line number in the file, and value by column.
    pub rows: Vec<(u64, BTreeMap<String, String>)>,
    /// Lines that are no rows of this table, with the reason.
    pub problems: Vec<String>,
}

/// Reads a CSV; a row that does not fit the header becomes a problem, not an error.
pub fn read(path: &Path) -> Result<Table> {
    let shown = path.display();
    let reader = csv::ReaderBuilder::new().flexible(true).from_path(path);
    let mut reader = reader.with_context(|| format!("cannot open {shown}"))?;
    let columns: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let mut table = Table { columns, ..Table::default() };
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                if record.len() == table.columns.len() {
                    let values = record.iter().map(str::to_owned);
                    table.rows.push((line, table.columns.iter().cloned().zip(values).collect()));
                } else {
                    let (got, expected) = (record.len(), table.columns.len());
                    table.problems.push(format!("{shown} line {line}: {got} fields, expected {expected}"));
                }
            }
            Err(error) => table.problems.push(format!("{shown}: {error}")),
        }
    }
    Ok(table)
}

/// Fills `{column}` in a template from a row.
pub fn filled(template: &str, row: &BTreeMap<String, String>) -> Result<String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        let (column, after) =
            behind.split_once('}').with_context(|| format!("`{template}` lacks a closing brace"))?;
        let Some(value) = row.get(column) else {
            bail!("`{template}` names a column `{column}` that is not there")
        };
        text.push_str(before);
        text.push_str(value);
        rest = after;
    }
    Ok(text + rest)
}

/// What is wrong with a manifest: columns that are missing or empty, rows that do not fit, files that are not there.
pub fn problems(csv: &Path, root: &Path, file: &str, columns: &[String]) -> Result<Vec<String>> {
    let table = read(csv)?;
    let mut problems = table.problems.clone();
    let absent: Vec<&String> = columns.iter().filter(|column| !table.columns.contains(column)).collect();
    for column in &absent {
        problems.push(format!("{}: no column `{column}`", csv.display()));
    }
    if table.rows.is_empty() {
        problems.push(format!("{}: no rows", csv.display()));
    }
    for (line, row) in &table.rows {
        let mut problem = |what: String| problems.push(format!("{} line {line}: {what}", csv.display()));
        for column in
            columns.iter().filter(|column| row.get(*column).is_some_and(|value| value.trim().is_empty()))
        {
            problem(format!("`{column}` is empty"));
        }
        let path: PathBuf = root.join(filled(file, row)?);
        if !path.is_file() {
            problem(format!("there is no {}", path.display()));
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_kind_of_bad_row_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let csv = folder.path().join("labels.csv");
        fs::write(folder.path().join("a.wav"), "").unwrap();
        fs::write(&csv, "path,species\na.wav,wren\nb.wav,wren\na.wav,\na.wav\n").unwrap();
        let columns = ["path".to_owned(), "species".to_owned(), "licence".to_owned()];
        let found = problems(&csv, folder.path(), "{path}", &columns).unwrap();
        let at = |what: &str| found.iter().any(|problem| problem.contains(what));
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(at("line 5: 1 fields, expected 2"));
        assert!(at("no column `licence`"));
        assert!(at("line 3: there is no"));
        assert!(at("line 4: `species` is empty"));
    }

    #[test]
    fn quoted_fields_and_templates_are_understood() {
        let folder = tempfile::tempdir().unwrap();
        let csv = folder.path().join("ids.csv");
        fs::write(&csv, "xc_id,species\n17,\"Wren, House\"\n").unwrap();
        let table = read(&csv).unwrap();
        let row = &table.rows[0].1;
        assert_eq!(row["species"], "Wren, House");
        assert_eq!(filled("x/{xc_id}/{xc_id}.mp3", row).unwrap(), "x/17/17.mp3");
        assert!(filled("{nothing}", row).is_err());
        assert!(filled("{xc_id", row).is_err());
    }
}
