//! `auscult diarize FILE...`: who speaks when; `auscult same-speaker A B`: whether it is one voice.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use auscult::eval_metrics::write_rttm;
use auscult::pipeline::speakers::{
    DiarizationModel, DiarizeOptions, Diarized, Diarizer, SpeakerCount, timeline_page,
};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::places::{Compute, open_run};
use super::say;

/// Arguments of `auscult diarize`.
#[derive(Debug, Args)]
pub(super) struct DiarizeArguments {
    /// Recordings: wav, flac, mp3, ogg, m4a; any rate, any length
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Number of speakers, or `auto`
    #[arg(long, default_value = "auto", value_parser = speakers)]
    speakers: SpeakerCount,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Rttm)]
    format: Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write NAME.rttm for each recording into this folder too
    #[arg(long)]
    rttm_out: Option<PathBuf>,
    /// Write NAME.html with a timeline for each recording into this folder
    #[arg(long)]
    timeline: Option<PathBuf>,
    #[command(flatten)]
    model: ModelChoice,
    /// Go on with the next file when one cannot be read, and read damaged ones as far as they go
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    compute: Compute,
}

impl DiarizeArguments {
    fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// Arguments of `auscult same-speaker`.
#[derive(Debug, Args)]
pub(super) struct SameSpeakerArguments {
    /// A recording of one speaker
    first: PathBuf,
    /// A recording of one speaker
    second: PathBuf,
    /// Probability of one speaker before listening
    #[arg(long, default_value_t = 0.5)]
    prior: f64,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelChoice,
    /// Read damaged files as far as they go
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    compute: Compute,
}

/// Which model listens.
#[derive(Debug, Args)]
struct ModelChoice {
    /// Run whose model listens: a folder or `latest` [default: the model that comes along]
    #[arg(long)]
    run: Option<PathBuf>,
}

impl ModelChoice {
    fn load(&self, runs: &Path) -> anyhow::Result<Diarizer> {
        let model = match &self.run {
            Some(run) => DiarizationModel::of_run(&open_run(runs, "speakers", run)?)?,
            None => DiarizationModel::shipped()?,
        };
        Ok(Diarizer::new(model)?)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Rich Transcription Time Marked
    Rttm,
    /// One object a file, one a line
    Json,
    /// One row a turn
    Csv,
    /// Audacity label track
    Audacity,
    /// Subtitles that name the speaker
    Webvtt,
}

fn speakers(text: &str) -> Result<SpeakerCount, String> {
    match text.parse() {
        _ if text == "auto" => Ok(SpeakerCount::Automatic),
        Ok(count) if count > 0 => Ok(SpeakerCount::Known(count)),
        _ => Err("give a number from 1 on, or `auto`".into()),
    }
}

pub(super) fn run(arguments: &DiarizeArguments) -> anyhow::Result<()> {
    arguments.compute.prepare()?;
    let single = matches!(arguments.format(), Format::Audacity | Format::Webvtt);
    anyhow::ensure!(
        !single || arguments.files.len() == 1,
        "labels and subtitles belong to one recording; give one file, or leave \
         --format out and give --rttm-out FOLDER"
    );
    let names = names(&arguments.files)?;
    let diarizer = arguments.model.load(&arguments.compute.runs)?;
    let options = DiarizeOptions { speakers: arguments.speakers, lenient: arguments.skip_bad };
    let mut failed = 0;
    for (index, (path, name)) in arguments.files.iter().zip(&names).enumerate() {
        let heard = match diarizer.diarize(path, &options) {
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
        if let SpeakerCount::Known(count) = arguments.speakers
            && heard.speakers < count
        {
            say(&format!(
                "warning: {}: {} of {count} speakers found: there is speech for no more",
                path.display(),
                heard.speakers
            ));
        }
        print(arguments.format(), path, name, &heard, index == 0, &mut std::io::stdout().lock())?;
        if let Some(folder) = &arguments.rttm_out {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("could not create {}", folder.display()))?;
            write_rttm(
                folder.join(format!("{name}.rttm")),
                &BTreeMap::from([(name.clone(), heard.turns.clone())]),
            )?;
        }
        if let Some(folder) = &arguments.timeline {
            auscult::write_file(&folder.join(format!("{name}.html")), timeline_page(name, &heard))?;
        }
    }
    anyhow::ensure!(failed < arguments.files.len(), "none of the {failed} files could be read");
    Ok(())
}

/// A name for each recording, without white space, which RTTM cannot hold; no two alike.
fn names(files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for path in files {
        let stem = path.file_stem().context("a recording without a name")?.to_string_lossy();
        let name: String =
            stem.chars().map(|letter| if letter.is_whitespace() { '_' } else { letter }).collect();
        if let Some(earlier) = names.iter().position(|known| *known == name) {
            anyhow::bail!(
                "{} and {} would both be called {name}; give them in two calls",
                files[earlier].display(),
                path.display()
            );
        }
        names.push(name);
    }
    Ok(names)
}

fn print(
    format: Format,
    path: &Path,
    name: &str,
    heard: &Diarized,
    header: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let turns = &heard.turns;
    match format {
        Format::Rttm => {
            for turn in turns {
                let (start, duration) = (turn.start, turn.end - turn.start);
                writeln!(
                    out,
                    "SPEAKER {name} 1 {start:.3} {duration:.3} <NA> <NA> {} <NA> <NA>",
                    turn.label
                )?;
            }
        }
        Format::Json => {
            let turns: Vec<_> = turns
                .iter()
                .map(|turn| json!({"start": turn.start, "end": turn.end, "speaker": turn.label}))
                .collect();
            let file = json!({
                "path": path.to_string_lossy(), "seconds": heard.seconds, "speakers": heard.speakers, "turns": turns,
            });
            writeln!(out, "{file}")?;
        }
        Format::Csv => {
            let mut table = csv::Writer::from_writer(out);
            if header {
                table.write_record(["path", "start_s", "end_s", "speaker"])?;
            }
            for turn in turns {
                let [start, end] = [turn.start, turn.end].map(|time| format!("{time:.3}"));
                table.write_record([&*path.to_string_lossy(), &start, &end, &turn.label])?;
            }
            table.flush()?;
        }
        Format::Audacity => {
            for turn in turns {
                writeln!(out, "{:.6}\t{:.6}\t{}", turn.start, turn.end, turn.label)?;
            }
        }
        Format::Webvtt => {
            writeln!(out, "WEBVTT\n")?;
            for turn in turns {
                writeln!(out, "{} --> {}\n<v {}>\n", clock(turn.start), clock(turn.end), turn.label)?;
            }
        }
    }
    Ok(())
}

/// `hh:mm:ss.mmm`, as WebVTT wants it.
fn clock(seconds: f64) -> String {
    let thousandths = (seconds * 1000.0).round() as u64;
    let (hours, minutes) = (thousandths / 3_600_000, thousandths / 60_000 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}", thousandths / 1000 % 60, thousandths % 1000)
}

pub(super) fn same_speaker(arguments: &SameSpeakerArguments) -> anyhow::Result<()> {
    arguments.compute.prepare()?;
    let diarizer = arguments.model.load(&arguments.compute.runs)?;
    let (first, second) = (&arguments.first, &arguments.second);
    let found = diarizer.same_speaker(first, second, arguments.prior, arguments.skip_bad)?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let line = json!({
            "first": first.to_string_lossy(), "second": second.to_string_lossy(), "llr": found.llr,
            "probability": found.probability, "prior": arguments.prior, "speech_s": found.speech,
        });
        writeln!(out, "{line}")?;
    } else {
        let answer = if found.probability >= 0.5 { "the same speaker" } else { "different speakers" };
        writeln!(
            out,
            "{answer}: probability of one speaker {:.1} % (log-likelihood ratio {:+.2}, prior {:.1} %; {:.1} s and {:.1} s of speech)",
            100.0 * found.probability,
            found.llr,
            100.0 * arguments.prior,
            found.speech[0],
            found.speech[1]
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_and_counts_are_read_and_written() {
        assert_eq!(clock(3725.4567), "01:02:05.457");
        assert_eq!(speakers("auto"), Ok(SpeakerCount::Automatic));
        assert_eq!(speakers("3"), Ok(SpeakerCount::Known(3)));
        assert!(speakers("0").is_err() && speakers("many").is_err());
    }

    #[test]
    fn names_are_fit_for_rttm() {
        let names = |paths: [&str; 2]| names(&paths.map(PathBuf::from));
        assert_eq!(names(["a/my call.wav", "b/other.mp3"]).unwrap(), ["my_call", "other"]);
        assert!(names(["a/x.wav", "b/x.flac"]).unwrap_err().to_string().contains("two calls"));
    }
}
