//! Scoring diarizations: DER and JER in continuous time.

use std::collections::BTreeMap;

use ndarray::Array2;

use super::{DiarizationErrors, JaccardErrors};
use crate::segment::{self, Segment, Span};
use crate::{Contingency, Error, Result, maximum_assignment};

/// What counts when a diarization is scored. Time is continuous: nothing is rounded to frames.
///
/// ```
/// # fn main() -> auscult_eval_metrics::Result<()> {
/// use auscult_eval_metrics::{DiarizationScoring, Segment};
/// let reference = [Segment::new(0.0, 6.0, "anna"), Segment::new(6.0, 10.0, "ben")];
/// let hypothesis = [Segment::new(0.0, 5.0, "1"), Segment::new(5.0, 10.0, "2")];
/// let scores = DiarizationScoring::default().evaluate(&reference, &hypothesis, None)?;
/// assert_eq!(scores.errors.confusion, 1.0);
/// assert_eq!(scores.errors.rate(), 0.1);
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct DiarizationScoring {
    /// Seconds left unscored on *each side* of every reference boundary (0), as NIST's md-eval and dscore count.
    pub collar: f64,
    /// Whether time with more than one reference speaker is left unscored (no).
    pub skip_overlap: bool,
}

/// Everything that comes of comparing two diarizations of one recording.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct DiarizationScores {
    /// The parts of DER.
    pub errors: DiarizationErrors,
    /// The parts of JER.
    pub jaccard: JaccardErrors,
    /// The reference speakers with scored speech, sorted.
    pub reference_speakers: Vec<String>,
    /// The hypothesised speakers with scored speech, sorted.
    pub hypothesis_speakers: Vec<String>,
    /// Reference speaker of each hypothesised speaker: one to one, with the greatest common time.
    pub mapping: BTreeMap<String, String>,
    /// Seconds in which both speak, `[reference speaker, hypothesised speaker]`.
    pub common_time: Array2<f64>,
    /// Seconds of speech of each reference speaker.
    pub reference_time: Vec<f64>,
    /// Seconds of speech of each hypothesised speaker.
    pub hypothesis_time: Vec<f64>,
}

impl DiarizationScoring {
    /// Leaves `seconds` on each side of every reference boundary unscored: md-eval's and dscore's `collar`.
    #[must_use]
    pub fn collar(mut self, seconds: f64) -> Self {
        self.collar = seconds;
        self
    }

    /// Leaves `seconds` around every reference boundary unscored, half on each side: pyannote.metrics' `collar`.
    #[must_use]
    pub fn total_collar(mut self, seconds: f64) -> Self {
        self.collar = seconds / 2.0;
        self
    }

    /// Sets whether overlapped reference speech is left unscored.
    #[must_use]
    pub fn skip_overlap(mut self, skip: bool) -> Self {
        self.skip_overlap = skip;
        self
    }

    /// Compares the speaker turns of one recording.
    ///
    /// `regions` are the regions to score (UEM); without them, everything from the first to the last turn of either
    /// side. Turns of one speaker that overlap each other count once, as in dscore (pyannote.metrics counts them
    /// twice); turns of no duration are ignored. Where several one-to-one mappings share as much time, one of them is
    /// chosen, always the same.
    ///
    /// # Errors
    /// A turn or region that ends before it starts, or a collar that is negative or NaN. Nothing to score is no error:
    /// see the rates.
    pub fn evaluate(
        &self,
        reference: &[Segment],
        hypothesis: &[Segment],
        regions: Option<&[Span]>,
    ) -> Result<DiarizationScores> {
        segment::check("reference", reference.iter().map(Segment::span))?;
        segment::check("hypothesis", hypothesis.iter().map(Segment::span))?;
        segment::check("regions", regions.unwrap_or_default().iter().copied())?;
        if self.collar.is_nan() || self.collar < 0.0 {
            return Err(Error::Parameter {
                name: "collar",
                value: self.collar.to_string(),
                expected: "seconds, at least 0",
            });
        }
        let (reference, hypothesis) = (Turns::new(reference), Turns::new(hypothesis));
        let scored = match regions {
            Some(regions) => segment::merged(regions.to_vec()),
            None => extent(&reference, &hypothesis),
        };
        let scored = segment::without(&scored, &self.unscored(&reference));
        score(&reference, &hypothesis, &scored)
    }

    /// Collars and, if asked, overlap.
    fn unscored(&self, reference: &Turns) -> Vec<Span> {
        let mut holes = Vec::new();
        if self.collar > 0.0 {
            let boundaries = reference.turns.iter().flat_map(|(span, _)| [span.start, span.end]);
            holes.extend(boundaries.map(|time| Span::new(time - self.collar, time + self.collar)));
        }
        if self.skip_overlap {
            // Turns are sorted: each overlaps what has started before and lasts longest.
            let mut latest = f64::NEG_INFINITY;
            for (span, _) in &reference.turns {
                holes.push(Span::new(span.start, span.end.min(latest).max(span.start)));
                latest = latest.max(span.end);
            }
        }
        segment::merged(holes)
    }
}

/// Turns by start, none empty, and none overlapping another of its speaker.
struct Turns<'a> {
    speakers: Vec<&'a str>,
    turns: Vec<(Span, usize)>,
}

impl<'a> Turns<'a> {
    fn new(segments: &'a [Segment]) -> Self {
        let mut by_speaker: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
        for segment in segments.iter().filter(|segment| segment.end > segment.start) {
            by_speaker.entry(&segment.label).or_default().push(segment.span());
        }
        let mut turns = Vec::with_capacity(segments.len());
        for (speaker, spans) in by_speaker.values_mut().enumerate() {
            spans.sort_by(|a, b| a.start.total_cmp(&b.start));
            let first = turns.len();
            for &span in spans.iter() {
                match turns[first..].last_mut() {
                    // Turns that only touch stay apart: there is a boundary, and it has a collar.
                    Some((last, _)) if span.start < Span::clone(last).end => {
                        last.end = last.end.max(span.end)
                    }
                    _ => turns.push((span, speaker)),
                }
            }
        }
        turns.sort_by(|a, b| a.0.start.total_cmp(&b.0.start));
        Self { speakers: by_speaker.into_keys().collect(), turns }
    }
}

fn extent(reference: &Turns, hypothesis: &Turns) -> Vec<Span> {
    let spans = || reference.turns.iter().chain(&hypothesis.turns).map(|(span, _)| span);
    let start = spans().map(|span| span.start).fold(f64::INFINITY, f64::min);
    let end = spans().map(|span| span.end).fold(f64::NEG_INFINITY, f64::max);
    if start < end { vec![Span::new(start, end)] } else { Vec::new() }
}

/// A change at some time, while sweeping over the recording.
enum Change {
    Scored(bool),
    Reference(usize, bool),
    Hypothesis(usize, bool),
}

/// Sweeps over all boundaries; between two of them nothing changes.
fn score(reference: &Turns, hypothesis: &Turns, scored: &[Span]) -> Result<DiarizationScores> {
    let mut changes: Vec<(f64, Change)> = Vec::new();
    for span in scored {
        changes.extend([(span.start, Change::Scored(true)), (span.end, Change::Scored(false))]);
    }
    for &(span, speaker) in &reference.turns {
        changes.push((span.start, Change::Reference(speaker, true)));
        changes.push((span.end, Change::Reference(speaker, false)));
    }
    for &(span, speaker) in &hypothesis.turns {
        changes.push((span.start, Change::Hypothesis(speaker, true)));
        changes.push((span.end, Change::Hypothesis(speaker, false)));
    }
    changes.sort_by(|a, b| a.0.total_cmp(&b.0));

    let mut errors = DiarizationErrors::default();
    let mut common = Array2::zeros((reference.speakers.len(), hypothesis.speakers.len()));
    let mut reference_time = vec![0.0; reference.speakers.len()];
    let mut hypothesis_time = vec![0.0; hypothesis.speakers.len()];
    let mut both = 0.0; // speaker time that is right or confused
    let (mut scoring, mut now) = (false, 0.0);
    let (mut speaking, mut found): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for (time, change) in changes {
        let duration = time - now;
        if scoring && duration > 0.0 {
            let (r, h) = (speaking.len(), found.len());
            errors.total += duration * r as f64;
            errors.miss += duration * r.saturating_sub(h) as f64;
            errors.false_alarm += duration * h.saturating_sub(r) as f64;
            both += duration * r.min(h) as f64;
            speaking.iter().for_each(|&speaker| reference_time[speaker] += duration);
            found.iter().for_each(|&speaker| hypothesis_time[speaker] += duration);
            for &r in &speaking {
                for &h in &found {
                    common[[r, h]] += duration;
                }
            }
        }
        now = time;
        let toggle = |active: &mut Vec<usize>, speaker: usize, on: bool| match on {
            true => active.push(speaker),
            // A turn may end where the speaker's next begins, in either order: one entry goes.
            false => {
                if let Some(place) = active.iter().position(|&other| other == speaker) {
                    active.swap_remove(place);
                }
            }
        };
        match change {
            Change::Scored(on) => scoring = on,
            Change::Reference(speaker, on) => toggle(&mut speaking, speaker, on),
            Change::Hypothesis(speaker, on) => toggle(&mut found, speaker, on),
        }
    }

    let assignment = maximum_assignment(common.view())?;
    let pairs = || {
        let paired = assignment.iter().enumerate().filter_map(|(r, h)| h.map(|h| (r, h)));
        paired.filter(|&(r, h)| common[[r, h]] > 0.0)
    };
    errors.correct = pairs().map(|(r, h)| common[[r, h]]).sum();
    errors.confusion = (both - errors.correct).max(0.0);

    let mut jaccard = JaccardErrors::default();
    for (r, &time) in reference_time.iter().enumerate().filter(|(_, time)| **time > 0.0) {
        let matched = pairs().find(|&(other, _)| other == r);
        jaccard.speakers += 1;
        jaccard.error += match matched {
            None => 1.0,
            Some((r, h)) => {
                let union = time + hypothesis_time[h] - common[[r, h]];
                (union - common[[r, h]]) / union
            }
        };
    }
    let mapping =
        pairs().map(|(r, h)| (hypothesis.speakers[h].to_owned(), reference.speakers[r].to_owned())).collect();
    let heard = |times: &[f64]| -> Vec<usize> { (0..times.len()).filter(|&i| times[i] > 0.0).collect() };
    let (rows, columns) = (heard(&reference_time), heard(&hypothesis_time));
    let names = |speakers: &[&str], kept: &[usize]| kept.iter().map(|&i| speakers[i].to_owned()).collect();
    Ok(DiarizationScores {
        errors,
        jaccard,
        reference_speakers: names(&reference.speakers, &rows),
        hypothesis_speakers: names(&hypothesis.speakers, &columns),
        mapping,
        common_time: common.select(ndarray::Axis(0), &rows).select(ndarray::Axis(1), &columns),
        reference_time: rows.iter().map(|&i| reference_time[i]).collect(),
        hypothesis_time: columns.iter().map(|&i| hypothesis_time[i]).collect(),
    })
}

impl DiarizationScores {
    /// Time common with the main reference speaker of each hypothesised one, over all hypothesised time; in `[0, 1]`.
    /// Found speech where nobody speaks is impure. 1 without hypothesised speech. `DiarizationPurity` of pyannote.metrics.
    pub fn purity(&self) -> f64 {
        let largest = self.common_time.columns().into_iter().map(|c| c.iter().copied().fold(0.0, f64::max));
        share(largest.sum(), &self.hypothesis_time)
    }

    /// Purity with reference and hypothesis exchanged. `DiarizationCoverage` of pyannote.metrics.
    pub fn coverage(&self) -> f64 {
        let largest = self.common_time.rows().into_iter().map(|r| r.iter().copied().fold(0.0, f64::max));
        share(largest.sum(), &self.reference_time)
    }

    /// The table for the clustering scores, in seconds of speech common to a reference and a hypothesised speaker.
    ///
    /// # Errors
    /// No common speech.
    pub fn contingency(&self) -> Result<Contingency> {
        Contingency::from_table(self.common_time.clone())
    }
}

fn share(part: f64, whole: &[f64]) -> f64 {
    let whole: f64 = whole.iter().sum();
    if whole > 0.0 { part / whole } else { 1.0 }
}
