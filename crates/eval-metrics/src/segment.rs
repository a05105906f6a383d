//! Labelled stretches of time.

use crate::{Error, Result};

/// A labelled stretch of time: a speaker's turn, a bird's call.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Segment {
    /// Start in seconds.
    pub start: f64,
    /// End in seconds.
    pub end: f64,
    /// Who or what.
    pub label: String,
}

/// An unlabelled stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Span {
    /// Start in seconds.
    pub start: f64,
    /// End in seconds.
    pub end: f64,
}

impl Segment {
    /// From `start` to `end` seconds.
    pub fn new(start: f64, end: f64, label: impl Into<String>) -> Self {
        Self { start, end, label: label.into() }
    }

    /// The stretch without its label.
    pub fn span(&self) -> Span {
        Span { start: self.start, end: self.end }
    }
}

impl Span {
    /// From `start` to `end` seconds.
    pub fn new(start: f64, end: f64) -> Self {
        Self { start, end }
    }

    /// Seconds.
    pub fn duration(&self) -> f64 {
        self.end - self.start
    }
}

/// No NaN, no infinity, no end before its start.
pub(crate) fn check(what: &'static str, spans: impl IntoIterator<Item = Span>) -> Result<()> {
    for (index, Span { start, end }) in spans.into_iter().enumerate() {
        if !(start.is_finite() && end.is_finite() && start <= end) {
            return Err(Error::BadSegment { what, index, start, end });
        }
    }
    Ok(())
}

/// Sorted, and those that overlap or touch joined; empty ones dropped.
pub(crate) fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| span.end > span.start);
    spans.sort_by(|a, b| a.start.total_cmp(&b.start));
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

/// What of `spans` lies outside `holes`; both as [`merged`] leaves them.
pub(crate) fn without(spans: &[Span], holes: &[Span]) -> Vec<Span> {
    let mut rest = Vec::with_capacity(spans.len() + holes.len());
    let mut next = 0;
    for span in spans {
        let mut start = span.start;
        while next < holes.len() && holes[next].end <= start {
            next += 1;
        }
        let mut hole = next;
        while hole < holes.len() && holes[hole].start < span.end {
            if holes[hole].start > start {
                rest.push(Span::new(start, holes[hole].start));
            }
            start = start.max(holes[hole].end);
            hole += 1;
        }
        if start < span.end {
            rest.push(Span::new(start, span.end));
        }
    }
    rest
}
