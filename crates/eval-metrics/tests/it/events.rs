use auscult_eval_metrics::{
    DetectionScores, Error, EventMatching, FrameScores, Segment, Span, active_spans, hysteresis,
    median_filter, segment_based_errors,
};
use proptest::prelude::*;

use crate::diarization::segments;
use crate::golden::{self, Parity};

#[test]
fn matches_mir_eval_and_sklearn() {
    let golden = golden::read("events");
    let mut matching = Parity::new("EventMatching (mir_eval.transcription)", 1e-12);
    for case in golden::list(&golden["matching"]) {
        let (truth, found) = (segments(&case["truth"]), segments(&case["found"]));
        let three = |s: DetectionScores| [s.precision, s.recall, s.f1];
        for (setting, key) in [
            (EventMatching::default(), "with_offsets"),
            (EventMatching::default().onsets_only(), "onsets_only"),
            (EventMatching::default().onset_tolerance(0.2).offset_tolerance(0.2, 0.5), "loose"),
        ] {
            matching
                .check_all(&three(setting.evaluate(&truth, &found).unwrap()), &golden::numbers(&case[key]));
        }
    }
    let mut frames = Parity::new("FrameScores (sklearn, mir_eval.melody)", 1e-12);
    for case in golden::list(&golden["frames"]) {
        let ours =
            FrameScores::new(&golden::flags(&case["truth"]), &golden::flags(&case["predicted"])).unwrap();
        frames.check(ours.accuracy, golden::number(&case["accuracy"]));
        frames.check_all(
            &[ours.active.precision, ours.active.recall, ours.active.f1],
            &golden::numbers(&case["scores"]),
        );
        frames.check_all(&[1.0 - ours.miss_rate, ours.false_alarm_rate], &golden::numbers(&case["voicing"]));
    }
    let scores = golden::numbers(&golden["scores"]);
    let mut medians = Parity::new("median_filter (scipy.ndimage)", 0.0);
    for (width, expected) in golden["medians"].as_object().unwrap() {
        let smooth = median_filter(&scores, width.parse().unwrap()).unwrap();
        medians.check_all(&smooth, &golden::numbers(expected));
    }
}

#[test]
fn a_dense_chain_of_events_needs_rematching() {
    // every true event could take two found ones; only one assignment takes all
    let truth: Vec<Segment> = (0..2000).map(|i| Segment::new(f64::from(i) * 0.1, 500.0, "x")).collect();
    let found: Vec<Segment> =
        (0..2000).rev().map(|i| Segment::new(f64::from(i) * 0.1 + 0.05, 500.0, "x")).collect();
    let scores = EventMatching::default().evaluate(&truth, &found).unwrap();
    assert_eq!(scores.true_positives, 2000);
}

#[test]
fn segment_based_by_hand() {
    let truth = [Segment::new(0.0, 2.0, "a"), Segment::new(1.0, 3.0, "b")];
    let found = [Segment::new(0.5, 1.0, "a"), Segment::new(1.2, 1.9, "c"), Segment::new(4.0, 4.5, "b")];
    // cell 0: a found; cell 1: a and b there, c found: one substituted, one deleted; cell 2: b deleted; cell 4: b inserted
    let errors = segment_based_errors(&truth, &found, 1.0).unwrap();
    assert_eq!((errors.substitutions, errors.deletions, errors.insertions), (1, 2, 1));
    assert_eq!(errors.active.true_positives, 1);
    assert_eq!(errors.error_rate, 1.0);
    assert_eq!(segment_based_errors(&[], &[], 1.0).unwrap().error_rate, 0.0);
    assert_eq!(segment_based_errors(&[], &found, 1.0).unwrap().error_rate, 1.0);
}

#[test]
fn smoothing_by_hand() {
    let scores = [0.1, 0.6, 0.9, 0.6, 0.2, 0.6, 0.6, 0.1];
    let active = hysteresis(&scores, 0.5, 0.8).unwrap();
    assert_eq!(active, [false, true, true, true, false, false, false, false]);
    let flags = [true, true, false, true, false, false, false, true];
    let spans = active_spans(&flags, 0.5, 1.0, 1.0).unwrap();
    assert_eq!(spans, [Span::new(0.0, 2.0)]);
    assert_eq!(active_spans(&flags, 0.5, 0.0, 0.0).unwrap().len(), 3);
    assert!(active_spans(&[], 0.5, 0.0, 0.0).unwrap().is_empty());
}

#[test]
fn bad_input_is_named() {
    let backwards = [Segment::new(2.0, 1.0, "x")];
    assert!(matches!(
        EventMatching::default().evaluate(&backwards, &[]),
        Err(Error::BadSegment { what: "truth", index: 0, .. })
    ));
    assert!(matches!(
        EventMatching::default().onset_tolerance(-1.0).evaluate(&[], &[]),
        Err(Error::Parameter { name: "onset_tolerance", .. })
    ));
    assert!(matches!(segment_based_errors(&[], &[], 0.0), Err(Error::Parameter { name: "resolution", .. })));
    assert!(matches!(
        segment_based_errors(&[Segment::new(-1.0, 1.0, "x")], &[], 1.0),
        Err(Error::BadSegment { .. })
    ));
    assert!(matches!(median_filter(&[1.0], 2), Err(Error::Parameter { name: "width", .. })));
    assert!(matches!(median_filter(&[], 3), Err(Error::Empty { .. })));
    assert!(matches!(hysteresis(&[0.0], 0.9, 0.1), Err(Error::Parameter { name: "low", .. })));
    assert!(matches!(FrameScores::new(&[], &[]), Err(Error::Empty { .. })));
}

proptest! {
    #[test]
    fn hysteresis_agrees_with_growing(scores in prop::collection::vec(0.0f64..1.0, 1..60)) {
        let mut grown: Vec<bool> = scores.iter().map(|s| *s >= 0.8).collect();
        for _ in 0..scores.len() {
            for i in 0..scores.len() {
                let neighbour = (i > 0 && grown[i - 1]) || grown.get(i + 1).copied().unwrap_or(false);
                grown[i] |= neighbour && scores[i] >= 0.4;
            }
        }
        prop_assert_eq!(hysteresis(&scores, 0.4, 0.8).unwrap(), grown);
    }

    #[test]
    fn frames_become_spans_and_back(active in prop::collection::vec(any::<bool>(), 1..60)) {
        let spans = active_spans(&active, 1.0, 0.0, 0.0).unwrap();
        let back: Vec<bool> = (0..active.len())
            .map(|i| spans.iter().any(|s| s.start <= i as f64 && (i as f64) < s.end))
            .collect();
        prop_assert_eq!(back, active);
    }
}
