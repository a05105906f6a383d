//! The figures.

use std::path::Path;

use auscult_dereverb::ndarray::Array2;
use plotters::prelude::*;

use crate::measures::{NAMES, envelope};
use crate::methods::METHODS;
use crate::scenes::REVERBERATION_TIMES;
use crate::table::{Row, mean};
use crate::{Failure, RATE};

/// Methods drawn, of [`METHODS`].
const DRAWN: [usize; 4] = [1, 2, 4, 5];

/// Gain in SI-SDR and log-spectral distance against the reverberation time, speakers that stand and that move.
pub fn gains(path: &Path, rows: &[Row]) -> Result<(), Failure> {
    let root = SVGBackend::new(path, (900, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let panels = root.split_evenly((2, 2));
    for (panel, (which, kind)) in
        panels.iter().zip([(0, "static"), (0, "moving"), (2, "static"), (2, "moving")])
    {
        let mut lines = Vec::new();
        for &method in &DRAWN {
            let mut line = Vec::new();
            for seconds in REVERBERATION_TIMES {
                let of = |row: &Row| row.scene.kind == kind && row.scene.seconds == seconds;
                if let Some([value, low, high]) = mean(rows, METHODS[method], which, true, of)? {
                    line.push((seconds, value, low, high));
                }
            }
            lines.push(line);
        }
        let all = || lines.iter().flatten();
        let low = all().map(|point| point.2).fold(0.0, f64::min).floor();
        let high = all().map(|point| point.3).fold(0.0, f64::max).ceil();
        let mut chart = ChartBuilder::on(panel)
            .caption(format!("{}, {kind} speaker", NAMES[which]), ("sans-serif", 15))
            .margin(6)
            .x_label_area_size(34)
            .y_label_area_size(42)
            .build_cartesian_2d(0.15..0.85, low..high)?;
        chart
            .configure_mesh()
            .x_desc("reverberation time / s")
            .y_desc("change / dB")
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (index, (line, &method)) in lines.iter().zip(&DRAWN).enumerate() {
            let color = Palette99::pick(index).to_rgba();
            let points = line.iter().map(|point| (point.0, point.1));
            chart
                .draw_series(LineSeries::new(points, color.stroke_width(2)))?
                .label(METHODS[method])
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
            chart.draw_series(line.iter().map(|&(x, _, low, high)| {
                // side by side, so that the bars of different lines can be told apart
                let x = x + 0.006 * (index as f64 - 1.5);
                PathElement::new([(x, low), (x, high)], color.stroke_width(1))
            }))?;
        }
        if (which, kind) == (0, "static") {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::LowerRight)
                .background_style(WHITE.mix(0.8))
                .draw()?;
        }
    }
    root.present()?;
    Ok(())
}

/// Methods drawn over the unprocessed sound.
const BEFORE_AND_AFTER: [usize; 3] = [0, 1, 4];

/// Level of the first channel of a recording over time, before and after.
pub fn envelopes(path: &Path, processed: &[Array2<f64>]) -> Result<(), Failure> {
    let level = |samples: &Array2<f64>| envelope(&samples.row(0).to_vec());
    let levels: Vec<_> = BEFORE_AND_AFTER.iter().map(|&method| level(&processed[method])).collect();
    curves(path, &levels, 0.032, "level of channel 1 / dB")
}

/// Level of the responses [method][speaker][sample] in steps of 8 ms, mean over the speakers.
pub fn responses(path: &Path, responses: &[Vec<Vec<f64>>]) -> Result<(), Failure> {
    let step = 8 * RATE as usize / 1000;
    let level = |responses: &Vec<Vec<f64>>| -> Vec<f64> {
        let blocks = responses[0].len() / step;
        let energy =
            |n: usize| responses.iter().flat_map(|r| &r[n * step..][..step]).map(|x| x * x).sum::<f64>();
        (0..blocks).map(|n| 10.0 * (energy(n) + 1e-12).log10()).collect()
    };
    let levels: Vec<_> = BEFORE_AND_AFTER.iter().map(|&method| level(&responses[method])).collect();
    curves(path, &levels, 0.008, "response from the dry speech / dB")
}

/// Levels of [`BEFORE_AND_AFTER`] in steps of `step` seconds, 0 dB the highest.
fn curves(path: &Path, levels: &[Vec<f64>], step: f64, what: &str) -> Result<(), Failure> {
    let root = SVGBackend::new(path, (900, 300)).into_drawing_area();
    root.fill(&WHITE)?;
    let top = levels.iter().flatten().copied().fold(f64::NEG_INFINITY, f64::max);
    let end = step * levels[0].len() as f64;
    let mut chart = ChartBuilder::on(&root)
        .margin(6)
        .x_label_area_size(34)
        .y_label_area_size(42)
        .build_cartesian_2d(0.0..end, -60.0..3.0)?;
    chart.configure_mesh().x_desc("time / s").y_desc(what).light_line_style(TRANSPARENT).draw()?;
    for (index, (levels, &method)) in levels.iter().zip(&BEFORE_AND_AFTER).enumerate() {
        let color = if method == 0 { BLACK.mix(0.5) } else { Palette99::pick(index).to_rgba() };
        let line = levels.iter().enumerate().map(|(n, level)| (step * n as f64, level - top));
        chart
            .draw_series(LineSeries::new(line, color.stroke_width(1)))?
            .label(METHODS[method])
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).draw()?;
    root.present()?;
    Ok(())
}
