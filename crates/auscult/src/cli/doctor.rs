//! `auscult doctor`: what there is on this machine, and how to mend what is not.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

/// Arguments of `auscult doctor`.
#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// Folder of all runs
    #[arg(long, default_value = "runs", env = "AUSCULT_RUNS")]
    runs: PathBuf,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// What was looked at.
struct Finding {
    name: &'static str,
    value: String,
    /// What to do about it, where something is missing.
    remedy: Option<String>,
}

impl Finding {
    fn fine(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: value.into(), remedy: None }
    }

    fn missing(name: &'static str, value: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, value: value.into(), remedy: Some(remedy.into()) }
    }
}

pub(super) fn run(arguments: &DoctorArguments) -> anyhow::Result<()> {
    let mut findings = vec![
        Finding::fine("auscult", env!("CARGO_PKG_VERSION")),
        Finding::fine("platform", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        Finding::fine("cores", std::thread::available_parallelism().map_or(1, usize::from).to_string()),
        vectors(),
    ];
    #[cfg(feature = "torch")]
    findings.extend(torch(&arguments.runs));
    #[cfg(not(feature = "torch"))]
    findings.push(Finding::missing(
        "networks",
        "not in this build",
        "build with `--features torch` (in the project: `cargo xtask setup`, then `cargo xtask run PIPELINE`)",
    ));
    findings.push(writable(&arguments.runs));
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let value = |finding: &Finding| json!({"name": finding.name, "value": finding.value, "remedy": finding.remedy});
        writeln!(out, "{}", Value::Array(findings.iter().map(value).collect()))?;
        return Ok(());
    }
    for Finding { name, value, remedy } in &findings {
        writeln!(out, "{name:12} {value}")?;
        if let Some(remedy) = remedy {
            writeln!(out, "{:12} -> {remedy}", "")?;
        }
    }
    Ok(())
}

/// The instruction set the kernels run on.
fn vectors() -> Finding {
    #[cfg(target_arch = "x86_64")]
    if !(std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")) {
        return Finding::missing(
            "vectors",
            "no AVX2",
            "everything works, several times slower than on a processor of 2014 or later",
        );
    }
    Finding::fine("vectors", "the processor's own")
}

/// The networks' side: threads, GPU, and which pipelines have a trained run.
#[cfg(feature = "torch")]
fn torch(runs: &std::path::Path) -> Vec<Finding> {
    use auscult::pipeline::PIPELINES;
    let gpus = auscult::models_tch::cuda_devices();
    let mut findings = vec![Finding::fine(
        "GPU",
        if gpus == 0 { "none; everything runs without one".into() } else { format!("{gpus}, as cuda:0 ...") },
    )];
    for pipeline in PIPELINES {
        let name = pipeline.name();
        findings.push(match auscult::Run::open(runs, name, std::path::Path::new("latest")) {
            Ok(run) if run.path("results.json").is_file() => {
                Finding::fine(name, run.folder().display().to_string())
            }
            Ok(run) => Finding::missing(
                name,
                format!("{} is not finished", run.folder().display()),
                format!("`auscult train {name} --resume latest`"),
            ),
            Err(_) => Finding::missing(
                name,
                "no trained run",
                format!("`auscult train {name}` (in the project: `cargo xtask run {name}`), or name a folder of runs by --runs"),
            ),
        });
    }
    findings
}

/// Whether runs can be written where they go.
fn writable(runs: &std::path::Path) -> Finding {
    let here = runs.ancestors().find(|folder| folder.is_dir()).unwrap_or(std::path::Path::new("."));
    let probe = here.join(format!(".auscult-{}", std::process::id()));
    match std::fs::write(&probe, b"") {
        Ok(()) => {
            let _ = std::fs::remove_file(&probe);
            Finding::fine("runs", format!("{} can be written", runs.display()))
        }
        Err(error) => Finding::missing(
            "runs",
            format!("{} cannot be written: {error}", runs.display()),
            "name another folder by --runs or AUSCULT_RUNS",
        ),
    }
}
