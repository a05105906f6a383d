//! Results as one HTML file that needs nothing else: no server, no script, no font, no network.

mod figures;
mod images;
mod timeline;

pub(crate) use figures::{Scatter, Series, Values, boxes, confusion_matrix, lines, scatter};
pub(crate) use images::heat_map;
pub(crate) use timeline::timeline;

use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

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

/// Writes one page about `runs` to `output`.
///
/// # Errors
/// [`Error::Run`] for runs that are not finished; [`Error::Io`] where the page cannot be written.
pub fn write_report(runs: &[Run], output: &Path) -> Result<()> {
    let sections = runs.iter().map(|run| match pipeline::find(&run.about().pipeline) {
        Some(pipeline) => pipeline.section(run),
        None => Err(Error::Run {
            path: run.folder().into(),
            problem: format!("no report is known for `{}` runs", run.about().pipeline),
        }),
    });
    let sections = sections.collect::<Result<Vec<Markup>>>()?;
    let body = html! {
        h1 { "auscult report" }
        p.dim { "Everything on this page was computed by the runs named in it; the page needs no network." }
        @for section in &sections { (section) }
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
    };
    files::write(output, page("auscult report", &body))
}
