//! `cargo xtask run`: from a fresh checkout to a report, in one command.
use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    Stop, Workspace,
    commands::{
        Auscult,
        auscult::run_folders,
        report::{self, REPORT},
        train::{Training, train},
    },
    pipelines,
};

/// Set up, train, evaluate and report: one pipeline, or all.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which pipeline.
    #[arg(value_parser = pipelines::one_or_all())]
    pub pipeline: String,
    /// How to train it.
    #[command(flatten)]
    pub training: Training,
    /// Fail rather than use the network.
    #[arg(long)]
    pub offline: bool,
}

/// Sets up and builds, then runs.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    if args.pipeline == "all" && args.training.resume.is_some() {
        return Err(Stop::Usage("--resume goes with one pipeline, not with all".into()).into());
    }
    let started = Instant::now();
    let auscult = Auscult::build(workspace, args.offline)?;
    let set_up = started.elapsed();
    if args.training.show {
        return pipelines::chosen(&args.pipeline)
            .iter()
            .try_for_each(|pipeline| train(workspace, &auscult, pipeline.name, &args.training));
    }
    let outcome = pipelines(workspace, &auscult, args, set_up);
    println!("{}", Elapsed { total: started.elapsed(), set_up });
    outcome
}

/// Runs with a command that is built already: a pipeline that fails does not stop the others, but decides the outcome.
pub fn pipelines(workspace: &Workspace, auscult: &Auscult, args: &Args, set_up: Duration) -> Result<()> {
    let mut runs = Vec::new();
    let mut failure = None;
    let mut notes = vec![format!("Set-up and build took {:.0} s.", set_up.as_secs_f64())];
    for pipeline in pipelines::chosen(&args.pipeline) {
        let started = Instant::now();
        // A resumed run keeps its folder; a new one is where `latest` points afterwards.
        let folder = args.training.resume.as_deref().unwrap_or("latest");
        let trained = train(workspace, auscult, pipeline.name, &args.training)
            .and_then(|()| run_folders(workspace, &[pipeline.name], folder));
        match trained {
            Ok(folders) => runs.extend(folders),
            Err(error) => {
                eprintln!("xtask: {}: {error:#}", pipeline.name);
                failure.get_or_insert(error);
            }
        }
        let took = format!("{}: {:.1} s", pipeline.name, started.elapsed().as_secs_f64());
        println!("{took}");
        notes.push(took);
    }
    if !runs.is_empty() {
        report::write(workspace, auscult, runs, &notes, workspace.path(REPORT))?;
    }
    failure.map_or(Ok(()), Err)
}

/// How long a command took, and how much of that was spent before the work itself.
pub(super) struct Elapsed {
    pub(super) total: Duration,
    pub(super) set_up: Duration,
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (total, set_up) = (self.total.as_secs_f64(), self.set_up.as_secs_f64());
        let share = if total > 0.0 { 100.0 * set_up / total } else { 0.0 };
        write!(f, "total: {total:.1} s, of which set-up and build {set_up:.1} s ({share:.0} %)")
    }
}
