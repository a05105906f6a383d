//! `cargo xtask train`: one run of a pipeline, which ends by evaluating itself.
use std::{ffi::OsString, time::Instant};

use anyhow::Result;

use crate::{
    Workspace,
    commands::{
        Auscult,
        auscult::{recipe, run_folders},
        run::Elapsed,
    },
    pipelines,
};

/// Train a pipeline and evaluate it on its recipe's data.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which pipeline.
    #[arg(value_parser = pipelines::one())]
    pub pipeline: String,
    /// How to train it.
    #[command(flatten)]
    pub training: Training,
    /// Fail rather than use the network.
    #[arg(long)]
    pub offline: bool,
}

/// How to train.
#[derive(Clone, Debug, clap::Args)]
pub struct Training {
    /// A recipe by its name, or a file.
    #[arg(long, default_value = "mini", value_name = "NAME|FILE")]
    pub recipe: String,
    /// Change one value of the recipe; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<String>,
    /// Where to compute: `cpu` or `cuda:N`.
    #[arg(long, value_parser = device)]
    pub device: Option<String>,
    /// Go on with a run that was interrupted, by its own recipe: its folder, or `latest`.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["recipe", "set"])]
    pub resume: Option<String>,
    /// Leave out recordings that cannot be used, with a warning each, instead of stopping at the first.
    #[arg(long)]
    pub skip_bad: bool,
    /// Print the recipe with every default written out, and train nothing.
    #[arg(long, conflicts_with = "resume")]
    pub show: bool,
}

/// Sets up and builds, then trains.
pub fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let started = Instant::now();
    let auscult = Auscult::build(workspace, args.offline)?;
    let set_up = started.elapsed();
    train(workspace, &auscult, &args.pipeline, &args.training)?;
    if args.training.show {
        return Ok(());
    }
    println!("{}", Elapsed { total: started.elapsed(), set_up });
    Ok(())
}

/// Trains with a command that is built already.
pub fn train(workspace: &Workspace, auscult: &Auscult, pipeline: &str, training: &Training) -> Result<()> {
    auscult.check_device(training.device.as_deref())?;
    let mut line: Vec<OsString> = vec!["train".into(), pipeline.into()];
    match &training.resume {
        Some(run) => {
            line.push("--resume".into());
            line.extend(run_folders(workspace, &[pipeline], run)?.into_iter().map(Into::into));
        }
        None => {
            line.extend(["--recipe".into(), recipe(&training.recipe)?]);
            for change in &training.set {
                line.extend(["--set".into(), change.into()]);
            }
        }
    }
    if let Some(device) = &training.device {
        line.extend(["--device".into(), device.into()]);
    }
    for (given, flag) in [(training.skip_bad, "--skip-bad"), (training.show, "--show")] {
        if given {
            line.push(flag.into());
        }
    }
    auscult.run(workspace, line)
}

fn key_value(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("expected KEY=VALUE, such as epochs=3".into()),
    }
}

/// Accepts `cpu`, `cuda` and `cuda:N`.
pub fn device(text: &str) -> Result<String, String> {
    let known = match text.split_once(':') {
        None => text == "cpu" || text == "cuda",
        Some((kind, index)) => kind == "cuda" && index.parse::<u16>().is_ok(),
    };
    if known { Ok(text.to_owned()) } else { Err("expected cpu or cuda:N".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_settings_are_checked_early() {
        for good in ["cpu", "cuda", "cuda:0", "cuda:11"] {
            assert_eq!(device(good).as_deref(), Ok(good));
        }
        for bad in ["gpu", "cuda:", "cuda:x", "cpu:0", ""] {
            assert!(device(bad).is_err(), "{bad}");
        }
        assert!(key_value("epochs=3").is_ok());
        assert!(key_value("epochs").is_err());
        assert!(key_value("=3").is_err());
    }
}
