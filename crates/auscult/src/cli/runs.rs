//! `auscult train`, `eval` and `report`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use auscult::pipeline::{EvaluateOptions, PIPELINES, Pipeline, RecipeChoice, TrainOptions, find};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};

use super::places::{Compute, open_run};
use super::progress::Progress;
use super::say;

/// Reads the name of a pipeline.
fn pipeline() -> impl clap::builder::TypedValueParser<Value = &'static dyn Pipeline> {
    let known = PIPELINES.iter().map(|pipeline| PossibleValue::new(pipeline.name()).help(pipeline.about()));
    PossibleValuesParser::new(known)
        .try_map(|name| find(&name).ok_or_else(|| format!("there is no pipeline `{name}`")))
}

/// Arguments of `auscult train`.
#[derive(Args)]
pub(super) struct TrainArguments {
    /// Which pipeline
    #[arg(value_parser = pipeline())]
    pipeline: &'static dyn Pipeline,
    /// Recipe: a name (`mini` is in every pipeline, its guide lists the others) or a TOML file
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
    /// Print metrics.json instead of tables
    #[arg(long)]
    json: bool,
    /// Print the recipe with every default written out, and train nothing
    #[arg(long, conflicts_with = "resume")]
    show: bool,
    #[command(flatten)]
    compute: Compute,
}

/// Arguments of `auscult eval`.
#[derive(Args)]
pub(super) struct EvalArguments {
    /// Which pipeline
    #[arg(value_parser = pipeline())]
    pipeline: &'static dyn Pipeline,
    /// Run folder or `latest`
    #[arg(long, default_value = "latest")]
    run: PathBuf,
    /// CSV with the columns the guide of the pipeline names (birds: `path`, `species`)
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
    /// A line for the page's end, such as what the set-up took; may be repeated
    #[arg(long = "note", value_name = "TEXT")]
    notes: Vec<String>,
}

pub(super) fn train(arguments: &TrainArguments) -> anyhow::Result<()> {
    let (pipeline, compute) = (arguments.pipeline, &arguments.compute);
    let choice =
        RecipeChoice { recipe: arguments.recipe.clone(), settings: arguments.settings.clone(), name: None };
    if arguments.show {
        std::io::stdout().lock().write_all(pipeline.resolved(&choice)?.as_bytes())?;
        return Ok(());
    }
    compute.prepare()?;
    let options = TrainOptions {
        runs: compute.runs.clone(),
        cache: compute.cache(),
        device: compute.device,
        skip_bad: arguments.skip_bad,
    };
    let mut progress = Progress::new();
    let began = std::time::SystemTime::now();
    let run = match &arguments.resume {
        Some(run) => {
            pipeline.resume(&open_run(&compute.runs, pipeline.name(), run)?, &options, &mut progress)?
        }
        None => pipeline.train(&choice, &options, &mut progress)?,
    };
    // A run that was complete before is left as it was.
    let results = std::fs::metadata(run.path("results.json")).and_then(|results| results.modified());
    if results.is_ok_and(|written| written >= began) {
        run.add_stages(progress.stages())?;
    }
    let text = if arguments.json {
        let metrics = run.path("metrics.json");
        std::fs::read_to_string(&metrics).with_context(|| format!("cannot read {}", metrics.display()))?
    } else {
        pipeline.summary(&run)?
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    say(&format!("run: {}", run.folder().display()));
    Ok(())
}

pub(super) fn eval(arguments: &EvalArguments) -> anyhow::Result<()> {
    arguments.compute.prepare()?;
    let (pipeline, compute) = (arguments.pipeline, &arguments.compute);
    let run = open_run(&compute.runs, pipeline.name(), &arguments.run)?;
    let beside = || arguments.manifest.parent().unwrap_or(Path::new("")).to_path_buf();
    let options = EvaluateOptions {
        manifest: arguments.manifest.clone(),
        root: arguments.root.clone().unwrap_or_else(beside),
        cache: compute.cache(),
        device: compute.device,
        skip_bad: arguments.skip_bad,
    };
    let evaluation = pipeline.evaluate(&run, &options, &mut Progress::new())?;
    let json = serde_json::to_string_pretty(&evaluation.metrics)? + "\n";
    if let Some(output) = &arguments.output {
        auscult::write_file(output, &json)?;
    }
    let text = if arguments.json { json } else { evaluation.metrics.table() };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    if evaluation.skipped > 0 {
        say(&format!("{} recordings were left out", evaluation.skipped));
    }
    say(&format!("written: {}", evaluation.folder.join("metrics.json").display()));
    Ok(())
}

pub(super) fn report(arguments: &ReportArguments) -> anyhow::Result<()> {
    let runs = arguments
        .runs
        .iter()
        .map(|folder| auscult::Run::open_folder(folder))
        .collect::<Result<Vec<_>, _>>()?;
    auscult::write_report(&runs, &arguments.notes, &arguments.output)?;
    say(&format!("report: {}", arguments.output.display()));
    Ok(())
}
