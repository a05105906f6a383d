//! `auscult singing FILE...`: where somebody sings.

use std::io::Write;
use std::path::{Path, PathBuf};

use auscult::pipeline::svd::{Heard, InferOptions, Listener, SegmentOptions, SvdModel, infer, picture};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::places::{Compute, clock, open_run, targets};
use super::say;

/// Arguments of `auscult singing`.
#[derive(Debug, Args)]
pub(super) struct SingingArguments {
    /// Songs: mp3, flac, ogg, wav, m4a; any rate, any length
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
    /// Probability from which on there is singing [default: chosen on the model's validation songs]
    #[arg(long)]
    threshold: Option<f64>,
    /// Width of the median that smooths probabilities, seconds [default: likewise]
    #[arg(long)]
    median: Option<f64>,
    /// Once begun, singing goes on down to the threshold less this
    #[arg(long, default_value_t = 0.0)]
    hysteresis: f64,
    /// Pauses shorter than this are sung through, seconds
    #[arg(long, default_value_t = 0.2)]
    shortest_pause: f64,
    /// Segments shorter than this are left out, seconds
    #[arg(long, default_value_t = 0.3)]
    shortest_segment: f64,
    /// Frames of 14 ms between the moments that are judged [default: 5; 1 is five times slower]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    hop: Option<u16>,
    /// Write one file per song into this folder instead of printing
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Draw the probability over the spectrogram: one SVG per song into this folder
    #[arg(long)]
    picture: Option<PathBuf>,
    /// Go on with the next file when one cannot be read, and read damaged ones as far as they go
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    compute: Compute,
}

impl SingingArguments {
    fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading
    Text,
    /// One row a segment
    Csv,
    /// One object a song, one a line, with the probability at every moment
    Json,
    /// `start end sing|nosing`, as the Jamendo corpus has it
    Lab,
    /// Audacity label track
    Audacity,
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Lab => "lab",
            Self::Audacity => "labels.txt",
        }
    }
}

pub(super) fn run(arguments: &SingingArguments) -> anyhow::Result<()> {
    arguments.compute.prepare()?;
    let label_track = matches!(arguments.format(), Format::Audacity | Format::Lab);
    let texts = match &arguments.output {
        Some(folder) => targets(&arguments.files, folder, arguments.format().ending())?,
        None => {
            anyhow::ensure!(
                !label_track || arguments.files.len() == 1,
                "a label file belongs to one song; give --output FOLDER to write one for each"
            );
            Vec::new()
        }
    };
    let pictures = match &arguments.picture {
        Some(folder) => targets(&arguments.files, folder, "svg")?,
        None => Vec::new(),
    };
    let run = open_run(&arguments.compute.runs, "svd", &arguments.run)?;
    let listener = Listener::new(SvdModel::of_run(&run, arguments.compute.device)?)?;
    let segments = segment_options(arguments, &listener)?;
    let options = InferOptions {
        hop: arguments.hop.map(usize::from),
        segments: Some(segments),
        lenient: arguments.skip_bad,
        picture: arguments.picture.is_some(),
    };
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
        if let (Some(target), Some(svg)) = (pictures.get(index), picture(&heard, segments.decision.threshold))
        {
            auscult::write_file(target, svg)?;
            say(&format!("{} -> {}", path.display(), target.display()));
        }
        match texts.get(index) {
            None => print(arguments.format(), path, &heard, index == 0, &mut std::io::stdout().lock())?,
            Some(target) => {
                let mut text = Vec::new();
                print(arguments.format(), path, &heard, true, &mut text)?;
                auscult::write_file(target, text)?;
                say(&format!("{} -> {}", path.display(), target.display()));
            }
        }
    }
    anyhow::ensure!(failed < arguments.files.len(), "none of the {failed} files could be read");
    Ok(())
}

fn segment_options(arguments: &SingingArguments, listener: &Listener) -> anyhow::Result<SegmentOptions> {
    let mut decision = listener.model().decision();
    if let Some(threshold) = arguments.threshold {
        anyhow::ensure!(
            (0.0..=1.0).contains(&threshold),
            "--threshold {threshold}: give a probability, 0 to 1"
        );
        decision.threshold = threshold;
    }
    if let Some(seconds) = arguments.median {
        anyhow::ensure!((0.0..=60.0).contains(&seconds), "--median {seconds}: give 0 to 60 seconds");
        decision.median_seconds = seconds;
    }
    for (name, value) in [
        ("hysteresis", arguments.hysteresis),
        ("shortest-pause", arguments.shortest_pause),
        ("shortest-segment", arguments.shortest_segment),
    ] {
        anyhow::ensure!(value.is_finite() && value >= 0.0, "--{name} {value}: give a number of at least 0");
    }
    Ok(SegmentOptions {
        decision,
        hysteresis: arguments.hysteresis,
        shortest_pause: arguments.shortest_pause,
        shortest_segment: arguments.shortest_segment,
    })
}

fn print(
    format: Format,
    path: &Path,
    heard: &Heard,
    header: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    match format {
        Format::Text => text(path, heard, out)?,
        Format::Csv => csv(path, heard, header, out)?,
        Format::Json => json(path, heard, out)?,
        Format::Lab => lab(heard, out)?,
        Format::Audacity => audacity(heard, out)?,
    }
    Ok(())
}

fn text(path: &Path, heard: &Heard, out: &mut impl Write) -> std::io::Result<()> {
    let sung = 100.0 * heard.share();
    writeln!(out, "{}  ({:.1} s)  sung {sung:.0} %", path.display(), heard.seconds)?;
    for segment in &heard.segments {
        let probability = 100.0 * segment.probability;
        writeln!(out, "  {} - {}  {probability:.0} %", clock(segment.start), clock(segment.end))?;
    }
    Ok(())
}

fn csv(path: &Path, heard: &Heard, header: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    if header {
        table.write_record(["path", "start_s", "end_s", "label", "probability"])?;
    }
    for segment in &heard.segments {
        let [start, end] = [segment.start, segment.end].map(|t| format!("{t:.3}"));
        let probability = format!("{:.4}", segment.probability);
        table.write_record([&*path.to_string_lossy(), &start, &end, "sing", &probability])?;
    }
    table.flush()?;
    Ok(())
}

fn json(path: &Path, heard: &Heard, out: &mut impl Write) -> anyhow::Result<()> {
    let segments: Vec<_> = heard
        .segments
        .iter()
        .map(
            |segment| json!({"start": segment.start, "end": segment.end, "probability": segment.probability}),
        )
        .collect();
    let rounded: Vec<f64> = heard.probabilities.iter().map(|p| (p * 1e4).round() / 1e4).collect();
    let song = json!({
        "path": path.to_string_lossy(), "seconds": heard.seconds, "sung": heard.share(), "segments": segments,
        "hop": heard.hop, "probabilities": rounded,
    });
    writeln!(out, "{song}")?;
    Ok(())
}

/// Every moment is in one line: what is not sung is `nosing`.
fn lab(heard: &Heard, out: &mut impl Write) -> std::io::Result<()> {
    let mut done = 0.0;
    for segment in &heard.segments {
        if segment.start > done {
            writeln!(out, "{done:.3} {:.3} nosing", segment.start)?;
        }
        writeln!(out, "{:.3} {:.3} sing", segment.start, segment.end)?;
        done = segment.end;
    }
    if heard.seconds > done {
        writeln!(out, "{done:.3} {:.3} nosing", heard.seconds)?;
    }
    Ok(())
}

fn audacity(heard: &Heard, out: &mut impl Write) -> std::io::Result<()> {
    for segment in &heard.segments {
        writeln!(out, "{:.6}\t{:.6}\tsing {:.2}", segment.start, segment.end, segment.probability)?;
    }
    Ok(())
}
