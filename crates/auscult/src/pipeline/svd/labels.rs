//! When somebody sings: labelled stretches of a song, read from `.lab` files and interval tables, and checked.

use std::path::{Path, PathBuf};

use auscult_eval_metrics::Span;

use crate::{Error, Result};

/// A label may end this much after its sound, seconds: annotators round, encoders pad.
const SLACK: f64 = 0.5;

/// What a label file may call singing, and what not.
const SUNG: [&str; 5] = ["sing", "singing", "vocal", "voice", "1"];
const NOT_SUNG: [&str; 7] = ["nosing", "no-sing", "nonvocal", "novoice", "instrumental", "silence", "0"];

/// One labelled stretch, as it stands in a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) span: Span,
    pub(crate) sung: bool,
    /// Line in the file, from 1.
    pub(crate) line: u64,
}

impl Interval {
    /// From the three fields of a row, or what is wrong with them.
    pub(crate) fn parse(start: &str, end: &str, label: &str, line: u64) -> Result<Self, String> {
        let seconds = |text: &str| match text.trim().parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => Ok(seconds),
            _ => Err(format!("`{text}` is no time: write seconds from 0, such as 12.345")),
        };
        let span = Span::new(seconds(start)?, seconds(end)?);
        if span.end < span.start {
            return Err(format!("the interval ends at {} s, before it starts at {} s", span.end, span.start));
        }
        let name = label.trim().to_lowercase();
        let sung = SUNG.contains(&name.as_str());
        if !sung && !NOT_SUNG.contains(&name.as_str()) {
            return Err(format!("the label is `{label}`; write `sing` or `nosing`"));
        }
        Ok(Self { span, sung, line })
    }
}

/// The labels of one song.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// When there is singing, in order.
    pub sung: Vec<Span>,
    /// End of the last labelled stretch, seconds, and its line.
    last: (f64, u64),
    /// Where they come from, for messages.
    file: PathBuf,
}

impl Labels {
    /// From the intervals of one song in any order; what no interval covers is not sung.
    ///
    /// # Errors
    /// [`Error::Table`] with file and line where two overlap or there are none.
    pub(crate) fn new(file: &Path, mut intervals: Vec<Interval>) -> Result<Self> {
        let problem = |line, problem: String| Error::Table { path: file.into(), line, problem };
        intervals.sort_by(|a, b| a.span.start.total_cmp(&b.span.start));
        for pair in intervals.windows(2) {
            let (earlier, later) = (pair[0], pair[1]);
            // A tenth of a millisecond is rounding.
            if later.span.start < earlier.span.end - 1e-4 {
                return Err(problem(
                    later.line,
                    format!(
                        "the interval from {} s overlaps that of line {}, which ends at {} s; a moment is either \
                         sung or not",
                        later.span.start, earlier.line, earlier.span.end
                    ),
                ));
            }
        }
        let Some(last) = intervals.iter().max_by(|a, b| a.span.end.total_cmp(&b.span.end)) else {
            return Err(problem(1, "there are no labels: list at least one interval".into()));
        };
        Ok(Self {
            last: (last.span.end, last.line),
            sung: intervals.iter().filter(|interval| interval.sung).map(|interval| interval.span).collect(),
            file: file.to_path_buf(),
        })
    }

    /// Reads `start end sing|nosing` lines, as the Jamendo corpus has them.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Table`] with the line for anything else than that.
    pub(crate) fn read_lab(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        Self::parse_lab(path, &text)
    }

    fn parse_lab(path: &Path, text: &str) -> Result<Self> {
        let mut intervals = Vec::new();
        for (index, row) in text.lines().enumerate().filter(|(_, row)| !row.trim().is_empty()) {
            let line = index as u64 + 1;
            let fields: Vec<&str> = row.split_whitespace().collect();
            let interval = match fields[..] {
                [start, end, label] => Interval::parse(start, end, label, line),
                _ => Err(format!("`{row}` should be: start, end, `sing` or `nosing`")),
            };
            intervals.push(interval.map_err(|problem| Error::Table { path: path.into(), line, problem })?);
        }
        Self::new(path, intervals)
    }

    /// Refuses labels that go on after their sound has ended: they belong to another recording, or are shifted.
    ///
    /// # Errors
    /// [`Error::Table`] with the line of the last label.
    pub(crate) fn check_end(&self, sound: &Path, seconds: f64) -> Result<()> {
        let (end, line) = self.last;
        if end <= seconds + SLACK {
            return Ok(());
        }
        let problem = format!(
            "the labels of {} end at {end} s, but it is only {seconds:.3} s long; are they another recording's?",
            sound.display()
        );
        Err(Error::Table { path: self.file.clone(), line, problem })
    }

    /// Whether each of `count` frames is sung: frame i is where floor(start rate) <= i < floor(end rate), as Lee et
    /// al. (2018) round.
    #[must_use]
    pub fn frames(&self, frame_rate: f64, count: usize) -> Vec<bool> {
        let mut frames = vec![false; count];
        for span in &self.sung {
            let [first, last] = [span.start, span.end].map(|t| ((t * frame_rate) as usize).min(count));
            frames[first..last].fill(true);
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(text: &str) -> Result<Labels> {
        Labels::parse_lab(Path::new("song.lab"), text)
    }

    #[test]
    fn lab_files_are_read() {
        let labels = lab("0.000 1.5 nosing\n1.5\t2.25 sing\n\n3 4 sing\n").unwrap();
        assert_eq!(labels.sung, [Span::new(1.5, 2.25), Span::new(3.0, 4.0)]);
        assert_eq!(labels.frames(2.0, 9), [false, false, false, true, false, false, true, true, false]);
        assert_eq!(labels.frames(2.0, 7).len(), 7, "cut at the end of the sound");
    }

    #[test]
    fn what_is_wrong_is_named_with_file_and_line() {
        let message = |text| lab(text).unwrap_err().to_string();
        assert!(
            message("0 2 sing\n1.5 3 nosing\n")
                .contains("song.lab, line 2: the interval from 1.5 s overlaps")
        );
        assert!(message("0 2 sing\n3 2.5 sing\n").contains("line 2: the interval ends at 2.5 s, before"));
        assert!(message("0 2 sing\n2 x sing\n").contains("line 2: `x` is no time"));
        assert!(message("0 2 humming\n").contains("line 1: the label is `humming`"));
        assert!(message("0 2\n").contains("line 1: `0 2` should be"));
        assert!(message("\n").contains("no labels"));
        let labels = lab("0 2 sing\n2 4 nosing\n").unwrap();
        assert!(labels.check_end(Path::new("song.ogg"), 3.8).is_ok());
        let error = labels.check_end(Path::new("song.ogg"), 3.0).unwrap_err().to_string();
        assert!(
            error.contains("song.lab, line 2") && error.contains("song.ogg") && error.contains("3.000 s"),
            "{error}"
        );
    }
}
