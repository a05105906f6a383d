//! `auscult birds FILE...`: species per window and per file.

use std::io::Write;
use std::path::{Path, PathBuf};

use auscult::pipeline::birds::{BirdModel, Detection, Heard, InferOptions, Listener, infer};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::places::{Compute, clock, open_run, targets};
use super::say;

/// Arguments of `auscult birds`.
#[derive(Debug, Args)]
pub(super) struct BirdsArguments {
    /// Recordings: mp3, flac, ogg, wav, m4a; any rate, any length
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Run whose model listens: a folder or `latest`
    #[arg(long, default_value = "latest")]
    run: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Species named per window
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
    /// Least probability worth naming (the most probable species of a file is always named)
    #[arg(long, default_value_t = 0.1)]
    min_probability: f64,
    /// Seconds between windows, at most 300 [default: half a window]
    #[arg(long)]
    hop: Option<f64>,
    /// Write one file per recording into this folder instead of printing
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Go on with the next file when one cannot be read, and read damaged ones as far as they go
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    compute: Compute,
}

impl BirdsArguments {
    fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading
    Text,
    /// One row a window and species
    Csv,
    /// One object a file, one a line
    Json,
    /// Audacity label track
    Audacity,
    /// Raven selection table
    Raven,
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Audacity => "labels.txt",
            Self::Raven => "selections.txt",
        }
    }
}

pub(super) fn run(arguments: &BirdsArguments) -> anyhow::Result<()> {
    arguments.compute.prepare()?;
    let targets = outputs(arguments)?;
    let run = open_run(&arguments.compute.runs, "birds", &arguments.run)?;
    let model = BirdModel::of_run(&run, arguments.compute.device)?;
    let listener = Listener::new(model)?;
    let options = InferOptions { hop: arguments.hop, lenient: arguments.skip_bad };
    let mut failed = 0;
    for (index, path) in arguments.files.iter().enumerate() {
        let heard = match infer(&listener, path, &options) {
            Ok(heard) => heard,
            Err(error) if arguments.skip_bad => {
                say(&format!("skipped {error}"));
                failed += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for damage in &heard.damage {
            say(&format!("warning: {}: {damage}", path.display()));
        }
        let printer = Printer { arguments, path, species: listener.model().species() };
        match targets.get(index) {
            None => printer.print(&heard, index == 0, &mut std::io::stdout().lock())?,
            Some(target) => {
                let mut text = Vec::new();
                printer.print(&heard, true, &mut text)?;
                auscult::write_file(target, text)?;
                say(&format!("{} -> {}", path.display(), target.display()));
            }
        }
    }
    anyhow::ensure!(failed < arguments.files.len(), "none of the {failed} files could be read");
    Ok(())
}

/// With `--output`, the file to write for each recording, in their order.
fn outputs(arguments: &BirdsArguments) -> anyhow::Result<Vec<PathBuf>> {
    let Some(folder) = &arguments.output else {
        let label_track = matches!(arguments.format(), Format::Audacity | Format::Raven);
        anyhow::ensure!(
            !label_track || arguments.files.len() == 1,
            "a label track belongs to one recording; give --output FOLDER to write one for each"
        );
        return Ok(Vec::new());
    };
    targets(&arguments.files, folder, arguments.format().ending())
}

struct Printer<'a> {
    arguments: &'a BirdsArguments,
    path: &'a Path,
    species: &'a [String],
}

impl Printer<'_> {
    fn print(&self, heard: &Heard, header: bool, out: &mut impl Write) -> anyhow::Result<()> {
        match self.arguments.format() {
            Format::Text => self.text(heard, out)?,
            Format::Csv => self.csv(heard, header, out)?,
            Format::Json => self.json(heard, out)?,
            Format::Audacity => self.audacity(heard, out)?,
            Format::Raven => self.raven(heard, header, out)?,
        }
        Ok(())
    }

    /// Species of a window worth naming.
    fn named(&self, window: &Detection) -> Vec<(&str, f64)> {
        let worth = |pair: &(usize, f64)| pair.1 >= self.arguments.min_probability;
        let top = window.top(usize::from(self.arguments.top));
        top.into_iter().filter(worth).map(|(species, p)| (self.species[species].as_str(), p)).collect()
    }

    fn of_file(&self, heard: &Heard) -> Vec<(&str, f64)> {
        let top = heard.top(usize::from(self.arguments.top));
        top.into_iter().map(|(species, p)| (self.species[species].as_str(), p)).collect()
    }

    fn text(&self, heard: &Heard, out: &mut impl Write) -> std::io::Result<()> {
        let listed = |named: &[(&str, f64)]| {
            named
                .iter()
                .map(|(species, p)| format!("{species} {:.0} %", 100.0 * p))
                .collect::<Vec<_>>()
                .join(", ")
        };
        writeln!(out, "{}  ({:.1} s)  {}", self.path.display(), heard.seconds, listed(&self.of_file(heard)))?;
        for window in &heard.windows {
            let named = self.named(window);
            let named = if named.is_empty() { "-".to_owned() } else { listed(&named) };
            writeln!(out, "  {} - {}  {named}", clock(window.start), clock(window.end))?;
        }
        Ok(())
    }

    fn csv(&self, heard: &Heard, header: bool, out: &mut impl Write) -> anyhow::Result<()> {
        let mut table = csv::Writer::from_writer(out);
        if header {
            table.write_record(["path", "start_s", "end_s", "rank", "species", "probability"])?;
        }
        for window in &heard.windows {
            for (rank, (species, p)) in self.named(window).into_iter().enumerate() {
                let [start, end] = [window.start, window.end].map(|t| format!("{t:.3}"));
                let rank = (rank + 1).to_string();
                table.write_record([
                    &*self.path.to_string_lossy(),
                    &start,
                    &end,
                    &rank,
                    species,
                    &format!("{p:.4}"),
                ])?;
            }
        }
        table.flush()?;
        Ok(())
    }

    fn json(&self, heard: &Heard, out: &mut impl Write) -> anyhow::Result<()> {
        let pairs = |named: Vec<(&str, f64)>| -> Vec<_> {
            named.into_iter().map(|(species, p)| json!({"species": species, "probability": p})).collect()
        };
        let windows: Vec<_> = heard
            .windows
            .iter()
            .map(|window| json!({"start": window.start, "end": window.end, "species": pairs(self.named(window))}))
            .collect();
        let file = json!({
            "path": self.path.to_string_lossy(), "seconds": heard.seconds, "species": pairs(self.of_file(heard)), "windows": windows,
        });
        writeln!(out, "{file}")?;
        Ok(())
    }

    fn audacity(&self, heard: &Heard, out: &mut impl Write) -> std::io::Result<()> {
        for window in &heard.windows {
            for (species, p) in self.named(window) {
                writeln!(out, "{:.6}\t{:.6}\t{species} {p:.2}", window.start, window.end)?;
            }
        }
        Ok(())
    }

    fn raven(&self, heard: &Heard, header: bool, out: &mut impl Write) -> std::io::Result<()> {
        if header {
            writeln!(
                out,
                "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tBegin Path\tSpecies\tProbability"
            )?;
        }
        let mut selection = 0;
        for window in &heard.windows {
            for (species, p) in self.named(window) {
                selection += 1;
                writeln!(
                    out,
                    "{selection}\tSpectrogram 1\t1\t{:.3}\t{:.3}\t0\t{:.0}\t{}\t{species}\t{p:.4}",
                    window.start,
                    window.end,
                    heard.highest_frequency,
                    self.path.display()
                )?;
            }
        }
        Ok(())
    }
}
