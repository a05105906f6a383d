//! Results as one HTML file that needs nothing else: no server, no script, no font, no network.

mod figures;
mod images;
mod timeline;

pub(crate) use figures::{Scatter, Series, Values, boxes, confusion_matrix, lines, scatter};
pub(crate) use images::heat_map;
pub(crate) use timeline::timeline;

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::pipeline::{Figure, Metrics, Pipeline};
use crate::{Error, Result, Run, files, pipeline};

const STYLE: &str = "
:root{--ink:#1c2330;--dim:#5d6778;--line:#dfe3ea;--accent:#1f6f8b;--wash:#f5f7fa}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:62rem;font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:#fff}
h1{font-size:1.9rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.3rem;margin:2.4rem 0 .6rem;padding-top:.6rem;border-top:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.4rem 0 .4rem}
p,ul{max-width:46rem}
.dim,figcaption,small{color:var(--dim)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.92rem;margin:.6rem 0}
th,td{padding:.32rem .7rem;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}
th{background:var(--wash);font-weight:600}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
tr.best td{font-weight:600}
figure{margin:1rem 0}
figure svg,figure img{max-width:100%;height:auto;display:block}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:1rem}
.grid figure{margin:0}
.grid img{width:100%;image-rendering:auto;border-radius:3px}
audio{width:100%;height:2rem;margin-top:.3rem}
.note{background:var(--wash);border-left:3px solid var(--accent);padding:.5rem .9rem;max-width:46rem}
details{margin:.6rem 0}summary{cursor:pointer}
pre{background:var(--wash);padding:.7rem;overflow-x:auto;font-size:.85rem}
code{font-size:.92em}
";

/// A whole page around `body`.
pub(crate) fn page(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
                link rel="icon" href="data:,";
            }
            body { (body) }
        }
    }
    .into_string()
}

/// A figure with its caption; `svg` is markup made by this module.
pub(crate) fn figure(svg: &str, caption: &str) -> Markup {
    html! { figure { div.scroll { (PreEscaped(svg)) } figcaption { (caption) } } }
}

/// A `data:` address that holds `bytes` themselves.
pub(crate) fn data_uri(media_type: &str, bytes: &[u8]) -> String {
    use base64::Engine as _;
    format!("data:{media_type};base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// Writes one page about `runs` to `output`; `notes` come at its end.
///
/// # Errors
/// [`Error::Run`] for runs that are not finished; [`Error::Io`] where the page cannot be written.
pub fn write_report(runs: &[Run], notes: &[String], output: &Path) -> Result<()> {
    let told = runs.iter().map(Told::new).collect::<Result<Vec<_>>>()?;
    let body = html! {
        h1 { "auscult report" }
        p.dim { "Everything on this page was computed by the runs named in it; the page needs no network." }
        (at_a_glance(&told))
        @for told in &told { section id=(told.pipeline.name()) { (told.section) } }
        (your_own(&told))
        (times(&told, notes))
        (environment(runs))
    };
    files::write(output, page("auscult report", &body))
}

/// A run and what its pipeline says of it.
struct Told {
    pipeline: &'static dyn Pipeline,
    section: Markup,
    headline: Vec<(&'static str, Figure)>,
    stages: Vec<(String, f64)>,
}

impl Told {
    fn new(run: &Run) -> Result<Self> {
        let name = &run.about().pipeline;
        let pipeline = pipeline::find(name).ok_or_else(|| Error::Run {
            path: run.folder().into(),
            problem: format!("no report is known for `{name}` runs"),
        })?;
        // A later evaluation on other recordings has its own figures there: they are no answer of this run's.
        let written = |name: &str| std::fs::metadata(run.path(name)).and_then(|file| file.modified()).ok();
        let own = written("metrics.json") <= written("results.json");
        let metrics: Option<Metrics> = if own { files::read_json(&run.path("metrics.json"))? } else { None };
        let figure = |key: &str| metrics.as_ref()?.metrics.get(key).copied();
        let headline = pipeline.headline().iter();
        let headline = headline.filter_map(|(key, called)| Some((*called, figure(key)?))).collect();
        Ok(Self { pipeline, section: pipeline.section(run)?, headline, stages: run.stages()? })
    }

    fn seconds(&self) -> f64 {
        self.stages.iter().map(|(_, seconds)| seconds).sum()
    }
}

/// The answers in one table, with links to how they came about.
fn at_a_glance(told: &[Told]) -> Markup {
    html! {
        div.scroll { table {
            tr { th { "question" } th { "figure" } th.n { "value" } th.n { "95 % interval" } th.n { "minutes" } }
            @for told in told {
                @if told.headline.is_empty() {
                    tr { td { a href={ "#" (told.pipeline.name()) } { (told.pipeline.question()) } } td { "see there" } td; td; td; }
                }
                @for (index, (called, figure)) in told.headline.iter().enumerate() {
                    tr {
                        td { @if index == 0 { a href={ "#" (told.pipeline.name()) } { (told.pipeline.question()) } } }
                        td { (called) }
                        td.n { (format!("{:.3}", figure.value)) }
                        td.n { (format!("{:.3} to {:.3}", figure.low, figure.high)) }
                        td.n { @if index == 0 && told.seconds() > 0.0 { (format!("{:.1}", told.seconds() / 60.0)) } }
                    }
                }
            }
        } }
        p.dim { "Small data, short trainings: each section says what its figures are worth, and sets the paper's beside them." }
    }
}

/// How to go on.
fn your_own(told: &[Told]) -> Markup {
    html! {
        h2 { "With your own recordings" }
        p { "The models of these runs are ready to use, and every pipeline trains on a table of your own recordings; "
            "its guide names the columns." }
        div.scroll { table {
            tr { th { "listen" } th { "train" } th { "guide" } }
            @for told in told {
                @let name = told.pipeline.name();
                tr {
                    td { code { (told.pipeline.at_work()) } }
                    td { code { "cargo xtask run " (name) " --set data.manifest=my/labels.csv" } }
                    td { code { "docs/" (name) ".md" } }
                }
            }
        } }
    }
}

/// Where the time went.
fn times(told: &[Told], notes: &[String]) -> Markup {
    html! {
        h2 { "Where the time went" }
        @for note in notes { p { (note) } }
        @for told in told.iter().filter(|told| !told.stages.is_empty()) {
            details {
                summary { (told.pipeline.name()) ": " (format!("{:.0} s", told.seconds())) }
                div.scroll { table {
                    tr { th { "stage" } th.n { "seconds" } }
                    @for (stage, seconds) in &told.stages {
                        tr { td { (stage) } td.n { (format!("{seconds:.1}")) } }
                    }
                } }
            }
        }
    }
}

/// Versions and machine.
fn environment(runs: &[Run]) -> Markup {
    html! {
        h2 { "Runs and environment" }
        div.scroll { table {
            tr { th { "run" } th { "auscult" } th { "platform" } th { "processor" } th.n { "cores" } th { "fingerprint" } }
            @for run in runs {
                @let here = &run.about().environment;
                tr {
                    td { (run.about().pipeline) " / " (run.name()) }
                    td { (here.auscult) } td { (here.platform) } td { (here.processor) }
                    td.n { (here.cores) } td { code { (&run.about().fingerprint[..16.min(run.about().fingerprint.len())]) } }
                }
            }
        } }
        p.dim { "Seeds are in each section's recipe; the same recipe on the same recordings gives the same figures." }
    }
}
