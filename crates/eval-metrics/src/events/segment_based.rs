//! Segment-based scores: activity on a time grid.

use std::collections::BTreeSet;

use super::DetectionScores;
use crate::segment::{self, Segment};
use crate::{Error, Result};

/// Segment-based scores (Mesaros, Heittola and Virtanen 2016): which labels are active in each cell of a time grid.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SegmentErrors {
    /// Counts of active (cell, label) pairs, with precision, recall and F1.
    pub active: DetectionScores,
    /// A wrong label for a right one in the same cell.
    pub substitutions: usize,
    /// Labels missed beyond substitutions.
    pub deletions: usize,
    /// Labels found beyond substitutions.
    pub insertions: usize,
    /// Substitutions, deletions and insertions over the active pairs of the truth; above 1 for very bad systems. 0
    /// when nothing is there and nothing found, 1 when something was found though nothing is there.
    pub error_rate: f64,
}

/// Segment-based error rate and F1 in cells of `resolution` seconds (1 s is usual, counted from 0).
///
/// A label is active in a cell if any of its events overlaps the cell.
///
/// # Errors
/// An event that ends before it starts or starts before 0, or a resolution that is not positive.
pub fn segment_based_errors(truth: &[Segment], found: &[Segment], resolution: f64) -> Result<SegmentErrors> {
    if !(resolution > 0.0 && resolution.is_finite()) {
        return Err(Error::Parameter {
            name: "resolution",
            value: resolution.to_string(),
            expected: "a positive number of seconds",
        });
    }
    let (truth, found) = (cells("truth", truth, resolution)?, cells("found", found, resolution)?);
    let indices: BTreeSet<usize> = truth.iter().chain(&found).map(|&(cell, _)| cell).collect();
    let in_cell = |set: &BTreeSet<(usize, &str)>, cell: usize| set.range((cell, "")..(cell + 1, "")).count();
    let (mut substitutions, mut deletions, mut insertions, mut hits) = (0, 0, 0, 0);
    for cell in indices {
        let both = truth.range((cell, "")..(cell + 1, "")).filter(|pair| found.contains(pair)).count();
        let (missed, added) = (in_cell(&truth, cell) - both, in_cell(&found, cell) - both);
        hits += both;
        substitutions += missed.min(added);
        deletions += missed.saturating_sub(added);
        insertions += added.saturating_sub(missed);
    }
    let errors = substitutions + deletions + insertions;
    let error_rate = match (truth.len(), errors) {
        (0, 0) => 0.0,
        (0, _) => 1.0,
        (total, errors) => errors as f64 / total as f64,
    };
    let active = DetectionScores::new(hits, found.len() - hits, truth.len() - hits);
    Ok(SegmentErrors { active, substitutions, deletions, insertions, error_rate })
}

/// The (cell, label) pairs in which something is active.
fn cells<'a>(
    what: &'static str,
    events: &'a [Segment],
    resolution: f64,
) -> Result<BTreeSet<(usize, &'a str)>> {
    segment::check(what, events.iter().map(Segment::span))?;
    let mut cells = BTreeSet::new();
    for (index, event) in events.iter().enumerate() {
        if event.start < 0.0 {
            return Err(Error::BadSegment { what, index, start: event.start, end: event.end });
        }
        if event.end > event.start {
            let first = (event.start / resolution).floor() as usize;
            let end = (event.end / resolution).ceil() as usize;
            cells.extend((first..end).map(|cell| (cell, event.label.as_str())));
        }
    }
    Ok(cells)
}
