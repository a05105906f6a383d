//! Charts as inline SVG: learning curves, scatter plots, box plots, confusion matrices.

use ndarray::ArrayView2;
use plotters::prelude::*;

/// Colours that stay apart for colour-blind readers (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// One curve of [`lines`].
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
    /// Curves of one group share a colour; the legend names each group once.
    pub(crate) group: usize,
    pub(crate) faint: bool,
}

/// Points of [`scatter`], each with a name shown on hover, and an optional straight line y = a + b x.
pub(crate) struct Scatter {
    pub(crate) points: Vec<(f64, f64, String)>,
    pub(crate) line: Option<(f64, f64)>,
}

fn range(values: impl Iterator<Item = f64>, margin: f64) -> std::ops::Range<f64> {
    let (low, high) = values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    let pad = ((high - low) * margin).max(1e-9 + 1e-3 * high.abs());
    low - pad..high + pad
}

/// Draws with `draw` into an SVG string; the page stays whole where a chart cannot be drawn.
fn svg(
    width: u32,
    height: u32,
    draw: impl FnOnce(&SvgArea) -> Result<(), Box<dyn std::error::Error>>,
) -> String {
    let mut text = String::new();
    let outcome = {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        draw(&area).and_then(|()| area.present().map_err(Into::into))
    };
    match outcome {
        Ok(()) => text.replacen("<svg ", "<svg role=\"img\" ", 1),
        Err(error) => format!("<p>This chart could not be drawn: {error}</p>"),
    }
}

type SvgArea<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Plane<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn plane<'a, 'b>(
    area: &'a SvgArea<'b>,
    (x, y): (std::ops::Range<f64>, std::ops::Range<f64>),
    (x_label, y_label): (&str, &str),
) -> Result<Plane<'a, 'b>, Box<dyn std::error::Error>> {
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(42)
        .y_label_area_size(58)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(228, 232, 238))
        .axis_style(RGBColor(93, 103, 120))
        .label_style(("sans-serif", 13))
        .x_labels(8)
        .y_labels(6)
        .x_desc(x_label)
        .y_desc(y_label)
        .draw()?;
    Ok(chart)
}

/// Curves over a common axis, with a legend.
pub(crate) fn lines(series: &[Series], x_label: &str, y_label: &str) -> String {
    svg(720, 340, |area| {
        let points = || series.iter().flat_map(|series| &series.points);
        let axes = (range(points().map(|p| p.0), 0.02), range(points().map(|p| p.1), 0.06));
        let mut chart = plane(area, axes, (x_label, y_label))?;
        let mut named = Vec::new();
        for series in series {
            let colour = COLOURS[series.group % COLOURS.len()];
            let style = ShapeStyle::from(&colour.mix(if series.faint { 0.35 } else { 1.0 }))
                .stroke_width(if series.faint { 1 } else { 2 });
            let finite = series.points.iter().copied().filter(|point| point.1.is_finite());
            let drawn = chart.draw_series(LineSeries::new(finite, style))?;
            if !named.contains(&series.group) {
                named.push(series.group);
                drawn
                    .label(&series.name)
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
            }
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(223, 227, 234))
            .label_font(("sans-serif", 13))
            .position(SeriesLabelPosition::UpperRight)
            .draw()?;
        Ok(())
    })
}

/// Points with names, and a fitted line.
pub(crate) fn scatter(data: &Scatter, x_label: &str, y_label: &str) -> String {
    svg(720, 340, |area| {
        let x = range(data.points.iter().map(|p| p.0), 0.08);
        let y = range(data.points.iter().map(|p| p.1), 0.08);
        let mut chart = plane(area, (x.clone(), y.clone()), (x_label, y_label))?;
        chart.draw_series(data.points.iter().map(|(x, y, name)| {
            EmptyElement::at((*x, *y))
                + Circle::new((0, 0), 4, COLOURS[0].filled())
                + Text::new(name.clone(), (7, -5), ("sans-serif", 11))
        }))?;
        if let Some((intercept, slope)) = data.line {
            let at = |x: f64| (x, (intercept + slope * x).clamp(y.start, y.end));
            chart.draw_series(LineSeries::new([at(x.start), at(x.end)], COLOURS[1].stroke_width(2)))?;
        }
        Ok(())
    })
}

/// One box of [`boxes`]: a name and its values.
pub(crate) struct Values {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    /// Boxes of one group share a colour.
    pub(crate) group: usize,
}

/// Box plots, one line each: median, quartiles, and whiskers to the least and greatest value.
pub(crate) fn boxes(rows: &[Values], x_label: &str) -> String {
    let rows: Vec<&Values> = rows.iter().filter(|row| !row.values.is_empty()).collect();
    let height = 70 + 30 * rows.len() as u32;
    svg(720, height, |area| {
        let x = range(rows.iter().flat_map(|row| row.values.iter().copied()), 0.05);
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(42)
            .margin_left(210)
            .build_cartesian_2d(x, 0.0..rows.len() as f64)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .light_line_style(WHITE)
            .bold_line_style(RGBColor(228, 232, 238))
            .axis_style(RGBColor(93, 103, 120))
            .label_style(("sans-serif", 13))
            .x_desc(x_label)
            .draw()?;
        for (index, row) in rows.iter().enumerate() {
            let middle = (rows.len() - index) as f64 - 0.5;
            let colour = COLOURS[row.group % COLOURS.len()];
            let mut sorted: Vec<f64> = row.values.iter().copied().filter(|value| value.is_finite()).collect();
            sorted.sort_by(f64::total_cmp);
            let Some(last) = sorted.len().checked_sub(1) else { continue };
            let quantile = |share: f64| {
                let place = share * last as f64;
                let below = sorted[place as usize];
                below + place.fract() * (sorted[(place as usize + 1).min(last)] - below)
            };
            let line = |from: (f64, f64), to: (f64, f64), width| {
                PathElement::new([from, to], colour.stroke_width(width))
            };
            let half = 0.3;
            chart.draw_series([
                line((sorted[0], middle), (quantile(0.25), middle), 1),
                line((quantile(0.75), middle), (sorted[last], middle), 1),
                line((quantile(0.5), middle - half), (quantile(0.5), middle + half), 3),
            ])?;
            let corners = [(quantile(0.25), middle - half), (quantile(0.75), middle + half)];
            chart.draw_series([
                Rectangle::new(corners, colour.mix(0.25).filled()),
                Rectangle::new(corners, colour.stroke_width(1)),
            ])?;
            let style = TextStyle::from(("sans-serif", 13).into_font()).color(&RGBColor(28, 35, 48));
            let (_, y) = chart.backend_coord(&(sorted[0], middle));
            area.draw_text(&row.name, &style, (10, y - 7))?;
        }
        Ok(())
    })
}

/// Counts `[truth, predicted]`, rows summing to one in the colours, counts in the cells.
pub(crate) fn confusion_matrix(counts: ArrayView2<u64>, names: &[String]) -> String {
    let classes = names.len();
    let cell = if classes <= 20 { 34 } else { 10 };
    let (left, bottom) = (170, 130);
    let side = (classes * cell) as i32;
    svg((left + side + 10) as u32, (10 + side + bottom) as u32, |area| {
        area.fill(&WHITE)?;
        let font = ("sans-serif", if classes <= 20 { 13 } else { 9 });
        for truth in 0..classes {
            let total = counts.row(truth).sum().max(1) as f64;
            let y = 10 + (truth * cell) as i32;
            area.draw(&Text::new(names[truth].clone(), (4, y + cell as i32 / 2 - 6), font.into_font()))?;
            for predicted in 0..classes {
                let count = counts[[truth, predicted]];
                let share = count as f64 / total;
                let x = left + (predicted * cell) as i32;
                let corner = (x + cell as i32 - 1, y + cell as i32 - 1);
                let shade = COLOURS[0].mix(0.06 + 0.94 * share).filled();
                area.draw(&Rectangle::new([(x, y), corner], shade))?;
                if count > 0 && classes <= 20 {
                    let ink = if share > 0.5 { WHITE } else { BLACK };
                    let style = font.into_font().color(&ink);
                    area.draw(&Text::new(count.to_string(), (x + 10, y + cell as i32 / 2 - 6), style))?;
                }
            }
        }
        let slanted = font.into_font().transform(FontTransform::Rotate90);
        for (predicted, name) in names.iter().enumerate() {
            let x = left + (predicted * cell + cell / 2) as i32 + 6;
            area.draw(&Text::new(name.clone(), (x, 16 + side), slanted.clone()))?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn charts_are_drawn_whatever_the_data() {
        let series =
            |points: Vec<(f64, f64)>| Series { name: "train".into(), points, group: 0, faint: false };
        for points in [vec![], vec![(1.0, 1.0)], vec![(0.0, f64::NAN), (1.0, 2.0), (2.0, 2.0)]] {
            let svg = lines(&[series(points)], "epoch", "loss");
            assert!(svg.starts_with("<svg") && svg.contains("epoch"), "{svg}");
        }
        let data = Scatter { points: vec![(1.0, 0.5, "wren <b>".into())], line: Some((0.0, 1.0)) };
        let svg = scatter(&data, "seconds", "accuracy");
        assert!(svg.contains("wren &lt;b&gt;"), "names are escaped");
        let row = |values: Vec<f64>| Values { name: "U-Net <i>".into(), values, group: 0 };
        for rows in [vec![], vec![row(vec![1.0])], vec![row(vec![1.0, f64::NAN, 3.0]), row(vec![])]] {
            assert!(boxes(&rows, "NSDR").starts_with("<svg"));
        }
        assert!(boxes(&[row(vec![1.0, 2.0])], "NSDR").contains("U-Net &lt;i&gt;"));
        let names = ["a".to_owned(), "b".to_owned()];
        assert!(confusion_matrix(array![[3, 0], [1, 2]].view(), &names).contains(">\n3\n<"));
    }
}
