//! The asd section of a report: Table 1 beside the paper's, the claims, the controls, cautions first.

use maud::{Markup, html};

use super::back_ends::BackEnd;
use super::recipe::Recipe;
use super::results::{Cell, Results};
use super::summary::{back_ends, find, row_names};
use crate::report::{Series, figure, lines};
use crate::{Error, Result, Run};

/// The section of one finished run.
///
/// # Errors
/// [`Error::Run`] where the run is not finished.
pub fn section(run: &Run) -> Result<Markup> {
    let results: Results = run.results()?;
    let toml = std::fs::read_to_string(run.path("recipe.toml"))
        .map_err(Error::io("read", run.path("recipe.toml")))?;
    let recipe: Recipe = toml::from_str(&toml).map_err(Error::part("recipe.toml"))?;
    let [normal, abnormal] = results.segments;
    Ok(html! {
        h2 { "Is that machine well?" }
        p { (recipe.about) }
        p { (normal) " normal and " (abnormal) " abnormal segments, detectors trained on other, normal ones. Intervals are 95 % "
            "bootstraps in which whole machines of a hall (or whole recordings) are drawn, the same for everything that is compared; "
            "figures are means over seeds. The paper's figures are not on the same data: its recordings were never published." }
        @for caution in &results.cautions { p.note { (caution) } }
        @for back_end in back_ends(&results) {
            h3 { "Table 1: area under the curve, " (back_end.name()) }
            (table(&results, &results.cells, back_end))
        }
        @if results.conditions.len() > 1 && results.cells.iter().any(|cell| cell.paper.is_some()) {
            (figure(&chart(&results), "AUC of the first back end at each input SNR, single front ends and the proposed ensemble."))
        }
        h3 { "Do the paper's three claims hold here?" }
        (claims(&results))
        @if !results.controls.is_empty() {
            h3 { "What dereverberation does" }
            p { "Dereverberation does not only shorten reverberation: it also changes how loud machine and anomaly are. These rows tell the two apart." }
            @for (condition, shift) in &results.shifts_db {
                p { "At " (condition) " it raises the anomaly's SNR between 0.3 and 7 kHz by " b { (format!("{shift:.1} dB")) } " on average." }
            }
            @for back_end in back_ends(&results) { (table(&results, &results.controls, back_end)) }
        }
        details { summary { "Recipe" } pre { (toml) } }
    })
}

fn table(results: &Results, cells: &[Cell], back_end: BackEnd) -> Markup {
    html! { div.scroll { table {
        tr { th { "front end" }
            @for condition in &results.conditions { th.n { (condition) } th.n { "paper" } th.n { "pAUC" } } }
        @for row in row_names(cells) {
            tr {
                td { (row) }
                @for condition in &results.conditions {
                    @if let Some(cell) = find(cells, back_end, row, condition) {
                        td.n { (format!("{:.3} ({:.2} to {:.2})", cell.auc.value, cell.auc.low, cell.auc.high)) }
                        td.n { (cell.paper.map_or_else(|| "—".into(), |paper| format!("{paper:.3}"))) }
                        td.n { (format!("{:.3}", cell.pauc.value)) }
                    } @else { td.n { "—" } td.n { "—" } td.n { "—" } }
                }
            }
        }
    } } }
}

fn claims(results: &Results) -> Markup {
    html! { div.scroll { table {
        tr { th { "back end" } th { "at" } th { "claim" } th.n { "difference of AUC" } th.n { "paper" } th { "verdict" } }
        @for claim in &results.claims {
            tr {
                td { (claim.back_end.name()) } td { (claim.condition) } td { (claim.claim) }
                td.n { (format!("{:+.3} ({:+.3} to {:+.3})", claim.difference.value, claim.difference.low, claim.difference.high)) }
                td.n { (claim.paper.map_or_else(|| "—".into(), |paper| format!("{paper:+.3}"))) }
                td { (claim.verdict()) }
            }
        }
    } } }
}

/// AUC over SNR.
fn chart(results: &Results) -> String {
    let Some(&back_end) = back_ends(results).first() else { return String::new() };
    let singles_and_proposed = |row: &&str| row.starts_with('(') || row.starts_with("proposed");
    let series: Vec<Series> = row_names(&results.cells)
        .into_iter()
        .filter(singles_and_proposed)
        .enumerate()
        .map(|(group, row)| {
            let point = |condition: &String| {
                let snr = condition.trim_end_matches(" dB").parse().ok()?;
                Some((snr, find(&results.cells, back_end, row, condition)?.auc.value))
            };
            Series {
                name: row.to_owned(),
                points: results.conditions.iter().filter_map(point).collect(),
                group,
                faint: !row.starts_with("proposed"),
            }
        })
        .collect();
    lines(&series, "input SNR, dB", "AUC")
}
