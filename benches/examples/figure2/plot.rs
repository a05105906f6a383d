//! The figure: one panel per family, one line per setting, error bars.

use crate::Curve;
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

pub fn figure(path: &Path, title: &str, snrs: &[f64], curves: &[Curve]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, (960, 360)).into_drawing_area();
    root.fill(&WHITE)?;
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let low = points().map(|point| point.low).fold(0.0, f64::min).floor();
    let high = points().map(|point| point.high).fold(0.0, f64::max).ceil();
    // Room on the right for the names of the lines.
    let (first, last) = (snrs[0] - 1.0, snrs[snrs.len() - 1] + 13.0);
    for (panel, family) in root.split_evenly((1, 3)).iter().zip(["NMF", "NMU", "NNE"]) {
        let mut chart = ChartBuilder::on(panel)
            .caption(format!("{family}, {title}"), ("sans-serif", 15))
            .margin(6)
            .x_label_area_size(36)
            .y_label_area_size(42)
            .build_cartesian_2d(first..last, low..high)?;
        chart
            .configure_mesh()
            .x_labels(8)
            .x_desc("input SNR / dB")
            .y_desc("SDR improvement / dB")
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (index, curve) in curves.iter().filter(|curve| curve.family == family).enumerate() {
            let color = Palette99::pick(index).to_rgba();
            let line = curve.points.iter().map(|point| (point.snr, point.improvement));
            chart
                .draw_series(LineSeries::new(line, color.stroke_width(2)))?
                .label(&curve.setting)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
            chart.draw_series(curve.points.iter().map(|point| {
                // Side by side, so that the bars of different lines can be told apart.
                let x = point.snr + 0.25 * (index as f64 - 2.0);
                PathElement::new([(x, point.low), (x, point.high)], color.stroke_width(1))
            }))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .draw()?;
    }
    root.present()?;
    Ok(())
}
