//! The separation pipeline and `auscult separate`, end to end, on songs the tests make themselves.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use auscult::audio_io::{Audio, SampleFormat, read, write_wav};
use ndarray::{Array2, s};
use tempfile::TempDir;

use crate::support::{Said, files, json, without_times};

const RECIPE: &str = r#"
about = "A test."
baselines = ["mixture", "ideal-binary-mask", "ideal-ratio-mask"]
data = { layout = "mir-1k", root = "songs" }
protocol = { seeds = [1], folds = 3, amounts = [0.5] }

[[contender]]
name = "small"
joint = true
front_end = { n_fft = 256, hop_length = 192, bins = 128, frames = 64 }
network = { base = 1 }
augment = { remix = 0.5, gain_db = 3.0, speed = 0.05 }
patches = 12
training = { epochs = 2, batch_size = 4, keep = "best" }

[[contender]]
name = "two nets"
front_end = { n_fft = 256, hop_length = 192, bins = 128, frames = 64 }
network = { base = 1, skip = false }
patches = 4
training = { epochs = 1, batch_size = 4 }
"#;

/// A voice that glides in the right channel, steady chords with clicks in the left.
pub(crate) fn song(singer: usize, take: usize, seconds: f64, rate: u32) -> Array2<f32> {
    let frames = (seconds * f64::from(rate)) as usize;
    Array2::from_shape_fn((2, frames), |(channel, frame)| {
        let t = frame as f64 / f64::from(rate);
        let tone = |hertz: f64| (std::f64::consts::TAU * hertz * t).sin();
        let sample = match channel {
            0 => {
                let click = if (t * (2.0 + take as f64)).fract() < 0.01 { 0.3 } else { 0.0 };
                0.1 * (tone(220.0) + tone(330.0 + 20.0 * take as f64)) + click
            }
            _ => 0.2 * tone(500.0 + 150.0 * singer as f64 + 100.0 * (2.0 * t).sin() / (1.0 + t)),
        };
        sample as f32
    })
}

/// A folder with songs and a recipe; gone when dropped.
struct Studio {
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

impl Studio {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        Self::filled(temporary.path().to_path_buf(), Some(temporary))
    }

    fn filled(folder: PathBuf, temporary: Option<TempDir>) -> Self {
        std::fs::create_dir_all(folder.join("songs")).unwrap();
        for singer in 0..3 {
            for take in 0..2 {
                let rate = [8000, 16_000][take];
                let audio = Audio::new(song(singer, take, 2.0 + take as f64, rate), rate).unwrap();
                let path = folder.join(format!("songs/singer{singer}_{take}.wav"));
                write_wav(path, &audio, SampleFormat::I16).unwrap();
            }
        }
        std::fs::write(folder.join("recipe.toml"), RECIPE).unwrap();
        Self { folder, _temporary: temporary }
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auscult"));
        command.current_dir(&self.folder).env("AUSCULT_RUNS", self.path("runs")).args(arguments);
        command
    }

    fn auscult(&self, arguments: &[&str]) -> Said {
        Said::from(self.command(arguments).output().unwrap())
    }

    fn run(&self) -> PathBuf {
        self.path("runs/separation/latest").canonicalize().unwrap()
    }

    /// Separates with the shared model into `out` here.
    fn separate(&self, song: &str, more: &[&str]) -> Said {
        let model = trained().run().join("model.safetensors").display().to_string();
        let fixed = ["separate", song, "-o", "out", "--model", &model];
        self.auscult(&[&fixed, more].concat())
    }

    /// Writes a sound, separates it and returns mixture, voice and accompaniment.
    fn stems(&self, samples: Array2<f32>, rate: u32, more: &[&str]) -> [Audio; 3] {
        let audio = Audio::new(samples, rate).unwrap();
        write_wav(self.path("mix.wav"), &audio, SampleFormat::F32).unwrap();
        self.separate("mix.wav", more).well();
        let stem = |name: &str| read(self.path(format!("out/mix.{name}.wav"))).unwrap();
        [audio, stem("vocals"), stem("accompaniment")]
    }
}

/// A run trained once for all tests that only read it.
fn trained() -> &'static Studio {
    static TRAINED: OnceLock<Studio> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("separated");
        let _ = std::fs::remove_dir_all(&folder);
        let studio = Studio::filled(folder, None);
        studio.auscult(&["train", "separation", "--recipe", "recipe.toml"]).well();
        studio
    })
}

/// The command that parts a song with the shared model into a folder.
pub(crate) fn separation(song: &str, out: &str) -> Command {
    let model = trained().run().join("model.safetensors").display().to_string();
    trained().command(&["separate", song, "-o", out, "--model", &model])
}

/// Largest difference of the stems' sum from the mixture.
fn misfit([mixture, vocals, accompaniment]: &[Audio; 3]) -> f32 {
    assert_eq!(mixture.samples.dim(), vocals.samples.dim());
    assert_eq!(mixture.sample_rate, vocals.sample_rate);
    let sum = &vocals.samples + &accompaniment.samples;
    (&sum - &mixture.samples).iter().fold(0.0, |most, x| x.abs().max(most))
}

#[test]
fn a_run_leaves_tables_scores_masks_and_a_model() {
    let run = trained().run();
    let results = json(run.join("results.json"));
    let rows = results["rows"].as_array().unwrap();
    let names = |native: bool| -> Vec<String> {
        let rows = rows.iter().filter(|row| row["native"] == native);
        rows.map(|row| format!("{} {}", row["model"].as_str().unwrap(), row["rendering"].as_str().unwrap()))
            .collect()
    };
    let low = [
        "small paper",
        "small paper-wiener",
        "small product",
        "two nets paper",
        "two nets paper-wiener",
        "two nets product",
        "mixture baseline",
        "ideal binary mask baseline",
        "ideal ratio mask baseline",
    ];
    assert_eq!(names(false), low);
    assert_eq!(names(true).len(), 5);
    let nsdr = |model: &str| {
        let row = rows.iter().find(|row| row["model"] == model && row["native"] == false).unwrap();
        row["measures"]["vocals_nsdr"]["mean"]["value"].as_f64().unwrap()
    };
    assert!(nsdr("mixture").abs() < 1e-9, "the mixture's NSDR is 0 by definition");
    assert!(nsdr("ideal ratio mask") > 10.0 && nsdr("ideal binary mask") > 10.0);
    assert_eq!(results["tested"], 2, "one singer of three, two songs");
    assert_eq!(results["amounts"].as_array().unwrap().len(), 2);
    assert!(run.join("model.safetensors").is_file());
    for job in ["fold0-seed1-small", "fold0-seed1-small-0.5", "fold0-seed1-two nets", "fold0-baselines"] {
        assert!(run.join("jobs").join(job).join("scores.json").is_file(), "{job}");
        assert!(!run.join("jobs").join(job).join("checkpoint.safetensors").exists(), "{job}");
    }
    assert!(std::fs::read(run.join("jobs/fold0-seed1-small/mask.png")).unwrap().starts_with(b"\x89PNG"));
    let clips = std::fs::read_to_string(run.join("clips.csv")).unwrap();
    assert_eq!(clips.lines().count(), 1 + 2 * (9 + 5));

    let again = trained().auscult(&["train", "separation", "--recipe", "recipe.toml"]).well();
    assert!(again.err.contains("is complete"), "{}", again.err);
}

#[test]
fn stems_add_up_to_the_song_at_every_rate_and_length() {
    let studio = Studio::new();
    for (seconds, rate, more) in [
        (3.0, 44_100, &[][..]),
        (2.0, 8000, &[]),
        (1.0, 96_000, &["--overlap", "0.75"]),
        (0.05, 16_000, &[]),
        (7.0, 22_050, &["--filter", "multichannel-wiener"]),
        (1.5, 8192, &["--filter", "mask", "--above", "accompaniment"]),
    ] {
        let stems = studio.stems(song(1, 0, seconds, rate), rate, more);
        let misfit = misfit(&stems);
        assert!(misfit < 1e-6, "{seconds} s at {rate} Hz: {misfit}");
        assert!(stems[1].peak() > 0.0, "{seconds} s at {rate} Hz");
    }
    let one_sample = studio.stems(Array2::from_elem((1, 1), 0.5), 44_100, &[]);
    assert!(misfit(&one_sample) < 1e-6);
    let mono = studio.stems(song(0, 1, 2.0, 44_100).slice_move(s![..1, ..]), 44_100, &[]);
    assert!(misfit(&mono) < 1e-6 && mono[1].channels() == 1);
    let six = Array2::from_shape_fn((6, 30_000), |(c, n)| ((c + 1) as f32 * n as f32 * 0.01).sin() * 0.1);
    assert!(misfit(&studio.stems(six, 48_000, &[])) < 1e-6);
}

#[test]
fn silence_stays_silence_and_rounding_formats_come_near() {
    let studio = Studio::new();
    let [_, vocals, accompaniment] = studio.stems(Array2::zeros((2, 40_000)), 44_100, &[]);
    assert!(vocals.peak() == 0.0 && accompaniment.peak() == 0.0);
    let stems = studio.stems(song(2, 1, 2.0, 16_000), 16_000, &["--format", "i16"]);
    assert!(misfit(&stems) < 1.01 / 32_768.0);
}

/// One long song, cut where the stream is cut, gives what the song in one block gives.
#[test]
fn blocks_do_not_show() {
    use auscult::pipeline::separation::{PeakMeter, SeparateOptions, SeparationModel, Separator, separate};
    let model = SeparationModel::load(&trained().run().join("model"), "cpu".parse().unwrap()).unwrap();
    let song = song(0, 1, 9.0, 22_050);
    let options = SeparateOptions::default();
    let whole = separate(&model, song.view(), 22_050, &options).unwrap();
    let mut meter = PeakMeter::new(&model, 22_050).unwrap();
    meter.push(song.view()).unwrap();
    let mut separator = Separator::new(&model, 22_050, 2, meter.finish().unwrap(), &options).unwrap();
    let mut vocals: Vec<Array2<f32>> = Vec::new();
    for start in (0..song.ncols()).step_by(7001) {
        let end = (start + 7001).min(song.ncols());
        vocals.push(separator.push(song.slice(s![.., start..end])).unwrap().vocals);
    }
    vocals.push(separator.finish().unwrap().vocals);
    let views: Vec<_> = vocals.iter().map(|part| part.view()).collect();
    let joined = ndarray::concatenate(ndarray::Axis(1), &views).unwrap();
    assert!((&joined - &whole.vocals).iter().all(|x| x.abs() < 1e-6));
}

#[test]
fn what_is_asked_for_is_written_and_told() {
    let studio = Studio::new();
    let said = studio.separate("songs/singer1_1.wav", &["--stems", "vocals", "--json"]).well();
    let line: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(line["stems"]["vocals"], "out/singer1_1.vocals.wav");
    assert_eq!((line["sample_rate"].as_u64(), line["channels"].as_u64()), (Some(16_000), Some(2)));
    assert_eq!(std::fs::read_dir(studio.path("out")).unwrap().count(), 1);

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models-tch/tests/golden/script.pt");
    let script = script.display().to_string();
    let said =
        studio.auscult(&["separate", "songs/singer1_1.wav", "--model", &script, "--filter", "mask"]).well();
    assert!(said.out.contains("songs/singer1_1.vocals.wav"), "{}", said.out);
    // Masks of three quarters everywhere: so much of the song is the voice, but for the lowest bin.
    let read = |name: &str| read(studio.path(name)).unwrap().samples;
    let (song, vocals) = (read("songs/singer1_1.wav"), read("songs/singer1_1.vocals.wav"));
    let (middle, expected) = (vocals.slice(s![.., 9000..30_000]), &song.slice(s![.., 9000..30_000]) * 0.75);
    assert!((&middle - &expected).iter().all(|x| x.abs() < 0.01));
}

#[test]
fn mistakes_are_explained_and_nothing_is_left_half_written() {
    let studio = Studio::new();
    let fails = |arguments: &[&str], expected: &[&str]| studio.auscult(arguments).refused(expected);
    fails(&["separate", "songs/singer0_0.wav"], &["no run here", "auscult train"]);
    std::fs::write(studio.path("no.pt"), "nothing").unwrap();
    fails(&["separate", "songs/singer0_0.wav", "--model", "no.pt"], &["no.pt", "TorchScript"]);
    let refused =
        |song: &str, more: &[&str], expected: &[&str]| studio.separate(song, more).refused(expected);
    refused("none.mp3", &[], &["none.mp3"]);
    std::fs::write(studio.path("broken.flac"), b"fLaC and no more").unwrap();
    refused("broken.flac", &[], &["broken.flac"]);
    refused("songs/singer0_0.wav", &["--overlap", "1"], &["overlap"]);
    assert!(!studio.path("out").exists() || std::fs::read_dir(studio.path("out")).unwrap().count() == 0);
    let said = studio.separate("broken.flac", &["--skip-bad"]);
    said.refused(&["none of the 1 songs"]);

    let train = |more: &[&str], expected: &[&str]| {
        let fixed = ["train", "separation", "--recipe", "recipe.toml"];
        studio.auscult(&[&fixed, more].concat()).refused(expected)
    };
    train(&["--set", "data.root=nowhere"], &["mir-1k", "nowhere"]);
    train(&["--set", "protocol.folds=2"], &["takes 3"]);
    train(&["--set", "protocol.folds=4", "--set", "protocol.tested_folds=4"], &["too few groups"]);
    std::fs::write(studio.path("songs/singer9_0.wav"), b"RIFF").unwrap();
    train(&[], &["singer9_0.wav"]);
}

/// Killed while it writes, the command leaves what was there; asked to stop, it clears up behind itself as well.
#[test]
fn a_killed_separation_leaves_no_half_stems() {
    let studio = Studio::new();
    let audio = Audio::new(song(0, 0, 120.0, 44_100), 44_100).unwrap();
    write_wav(studio.path("long.wav"), &audio, SampleFormat::I16).unwrap();
    std::fs::create_dir(studio.path("out")).unwrap();
    std::fs::write(studio.path("out/long.vocals.wav"), "earlier").unwrap();
    let model = trained().run().join("model.safetensors").display().to_string();
    let arguments = ["separate", "long.wav", "-o", "out", "--model", &model];
    let lengths = || -> Vec<(PathBuf, u64)> {
        let entries = std::fs::read_dir(studio.path("out")).unwrap().map(Result::unwrap);
        entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?.len()))).collect()
    };
    let stopped = |signal: &str| {
        let mut command = studio.command(&arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        while !lengths().iter().any(|(_, length)| *length > 100_000)
            && began.elapsed() < Duration::from_secs(60)
        {
            assert!(child.try_wait().unwrap().is_none(), "it finished before it could be stopped");
            std::thread::sleep(Duration::from_millis(2));
        }
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        Said::from(child.wait_with_output().unwrap())
    };
    stopped("-TERM").refused(&["interrupted", "long.wav"]);
    assert_eq!(lengths(), [(studio.path("out/long.vocals.wav"), 7)]);
    stopped("-KILL");
    assert_eq!(std::fs::read(studio.path("out/long.vocals.wav")).unwrap(), b"earlier");
    assert!(!studio.path("out/long.accompaniment.wav").exists());
    studio.auscult(&arguments).well();
    assert!(std::fs::metadata(studio.path("out/long.vocals.wav")).unwrap().len() > 40_000_000);
}

#[test]
fn a_killed_training_ends_as_one_that_is_not() {
    let outcome = |run: &Path| {
        let kept = |name: &String| name != "run.json" && !name.ends_with(".jsonl") && !name.ends_with("lock");
        let files = files(run).into_iter().filter(|(name, _)| kept(name));
        files
            .map(|(name, contents)| match name.ends_with(".json") {
                true => (name, serde_json::to_vec(&without_times(&contents)).unwrap()),
                false => (name, contents),
            })
            .collect::<Vec<_>>()
    };
    let studio = Studio::new();
    let arguments = ["train", "separation", "--recipe", "recipe.toml"];
    let jobs = studio.path("runs/separation/latest/jobs");
    let exists = |name: &str| jobs.join(name).exists();
    for mark in ["fold0-seed1-small/checkpoint.safetensors", "fold0-seed1-small-0.5/metrics.jsonl"] {
        let mut child =
            studio.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while !exists(mark)
            && child.try_wait().unwrap().is_none()
            && began.elapsed() < Duration::from_secs(60)
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    studio.auscult(&arguments).well();
    let expected = outcome(&trained().run());
    let ours = outcome(&studio.run());
    assert_eq!(
        ours.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        expected.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
    for ((name, ours), (_, expected)) in ours.iter().zip(&expected) {
        assert!(ours == expected, "{name} differs");
    }
}

#[test]
fn a_run_is_scored_on_a_manifest_but_not_on_what_it_heard() {
    let studio = Studio::new();
    let run = trained().run().display().to_string();
    let row =
        |song: &str, part: &str, channel: usize| format!("{song},{part},songs/singer1_0.wav,{channel}\n");
    let manifest = |name: &str| {
        let table = String::from("song,part,path,channel\n")
            + &row(name, "vocals", 2)
            + &row(name, "accompaniment", 1);
        std::fs::write(studio.path("stems.csv"), table).unwrap();
    };
    manifest("a new song");
    let said =
        studio.auscult(&["eval", "separation", "--run", &run, "--manifest", "stems.csv", "--json"]).well();
    let metrics: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert!(metrics["metrics"]["vocals_nsdr"]["value"].is_f64(), "{}", said.out);
    let heard = json(trained().run().join("model.json"))["metadata"]["heard"][0].as_str().unwrap().to_owned();
    manifest(&heard);
    studio
        .auscult(&["eval", "separation", "--run", &run, "--manifest", "stems.csv"])
        .refused(&["was trained on", &heard]);
}

#[test]
fn a_listening_test_opens_from_disk_and_its_ratings_are_read() {
    let studio = Studio::new();
    for folder in ["truth", "mixtures", "good", "bad"] {
        std::fs::create_dir(studio.path(folder)).unwrap();
        for name in ["one", "two", "three"] {
            std::fs::copy(studio.path("songs/singer0_0.wav"), studio.path(format!("{folder}/{name}.wav")))
                .unwrap();
        }
    }
    let fixed = [
        "listening-test",
        "make",
        "--references",
        "truth",
        "--mixtures",
        "mixtures",
        "--system",
        "good=good",
        "--system",
        "bad=bad",
        "-o",
        "test",
        "--controls",
        "2",
        "--question",
        "interference",
        "--seconds",
        "1",
    ];
    studio.auscult(&fixed).well();
    let html = std::fs::read_to_string(studio.path("test/index.html")).unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "it needs no network");
    let clips: Vec<&str> = html.split('"').filter(|part| part.starts_with("clips/")).collect();
    assert_eq!(clips.len(), 3 + 3 * 2 + 2 * 2, "references, systems, controls");
    for clip in &clips {
        assert!((read(studio.path("test").join(clip)).unwrap().duration() - 1.0).abs() < 1e-3, "{clip}");
        assert!(!clip.contains("good") && !clip.contains("bad"), "{clip} gives its system away");
    }
    let key = std::fs::read_to_string(studio.path("test/key.csv")).unwrap();
    let answers = |listener: &str, rate: &dyn Fn(&str) -> u8| {
        let rows = key.lines().skip(1).map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            format!("{},{listener},{},{}\n", fields[0], fields[1], rate(fields[3]))
        });
        let table = String::from("test,listener,clip,rating\n") + &rows.collect::<String>();
        std::fs::write(studio.path(format!("{listener}.csv")), table).unwrap();
    };
    let careful = |system: &str| match system {
        "(reference)" => 7,
        "(mixture)" => 1,
        "good" => 6,
        _ => 2,
    };
    answers("ann", &careful);
    answers("bo", &|system| careful(system).max(2) - 1);
    answers("cy", &|_| 7);
    let analyse = ["listening-test", "analyse", "test", "ann.csv", "bo.csv", "cy.csv"];
    let said = studio.auscult(&[&analyse[..], &["--json"]].concat()).well();
    let opinions: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(opinions["disqualified"], serde_json::json!(["cy"]));
    let mean = |system: &str| {
        let systems = opinions["systems"].as_array().unwrap();
        systems.iter().find(|row| row["system"] == system).unwrap()["mean"]["value"].as_f64().unwrap()
    };
    assert_eq!((mean("good"), mean("bad")), (5.5, 1.5));
    assert!(studio.auscult(&analyse).well().err.contains("2 listeners; 1 left out"));
    studio.auscult(&["listening-test", "analyse", "test", "cy.csv"]).refused(&["no answers are left"]);
    std::fs::write(studio.path("other.csv"), "test,listener,clip,rating\nx,ann,clips/01a.wav,3\n").unwrap();
    studio.auscult(&["listening-test", "analyse", "test", "other.csv"]).refused(&["other.csv, line 2"]);
}

#[test]
fn the_report_has_the_papers_tables_and_figures() {
    let run = trained().run().display().to_string();
    let studio = Studio::new();
    studio.auscult(&["report", &run, "-o", "report.html"]).well();
    let html = std::fs::read_to_string(studio.path("report.html")).unwrap();
    for part in
        ["own masks + Wiener", "11.094", "Fig. 2", "Fig. 3", "ideal ratio mask", "How much music it takes"]
    {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.matches("<svg").count() >= 8 && html.matches("data:image/png").count() >= 3);
}
