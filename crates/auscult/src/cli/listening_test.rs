//! `auscult listening-test`: a page to rate stems by ear, and what the ratings say.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use auscult::pipeline::separation::{ListeningTest, Question, analyse_listening, make_listening};
use clap::{Args, Subcommand, ValueEnum};

use super::say;

/// Arguments of `auscult listening-test`.
#[derive(Debug, Args)]
pub(super) struct ListeningTestArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a page that opens from disk: clips in random order, a scale of seven steps, hidden controls
    Make(MakeArguments),
    /// Means of the saved ratings, without listeners who missed a control
    Analyse(AnalyseArguments),
}

#[derive(Debug, Args)]
struct MakeArguments {
    /// What is asked
    #[arg(long, value_enum, default_value_t = Asked::Quality)]
    question: Asked,
    /// What the clips hold, in words
    #[arg(long, default_value = "vocals")]
    stem: String,
    /// Folder of true stems
    #[arg(long)]
    references: PathBuf,
    /// Folder of mixtures
    #[arg(long)]
    mixtures: PathBuf,
    /// Name and folder of a system's stems; give it once for each. Songs are matched by file name
    #[arg(long = "system", value_name = "NAME=FOLDER", required = true, value_parser = system)]
    systems: Vec<(String, PathBuf)>,
    /// Seconds of each song
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Songs that hide control clips
    #[arg(long, default_value_t = 3)]
    controls: usize,
    /// Seed of the order
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for the page
    #[arg(long, short)]
    output: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Asked {
    /// How good the stem sounds beside the true one
    Quality,
    /// How well all else is gone
    Interference,
}

#[derive(Debug, Args)]
struct AnalyseArguments {
    /// The test's folder, which holds key.csv
    folder: PathBuf,
    /// The listeners' files
    #[arg(required = true)]
    ratings: Vec<PathBuf>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

fn system(text: &str) -> anyhow::Result<(String, PathBuf)> {
    let (name, folder) = text.split_once('=').context("write NAME=FOLDER")?;
    anyhow::ensure!(
        !name.is_empty() && !name.starts_with('('),
        "the name must not be empty or begin with `(`"
    );
    Ok((name.to_owned(), folder.into()))
}

pub(super) fn run(arguments: &ListeningTestArguments) -> anyhow::Result<()> {
    match &arguments.what {
        What::Make(arguments) => {
            let test = ListeningTest {
                question: match arguments.question {
                    Asked::Quality => Question::Quality,
                    Asked::Interference => Question::Interference,
                },
                stem: arguments.stem.clone(),
                references: arguments.references.clone(),
                mixtures: arguments.mixtures.clone(),
                systems: arguments.systems.clone(),
                seconds: arguments.seconds,
                controls: arguments.controls,
                seed: arguments.seed,
            };
            let songs = make_listening(&test, &arguments.output)?;
            say(&format!("{songs} songs: open {}", arguments.output.join("index.html").display()));
        }
        What::Analyse(arguments) => {
            let opinions = analyse_listening(&arguments.folder, &arguments.ratings)?;
            let mut out = std::io::stdout().lock();
            if arguments.json {
                writeln!(out, "{}", serde_json::to_string_pretty(&opinions)?)?;
                return Ok(());
            }
            writeln!(
                out,
                "{:24} {:>6} {:>16} {:>5} {:>8}",
                "system", "mean", "95 % interval", "SD", "ratings"
            )?;
            for opinion in &opinions.systems {
                let mean = opinion.mean;
                let interval = format!("[{:.2}, {:.2}]", mean.low, mean.high);
                writeln!(
                    out,
                    "{:24} {:6.2} {interval:>16} {:5.2} {:8}",
                    opinion.system, mean.value, opinion.deviation, mean.n
                )?;
            }
            say(&format!(
                "{} listeners; {} left out for missing a control {}",
                opinions.listeners,
                opinions.disqualified.len(),
                opinions.disqualified.join(", ")
            ));
        }
    }
    Ok(())
}
