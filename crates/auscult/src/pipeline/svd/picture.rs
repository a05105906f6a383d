//! The probability of singing over the spectrogram, as one SVG that needs nothing else.

use std::fmt::Write as _;

use super::infer::Heard;
use crate::report::{data_uri, heat_map};

/// Width and height of the plot, and room for the numbers of its axes, pixels.
const SIZE: (f64, f64) = (1200.0, 320.0);
const MARGIN: (f64, f64) = (48.0, 34.0);

/// Columns the spectrogram is thinned to.
const COLUMNS: usize = 2400;

/// Draws what was heard; `threshold` is the line above which there is singing.
///
/// `None` where [`InferOptions::picture`](super::InferOptions::picture) did not ask for the spectrogram.
#[must_use]
pub fn picture(heard: &Heard, threshold: f64) -> Option<String> {
    let spectrogram = heard.spectrogram.as_ref()?;
    let every = spectrogram.nrows().div_ceil(COLUMNS).max(1);
    let moments: Vec<usize> = (0..spectrogram.nrows()).step_by(every).collect();
    let thin = spectrogram.select(ndarray::Axis(0), &moments);
    let mut sorted: Vec<f32> = thin.iter().copied().filter(|level| level.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let quantile = |share: f64| {
        sorted.get((share * sorted.len().saturating_sub(1) as f64) as usize).copied().unwrap_or(0.0)
    };
    let image = data_uri("image/png", &heat_map(thin.view(), quantile(0.05), quantile(0.999)));
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut svg, heard, threshold, &image);
    Some(svg)
}

fn write(svg: &mut String, heard: &Heard, threshold: f64, image: &str) -> std::fmt::Result {
    let ((width, height), (left, bottom)) = (SIZE, MARGIN);
    let seconds = heard.seconds.max(1e-3);
    let x = |time: f64| left + width * time / seconds;
    let y = |probability: f64| 10.0 + height * (1.0 - probability);
    let (whole, tall) = (left + width + 12.0, 10.0 + height + bottom);
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {tall}" font-family="sans-serif" font-size="13">"#
    )?;
    writeln!(svg, r##"<rect width="{whole}" height="{tall}" fill="#fff"/>"##)?;
    writeln!(
        svg,
        r#"<image x="{left}" y="10" width="{width}" height="{height}" preserveAspectRatio="none" href="{image}"/>"#
    )?;
    for segment in &heard.segments {
        let (start, length) = (x(segment.start), x(segment.end) - x(segment.start));
        writeln!(
            svg,
            r##"<rect x="{start:.1}" y="{:.1}" width="{length:.1}" height="8" fill="#56b4e9"><title>{:.1} s to {:.1} s, {:.0} %</title></rect>"##,
            y(0.0) - 8.0,
            segment.start,
            segment.end,
            100.0 * segment.probability
        )?;
    }
    writeln!(
        svg,
        r##"<line x1="{left}" x2="{0}" y1="{1:.1}" y2="{1:.1}" stroke="#fff" stroke-dasharray="4 4" opacity="0.7"/>"##,
        left + width,
        y(threshold)
    )?;
    // Several moments may share a pixel: the greatest is drawn.
    let a_pixel = (heard.probabilities.len() as f64 / width).ceil().max(1.0) as usize;
    let points = heard.probabilities.chunks(a_pixel).enumerate().map(|(index, chunk)| {
        let greatest = chunk.iter().copied().fold(0.0, f64::max);
        format!("{:.1},{:.1}", x((index * a_pixel) as f64 * heard.hop), y(greatest))
    });
    let points: Vec<String> = points.collect();
    writeln!(
        svg,
        r##"<polyline fill="none" stroke="#fff" stroke-width="1.5" points="{}"/>"##,
        points.join(" ")
    )?;
    for tenths in [0, 5, 10] {
        let value = f64::from(tenths) / 10.0;
        writeln!(
            svg,
            r#"<text x="{}" y="{:.1}" text-anchor="end">{value}</text>"#,
            left - 6.0,
            y(value) + 4.0
        )?;
    }
    let step = [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];
    let step = step.into_iter().find(|step| seconds / step <= 14.0).unwrap_or(3600.0);
    for tick in 0..=(seconds / step) as usize {
        let time = tick as f64 * step;
        let clock = format!("{}:{:02}", time as usize / 60, time as usize % 60);
        writeln!(
            svg,
            r#"<text x="{:.1}" y="{}" text-anchor="middle">{clock}</text>"#,
            x(time),
            height + 28.0
        )?;
    }
    writeln!(svg, "</svg>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::svd::SungSegment;
    use ndarray::Array2;

    #[test]
    fn pictures_hold_spectrogram_curve_and_segments() {
        let mut heard = Heard {
            segments: vec![SungSegment { start: 1.0, end: 2.0, probability: 0.9 }],
            probabilities: vec![0.0, 0.5, 1.0, 0.2],
            hop: 1.0,
            seconds: 4.0,
            damage: Vec::new(),
            spectrogram: Some(Array2::from_shape_fn((4, 80), |(t, band)| (t * band) as f32)),
        };
        let svg = picture(&heard, 0.5).unwrap();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        for part in ["data:image/png;base64", "<polyline", "1.0 s to 2.0 s, 90 %", "0:04", "stroke-dasharray"]
        {
            assert!(svg.contains(part), "{part} is not in {svg}");
        }
        heard.spectrogram = None;
        assert!(picture(&heard, 0.5).is_none());
    }
}
