//! Where runs and caches are, and options that several verbs share.

use std::path::{Path, PathBuf};

use auscult::models_tch::{Device, set_threads};
use clap::Args;

/// Options of every verb that computes.
#[derive(Debug, Args)]
pub(super) struct Compute {
    /// Where to compute: `cpu` or `cuda:N`
    #[arg(long, default_value = "cpu")]
    pub(super) device: Device,
    /// Folder of all runs
    #[arg(long, default_value = "runs", env = "AUSCULT_RUNS")]
    pub(super) runs: PathBuf,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
}

impl Compute {
    /// Sets the number of threads, once, before anything computes.
    pub(super) fn prepare(&self) -> anyhow::Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.unwrap_or(cores);
        set_threads(threads)?;
        // Feature extraction's own; it can only be set once in a process, and here is the only place.
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
        Ok(())
    }

    /// Features are kept beside the runs, whichever run made them.
    pub(super) fn cache(&self) -> PathBuf {
        self.runs.join("cache")
    }
}

/// `--resume` and `--run` take a folder or `latest`.
pub(super) fn open_run(runs: &Path, pipeline: &str, run: &Path) -> anyhow::Result<auscult::Run> {
    Ok(auscult::Run::open(runs, pipeline, run)?)
}
