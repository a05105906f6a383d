//! The birds section of a report: what was done, figures with intervals, pictures, the paper beside it.

use std::path::Path;

use maud::{Markup, html};
use ndarray::Array2;

use super::features::FeatureExtractor;
use super::recipe::Recipe;
use super::results::{Results, Score, SpeciesScore};
use super::train::Scheme;
use super::{Recording, read_manifest};
use crate::pipeline::metrics::percent;
use crate::report::{Scatter, Series, confusion_matrix, data_uri, figure, heat_map, lines, scatter};
use crate::table::Table;
use crate::{Error, Result, Run};

/// Paper 001: figure, value.
const PAPER: [(&str, f64); 8] = [
    ("random guess", 0.011),
    ("Gaussian naive Bayes, test", 0.05934),
    ("version 16, selection score", 0.0762),
    ("version 18, selection score", 0.1238),
    ("version 17, selection score", 0.1868),
    ("version 20, selection score", 0.1927),
    ("version 20, test at five offsets, mean", 0.22791),
    ("version 20, test at five offsets, deviation", 0.00714),
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
    let examples = examples(&recipe).unwrap_or_default();
    Ok(html! {
        h2 { "Which bird is that?" }
        p { (recipe.about) }
        p { (results.recordings) " recordings of " (results.species.len()) " species from "
            code { (recipe.data.manifest.display()) } "; seeds " (list(&recipe.protocol.seeds)) ". "
            "Intervals are 95 % bootstraps over recordings; a recording that is tested by several splits or seeds is drawn as one. "
            "No recording is ever in both parts of a split, and no part that is tested chose anything: networks are trained for a fixed number of epochs." }
        @for scheme in [Scheme::Test, Scheme::Shuffle, Scheme::RecordistDisjoint] {
            @if results.scores.iter().any(|score| score.scheme == scheme) {
                h3 { (title(scheme)) }
                p.dim { (meaning(scheme, &recipe)) }
                (scores(&results, scheme, first))
            }
        }
        @if !results.comparisons.is_empty() { (comparisons(&results, first)) }
        h3 { "The paper's figures beside ours" }
        (paper(&results))
        @if !results.curves.is_empty() {
            h3 { "Learning curves" }
            (figure(&curves(&results, false), "Training loss (bold) and held-out loss (faint) of every shuffle split and seed. The held-out part is looked at, never learnt or selected from."))
            (figure(&curves(&results, true), "Held-out accuracy in single random crops, every shuffle split and seed."))
        }
        h3 { "What is taken for what" }
        (figure(&confusion(&results), &format!("{first}: rows are the truth, columns the answer; all splits and seeds of \"{}\".", title(results.headline))))
        h3 { "Species by species" }
        (species_table(&results.per_species))
        h3 { "Does duration give the species away?" }
        (duration(&results))
        @if !examples.is_empty() {
            h3 { "What the network sees and you hear" }
            p.dim { "Log-mel spectrograms, low bands at the bottom, of one recording of each species." }
            div.grid { @for example in &examples { (example) } }
        }
        details { summary { "Recipe" } pre { (toml) } }
    })
}

fn list(seeds: &[u64]) -> String {
    seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

fn title(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Test => "Test recordings of the manifest",
        Scheme::Shuffle => "New recordings (stratified shuffle splits)",
        Scheme::RecordistDisjoint => "New recordings by new recordists (recordist-disjoint folds)",
    }
}

fn meaning(scheme: Scheme, recipe: &Recipe) -> String {
    let protocol = &recipe.protocol;
    match scheme {
        Scheme::Test => {
            "Models are fitted on all other recordings; the manifest's test rows are only scored.".into()
        }
        Scheme::Shuffle => format!(
            "{} split(s) a seed, {:.0} % of each species held out, as in the paper's 3.2. Recordists may be in both parts, so microphones and places may help.",
            protocol.shuffle_splits,
            100.0 * protocol.held_out
        ),
        Scheme::RecordistDisjoint => format!(
            "{} folds a seed; whoever recorded a test recording is not heard in training. Recordings whose species nobody else recorded are not tested.",
            protocol.disjoint_folds
        ),
    }
}

fn scores(results: &Results, scheme: Scheme, first: &str) -> Markup {
    html! { div.scroll { table {
        tr { th { "model" } th.n { "accuracy, %" } th.n { "top 3, %" } th.n { "macro F1, %" } th.n { "one random crop, %" }
             th.n { "by seed, %" } th.n { "parameters" } th.n { "seconds a split" } th.n { "recordings" } }
        @for score in results.scores.iter().filter(|score| score.scheme == scheme) {
            tr.best[score.model == first] {
                td { (score.model) @if score.baseline { " " small { "(baseline)" } } }
                @for name in ["accuracy", "top3_accuracy", "macro_f1", "single_crop_accuracy"] {
                    td.n { (percent(score.metrics.get(name))) }
                }
                td.n { (by_seed(score)) }
                td.n { @if score.parameters > 0 { (score.parameters) } @else { "—" } }
                td.n { (format!("{:.1}", score.seconds)) }
                td.n { (score.metrics.get("accuracy").map_or(0, |figure| figure.n)) }
            }
        }
    } } }
}

fn by_seed(score: &Score) -> String {
    score.per_seed.iter().map(|accuracy| format!("{:.1}", 100.0 * accuracy)).collect::<Vec<_>>().join(" ")
}

fn comparisons(results: &Results, first: &str) -> Markup {
    html! {
        h3 { (first) " against the others, on the same recordings" }
        div.scroll { table {
            tr { th { "scheme" } th { "against" } th.n { "difference of accuracy, points" } th.n { "McNemar p" } th.n { "recordings" } }
            @for comparison in &results.comparisons {
                tr {
                    td { (comparison.scheme.name()) } td { (comparison.against) }
                    td.n { (percent(Some(&comparison.difference))) }
                    td.n { (format!("{:.2e}", comparison.mcnemar_p)) } td.n { (comparison.difference.n) }
                }
            }
        } }
        p.dim { "McNemar's test counts each recording once: recognised where more than half of its tests were right." }
    }
}

/// The paper's table; ours where a figure of the same kind exists.
fn paper(results: &Results) -> Markup {
    let same_data = results.species.len() == 91 && results.recordings == 2730;
    let find = |model: &str, scheme: Scheme| {
        results.scores.iter().find(|score| score.model.contains(model) && score.scheme == scheme)
    };
    let held_out = if same_data { Scheme::Test } else { Scheme::Shuffle };
    let selection = |version: &str| {
        find(version, Scheme::Shuffle).and_then(|score| score.selection_score).map(|x| format!("{x:.4}"))
    };
    let offsets = find("v20", held_out).map(|score| &score.per_offset).filter(|offsets| offsets.len() > 1);
    let mean = |x: &Vec<f64>| x.iter().sum::<f64>() / x.len() as f64;
    let deviation =
        |x: &Vec<f64>| (x.iter().map(|v| (v - mean(x)).powi(2)).sum::<f64>() / x.len() as f64).sqrt();
    let ours = [
        Some(format!("{:.3}", 1.0 / results.species.len() as f64)),
        find("gaussian-nb", held_out)
            .and_then(|score| score.metrics.get("single_crop_accuracy"))
            .map(|figure| format!("{:.5}", figure.value)),
        selection("v16"),
        selection("v18"),
        selection("v17"),
        selection("v20"),
        offsets.map(|x| format!("{:.5}", mean(x))),
        offsets.map(|x| format!("{:.5}", deviation(x))),
    ];
    html! {
        div.scroll { table {
            tr { th { "figure" } th.n { "paper" } th.n { "ours" } th { "same data" } }
            @for ((name, paper), ours) in PAPER.iter().zip(&ours) {
                tr {
                    td { (name) } td.n { (paper) } td.n { (ours.as_deref().unwrap_or("—")) }
                    td { @if same_data { "yes" } @else { "no" } }
                }
            }
        } }
        p.dim {
            "Paper: Hiatt, Species Classification of Avian Vocalizations Using 2-Dimensional Convolutional Neural Networks, 2020; "
            "91 species, 2730 recordings of any length. "
            @if !same_data { "Ours are other recordings of " (results.species.len()) " species, so the columns cannot be compared, only read side by side. " }
            "The paper's \"0.23 +/- 0.0845\" does not follow from its own five figures, whose deviation is 0.00714; its selection score "
            "takes the accuracy of the epoch with the least loss on the same held-out part, which flatters it."
        }
    }
}

fn curves(results: &Results, accuracy: bool) -> String {
    let mut models: Vec<&str> = Vec::new();
    let mut series = Vec::new();
    for (model, points) in &results.curves {
        let group = models.iter().position(|known| known == model).unwrap_or_else(|| {
            models.push(model);
            models.len() - 1
        });
        let curve = |value: &dyn Fn(&super::train::CurvePoint) -> Option<f64>| {
            points
                .iter()
                .filter_map(|point| Some(((point.epoch + 1) as f64, value(point)?)))
                .collect::<Vec<_>>()
        };
        let mut push = |points: Vec<(f64, f64)>, faint| {
            series.push(Series { name: model.clone(), points, group, faint });
        };
        if accuracy {
            push(curve(&|point| point.held_out_accuracy), false);
        } else {
            push(curve(&|point| Some(point.train_loss)), false);
            push(curve(&|point| point.held_out_loss), true);
        }
    }
    lines(&series, "epoch", if accuracy { "held-out accuracy" } else { "cross-entropy" })
}

fn confusion(results: &Results) -> String {
    let size = results.species.len();
    let counts = Array2::from_shape_fn((size, size), |(truth, answer)| results.confusion[truth][answer]);
    confusion_matrix(counts.view(), &results.species)
}

fn species_table(species: &[SpeciesScore]) -> Markup {
    html! { div.scroll { table {
        tr { th { "species" } th.n { "recall, %" } th.n { "precision, %" } th.n { "F1, %" } th.n { "tests" } th.n { "recorded, s" } }
        @for row in species {
            tr {
                td { (row.species) }
                @for value in [row.recall, row.precision, row.f1] { td.n { (format!("{:.0}", 100.0 * value)) } }
                td.n { (row.tests) } td.n { (format!("{:.0}", row.seconds)) }
            }
        }
    } } }
}

/// The paper's Fig. 13: accuracy of each species against the total length of its recordings.
fn duration(results: &Results) -> Markup {
    let tested = || results.per_species.iter().filter(|species| species.tests > 0);
    let points: Vec<(f64, f64, String)> =
        tested().map(|species| (species.seconds / 60.0, species.recall, species.species.clone())).collect();
    let count = points.len().max(1) as f64;
    let (x, y) =
        (points.iter().map(|p| p.0).sum::<f64>() / count, points.iter().map(|p| p.1).sum::<f64>() / count);
    let spread: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
    let line = (spread > 1e-12).then_some((y - slope * x, slope));
    let svg = scatter(&Scatter { points, line }, "minutes recorded", "recall");
    html! {
        (figure(&svg, "Recall of each species against the total length of its recordings (the paper's Fig. 13)."))
        p.note { @match results.duration_correlation {
            Some(r) => {
                "Correlation " (format!("{r:+.2}")) " over " (format!("{count:.0}")) " species. "
                "With zero padding, short clips betray themselves by their blank ends; looped clips cannot. "
                "The paper saw a slight negative correlation and suspected that leak."
            },
            None => { "The species' recordings are equally long, so that duration cannot give them away." },
        } }
    }
}

/// One example a species: spectrogram, sound, credit.
fn examples(recipe: &Recipe) -> Result<Vec<Markup>> {
    let recordings = read_manifest(&recipe.data.manifest, &recipe.root())?;
    let credits = Table::read(&recipe.data.manifest, &["path"])?;
    let credit = |line: u64| {
        let row = credits.rows().find(|row| row.line() == line);
        let field = |name| row.and_then(|row| row.get(name)).unwrap_or_default().to_owned();
        (field("recordist"), field("url"), field("licence"))
    };
    let extractor = FeatureExtractor::new(&recipe.contenders[0].front_end)?;
    let mut shown: Vec<&str> = Vec::new();
    let mut examples = Vec::new();
    for recording in &recordings {
        if shown.contains(&recording.species.as_str()) || shown.len() == MOST_EXAMPLES {
            continue;
        }
        if let Ok(image) = spectrogram(&extractor, recording) {
            shown.push(&recording.species);
            let (recordist, url, licence) = credit(recording.line);
            examples.push(html! { figure {
                img src=(data_uri("image/png", &image)) alt=(format!("spectrogram of {}", recording.species));
                @if let Some(sound) = sound(&recording.path) {
                    audio controls preload="none" src=(sound) {}
                }
                figcaption {
                    strong { (recording.species) }
                    @if !recordist.is_empty() { " · " (recordist) }
                    @if !url.is_empty() { " · " a href=(url) { "source" } }
                    @if !licence.is_empty() { " · " a href=(licence) { "licence" } }
                }
            } });
        }
    }
    Ok(examples)
}

/// Enough to see, few enough to load.
const MOST_EXAMPLES: usize = 12;

fn spectrogram(extractor: &FeatureExtractor, recording: &Recording) -> Result<Vec<u8>> {
    let features = extractor.features_of_file(&recording.path)?;
    let log_mel = features.log_mel();
    let mut sorted: Vec<f32> = log_mel.iter().copied().filter(|level| level.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let quantile =
        |share: f64| sorted.get((share * (sorted.len() - 1) as f64) as usize).copied().unwrap_or(0.0);
    Ok(heat_map(log_mel, quantile(0.05), quantile(0.999)))
}

/// The file itself where it is small and of a kind browsers play.
fn sound(path: &Path) -> Option<String> {
    let kind = match path.extension()?.to_str()? {
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        _ => return None,
    };
    let bytes = std::fs::read(path).ok().filter(|bytes| bytes.len() < 200_000)?;
    Some(data_uri(kind, &bytes))
}
