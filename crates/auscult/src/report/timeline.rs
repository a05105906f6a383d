//! Who speaks when, as a picture.

use std::fmt::Write as _;

use auscult_eval_metrics::Segment;

/// Colours that stay apart for colour-blind readers (Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5d6778"];
/// Seconds in a row.
const ROW: f64 = 600.0;
const WIDTH: f64 = 900.0;
const LEFT: f64 = 70.0;
const LANE: f64 = 18.0;

/// An SVG with a lane for each speaker and a row for every ten minutes.
pub(crate) fn timeline(turns: &[Segment], seconds: f64) -> String {
    let mut speakers: Vec<&str> = Vec::new();
    for turn in turns {
        if !speakers.contains(&turn.label.as_str()) {
            speakers.push(&turn.label);
        }
    }
    let span = seconds.clamp(1.0, ROW);
    let rows = (seconds / ROW).ceil().max(1.0) as usize;
    let height = speakers.len().max(1) as f64 * LANE + 34.0;
    let scale = (WIDTH - LEFT - 10.0) / span;
    let mut svg = format!(
        "<svg role=\"img\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {}\" width=\"{WIDTH}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"11\">",
        height * rows as f64
    );
    // Writing to a string cannot fail.
    let mut put = |text: std::fmt::Arguments| {
        let _ = svg.write_fmt(text);
    };
    for row in 0..rows {
        let (top, begin) = (row as f64 * height, row as f64 * ROW);
        let bottom = top + speakers.len().max(1) as f64 * LANE + 6.0;
        let step = [1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0]
            .into_iter()
            .find(|step| span / step <= 12.0)
            .unwrap_or(120.0);
        for mark in 0..=(span / step) as usize {
            let (time, x) = (begin + mark as f64 * step, LEFT + mark as f64 * step * scale);
            let clock = format!("{}:{:02}", (time / 60.0) as u64, time as u64 % 60);
            put(format_args!(
                "<line x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\" stroke=\"#dfe3ea\"/>"
            ));
            put(format_args!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#5d6778\">{clock}</text>",
                bottom + 13.0
            ));
        }
        for (lane, speaker) in speakers.iter().enumerate() {
            let y = top + lane as f64 * LANE + 4.0;
            let name = escaped(speaker);
            put(format_args!(
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#1c2330\">{name}</text>",
                LEFT - 8.0,
                y + 10.0
            ));
            let colour = COLOURS[lane % COLOURS.len()];
            for turn in turns.iter().filter(|turn| turn.label == *speaker) {
                let (from, to) = (turn.start.max(begin), turn.end.min(begin + span));
                if to > from {
                    put(format_args!(
                        "<rect x=\"{:.2}\" y=\"{y:.1}\" width=\"{:.2}\" height=\"{}\" fill=\"{colour}\"><title>{name} {:.2} - {:.2} s</title></rect>",
                        LEFT + (from - begin) * scale,
                        ((to - from) * scale).max(0.5),
                        LANE - 5.0,
                        turn.start,
                        turn.end
                    ));
                }
            }
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Text that cannot be taken for markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_turn_is_drawn_and_names_are_text() {
        let turns =
            [Segment::new(0.0, 2.0, "S1"), Segment::new(2.0, 3.0, "<b>"), Segment::new(598.0, 605.0, "S1")];
        let svg = timeline(&turns, 700.0);
        // The last one is cut by the end of the first row.
        assert_eq!(svg.matches("<rect").count(), 4);
        assert!(svg.contains("&lt;b&gt;") && !svg.contains("<b>"));
        assert!(timeline(&[], 0.0).contains("</svg>"));
    }
}
