//! Probabilities to the segments a person uses.

use auscult_eval_metrics::{active_spans, hysteresis};

use super::decision::Decision;
use crate::{Error, Result};

/// A stretch of singing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SungSegment {
    /// Beginning, seconds.
    pub start: f64,
    /// End, seconds.
    pub end: f64,
    /// Mean probability of singing within.
    pub probability: f64,
}

/// What counts as a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SegmentOptions {
    /// Threshold and smoothing.
    pub decision: Decision,
    /// Having begun, singing goes on as long as its probability stays above the threshold less this; 0 for no
    /// hysteresis.
    pub hysteresis: f64,
    /// Shorter pauses are sung through, seconds.
    pub shortest_pause: f64,
    /// Shorter segments are left out, seconds.
    pub shortest_segment: f64,
}

impl SegmentOptions {
    /// Of a model's decision: pauses from 0.2 s, segments from 0.3 s, no hysteresis.
    #[must_use]
    pub fn new(decision: Decision) -> Self {
        Self { decision, hysteresis: 0.0, shortest_pause: 0.2, shortest_segment: 0.3 }
    }

    /// Segments of probabilities `hop` seconds apart, each standing for half a hop to either side; none goes beyond
    /// `seconds`.
    ///
    /// # Errors
    /// [`Error::Part`] without any probability, or a hop that is not positive.
    pub fn segments(&self, probabilities: &[f64], hop: f64, seconds: f64) -> Result<Vec<SungSegment>> {
        let failed = |error| Error::part("segments")(error);
        let smooth = self.decision.smooth(probabilities, hop)?;
        let high = self.decision.threshold;
        let active = hysteresis(&smooth, high - self.hysteresis.max(0.0), high).map_err(failed)?;
        let spans = active_spans(&active, hop, self.shortest_pause, self.shortest_segment).map_err(failed)?;
        let mean = |start: f64, end: f64| {
            let [first, last] = [start, end].map(|t| ((t / hop).round() as usize).min(probabilities.len()));
            let within = &probabilities[first.min(last - 1)..last];
            within.iter().sum::<f64>() / within.len() as f64
        };
        Ok(spans
            .into_iter()
            .map(|span| SungSegment {
                start: (span.start - hop / 2.0).clamp(0.0, seconds),
                end: (span.end - hop / 2.0).clamp(0.0, seconds),
                probability: mean(span.start, span.end),
            })
            .filter(|segment| segment.end > segment.start)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_have_their_mean_and_stay_within_the_song() {
        let options = SegmentOptions {
            shortest_pause: 0.0,
            shortest_segment: 0.0,
            ..SegmentOptions::new(Decision::PLAIN)
        };
        let segments = options.segments(&[0.9, 0.7, 0.1, 0.2, 0.6, 0.8], 1.0, 5.2).unwrap();
        assert_eq!(segments.len(), 2);
        assert_eq!((segments[0].start, segments[0].end), (0.0, 1.5));
        assert_eq!((segments[1].start, segments[1].end), (3.5, 5.2));
        assert!(
            (segments[0].probability - 0.8).abs() < 1e-12 && (segments[1].probability - 0.7).abs() < 1e-12
        );
    }

    #[test]
    fn pauses_are_bridged_and_blips_dropped() {
        let options = SegmentOptions {
            shortest_pause: 1.5,
            shortest_segment: 2.5,
            ..SegmentOptions::new(Decision::PLAIN)
        };
        let found = options.segments(&[0.9, 0.1, 0.9, 0.9, 0.0, 0.0, 0.0, 0.9, 0.0], 1.0, 9.0).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].start, found[0].end), (0.0, 3.5));
        let steady = SegmentOptions { hysteresis: 0.3, ..SegmentOptions::new(Decision::PLAIN) };
        let found = steady.segments(&[0.1, 0.9, 0.3, 0.3, 0.1], 1.0, 5.0).unwrap();
        assert_eq!((found[0].start, found[0].end), (0.5, 3.5));
        assert!(options.segments(&[0.1, 0.2], 1.0, 2.0).unwrap().is_empty());
    }
}
