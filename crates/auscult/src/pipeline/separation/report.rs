//! The report's section of a separation run: the paper's tables and figures, ours beside them.

use maud::{Markup, html};

use super::estimates::Rendering;
use super::recipe::Recipe;
use super::results::{Comparison, Results, Row, STEMS};
use super::train::picture_path;
use crate::pipeline::metrics::Figure;
use crate::report::{Series, Values, boxes, data_uri, figure, lines};
use crate::{Error, Result, Run};

/// Paper 004, Tables 2 and 3: measure, stem, then U-Net and the baseline without skip connections on iKala, on MedleyDB.
const PAPER: [(&str, &str, [f64; 4]); 6] = [
    ("nsdr", "vocals", [11.094, 8.549, 8.681, 7.877]),
    ("nsdr", "accompaniment", [14.435, 10.906, 7.945, 6.370]),
    ("sir", "vocals", [23.960, 20.402, 15.308, 14.336]),
    ("sir", "accompaniment", [21.832, 14.304, 21.975, 16.928]),
    ("sar", "vocals", [17.715, 15.481, 11.301, 10.632]),
    ("sar", "accompaniment", [14.120, 12.002, 15.462, 15.332]),
];

/// The section of one finished run.
///
/// # Errors
/// [`Error::Run`] where the run is not finished.
pub fn section(run: &Run) -> Result<Markup> {
    let results: Results = run.results()?;
    let toml = std::fs::read_to_string(run.path("recipe.toml"))
        .map_err(Error::io("read", run.path("recipe.toml")))?;
    let recipe: Recipe = toml::from_str(&toml).map_err(Error::part("recipe.toml"))?;
    let seeds: Vec<String> = recipe.protocol.seeds.iter().map(u64::to_string).collect();
    let pictures = pictures(run, &recipe)?;
    Ok(html! {
        h2 { "The voice and the band, apart" }
        p { (recipe.about) }
        p {
            (results.tested) " of " (results.songs) " songs are tested, of " (results.groups) " groups (singers, songs); networks learnt from "
            (format!("{:.1}", results.taught / 60.0)) " minutes and chose their weights on songs of other groups; no group is on two sides. "
            "Seeds " (seeds.join(", ")) ": a song's score is the mean over them. Intervals are 95 % bootstraps over groups"
            @if results.groups < 5 { "; with so few groups they say little" } "."
        }
        @for native in [false, true] {
            @let rows: Vec<&Row> = results.rows.iter().filter(|row| row.native == native).collect();
            @if !rows.is_empty() {
                h3 { @if native { "At the songs' own rates" } @else { "At the network's rate" } }
                (means(&rows))
            }
        }
        h3 { "NSDR over songs (as the paper's Tables 4 and 5)" }
        (spreads(&results))
        (comparisons(&results.comparisons))
        h3 { "The paper's figures beside ours" }
        (paper(&results, &recipe))
        h3 { "Distributions (the paper's Fig. 2)" }
        @for stem in STEMS { @for (measure, label) in [("nsdr", "NSDR"), ("sir", "SIR"), ("sar", "SAR")] {
            (figure(&distribution(&results, stem, measure, &format!("{label} of {stem}, dB")),
                &format!("{label} of the {stem} of every tested song at the network's rate: median, quartiles, least and greatest.")))
        } }
        @if !pictures.is_empty() {
            h3 { "Masks (the paper's Fig. 3)" }
            p.dim { "The voice's mask in the first patch of the first tested song; time runs right, low frequencies are at the bottom, bright is voice." }
            div.grid { @for (name, picture) in &pictures { figure {
                img src=(data_uri("image/png", picture)) alt=(format!("mask of {name}"));
                figcaption { (name) }
            } } }
        }
        @if !results.amounts.is_empty() {
            h3 { "How much music it takes (the paper's open question)" }
            (figure(&amounts(&results), "NSDR of the first contender, own masks, by minutes of training songs."))
        }
        h3 { "Training" }
        (figure(&curves(&results), "The paper's equation 1 on training (bold) and validation patches (faint), every fold and seed."))
        details { summary { "Recipe" } pre { (toml) } }
    })
}

fn name(row: &Row) -> String {
    match row.rendering {
        Rendering::Baseline => row.model.clone(),
        rendering => format!("{}, {}", row.model, rendering.name()),
    }
}

fn db(figure: &Figure) -> String {
    format!("{:.2} ({:.2} to {:.2})", figure.value, figure.low, figure.high)
}

fn means(rows: &[&Row]) -> Markup {
    let measures = ["nsdr", "sir", "sar", "sdr_v4"];
    html! { div.scroll { table {
        tr { th { "" } @for stem in STEMS { th colspan="4" { (stem) ", dB" } } th {} th {} th {} }
        tr {
            th { "stems" }
            @for _ in STEMS { th.n { "NSDR" } th.n { "SIR" } th.n { "SAR" } th.n { "SDR, v4" } }
            th.n { "vocals NSDR by seed" } th.n { "parameters" } th.n { "seconds a network" }
        }
        @for row in rows {
            tr.best[row.rendering == Rendering::Product] {
                td { (name(row)) }
                @for stem in STEMS { @for measure in measures {
                    td.n { @match row.measures.get(&format!("{stem}_{measure}")) {
                        Some(spread) if measure == "nsdr" => (db(&spread.mean)),
                        Some(spread) => (format!("{:.2}", spread.mean.value)),
                        None => "—",
                    } }
                } }
                td.n { (row.per_seed.iter().map(|nsdr| format!("{nsdr:.2}")).collect::<Vec<_>>().join(" ")) }
                td.n { @if row.parameters > 0 { (row.parameters) } @else { "—" } }
                td.n { @if row.parameters > 0 { (format!("{:.0}", row.seconds)) } @else { "—" } }
            }
        }
    } } }
}

fn spreads(results: &Results) -> Markup {
    html! { @for stem in STEMS { div.scroll { table {
        tr { th { (stem) } th.n { "mean" } th.n { "SD" } th.n { "min" } th.n { "max" } th.n { "median" } }
        @for row in results.rows.iter().filter(|row| !row.native) {
            @if let Some(spread) = row.measures.get(&format!("{stem}_nsdr")) {
                tr {
                    td { (name(row)) }
                    @for value in [spread.mean.value, spread.deviation, spread.min, spread.max, spread.median] {
                        td.n { (format!("{value:.3}")) }
                    }
                }
            }
        }
    } } } }
}

fn comparisons(comparisons: &[Comparison]) -> Markup {
    html! { div.scroll { table {
        tr { th { "difference of NSDR on the same songs, dB" } th.n { "vocals" } th.n { "accompaniment" } }
        @for comparison in comparisons {
            tr { td { (comparison.what) } td.n { (db(&comparison.vocals)) } td.n { (db(&comparison.accompaniment)) } }
        }
    } } }
}

fn paper(results: &Results, recipe: &Recipe) -> Markup {
    let first = &recipe.contenders[0].name;
    let without = recipe.contenders.iter().find(|contender| !contender.network.skip);
    let ours = |model: Option<&String>, stem: &str, measure: &str| {
        let row = results
            .rows
            .iter()
            .find(|row| Some(&row.model) == model && row.rendering == Rendering::Paper && !row.native);
        row.and_then(|row| row.measures.get(&format!("{stem}_{measure}")))
            .map_or_else(|| "—".to_owned(), |spread| format!("{:.3}", spread.mean.value))
    };
    html! {
        div.scroll { table {
            tr { th { "mean, dB" } th.n { "paper, iKala: U-Net" } th.n { "without skips" } th.n { "MedleyDB: U-Net" } th.n { "without skips" }
                 th.n { "ours: " (first) } th.n { "without skips" } th { "same data" } }
            @for (measure, stem, values) in PAPER {
                tr {
                    td { (measure.to_uppercase()) " " (stem) }
                    @for value in values { td.n { (format!("{value:.3}")) } }
                    td.n { (ours(Some(first), stem, measure)) }
                    td.n { (ours(without.map(|contender| &contender.name), stem, measure)) }
                    td { "no" }
                }
            }
        } }
        p.dim {
            "Paper: Jansson et al., Singing Voice Separation with Deep U-Net Convolutional Networks, ISMIR 2017; trained on some 20,000 pairs of songs "
            "that cannot be had, tested on iKala, which is no longer given out, and on MedleyDB. Ours are other songs, so the columns "
            "cannot be compared, only read side by side."
        }
    }
}

fn distribution(results: &Results, stem: &str, measure: &str, label: &str) -> String {
    let key = format!("{stem}_{measure}");
    let mut models: Vec<&str> = Vec::new();
    let mut rows = Vec::new();
    for row in results.rows.iter().filter(|row| !row.native) {
        // A model has the same colour in every figure, whether it is in all of them or not.
        let group = models.iter().position(|known| *known == row.model).unwrap_or_else(|| {
            models.push(&row.model);
            models.len() - 1
        });
        // The mixture has no artifacts: its ratio would only stretch the axis.
        if row.model == "mixture" && measure == "sar" {
            continue;
        }
        let clips = results.clips.iter().filter(|clip| {
            (&clip.model, clip.rendering, clip.native) == (&row.model, row.rendering, row.native)
        });
        let values = clips.filter_map(|clip| clip.measures.get(&key).copied()).collect();
        rows.push(Values { name: name(row), values, group });
    }
    boxes(&rows, label)
}

/// The mask of every contender's first seed and of the truth.
fn pictures(run: &Run, recipe: &Recipe) -> Result<Vec<(String, Vec<u8>)>> {
    let seed = recipe.protocol.seeds[0];
    let of_contenders = recipe
        .contenders
        .iter()
        .map(|contender| (contender.name.clone(), format!("fold0-seed{seed}-{}", contender.name)));
    let truth = ("ideal ratio mask".to_owned(), "fold0-baselines".to_owned());
    let mut pictures = Vec::new();
    for (name, job) in of_contenders.chain([truth]) {
        let file = picture_path(&run.path("jobs").join(job));
        match std::fs::read(&file) {
            Ok(picture) => pictures.push((name, picture)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("read", &file)(error)),
        }
    }
    Ok(pictures)
}

fn amounts(results: &Results) -> String {
    let curve = |name: &str, group, of: fn(&super::results::Amount) -> f64| Series {
        name: name.into(),
        points: results.amounts.iter().map(|amount| (amount.seconds / 60.0, of(amount))).collect(),
        group,
        faint: false,
    };
    let series = [
        curve("vocals", 0, |amount| amount.vocals.value),
        curve("accompaniment", 1, |amount| amount.accompaniment.value),
    ];
    lines(&series, "minutes of training songs", "NSDR, dB")
}

fn curves(results: &Results) -> String {
    let mut models: Vec<&str> = Vec::new();
    let mut series = Vec::new();
    for (model, points) in &results.curves {
        let group = models.iter().position(|known| known == model).unwrap_or_else(|| {
            models.push(model);
            models.len() - 1
        });
        let epoch = |point: &super::train::CurvePoint| (point.epoch + 1) as f64;
        let train = points.iter().map(|point| (epoch(point), point.train_loss)).collect();
        let valid = points.iter().filter_map(|point| Some((epoch(point), point.valid_loss?))).collect();
        series.push(Series { name: model.clone(), points: train, group, faint: false });
        series.push(Series { name: model.clone(), points: valid, group, faint: true });
    }
    lines(&series, "epoch", "loss, a patch's mean")
}
