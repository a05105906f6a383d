//! Reading and writing UEM, the format of regions to score.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::rttm::{check_name, decimal, read, records, seconds, write};
use crate::{Error, Result, Span};

/// The regions to score of each recording, by the recording's name.
pub type ScoredRegions = BTreeMap<String, Vec<Span>>;

/// Reads a NIST un-partitioned evaluation map: `file channel start end`, times in seconds.
///
/// # Errors
/// A file that cannot be read, or a line with other than four fields, a time that is no finite number, or an end before
/// its start; the error names file and line.
pub fn read_uem(path: impl AsRef<Path>) -> Result<ScoredRegions> {
    let path = path.as_ref();
    parse_uem(&read(path)?, path)
}

/// [`read_uem`] on text already read; `path` is for the message of an error.
///
/// # Errors
/// As [`read_uem`].
pub fn parse_uem(text: &str, path: impl AsRef<Path>) -> Result<ScoredRegions> {
    let path = path.as_ref();
    let mut regions = ScoredRegions::new();
    for (line, fields) in records(text) {
        let fail = |reason| Error::Parse { path: path.to_owned(), line, reason };
        let &[file, _, start, end] = fields.as_slice() else {
            return Err(fail(format!("{} fields: expected `file channel start end`", fields.len())));
        };
        let (start, end) = (seconds("start", start).map_err(fail)?, seconds("end", end).map_err(fail)?);
        if end < start {
            return Err(fail(format!("end {end} is before start {start}")));
        }
        regions.entry(file.to_owned()).or_default().push(Span::new(start, end));
    }
    Ok(regions)
}

/// Writes regions as UEM, times to the microsecond.
///
/// # Errors
/// A name that is empty or has white space in it, a region that ends before it starts, or a file that cannot be written.
pub fn write_uem(path: impl AsRef<Path>, regions: &ScoredRegions) -> Result<()> {
    let mut text = String::new();
    for (file, spans) in regions {
        check_name("recording", file)?;
        crate::segment::check("regions", spans.iter().copied())?;
        for span in spans {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{file} 1 {} {}", decimal(span.start), decimal(span.end));
        }
    }
    write(path.as_ref(), &text)
}
