//! The scores of all scenes, and their means with intervals.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use auscult_eval_metrics::Bootstrap;

use crate::Failure;
use crate::measures::{NAMES, Scores};
use crate::methods::METHODS;
use crate::scenes::Described;

pub struct Row {
    pub scene: Described,
    pub method: String,
    pub scores: Scores,
}

/// All rows, here and in a file that grows with every scene.
pub struct Table {
    path: PathBuf,
    pub rows: Vec<Row>,
}

const HEADER: &str =
    "scene;reverberation_time_s;room;method;si_sdr_db;snr_db;log_spectral_distance_db;early_to_late_db";

impl Table {
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).unwrap_or_else(|_| format!("{HEADER}\n"));
        let rows = text.lines().skip(1).map(parse).collect::<Result<_, _>>()?;
        Ok(Self { path: path.to_owned(), rows })
    }

    pub fn has(&self, scene: &Described) -> bool {
        let same = |a: &Described| {
            (&a.kind, a.room) == (&scene.kind, scene.room) && a.seconds.total_cmp(&scene.seconds).is_eq()
        };
        self.rows.iter().any(|row| same(&row.scene))
    }

    /// The rows of a scene.
    pub fn add(&mut self, rows: Vec<Row>) -> Result<(), Failure> {
        self.rows.extend(rows);
        let mut text = format!("{HEADER}\n");
        for Row { scene, method, scores } in &self.rows {
            let values = scores.values().map(|value| format!("{value:.3}")).join(";");
            let Described { kind, seconds, room } = scene;
            writeln!(text, "{kind};{seconds};{room};{method};{values}")?;
        }
        Ok(std::fs::write(&self.path, text)?)
    }
}

/// Of a line of the table. Names of methods hold commas.
fn parse(line: &str) -> Result<Row, Failure> {
    let [kind, seconds, room, method, scores @ ..] = &line.split(';').collect::<Vec<_>>()[..] else {
        return Err(format!("not a row of the table: {line}").into());
    };
    let values = scores.iter().map(|value| value.parse()).collect::<Result<Vec<f64>, _>>()?;
    let [si_sdr, snr, distance, early_to_late] = values[..] else {
        return Err(format!("not a row of the table: {line}").into());
    };
    let scene = Described { kind: (*kind).to_owned(), seconds: seconds.parse()?, room: room.parse()? };
    Ok(Row { scene, method: (*method).to_owned(), scores: Scores { si_sdr, snr, distance, early_to_late } })
}

/// Mean and 95 % interval of the score `which` of a method over scenes, or of its gain over the unprocessed
/// recordings. Rooms are drawn whole: their scenes stand or fall together.
pub fn mean(
    rows: &[Row],
    method: &str,
    which: usize,
    gain: bool,
    of: impl Fn(&Row) -> bool,
) -> Result<Option<[f64; 3]>, Failure> {
    let of_method = |name: &str| -> Vec<(usize, f64)> {
        let chosen = rows.iter().filter(|row| row.method == name && of(row));
        chosen.map(|row| (row.scene.room, row.scores.values()[which])).collect()
    };
    let (values, before) = (of_method(method), of_method(METHODS[0]));
    if values.is_empty() || values.iter().any(|(_, value)| value.is_nan()) {
        return Ok(None);
    }
    let gain = if gain { 1.0 } else { 0.0 };
    let values: Vec<(usize, f64)> = values
        .iter()
        .zip(&before)
        .map(|((room, value), (_, before))| (*room, value - gain * before))
        .collect();
    let rooms: Vec<usize> = values.iter().map(|(room, _)| *room).collect();
    let average =
        |indices: &[usize]| indices.iter().map(|&i| values[i].1).sum::<f64>() / indices.len() as f64;
    let interval = Bootstrap::new(2000).interval_grouped(&rooms, average)?;
    Ok(Some([interval.value, interval.low, interval.high]))
}

pub fn markdown(rows: &[Row]) -> Result<String, Failure> {
    let mut text = String::new();
    let mut kinds: Vec<&str> = Vec::new();
    rows.iter().for_each(|row| {
        if !kinds.contains(&row.scene.kind.as_str()) {
            kinds.push(&row.scene.kind);
        }
    });
    for kind in kinds {
        writeln!(text, "| {kind} | {} |\n|---|{}", NAMES.join(" | "), "---|".repeat(NAMES.len()))?;
        for (index, method) in METHODS.iter().enumerate() {
            write!(text, "| {method} |")?;
            for which in 0..NAMES.len() {
                match mean(rows, method, which, index > 0, |row| row.scene.kind == kind)? {
                    None => write!(text, " |")?,
                    Some([value, ..]) if index == 0 => write!(text, " {value:.1} |")?,
                    Some([value, low, high]) => write!(text, " {value:+.1} [{low:+.1}, {high:+.1}] |")?,
                }
            }
            writeln!(text)?;
        }
        writeln!(text)?;
    }
    Ok(text)
}
