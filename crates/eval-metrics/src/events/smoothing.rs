//! From frame scores to events: median filter and hysteresis.

use crate::segment::Span;
use crate::{Error, Result, check};

/// Replaces each score by the median of the `width` around it (odd); the first and last score repeat beyond the ends.
///
/// Same as `scipy.ndimage.median_filter(size=width, mode="nearest")`.
///
/// # Errors
/// No scores, a NaN, or an even width.
pub fn median_filter(scores: &[f64], width: usize) -> Result<Vec<f64>> {
    check::not_empty("scores", scores)?;
    check::no_nan("scores", scores)?;
    if width.is_multiple_of(2) {
        return Err(Error::Parameter {
            name: "width",
            value: width.to_string(),
            expected: "an odd number of frames",
        });
    }
    let half = width / 2;
    let at = |index: usize| scores[index.saturating_sub(half).min(scores.len() - 1)]; // index counts from -half
    // The window as a sorted list: one value leaves and one enters per step.
    let mut sorted: Vec<f64> = (0..width).map(at).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let mut smooth = Vec::with_capacity(scores.len());
    for center in 0..scores.len() {
        smooth.push(sorted[half]);
        let leaving = at(center);
        let place = sorted.partition_point(|value| value.total_cmp(&leaving).is_lt());
        sorted.remove(place);
        let entering = at(center + width);
        let place = sorted.partition_point(|value| value.total_cmp(&entering).is_lt());
        sorted.insert(place, entering);
    }
    Ok(smooth)
}

/// Turns on where the score reaches `high`, and stays on, both ways, as long as it is at least `low`.
///
/// # Errors
/// A NaN score, or `low` above `high`.
pub fn hysteresis(scores: &[f64], low: f64, high: f64) -> Result<Vec<bool>> {
    check::no_nan("scores", scores)?;
    if low.is_nan() || high.is_nan() || low > high {
        return Err(Error::Parameter {
            name: "low",
            value: low.to_string(),
            expected: "a threshold not above the high one",
        });
    }
    let mut active = vec![false; scores.len()];
    let mut start = 0;
    for stretch in scores.chunk_by(|a, b| (*a >= low) == (*b >= low)) {
        let on = stretch[0] >= low && stretch.iter().any(|&score| score >= high);
        active[start..start + stretch.len()].fill(on);
        start += stretch.len();
    }
    Ok(active)
}

/// The active stretches of frame decisions, frame `i` lasting from `i` to `i + 1` times `hop` seconds. Gaps shorter
/// than `shortest_gap` seconds are filled first, then stretches shorter than `shortest_span` dropped; 0 keeps all.
///
/// # Errors
/// A hop that is not positive.
pub fn active_spans(active: &[bool], hop: f64, shortest_gap: f64, shortest_span: f64) -> Result<Vec<Span>> {
    if !(hop > 0.0 && hop.is_finite()) {
        return Err(Error::Parameter {
            name: "hop",
            value: hop.to_string(),
            expected: "a positive number of seconds",
        });
    }
    let mut spans: Vec<Span> = Vec::new();
    let mut start = 0;
    for stretch in active.chunk_by(|a, b| a == b) {
        let end = start + stretch.len();
        if stretch[0] {
            let span = Span::new(start as f64 * hop, end as f64 * hop);
            match spans.last_mut() {
                Some(last) if span.start - last.end < shortest_gap => last.end = span.end,
                _ => spans.push(span),
            }
        }
        start = end;
    }
    spans.retain(|span| span.duration() >= shortest_span);
    Ok(spans)
}
