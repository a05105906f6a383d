//! The svd section of a report: what was done, figures with intervals, costs, stress tests, the paper beside it.

use maud::{Markup, html};

use super::recipe::{Protocol, Recipe};
use super::results::{Results, Score};
use super::splits::Scheme;
use crate::pipeline::metrics::percent;
use crate::report::{Scatter, Series, figure, lines, scatter};
use crate::{Error, Result, Run};

/// A row of paper 003: the contender that repeats it, the network, Table 2 (accuracy on RWC, MIR-1K, JMD, their mean, and
/// the union JRM), Table 3 (millions of parameters, minutes on a Titan Xp).
struct PaperRow(&'static str, &'static str, [f64; 5], f64, u32);

const PAPER: [PaperRow; 9] = [
    PaperRow("scnn", "SCNN", [0.879, 0.876, 0.868, 0.874, 0.873], 1.4, 7),
    PaperRow("bi-lstm", "Bi-LSTM", [0.875, 0.865, 0.875, 0.872, 0.878], 0.1, 97),
    PaperRow("se-resnet-14", "SE-ResNet-14", [0.899, 0.880, 0.890, 0.890, 0.890], 2.8, 8),
    PaperRow("se-resnet-18", "SE-ResNet-18", [0.895, 0.882, 0.877, 0.885, 0.890], 11.0, 10),
    PaperRow("se-resnet-34", "SE-ResNet-34", [0.891, 0.881, 0.897, 0.890, 0.891], 21.0, 14),
    PaperRow("se-resnet-50", "SE-ResNet-50", [0.912, 0.869, 0.877, 0.886, 0.899], 26.0, 18),
    PaperRow("se-resnet-101", "SE-ResNet-101", [0.910, 0.870, 0.846, 0.875, 0.897], 47.0, 24),
    PaperRow("se-resnet-152", "SE-ResNet-152", [0.901, 0.880, 0.885, 0.888, 0.901], 65.0, 29),
    PaperRow("se-resnet-200", "SE-ResNet-200", [0.900, 0.873, 0.881, 0.884, 0.887], 118.0, 41),
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
    let first = &recipe.contenders[0].name;
    let seeds: Vec<String> = recipe.protocol.seeds.iter().map(u64::to_string).collect();
    Ok(html! {
        h2 { "Where does somebody sing?" }
        p { (recipe.about) }
        p { (results.songs) " songs, " (format!("{:.0}", results.minutes)) " minutes"
            @if results.artists > 0 { ", " (results.artists) " artists" } ", from "
            @for manifest in recipe.data.manifests() { code { (manifest.display()) } " " }
            "; seeds " (seeds.join(", ")) ". "
            "Every " (recipe.protocol.test_hop) " frames one moment is scored. Intervals are 95 % bootstraps over stretches of ten "
            "seconds of the tested songs: they tell how sure the figure is for these songs, not for all songs there are. "
            "Epoch, threshold and median are chosen on validation songs, which are neither trained nor tested on." }
        @for scheme in [Scheme::Official, Scheme::NewArtists, Scheme::NewSongs] {
            @if results.scores.iter().any(|score| score.scheme == scheme) {
                h3 { (title(scheme)) }
                p.dim { (meaning(scheme, &recipe.protocol)) }
                (scores(&results, scheme, first))
                (songs(&results, scheme, first))
            }
        }
        @if !results.comparisons.is_empty() { (comparisons(&results, first)) }
        @if let Some(svg) = depths(&results, &recipe) {
            h3 { "Accuracy against depth" }
            (figure(&svg, "Accuracy of SE-ResNets of the published width against the logarithm of their depth, same songs and training."))
        }
        h3 { "What it costs (the paper's Table 3)" }
        (costs(&results))
        @if !results.stress.is_empty() { h3 { "Stress tests" } (stress(&results, first)) }
        h3 { "The paper's figures" }
        (paper(&results))
        @if !results.curves.is_empty() {
            h3 { "Learning curves" }
            (figure(&curves(&results), "Training loss (bold) and, where an epoch is chosen by it, validation loss (faint) of every split and seed."))
        }
        details { summary { "Recipe" } pre { (toml) } }
    })
}

fn title(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Official => "Test songs of the corpus",
        Scheme::NewArtists => "Songs of unseen artists",
        Scheme::NewSongs => "Unseen songs, artists perhaps heard before",
    }
}

fn meaning(scheme: Scheme, protocol: &Protocol) -> String {
    match scheme {
        Scheme::Official => "The manifest's own split; its test songs are only scored.".into(),
        Scheme::NewArtists => format!(
            "{} fold(s) a seed. Whoever sings a test song is not heard in training; an artist with more than half of all songs always trains and is never tested.",
            protocol.artist_folds
        ),
        Scheme::NewSongs => format!(
            "{} folds a seed: every song is tested once by a model that has not heard it, but mostly has heard its singer, microphone and mix. This flatters.",
            protocol.song_folds
        ),
    }
}

const COLUMNS: [(&str, &str); 7] = [
    ("auc", "AUC, %"),
    ("accuracy", "accuracy, %"),
    ("plain_auc", "AUC, unsmoothed, %"),
    ("plain_accuracy", "at one half, unsmoothed, %"),
    ("f1", "F1, %"),
    ("false_positive_rate", "false alarms, %"),
    ("false_negative_rate", "missed, %"),
];

fn scores(results: &Results, scheme: Scheme, first: &str) -> Markup {
    html! { div.scroll { table {
        tr { th { "model" } @for (_, name) in COLUMNS { th.n { (name) } } th.n { "AUC by seed, %" } th.n { "songs" } }
        @for score in results.scores.iter().filter(|score| score.scheme == scheme) {
            tr.best[score.model == first] {
                td { (score.model) @if score.parameters == 0 { " " small { "(baseline)" } } }
                @for (name, _) in COLUMNS { td.n { (percent(score.metrics.get(name))) } }
                td.n { (score.per_seed.iter().map(|(auc, _)| format!("{:.1}", 100.0 * auc)).collect::<Vec<_>>().join(" ")) }
                td.n { (score.metrics.get("accuracy").map_or(0, |figure| figure.n)) }
            }
        }
    } } }
}

fn songs(results: &Results, scheme: Scheme, first: &str) -> Markup {
    let score = results.scores.iter().find(|score| score.scheme == scheme && score.model == first);
    html! { @if let Some(score) = score {
        details { summary { "Song by song (" (first) ")" }
            div.scroll { table {
                tr { th { "song" } th.n { "AUC, %" } th.n { "accuracy, %" } }
                @for (song, auc, accuracy) in &score.per_song {
                    tr {
                        td { (song) }
                        td.n { (auc.map_or_else(|| "—".into(), |auc| format!("{:.1}", 100.0 * auc))) }
                        td.n { (format!("{:.1}", 100.0 * accuracy)) }
                    }
                }
            } }
        }
    } }
}

fn comparisons(results: &Results, first: &str) -> Markup {
    html! {
        h3 { (first) " against the others, on the same songs" }
        div.scroll { table {
            tr { th { "scheme" } th { "against" } th.n { "difference of AUC, points" } th.n { "difference of accuracy, points" } }
            @for comparison in &results.comparisons {
                tr {
                    td { (comparison.scheme.name()) } td { (comparison.against) }
                    td.n { (percent(Some(&comparison.auc))) } td.n { (percent(Some(&comparison.accuracy))) }
                }
            }
        } }
    }
}

/// Accuracy against depth for SE-ResNets of the published width, where there are at least two.
fn depths(results: &Results, recipe: &Recipe) -> Option<String> {
    let points: Vec<(f64, f64, String)> = results
        .scores
        .iter()
        .filter(|score| score.scheme == results.headline)
        .filter_map(|score| {
            let contender = recipe.contenders.iter().find(|contender| contender.name == score.model)?;
            match &contender.network {
                auscult_models_tch::Network::SeResNet(params) if params.width == 64 => {
                    let accuracy = score.metrics.get("accuracy")?.value;
                    Some((f64::log2(params.depth as f64), accuracy, params.depth.to_string()))
                }
                _ => None,
            }
        })
        .collect();
    (points.len() > 1).then(|| scatter(&Scatter { points, line: None }, "log2 of the depth", "accuracy"))
}

fn costs(results: &Results) -> Markup {
    let mut shown: Vec<&Score> = Vec::new();
    for score in results.scores.iter().filter(|score| score.parameters > 0) {
        if !shown.iter().any(|earlier| earlier.model == score.model) {
            shown.push(score);
        }
    }
    html! {
        div.scroll { table {
            tr { th { "model" } th.n { "parameters" } th.n { "ms a training step" } th.n { "waits for data, %" } th.n { "s a minute of music" } th.n { "s a split" } th.n { "paper: millions of parameters" } th.n { "paper: minutes" } }
            @for score in shown {
                tr {
                    td { (score.model) } td.n { (score.parameters) }
                    td.n { (format!("{:.0}", 1e3 * score.step_seconds)) } td.n { (format!("{:.1}", 100.0 * score.data_wait)) }
                    td.n { (format!("{:.2}", score.seconds_a_minute)) } td.n { (format!("{:.0}", score.seconds)) }
                    @match PAPER.iter().find(|row| row.0 == score.model) {
                        Some(PaperRow(.., millions, minutes)) => { td.n { (millions) } td.n { (minutes) } }
                        None => { td.n { "—" } td.n { "—" } }
                    }
                }
            }
        } }
        p.dim { "On the machine of the run, whatever else it did; a step has as many examples as the recipe's batch, a minute is scored at the "
            "recipe's hop, features excluded; the paper's minutes are those of its Table 3, on a Titan Xp, for its largest corpus. Depth 200 has 80.95 million parameters by the paper's own table of blocks, which counts 118." }
    }
}

fn stress(results: &Results, first: &str) -> Markup {
    html! {
        p.dim { "Of " (first) ", means over splits and seeds; threshold and median as chosen on validation songs." }
        div.scroll { table {
            tr { th { "test" } th.n { "AUC, %" } th.n { "accuracy, %" } th.n { "false alarms, %" } }
            @for stress in &results.stress {
                tr {
                    td { (stress.test) }
                    td.n { (stress.auc.map_or_else(|| "—".into(), |auc| format!("{:.1}", 100.0 * auc))) }
                    td.n { (format!("{:.1}", 100.0 * stress.accuracy)) } td.n { (format!("{:.1}", 100.0 * stress.false_alarms)) }
                }
            }
        } }
    }
}

/// Table 2, ours beside it where the model has a name of the paper's.
fn paper(results: &Results) -> Markup {
    let ours = |name: &str| {
        let score =
            results.scores.iter().find(|score| score.model == name && score.scheme == results.headline);
        percent(score.and_then(|score| score.metrics.get("plain_accuracy")))
    };
    html! {
        div.scroll { table {
            tr { th { "accuracy" } @for corpus in ["RWC", "MIR-1K", "JMD", "mean", "union"] { th.n { (corpus) } } th.n { "here, %" } th { "same data" } }
            @for PaperRow(name, title, accuracies, ..) in PAPER {
                tr {
                    td { (title) }
                    @for accuracy in accuracies { td.n { (format!("{accuracy:.3}")) } }
                    td.n { (ours(name)) } td { (if results.headline == Scheme::Official { "if the recipe's corpora are" } else { "no" }) }
                }
            }
        } }
        p.dim {
            "Paper: Gui et al., Singing Voice Detection Based on a Deeper Convolutional Neural Network, 2022. Ours is decided as in the paper: the "
            "more probable class, no smoothing. On other songs the columns can be read side by side, not compared."
        }
    }
}

fn curves(results: &Results) -> String {
    let mut models: Vec<&str> = Vec::new();
    let mut series = Vec::new();
    for (model, points) in &results.curves {
        let group = models.iter().position(|known| known == model).unwrap_or_else(|| {
            models.push(model);
            models.len() - 1
        });
        let losses: [Vec<(f64, f64)>; 2] = [
            points.iter().map(|point| ((point.epoch + 1) as f64, point.train_loss)).collect(),
            points.iter().filter_map(|point| Some(((point.epoch + 1) as f64, point.valid_loss?))).collect(),
        ];
        for (points, faint) in losses.into_iter().zip([false, true]) {
            if !points.is_empty() {
                series.push(Series { name: model.clone(), points, group, faint });
            }
        }
    }
    lines(&series, "epoch", "cross-entropy")
}
