//! Where runs and caches are, and options that several verbs share.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
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

/// The file to write for each of several recordings, in their order: its name with another ending, in `folder`.
pub(super) fn targets(files: &[PathBuf], folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut targets: Vec<PathBuf> = Vec::new();
    for path in files {
        let mut name = path.file_stem().context("a recording without a name")?.to_owned();
        name.push(format!(".{ending}"));
        let target = folder.join(name);
        if let Some(earlier) = targets.iter().position(|known| *known == target) {
            anyhow::bail!(
                "{} and {} would both be written to {}; give them in two calls with two folders",
                files[earlier].display(),
                path.display(),
                target.display()
            );
        }
        targets.push(target);
    }
    Ok(targets)
}

/// `h:mm:ss.s`, without hours below one hour.
pub(super) fn clock(seconds: f64) -> String {
    let tenths = (seconds * 10.0).round() as u64;
    let (hours, minutes, rest) = (tenths / 36_000, tenths / 600 % 60, (tenths % 600) as f64 / 10.0);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:04.1}") } else { format!("{minutes}:{rest:04.1}") }
}

#[cfg(test)]
mod tests {
    use super::clock;

    #[test]
    fn clocks_carry() {
        assert_eq!(clock(0.0), "0:00.0");
        assert_eq!(clock(59.96), "1:00.0");
        assert_eq!(clock(3725.4), "1:02:05.4");
    }
}
