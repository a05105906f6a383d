//! `auscult train`, `eval` and `report`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use auscult::pipeline::birds;
use clap::{Args, ValueEnum};

use super::places::{Compute, open_run};
use super::progress::Progress;
use super::{say, tables};

/// The pipelines there are.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Pipeline {
    /// Which bird is that?
    Birds,
}

impl Pipeline {
    fn name(self) -> &'static str {
        match self {
            Self::Birds => "birds",
        }
    }
}

/// Arguments of `auscult train`.
#[derive(Debug, Args)]
pub(super) struct TrainArguments {
    /// Which pipeline
    pipeline: Pipeline,
    /// Recipe: a name (mini, best, paper) or a TOML file
    #[arg(long, default_value = "mini")]
    recipe: String,
    /// Change one value of the recipe, e.g. `protocol.seeds=[1,2]` or `contender.0.training.epochs=5`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Go on with this run (folder or `latest`), by its own recipe
    #[arg(long, conflicts_with_all = ["recipe", "settings"])]
    resume: Option<PathBuf>,
    /// Leave out recordings that cannot be used, with a warning each, instead of stopping at the first
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    compute: Compute,
}

/// Arguments of `auscult eval`.
#[derive(Debug, Args)]
pub(super) struct EvalArguments {
    /// Which pipeline
    pipeline: Pipeline,
    /// Run folder or `latest`
    #[arg(long, default_value = "latest")]
    run: PathBuf,
    /// CSV with the columns `path` and `species`
    #[arg(long)]
    manifest: PathBuf,
    /// Folder the paths are relative to [default: the manifest's]
    #[arg(long)]
    root: Option<PathBuf>,
    /// Write metrics.json here too
    #[arg(long)]
    output: Option<PathBuf>,
    /// Print metrics.json instead of a table
    #[arg(long)]
    json: bool,
    /// Leave out recordings that cannot be used or whose species the run does not know
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    compute: Compute,
}

/// Arguments of `auscult report`.
#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// Run folders
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// The page
    #[arg(long, short, default_value = "report.html")]
    output: PathBuf,
}

pub(super) fn train(arguments: &TrainArguments) -> anyhow::Result<()> {
    arguments.compute.prepare()?;
    let compute = &arguments.compute;
    let mut progress = Progress::new();
    match arguments.pipeline {
        Pipeline::Birds => {
            let options = birds::TrainOptions {
                runs: compute.runs.clone(),
                cache: compute.cache(),
                device: compute.device,
                skip_bad: arguments.skip_bad,
            };
            let (name, recipe) = match &arguments.resume {
                None => birds::Recipe::read(&arguments.recipe, &arguments.settings)?,
                Some(run) => {
                    let run = open_run(&compute.runs, arguments.pipeline.name(), run)?;
                    let recipe = birds::Recipe::read(&run.path("recipe.toml").display().to_string(), &[])?.1;
                    let name = run.about().recipe.clone();
                    ensure!(
                        birds::run_name(&name, &recipe, &options)? == run.name(),
                        "{} cannot go on: the manifest, auscult's version or --skip-bad has changed since it was \
                         begun; undo that, or train anew with --recipe",
                        run.folder().display()
                    );
                    (name, recipe)
                }
            };
            let run = birds::train(&name, &recipe, &options, &mut progress)?;
            let text = std::fs::read_to_string(run.path("results.json")).context("results.json")?;
            tables::results(&serde_json::from_str(&text)?, &mut std::io::stdout().lock())?;
            say(&format!("run: {}", run.folder().display()));
        }
    }
    Ok(())
}

pub(super) fn eval(arguments: &EvalArguments) -> anyhow::Result<()> {
    arguments.compute.prepare()?;
    let compute = &arguments.compute;
    let run = open_run(&compute.runs, arguments.pipeline.name(), &arguments.run)?;
    let beside = || arguments.manifest.parent().unwrap_or(Path::new("")).to_path_buf();
    let mut progress = Progress::new();
    match arguments.pipeline {
        Pipeline::Birds => {
            let options = birds::EvaluateOptions {
                manifest: arguments.manifest.clone(),
                root: arguments.root.clone().unwrap_or_else(beside),
                cache: compute.cache(),
                device: compute.device,
                skip_bad: arguments.skip_bad,
            };
            let evaluation = birds::evaluate(&run, &options, &mut progress)?;
            let json = serde_json::to_string_pretty(&evaluation.metrics)? + "\n";
            if let Some(output) = &arguments.output {
                auscult::write_file(output, &json)?;
            }
            let mut out = std::io::stdout().lock();
            if arguments.json {
                out.write_all(json.as_bytes())?;
            } else {
                tables::metrics(&evaluation.metrics, &mut out)?;
            }
            if evaluation.skipped > 0 {
                say(&format!("{} recordings were left out", evaluation.skipped));
            }
            say(&format!("written: {}", evaluation.folder.join("metrics.json").display()));
        }
    }
    Ok(())
}

pub(super) fn report(arguments: &ReportArguments) -> anyhow::Result<()> {
    let runs = arguments
        .runs
        .iter()
        .map(|folder| auscult::Run::open_folder(folder))
        .collect::<Result<Vec<_>, _>>()?;
    auscult::write_report(&runs, &arguments.output)?;
    say(&format!("report: {}", arguments.output.display()));
    Ok(())
}
