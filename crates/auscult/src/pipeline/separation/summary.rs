//! The results of a run as text, for the terminal.

use std::fmt::Write as _;

use super::results::{Results, Row, STEMS};

/// A table a rate, and the differences below.
#[must_use]
pub fn summary(results: &Results) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(results, &mut text);
    text
}

fn write(results: &Results, out: &mut String) -> std::fmt::Result {
    for native in [false, true] {
        let rows: Vec<&Row> = results.rows.iter().filter(|row| row.native == native).collect();
        if rows.is_empty() {
            continue;
        }
        let rate = if native { "the songs' own rates" } else { "the network's rate" };
        writeln!(out, "\nat {rate}: {} songs, {} groups; dB, means", results.tested, results.groups)?;
        writeln!(out, "{:44} {:>26} {:>26}", "", "vocals", "accompaniment")?;
        write!(out, "{:22} {:21}", "model", "stems by")?;
        for _ in STEMS {
            write!(out, " {:>12} {:>6} {:>6}", "NSDR", "SIR", "SAR")?;
        }
        writeln!(out, "  vocals by seed")?;
        for row in rows {
            write!(out, "{:22} {:21}", row.model, row.rendering.name())?;
            for stem in STEMS {
                let mean = |name: &str| row.measures.get(&format!("{stem}_{name}")).map(|spread| spread.mean);
                match mean("nsdr") {
                    Some(f) => {
                        write!(out, " {:>12}", format!("{:.2} ±{:.1}", f.value, (f.high - f.low) / 2.0))?
                    }
                    None => write!(out, " {:>12}", "-")?,
                }
                for name in ["sir", "sar"] {
                    write!(out, " {:6.2}", mean(name).map_or(f64::NAN, |figure| figure.value))?;
                }
            }
            let seeds: Vec<String> = row.per_seed.iter().map(|nsdr| format!("{nsdr:.2}")).collect();
            writeln!(out, "  {}", seeds.join(" "))?;
        }
    }
    if !results.comparisons.is_empty() {
        writeln!(out, "\ndifference of NSDR on the same songs, dB (95 % intervals over groups)")?;
    }
    for comparison in &results.comparisons {
        let db =
            |f: &crate::pipeline::metrics::Figure| format!("{:+.2} [{:+.2}, {:+.2}]", f.value, f.low, f.high);
        writeln!(
            out,
            "{:52} vocals {:>22}  accompaniment {:>22}",
            comparison.what,
            db(&comparison.vocals),
            db(&comparison.accompaniment)
        )?;
    }
    if !results.amounts.is_empty() {
        writeln!(out, "\nby amount of training music (own masks)")?;
    }
    for amount in &results.amounts {
        writeln!(
            out,
            "{:6.0} s  NSDR of vocals {:.2} [{:.2}, {:.2}], of accompaniment {:.2}",
            amount.seconds,
            amount.vocals.value,
            amount.vocals.low,
            amount.vocals.high,
            amount.accompaniment.value
        )?;
    }
    writeln!(out)
}
