//! Manifests: CSV tables that lie beside the audio, one recording a row.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A CSV file with a header, its rows kept with their line numbers for error messages.
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    columns: HashMap<String, usize>,
    rows: Vec<(u64, csv::StringRecord)>,
}

/// One row of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    table: &'a Table,
    line: u64,
    record: &'a csv::StringRecord,
}

impl Table {
    /// Reads `path` and checks that every column of `required` is there.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be read; [`Error::Table`], with the line, where a column is
    /// missing, a row has another number of fields than the header, or there are no rows.
    pub fn read(path: impl AsRef<Path>, required: &[&str]) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let problem = |line, problem| Error::Table { path: path.clone(), line, problem };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let header = reader.headers().map_err(|error| problem(1, bad_row(&error)))?.clone();
        let columns: HashMap<String, usize> =
            header.iter().enumerate().map(|(index, name)| (name.to_owned(), index)).collect();
        for name in required {
            if !columns.contains_key(*name) {
                let given = header.iter().collect::<Vec<_>>().join(", ");
                return Err(problem(1, format!("there is no column `{name}`; the header has: {given}")));
            }
        }
        let mut rows = Vec::new();
        for record in reader.into_records() {
            let record = record.map_err(|error| {
                let line = error.position().map_or(0, csv::Position::line);
                problem(line, bad_row(&error))
            })?;
            rows.push((record.position().map_or(0, csv::Position::line), record));
        }
        if rows.is_empty() {
            return Err(problem(1, "the table has a header but no rows".into()));
        }
        Ok(Self { path, columns, rows })
    }

    /// The file the table came from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is such a column.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// The rows, in file order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, record)| Row { table: self, line: *line, record })
    }
}

impl<'a> Row<'a> {
    /// The line in the file, from 1 (the header).
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The field, or `None` where the column is missing or the field empty.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&'a str> {
        let index = *self.table.columns.get(column)?;
        self.record.get(index).filter(|field| !field.is_empty())
    }

    /// The field; an empty one is an error.
    ///
    /// # Errors
    /// [`Error::Table`] with file and line.
    pub fn require(&self, column: &str) -> Result<&'a str> {
        self.get(column).ok_or_else(|| self.problem(format!("column `{column}` is empty")))
    }

    /// An [`Error::Table`] that points at this row.
    pub fn problem(&self, problem: impl Into<String>) -> Error {
        Error::Table { path: self.table.path.clone(), line: self.line, problem: problem.into() }
    }
}

/// The csv crate's error without the position, which our own message already gives.
fn bad_row(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!(
                "this row has {len} fields where the header has {expected_len}; quote fields that hold commas"
            )
        }
        csv::ErrorKind::Utf8 { .. } => "this row is not UTF-8; save the table as UTF-8".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str, required: &[&str]) -> Result<Table> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Table::read(file.path(), required)
    }

    #[test]
    fn reads_fields_by_name() {
        let table = table("\u{feff}path,species\na.wav, wren \nb.wav,\n", &["path"]).unwrap();
        let rows: Vec<_> = table.rows().collect();
        assert_eq!(rows[0].get("species"), Some("wren"));
        assert_eq!(rows[1].get("species"), None);
        assert_eq!(rows[1].line(), 3);
        assert!(
            rows[1].require("species").unwrap_err().to_string().contains("line 3: column `species` is empty")
        );
    }

    #[test]
    fn names_line_and_remedy() {
        let message = |text| table(text, &["path", "species"]).unwrap_err().to_string();
        assert!(
            message("path,label\na,b\n")
                .contains("line 1: there is no column `species`; the header has: path, label")
        );
        assert!(
            message("path,species\na,b\nc,d,e\n")
                .contains("line 3: this row has 3 fields where the header has 2")
        );
        assert!(message("path,species\n").contains("no rows"));
        assert!(message("").contains("there is no column `path`"));
        assert!(Table::read("no/such.csv", &[]).unwrap_err().to_string().contains("no/such.csv"));
    }
}
