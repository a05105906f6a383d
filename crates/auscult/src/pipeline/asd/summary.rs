//! The results of a run as text, for the terminal.

use std::fmt::Write as _;

use super::back_ends::BackEnd;
use super::results::{Cell, Results};

/// Table 1 for each back end, the claims, the controls.
#[must_use]
pub fn summary(results: &Results) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(results, &mut text);
    text
}

/// The back ends of a run, in its order.
pub(super) fn back_ends(results: &Results) -> Vec<BackEnd> {
    let mut back_ends: Vec<BackEnd> = results.cells.iter().map(|cell| cell.back_end).collect();
    back_ends.dedup();
    back_ends
}

/// The rows of a table, in its order.
pub(super) fn row_names(cells: &[Cell]) -> Vec<&str> {
    let mut rows: Vec<&str> = Vec::new();
    for cell in cells {
        if !rows.contains(&cell.row.as_str()) {
            rows.push(&cell.row);
        }
    }
    rows
}

/// The cell of a row and a condition.
pub(super) fn find<'a>(cells: &'a [Cell], back_end: BackEnd, row: &str, condition: &str) -> Option<&'a Cell> {
    cells.iter().find(|cell| cell.back_end == back_end && cell.row == row && cell.condition == condition)
}

fn write(results: &Results, out: &mut String) -> std::fmt::Result {
    let [normal, abnormal] = results.segments;
    for back_end in back_ends(results) {
        writeln!(
            out,
            "\nAUC, {}; {normal} normal and {abnormal} abnormal segments; 95 % intervals over {} machines or recordings; \
             the paper's in brackets (not the same data)",
            back_end.name(),
            results.groups
        )?;
        table(results, &results.cells, back_end, out)?;
        if !results.controls.is_empty() {
            writeln!(out, "\ncontrols")?;
            table(results, &results.controls, back_end, out)?;
        }
    }
    for (condition, shift) in &results.shifts_db {
        writeln!(
            out,
            "\ndereverberation raises the anomaly's SNR (0.3 to 7 kHz) at {condition} by {shift:.1} dB"
        )?;
    }
    writeln!(out, "\nthe paper's claims (difference of AUC)")?;
    for claim in &results.claims {
        let paper = claim.paper.map_or_else(String::new, |paper| format!("  paper {paper:+.3}"));
        writeln!(
            out,
            "{:16} {:>8}  {:64} {:+.3} [{:+.3}, {:+.3}]  {}{paper}",
            claim.back_end.name(),
            claim.condition,
            claim.claim,
            claim.difference.value,
            claim.difference.low,
            claim.difference.high,
            claim.verdict()
        )?;
    }
    writeln!(out)?;
    for caution in &results.cautions {
        writeln!(out, "caution: {caution}")?;
    }
    Ok(())
}

fn table(results: &Results, cells: &[Cell], back_end: BackEnd, out: &mut String) -> std::fmt::Result {
    write!(out, "{:48}", "")?;
    for condition in &results.conditions {
        write!(out, " {condition:>30}")?;
    }
    writeln!(out)?;
    for row in row_names(cells) {
        write!(out, "{row:48}")?;
        for condition in &results.conditions {
            let cell = find(cells, back_end, row, condition).map(|cell| {
                let paper = cell.paper.map_or_else(String::new, |paper| format!(" ({paper:.3})"));
                let auc = cell.auc;
                format!("{:.3} [{:.2}, {:.2}]{paper:>8}", auc.value, auc.low, auc.high)
            });
            write!(out, " {:>30}", cell.unwrap_or_else(|| "-".into()))?;
        }
        writeln!(out)?;
    }
    Ok(())
}
