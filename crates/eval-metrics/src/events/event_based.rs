//! Event-based scores: found events matched to true ones by their times.

use super::DetectionScores;
use crate::segment::{self, Segment};
use crate::{Error, Result};

/// When a found event counts as one that is there: same label, onset near enough and, if asked, offset near enough.
///
/// Each event is matched once at most, by a matching with as many pairs as possible. Times are compared to 0.1 ms.
/// Same as `mir_eval.transcription` (whose defaults these are, with labels for pitches).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct EventMatching {
    /// Largest distance of onsets, in seconds (0.05).
    pub onset_tolerance: f64,
    /// Largest distance of offsets as a fraction of the true event's duration; `None` ignores offsets (0.2).
    pub offset_ratio: Option<f64>,
    /// Offsets this near, in seconds, always match (0.05).
    pub offset_tolerance: f64,
}

impl Default for EventMatching {
    fn default() -> Self {
        Self { onset_tolerance: 0.05, offset_ratio: Some(0.2), offset_tolerance: 0.05 }
    }
}

impl EventMatching {
    /// Sets the onset tolerance, in seconds.
    #[must_use]
    pub fn onset_tolerance(mut self, seconds: f64) -> Self {
        self.onset_tolerance = seconds;
        self
    }

    /// Compares onsets only.
    #[must_use]
    pub fn onsets_only(mut self) -> Self {
        self.offset_ratio = None;
        self
    }

    /// Sets the offset tolerance: the larger of `seconds` and `ratio` of the true event's duration.
    #[must_use]
    pub fn offset_tolerance(mut self, seconds: f64, ratio: f64) -> Self {
        self.offset_tolerance = seconds;
        self.offset_ratio = Some(ratio);
        self
    }

    /// Scores found events against true ones. Without any event on one side all rates are 0.
    ///
    /// # Errors
    /// An event that ends before it starts, or a tolerance that is negative or NaN.
    pub fn evaluate(&self, truth: &[Segment], found: &[Segment]) -> Result<DetectionScores> {
        segment::check("truth", truth.iter().map(Segment::span))?;
        segment::check("found", found.iter().map(Segment::span))?;
        for (name, value) in [
            ("onset_tolerance", self.onset_tolerance),
            ("offset_tolerance", self.offset_tolerance),
            ("offset_ratio", self.offset_ratio.unwrap_or(0.0)),
        ] {
            if value.is_nan() || value < 0.0 {
                return Err(Error::Parameter { name, value: value.to_string(), expected: "at least 0" });
            }
        }
        // Only events with a near onset can match.
        let mut by_onset: Vec<usize> = (0..found.len()).collect();
        by_onset.sort_by(|&a, &b| found[a].start.total_cmp(&found[b].start));
        let reach = self.onset_tolerance + 1e-4; // of rounding
        let candidates: Vec<Vec<usize>> = truth
            .iter()
            .map(|event| {
                let first = by_onset.partition_point(|&i| found[i].start < event.start - reach);
                let near = by_onset[first..].iter().take_while(|&&i| found[i].start <= event.start + reach);
                near.copied().filter(|&i| self.matches(event, &found[i])).collect()
            })
            .collect();
        let hits = maximum_matching(&candidates, found.len());
        Ok(DetectionScores::new(hits, found.len() - hits, truth.len() - hits))
    }

    fn matches(&self, truth: &Segment, found: &Segment) -> bool {
        let distance = |a: f64, b: f64| ((a - b).abs() * 1e4).round_ties_even() / 1e4;
        truth.label == found.label
            && distance(truth.start, found.start) <= self.onset_tolerance
            && self.offset_ratio.is_none_or(|ratio| {
                let tolerance = (ratio * (truth.end - truth.start)).max(self.offset_tolerance);
                distance(truth.end, found.end) <= tolerance
            })
    }
}

/// Size of a maximum matching of a bipartite graph, one augmenting path per left node (Kuhn), breadth first.
fn maximum_matching(candidates: &[Vec<usize>], right_nodes: usize) -> usize {
    const NONE: usize = usize::MAX;
    let mut left_of = vec![NONE; right_nodes];
    let mut right_of = vec![NONE; candidates.len()];
    let mut reached_from = vec![NONE; right_nodes];
    let mut reached_by = vec![NONE; right_nodes]; // the root whose search came here last
    for root in 0..candidates.len() {
        let mut queue = vec![root];
        let mut next = 0;
        let end = 'search: loop {
            let Some(&left) = queue.get(next) else { break None };
            next += 1;
            for &right in &candidates[left] {
                if std::mem::replace(&mut reached_by[right], root) != root {
                    reached_from[right] = left;
                    if left_of[right] == NONE {
                        break 'search Some(right);
                    }
                    queue.push(left_of[right]);
                }
            }
        };
        let Some(mut right) = end else { continue };
        loop {
            let left = reached_from[right];
            left_of[right] = left;
            let freed = std::mem::replace(&mut right_of[left], right);
            if left == root {
                break;
            }
            right = freed;
        }
    }
    right_of.iter().filter(|&&right| right != NONE).count()
}
