//! The speakers section of a report: Table 1 with the slides' figures beside ours, evidence scales, diarization, a timeline.

use maud::{Markup, PreEscaped, html};

use super::corpus::read_meetings;
use super::infer::{DiarizeOptions, Diarized, Diarizer};
use super::model::DiarizationModel;
use super::recipe::Recipe;
use super::results::{Results, Score, Turns};
use super::systems::System;
use crate::pipeline::metrics::Figure;
use crate::report::{figure, page, timeline};
use crate::{Error, Result, Run};

/// Table 1 of the slides: I_PUR and I_SPK on CALLHOME.
const PAPER: [(System, f64, f64); 4] = [
    (System::Slides, 86.82, 81.97),
    (System::Clr, 85.50, 74.21),
    (System::Glr, 83.70, 64.06),
    (System::Ev, 48.60, 64.24),
];

/// A page with the timeline of one recording.
#[must_use]
pub fn timeline_page(title: &str, heard: &Diarized) -> String {
    page(
        title,
        &html! {
            h1 { (title) }
            p { (heard.speakers) " speaker(s), " (heard.turns.len()) " turns in " (format!("{:.1}", heard.seconds)) " s." }
            (figure(&timeline(&heard.turns, heard.seconds), "Who speaks when. Overlapping speech is given to one speaker."))
        },
    )
}

/// The section of one finished run.
///
/// # Errors
/// [`Error::Run`] where the run is not finished.
pub fn section(run: &Run) -> Result<Markup> {
    let results: Results = run.results()?;
    let toml = std::fs::read_to_string(run.path("recipe.toml"))
        .map_err(Error::io("read", run.path("recipe.toml")))?;
    let recipe: Recipe = toml::from_str(&toml).map_err(Error::part("recipe.toml"))?;
    let mut sizes: Vec<usize> = results.scores.iter().map(|score| score.components).collect();
    sizes.dedup();
    let seeds: Vec<String> = recipe.protocol.seeds.iter().map(u64::to_string).collect();
    Ok(html! {
        h2 { "Who is the same speaker, and who spoke when?" }
        p { (recipe.about) }
        p { (results.recordings) " recordings of " (results.speakers) " speakers from " code { (recipe.data.manifest.display()) }
            "; seeds " (seeds.join(", ")) ". Background speakers train the models; of the others, " (format!("{:.0} %", 100.0 * recipe.protocol.development))
            " choose evidence scale and thresholds and the rest are tested, divided anew for each seed. Intervals are 95 % bootstraps over "
            "conversations; conversations of one seed share their speakers, so they are somewhat too narrow." }
        @for components in sizes {
            h3 { "Clustering segments whose boundaries are given, " (components) " Gaussians" }
            (table(&results, components))
        }
        p.dim { "I_PUR is squared purity and I_SPK is max(0, 1 - |clusters - speakers| / speakers): the slides define neither. "
            "Slides: Jeon, Ma and Macho, ICASSP 2011, CALLHOME, 256 Gaussians; same data: no. Columns can be compared in order, not in value. "
            "\"K told\": the number of speakers is given; else the threshold that development conversations chose." }
        h3 { "How much is a frame worth?" }
        p { "Successive frames repeat each other, so a likelihood ratio of raw counts is overconfident. The evidence scale κ multiplies counts; "
            "development segments choose it by the cost of the log-likelihood ratio (Cllr; 1 bit is not listening at all)." }
        (scales(&results))
        h3 { "From sound to turns" }
        p { "Voice activity, change detection, clustering and Viterbi resegmentation, on conversations put together from test speakers "
            "(turns one after the other, no overlap) and on recordings that came with their turns. DER has overlap in; its reference counts pauses "
            "within a turn as speech." }
        (turns("simulated conversations", &results.conversations))
        @if !results.long.recordings.is_empty() { (turns("long simulated conversations", &results.long)) }
        @if let Some(meetings) = &results.meetings { (turns("recordings with their turns", meetings)) }
        (example(run, &recipe).unwrap_or_default())
        details { summary { "Recipe" } pre { (toml) } }
    })
}

fn percent(figure: Option<&Figure>) -> String {
    figure.map_or_else(
        || "—".into(),
        |f| format!("{:.1} ({:.1} to {:.1})", 100.0 * f.value, 100.0 * f.low, 100.0 * f.high),
    )
}

fn table(results: &Results, components: usize) -> Markup {
    let rows: Vec<&Score> = results.scores.iter().filter(|score| score.components == components).collect();
    let columns = [
        ("known_squared_purity", "I_PUR, K told"),
        ("known_purity", "purity, K told"),
        ("known_one_to_one", "one-to-one, K told"),
        ("auto_squared_purity", "I_PUR"),
        ("auto_speaker_count", "I_SPK"),
        ("auto_one_to_one", "one-to-one"),
        ("auto_exact_count", "count exact"),
    ];
    html! { div.scroll { table {
        tr { th { "system" } @for (_, title) in columns { th.n { (title) ", %" } }
             th.n { "proposed minus it, one-to-one, points" } th.n { "by seed" } th.n { "slides I_PUR" } th.n { "slides I_SPK" } }
        @for score in rows {
            @let paper = PAPER.iter().find(|(system, ..)| *system == score.system);
            tr.best[score.system == System::Proposed] {
                td { (score.system.name()) }
                @for (name, _) in columns { td.n { (percent(score.metrics.get(name))) } }
                td.n { (percent(score.proposed_minus.as_ref())) }
                td.n { @for seed in &score.per_seed { (format!("{:.1} ", 100.0 * seed)) } }
                @if let Some((_, purity, speakers)) = paper { td.n { (format!("{purity:.2}")) } td.n { (format!("{speakers:.2}")) } }
                @else { td.n { "—" } td.n { "—" } }
            }
        }
    } } }
}

fn scales(results: &Results) -> Markup {
    html! { div.scroll { table {
        tr { th { "system" } th.n { "Gaussians" } th.n { "seed" } th.n { "κ" } th.n { "Cllr, development" } th.n { "Cllr, test" } th.n { "EER, test, %" } }
        @for scale in &results.scales {
            tr {
                td { (scale.system.name()) } td.n { (scale.components) } td.n { (scale.seed) } td.n { (scale.test.kappa) }
                td.n { (format!("{:.3}", scale.development.cllr)) } td.n { (format!("{:.3}", scale.test.cllr)) }
                td.n { (format!("{:.1}", 100.0 * scale.test.equal_error_rate)) }
            }
        }
    } } }
}

fn turns(title: &str, turns: &Turns) -> Markup {
    let columns = [
        ("der_collar", "DER, collar 0.25 s"),
        ("der", "DER, no collar"),
        ("miss", "miss"),
        ("false_alarm", "false alarm"),
        ("confusion", "confusion"),
        ("der_known_count", "DER, no collar, K told"),
        ("jer", "JER"),
        ("exact_count", "count exact"),
    ];
    let seconds: f64 = turns.recordings.iter().map(|one| one.seconds).sum();
    html! { div.scroll { table {
        tr { th { (title) ", " (turns.recordings.len()) " of " (format!("{seconds:.0} s together")) } th.n { "%" } }
        @for (name, title) in columns { tr { td { (title) } td.n { (percent(turns.metrics.get(name))) } } }
    } } }
}

/// The first recording that came with its turns: the truth, and what is heard.
fn example(run: &Run, recipe: &Recipe) -> Result<Markup> {
    let Some(manifest) = &recipe.data.meetings else { return Ok(html! {}) };
    let root = manifest.parent().unwrap_or(std::path::Path::new(""));
    let meetings = read_meetings(manifest, root)?;
    let Some(meeting) = meetings.first() else { return Ok(html! {}) };
    let truth = auscult_eval_metrics::read_rttm(&meeting.rttm).map_err(Error::part("the reference"))?;
    let truth = truth.into_values().next().unwrap_or_default();
    let diarizer = Diarizer::new(DiarizationModel::of_run(run)?)?;
    let heard = diarizer.diarize(&meeting.path, &DiarizeOptions::default())?;
    Ok(html! {
        figure { div.scroll {
            (PreEscaped(timeline(&truth, heard.seconds)))
            (PreEscaped(timeline(&heard.turns, heard.seconds)))
        } figcaption { (meeting.name) ": the truth above, what is heard below." } }
    })
}
