use auscult_eval_metrics::{
    DiarizationErrors, DiarizationScoring, Error, Recordings, ScoredRegions, Segment, Span, parse_rttm,
    parse_uem, read_rttm, read_uem, write_rttm, write_uem,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::golden::{self, Parity};

/// `[[start, end, label], ...]`
pub(crate) fn segments(value: &Value) -> Vec<Segment> {
    golden::list(value)
        .iter()
        .map(|s| Segment::new(golden::number(&s[0]), golden::number(&s[1]), s[2].as_str().unwrap()))
        .collect()
}

#[test]
fn matches_pyannote() {
    let golden = golden::read("diarization");
    let regions: Vec<Span> = golden::list(&golden["regions"])
        .iter()
        .map(|r| Span::new(golden::number(&r[0]), golden::number(&r[1])))
        .collect();
    let mut der = Parity::new("DER and its parts, s (pyannote.metrics)", 1e-9);
    let mut jer = Parity::new("JER (pyannote.metrics)", 1e-9);
    let mut purity = Parity::new("diarization purity, coverage (pyannote.metrics)", 1e-9);
    for case in golden::list(&golden["cases"]) {
        let (reference, hypothesis) = (segments(&case["reference"]), segments(&case["hypothesis"]));
        for expected in golden::list(&case["results"]) {
            let scoring = DiarizationScoring::default()
                .total_collar(golden::number(&expected["total_collar"]))
                .skip_overlap(expected["skip_overlap"].as_bool().unwrap());
            let regions = expected["uem"].as_bool().unwrap().then_some(regions.as_slice());
            let scores = scoring.evaluate(&reference, &hypothesis, regions).unwrap();
            let DiarizationErrors { total, correct, miss, false_alarm, confusion } = scores.errors;
            der.check_all(
                &[total, correct, miss, false_alarm, confusion],
                &golden::numbers(&expected["parts"]),
            );
            der.check(scores.errors.rate(), golden::number(&expected["rate"]));
            jer.check(scores.jaccard.rate(), golden::number(&expected["jaccard"]));
        }
        let scores = DiarizationScoring::default().evaluate(&reference, &hypothesis, None).unwrap();
        purity.check(scores.purity(), golden::number(&case["purity"]));
        purity.check(scores.coverage(), golden::number(&case["coverage"]));
    }
}

#[test]
fn collars_and_overlap_by_hand() {
    let reference = [Segment::new(0.0, 10.0, "a"), Segment::new(8.0, 12.0, "b")];
    let hypothesis = [Segment::new(0.5, 12.0, "1")];
    let scores =
        |scoring: DiarizationScoring| scoring.evaluate(&reference, &hypothesis, None).unwrap().errors;
    let plain = scores(DiarizationScoring::default());
    assert_eq!((plain.total, plain.miss, plain.confusion, plain.false_alarm), (14.0, 2.5, 2.0, 0.0));
    // NIST's 0.25 on each side is pyannote's 0.5 in all
    let nist = scores(DiarizationScoring::default().collar(0.25));
    assert_eq!(nist, scores(DiarizationScoring::default().total_collar(0.5)));
    assert_eq!((nist.total, nist.miss), (14.0 - 0.25 - 0.75 - 0.75 - 0.25, 0.25 + 1.5));
    let single = scores(DiarizationScoring::default().skip_overlap(true));
    assert_eq!((single.total, single.miss, single.confusion), (10.0, 0.5, 2.0));
}

#[test]
fn a_speaker_cannot_overlap_himself() {
    let reference = [Segment::new(0.0, 6.0, "a"), Segment::new(4.0, 10.0, "a"), Segment::new(5.0, 5.0, "b")];
    let hypothesis = [Segment::new(0.0, 10.0, "1")];
    let scores =
        DiarizationScoring::default().skip_overlap(true).evaluate(&reference, &hypothesis, None).unwrap();
    assert_eq!((scores.errors.total, scores.errors.rate(), scores.jaccard.rate()), (10.0, 0.0, 0.0));
    assert_eq!(scores.mapping["1"], "a");
    assert_eq!(scores.contingency().unwrap().n_classes(), 1);
}

#[test]
fn rttm_round_trip() {
    let folder = tempfile();
    let path = folder.join("a.rttm");
    let turns = vec![Segment::new(0.125, 1.5, "anna"), Segment::new(1.0, 2.000_001, "ben")];
    let recordings = Recordings::from([("meeting".to_owned(), turns.clone())]);
    write_rttm(&path, &recordings).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("SPEAKER meeting 1 0.125 1.375 <NA> <NA> anna <NA> <NA>\n"), "{text}");
    assert!(text.contains(" 1.000 1.000001 "), "{text}");
    let back = read_rttm(&path).unwrap();
    for (a, b) in back["meeting"].iter().zip(&turns) {
        assert!(a.label == b.label && (a.start - b.start).abs() < 1e-6 && (a.end - b.end).abs() < 1e-6);
    }
    let regions = ScoredRegions::from([("meeting".to_owned(), vec![Span::new(0.0, 9.75)])]);
    let path = folder.join("a.uem");
    write_uem(&path, &regions).unwrap();
    assert_eq!(read_uem(&path).unwrap(), regions);
    std::fs::remove_dir_all(folder).unwrap();
}

fn tempfile() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("auscult-eval-metrics-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn other_records_and_comments_are_skipped() {
    let text = ";; made by hand\n\nSPKR-INFO f 1 <NA> <NA> <NA> unknown a <NA> <NA>\n\
                SPEAKER f 1 1.0 2.0 <NA> <NA> a <NA>\n";
    assert_eq!(parse_rttm(text, "x.rttm").unwrap()["f"], [Segment::new(1.0, 3.0, "a")]);
}

#[test]
fn bad_lines_are_named() {
    let message = |text: &str| parse_rttm(text, "x.rttm").unwrap_err().to_string();
    assert_eq!(message("\nSPEAKER f 1 1.0 -2.0 <NA> <NA> a <NA> <NA>"), "x.rttm:2: duration -2 is negative");
    assert_eq!(
        message("SPEAKER f 1 one 2.0 <NA> <NA> a <NA> <NA>"),
        "x.rttm:1: start `one` is not a number of seconds"
    );
    assert_eq!(
        message("SPEAKER f 1"),
        "x.rttm:1: 3 fields: expected `SPEAKER file channel start duration <NA> <NA> speaker <NA> <NA>`"
    );
    assert!(message("SPEAKER f 1 nan 1 <NA> <NA> a <NA> <NA>").contains("`nan`"));
    let message = |text: &str| parse_uem(text, "x.uem").unwrap_err().to_string();
    assert_eq!(message("f 1 5 2"), "x.uem:1: end 2 is before start 5");
    assert!(message("f 1 5").contains("3 fields"));
    assert!(matches!(read_rttm("no such file"), Err(Error::Io { .. })));
    let spaced = Recordings::from([("a b".to_owned(), vec![])]);
    assert!(matches!(write_rttm("never written", &spaced), Err(Error::Parameter { name: "recording", .. })));
}

#[test]
fn bad_segments_are_named() {
    let evaluate = |reference: &[Segment], hypothesis: &[Segment], regions: Option<&[Span]>| {
        DiarizationScoring::default().evaluate(reference, hypothesis, regions).unwrap_err().to_string()
    };
    let backwards = [Segment::new(3.0, 2.0, "a")];
    assert!(evaluate(&backwards, &[], None).starts_with("reference[0] runs from 3 s to 2 s"));
    assert!(evaluate(&[], &[Segment::new(0.0, f64::NAN, "a")], None).starts_with("hypothesis[0]"));
    assert!(evaluate(&[], &[], Some(&[Span::new(1.0, 0.0)])).starts_with("regions[0]"));
    assert!(matches!(
        DiarizationScoring::default().collar(-0.1).evaluate(&[], &[], None),
        Err(Error::Parameter { name: "collar", .. })
    ));
    let empty = DiarizationScoring::default().evaluate(&[], &[], None).unwrap();
    assert_eq!((empty.errors.rate(), empty.jaccard.rate()), (0.0, 1.0));
}

fn turns(label: &'static str) -> impl Strategy<Value = Vec<Segment>> {
    prop::collection::vec((0u32..200, 1u32..40, 0usize..4), 0..12).prop_map(move |turns| {
        let turn = |(start, length, who): (u32, u32, usize)| {
            Segment::new(f64::from(start) / 8.0, f64::from(start + length) / 8.0, format!("{label}{who}"))
        };
        turns.into_iter().map(turn).collect()
    })
}

/// Counts eighths of a second, in which all boundaries lie; the mapping by trying all.
fn framed(reference: &[Segment], hypothesis: &[Segment]) -> DiarizationErrors {
    let mut errors = DiarizationErrors::default();
    let mut common = [[0.0f64; 4]; 4];
    for frame in 0..400 {
        let time = (f64::from(frame) + 0.5) / 8.0;
        let active = |segments: &[Segment]| -> Vec<usize> {
            let mut who: Vec<usize> = segments
                .iter()
                .filter(|s| s.start < time && time < s.end)
                .map(|s| s.label[1..].parse().unwrap())
                .collect();
            who.sort_unstable();
            who.dedup();
            who
        };
        let (r, h) = (active(reference), active(hypothesis));
        errors.total += r.len() as f64 / 8.0;
        errors.miss += r.len().saturating_sub(h.len()) as f64 / 8.0;
        errors.false_alarm += h.len().saturating_sub(r.len()) as f64 / 8.0;
        errors.confusion += r.len().min(h.len()) as f64 / 8.0;
        for &a in &r {
            for &b in &h {
                common[a][b] += 1.0 / 8.0;
            }
        }
    }
    fn best(common: &[[f64; 4]; 4], row: usize, used: [bool; 4]) -> f64 {
        if row == 4 {
            return 0.0;
        }
        let free = (0..4).filter(|&column| !used[column]);
        let with = |column: usize| {
            let mut used = used;
            used[column] = true;
            common[row][column] + best(common, row + 1, used)
        };
        free.map(with).fold(0.0, f64::max)
    }
    errors.correct = best(&common, 0, [false; 4]);
    errors.confusion -= errors.correct;
    errors
}

proptest! {
    #[test]
    fn agrees_with_counting_frames(reference in turns("r"), hypothesis in turns("h")) {
        let ours = DiarizationScoring::default().evaluate(&reference, &hypothesis, None).unwrap().errors;
        let naive = framed(&reference, &hypothesis);
        for (a, b) in [
            (ours.total, naive.total), (ours.correct, naive.correct), (ours.miss, naive.miss),
            (ours.false_alarm, naive.false_alarm), (ours.confusion, naive.confusion),
        ] {
            prop_assert!((a - b).abs() < 1e-9, "{:?} {:?}", ours, naive);
        }
        // names do not matter
        let renamed: Vec<Segment> = hypothesis
            .iter()
            .map(|s| Segment::new(s.start, s.end, format!("z{}", 9 - s.label[1..].parse::<usize>().unwrap())))
            .collect();
        let other = DiarizationScoring::default().evaluate(&reference, &renamed, None).unwrap().errors;
        prop_assert!((other.rate() - ours.rate()).abs() < 1e-9);
        // the reference itself is perfect
        let perfect = DiarizationScoring::default().evaluate(&reference, &reference, None).unwrap();
        prop_assert!(perfect.errors.rate() < 1e-12);
        // parts add up
        prop_assert!((ours.correct + ours.miss + ours.confusion - ours.total).abs() < 1e-9);
    }

    #[test]
    fn no_text_panics_the_readers(text in "[ -~\n]{0,200}", numbers in prop::collection::vec(-1e3f64..1e3, 2)) {
        let _ = parse_rttm(&text, "x");
        let _ = parse_uem(&text, "x");
        let line = format!("SPEAKER f 1 {} {} <NA> <NA> a <NA> <NA>", numbers[0], numbers[1]);
        prop_assert_eq!(parse_rttm(&line, "x").is_ok(), numbers[1] >= 0.0);
    }
}
