//! Reading and writing RTTM, the format of speaker turns.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::{Error, Result, Segment};

/// The speaker turns of each recording, by the recording's name.
pub type Recordings = BTreeMap<String, Vec<Segment>>;

/// Reads the speaker turns of a Rich Transcription Time Marked file:
/// `SPEAKER file channel start duration <NA> <NA> speaker <NA> <NA>`, times in seconds.
///
/// Other record types, empty lines and comments (`;;`) are skipped; the channel is not looked at. Turns stay in the order
/// of the file.
///
/// # Errors
/// A file that cannot be read, or a line with fewer than nine fields, a time that is no finite number, or a negative
/// duration; the error names file and line.
pub fn read_rttm(path: impl AsRef<Path>) -> Result<Recordings> {
    let path = path.as_ref();
    parse_rttm(&read(path)?, path)
}

/// [`read_rttm`] on text already read; `path` is for the message of an error.
///
/// # Errors
/// As [`read_rttm`].
pub fn parse_rttm(text: &str, path: impl AsRef<Path>) -> Result<Recordings> {
    let path = path.as_ref();
    let mut recordings = Recordings::new();
    for (line, fields) in records(text) {
        if fields[0] != "SPEAKER" {
            continue;
        }
        let fail = |reason| Error::Parse { path: path.to_owned(), line, reason };
        let (&[_, file, _, start, duration], Some(&speaker), true) =
            (fields.first_chunk().unwrap_or(&[""; 5]), fields.get(7), (9..=10).contains(&fields.len()))
        else {
            return Err(fail(format!(
                "{} fields: expected `SPEAKER file channel start duration <NA> <NA> speaker <NA> <NA>`",
                fields.len()
            )));
        };
        let start = seconds("start", start).map_err(fail)?;
        let duration = seconds("duration", duration).map_err(fail)?;
        if duration < 0.0 {
            return Err(fail(format!("duration {duration} is negative")));
        }
        if !(start + duration).is_finite() {
            return Err(fail(format!("a turn of {duration:e} s from {start:e} s has no end")));
        }
        let turns = recordings.entry(file.to_owned()).or_default();
        turns.push(Segment::new(start, start + duration, speaker));
    }
    Ok(recordings)
}

/// Writes speaker turns as RTTM, times to the microsecond.
///
/// # Errors
/// A name that is empty or has white space in it, which RTTM cannot hold; a turn that ends before it starts; or a file
/// that cannot be written.
pub fn write_rttm(path: impl AsRef<Path>, recordings: &Recordings) -> Result<()> {
    let mut text = String::new();
    for (file, turns) in recordings {
        crate::segment::check("turns", turns.iter().map(Segment::span))?;
        check_name("recording", file)?;
        for Segment { start, end, label } in turns {
            check_name("speaker", label)?;
            let (start, duration) = (decimal(*start), decimal(end - start));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "SPEAKER {file} 1 {start} {duration} <NA> <NA> {label} <NA> <NA>");
        }
    }
    write(path.as_ref(), &text)
}

/// Line numbers and fields of the lines that say something.
pub(super) fn records(text: &str) -> impl Iterator<Item = (usize, Vec<&str>)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let says_something = fields.first().is_some_and(|first| !first.starts_with(";;"));
        says_something.then_some((index + 1, fields))
    })
}

pub(super) fn seconds(what: &str, field: &str) -> std::result::Result<f64, String> {
    match field.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("{what} `{field}` is not a number of seconds")),
    }
}

/// At least three decimals, at most six.
pub(super) fn decimal(seconds: f64) -> String {
    let text = format!("{seconds:.6}");
    let shortest = text.len() - 3;
    let trimmed = text.trim_end_matches('0').len().max(shortest);
    text[..trimmed].to_owned()
}

pub(super) fn check_name(what: &'static str, name: &str) -> Result<()> {
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(Error::Parameter {
            name: what,
            value: format!("{name:?}"),
            expected: "a name without white space",
        });
    }
    Ok(())
}

pub(super) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|reason| Error::Io { path: path.to_owned(), reason })
}

pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|reason| Error::Io { path: path.to_owned(), reason })
}
