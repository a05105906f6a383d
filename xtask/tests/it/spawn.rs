//! What the `auscult` command is called with; a shell script that writes it down stands in for it.
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
    time::Duration,
};

use clap::Parser;
use xtask::{
    Cli, Workspace,
    commands::{Auscult, eval, run, train},
    exit_code,
    libtorch::Found,
};

struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    /// `auscult` ends with this exit code, and leaves a run behind.
    fn new(exit: u8) -> (Self, Auscult) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["recipes", "runs/birds/first", "runs/birds/second"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        symlink("first", root.join("runs/birds/latest")).unwrap();
        fs::write(root.join("recipes/mine.toml"), "").unwrap();
        let program = root.join("auscult");
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> calls\necho \"$LIBTORCH $OMP_WAIT_POLICY $GOMP_SPINCOUNT $LD_LIBRARY_PATH\" > env\nexit {exit}\n"
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let libtorch = Found { folder: "torch".into(), version: "2.11.0".into(), cuda: false };
        let auscult = Auscult::at(program, libtorch).unwrap();
        (Self { folder }, auscult)
    }

    fn workspace(&self) -> Workspace {
        Workspace::at(self.folder.path())
    }

    /// The calls so far, with the checkout's own path left out.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        text.replace(&format!("{}/", self.folder.path().display()), "").lines().map(str::to_owned).collect()
    }
}

fn training() -> train::Training {
    train::Training {
        recipe: "mini".into(),
        set: Vec::new(),
        device: None,
        resume: None,
        skip_bad: false,
        show: false,
    }
}

fn run_args(training: train::Training) -> run::Args {
    run::Args { pipeline: "birds".into(), training, offline: false }
}

#[test]
fn a_run_trains_and_then_reports() {
    let (checkout, auscult) = Checkout::new(0);
    run::pipelines(&checkout.workspace(), &auscult, &run_args(training()), Duration::from_secs(7)).unwrap();
    let calls = checkout.calls();
    assert_eq!(calls[0], "train birds --recipe mini");
    let report = &calls[1];
    assert!(
        report.starts_with("report runs/birds/first --note Set-up and build took 7 s. --note birds: "),
        "{report}"
    );
    assert!(report.ends_with(" --output target/auscult/report.html"), "{report}");
    let env = fs::read_to_string(checkout.folder.path().join("env")).unwrap();
    let words: Vec<&str> = env.split_whitespace().collect();
    assert_eq!(words[0], "torch");
    assert!(words[3].starts_with("torch/lib"), "{env}");
}

#[test]
fn every_option_of_a_training_is_handed_on() {
    let (checkout, auscult) = Checkout::new(0);
    let training = train::Training {
        recipe: checkout.folder.path().join("recipes/mine.toml").display().to_string(),
        set: vec!["epochs=3".into(), "seed=1".into()],
        device: Some("cpu".into()),
        resume: None,
        skip_bad: false,
        show: true,
    };
    train::train(&checkout.workspace(), &auscult, "birds", &training).unwrap();
    let resumed = |run: &str| train::Training { resume: Some(run.into()), ..self::training() };
    for run in ["latest", "second", "birds/second"] {
        train::train(&checkout.workspace(), &auscult, "birds", &resumed(run)).unwrap();
    }
    assert_eq!(
        checkout.calls(),
        [
            "train birds --recipe recipes/mine.toml --set epochs=3 --set seed=1 --device cpu --show",
            "train birds --resume runs/birds/first",
            "train birds --resume runs/birds/second",
            "train birds --resume runs/birds/second",
        ]
    );
}

#[test]
fn a_failure_keeps_its_exit_code_and_skips_the_report() {
    let (checkout, auscult) = Checkout::new(9);
    let error =
        run::pipelines(&checkout.workspace(), &auscult, &run_args(training()), Duration::ZERO).unwrap_err();
    assert_eq!(exit_code(&error), 9);
    assert_eq!(checkout.calls().len(), 1);
}

#[test]
fn an_unknown_run_is_wrong_usage() {
    let (checkout, auscult) = Checkout::new(0);
    let unknown = train::Training { resume: Some("nothing".into()), ..training() };
    let error = train::train(&checkout.workspace(), &auscult, "birds", &unknown).unwrap_err();
    assert_eq!(exit_code(&error), 2);
    assert!(error.to_string().contains("cargo xtask run birds"), "{error:#}");
    assert!(checkout.calls().is_empty());
}

#[test]
fn cuda_needs_a_libtorch_with_cuda() {
    let (checkout, auscult) = Checkout::new(0);
    let on_gpu = train::Training { device: Some("cuda:0".into()), ..training() };
    let error = train::train(&checkout.workspace(), &auscult, "birds", &on_gpu).unwrap_err();
    assert_eq!(exit_code(&error), 3);
    assert!(error.to_string().contains("without CUDA"), "{error:#}");
}

#[test]
fn an_evaluation_names_run_manifest_and_root() {
    let (checkout, auscult) = Checkout::new(0);
    let labels = checkout.folder.path().join("labels.csv");
    fs::write(&labels, "").unwrap();
    let mut args = eval::Args {
        pipeline: "birds".into(),
        run: "latest".into(),
        manifest: labels,
        root: checkout.folder.path().join("runs"),
        device: None,
        skip_bad: false,
        json: false,
        output: None,
        offline: false,
    };
    eval::evaluate(&checkout.workspace(), &auscult, &args).unwrap();
    assert_eq!(checkout.calls(), ["eval birds --run runs/birds/first --manifest labels.csv --root runs"]);
    args.manifest = "nothing.csv".into();
    let error = eval::evaluate(&checkout.workspace(), &auscult, &args).unwrap_err();
    assert_eq!(exit_code(&error), 2);
}

#[test]
fn the_command_line_is_checked_before_anything_starts() {
    for good in [
        "run birds",
        "run all --recipe mini --set epochs=1 --device cuda:1",
        "train birds --resume latest",
        "eval birds --run latest --manifest a.csv --root .",
        "report latest birds/first",
        "test -p xtask -- --nocapture",
        "setup --check",
        "data fetch birds10 --offline",
    ] {
        Cli::try_parse_from(["xtask"].into_iter().chain(good.split(' '))).unwrap();
    }
    for bad in [
        "run fish",
        "run birds --device gpu",
        "train birds --set epochs",
        "train all",
        "eval birds",
        "nothing",
    ] {
        let error = Cli::try_parse_from(["xtask"].into_iter().chain(bad.split(' '))).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{bad}");
    }
}

#[test]
fn exit_codes_reach_the_shell() {
    let code = |args: &[&str], folder: &Path| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_xtask")).args(args).current_dir(folder).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(code(&["data", "info", "birds10"], here).0, Some(0));
    assert_eq!(code(&["data", "info", "no-such-set"], here).0, Some(2));
    assert_eq!(code(&["data", "fetch", "callhome"], here).0, Some(3));
    assert_eq!(code(&["release"], here).0, Some(2));
    let outside = tempfile::tempdir().unwrap();
    let (status, message) = code(&["data", "list"], outside.path());
    assert_eq!(status, Some(1));
    assert!(message.contains("not inside an auscult checkout"), "{message}");
}
