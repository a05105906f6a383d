//! `auscult score`: scores of results that are already there, whoever made them.

mod classification;
mod detection;
mod diarization;
mod separation;
mod table;

use serde_json::Value;

/// Score results against the truth.
#[derive(Debug, clap::Args)]
pub(super) struct ScoreArgs {
    #[command(subcommand)]
    what: What,
    /// Print JSON instead of a table
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Separated sources: SDR, SIR, SAR (BSS Eval v3 or v4), SI-SDR, NSDR, from audio files
    Separation(separation::SeparationArgs),
    /// Speaker turns: DER, JER, purity and coverage, from RTTM files
    Diarization(diarization::DiarizationArgs),
    /// Scores of a detector: ROC AUC, partial AUC, average precision, EER, minDCF, from a CSV file
    Detection(detection::DetectionArgs),
    /// Labels of a classifier: accuracy, precision, recall, F1, from a CSV file
    Classification(classification::ClassificationArgs),
}

/// What a score prints: for people, or for programs.
struct Report {
    text: String,
    json: Value,
}

/// Runs `auscult score`.
///
/// # Errors
/// A file that cannot be read or does not hold what was asked for; the message names the file.
pub(super) fn run(args: ScoreArgs) -> anyhow::Result<()> {
    let report = match args.what {
        What::Separation(args) => separation::score(&args)?,
        What::Diarization(args) => diarization::score(&args)?,
        What::Detection(args) => detection::score(&args)?,
        What::Classification(args) => classification::score(&args)?,
    };
    let text = if args.json { serde_json::to_string_pretty(&report.json)? + "\n" } else { report.text };
    use std::io::Write as _;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
