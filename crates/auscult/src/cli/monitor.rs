//! `auscult monitor`: learns how a machine sounds when it is well, then scores files, a folder as it fills, or a stream.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use auscult::pipeline::asd::{Monitor, MonitorParams, Verdict, picture};
use clap::Args;
use ndarray::{Array2, Axis};
use serde_json::json;

use super::places::Compute;
use super::progress::Progress;
use super::say;

/// Arguments of `auscult monitor`.
#[derive(Debug, Args)]
pub(super) struct MonitorArguments {
    /// What to score: files, folders, or `-` for a WAV stream on standard input
    #[arg(required_unless_present = "train", conflicts_with = "train")]
    sounds: Vec<PathBuf>,
    /// Learn from the recordings in this folder, all of the machine in good order
    #[arg(long, value_name = "DIR")]
    train: Option<PathBuf>,
    /// Where the trained monitor goes
    #[arg(long, short, default_value = "monitor-model", requires = "train")]
    output: PathBuf,
    /// The trained monitor
    #[arg(long, default_value = "monitor-model")]
    model: PathBuf,
    /// Share of normal segments that may raise an alarm
    #[arg(long, default_value_t = 0.01, requires = "train")]
    false_alarms: f64,
    /// Seconds scored at a time
    #[arg(long, default_value_t = 10.0, requires = "train")]
    seconds: f64,
    /// Front ends heard together, by their letters in the paper's Fig. 3
    #[arg(long, default_value = "BCDFGH", requires = "train")]
    ensemble: String,
    /// Print a JSON object a line instead of text
    #[arg(long)]
    json: bool,
    /// Write a picture of what stands out in each alarmed segment into this folder
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,
    /// Keep watching folders for new recordings until interrupted
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    compute: Compute,
}

pub(super) fn run(arguments: &MonitorArguments) -> anyhow::Result<()> {
    arguments.compute.prepare()?;
    match &arguments.train {
        Some(folder) => train(arguments, folder),
        None => listen(arguments),
    }
}

fn train(arguments: &MonitorArguments, folder: &Path) -> anyhow::Result<()> {
    let recordings = recordings_in(folder)?;
    ensure!(!recordings.is_empty(), "{} holds no recording (wav, flac, ogg, mp3, m4a)", folder.display());
    let params = MonitorParams {
        ensemble: arguments.ensemble.clone(),
        segment_seconds: arguments.seconds,
        false_alarm_rate: arguments.false_alarms,
        ..MonitorParams::default()
    };
    let monitor = Monitor::train(&recordings, &params, &arguments.output, &mut Progress::new())?;
    say(&format!(
        "learnt from {} recordings with {} microphones; alarms above a score of {:.3}, fitted to {} held-out segments for \
         {} false alarms",
        recordings.len(),
        monitor.channels(),
        monitor.threshold(),
        monitor.held_out_segments(),
        arguments.false_alarms
    ));
    if monitor.held_out_segments() < 30 {
        say(
            "warning: with fewer than 30 held-out segments the threshold is a guess; record more normal sound",
        );
    }
    say(&format!("monitor: {}", arguments.output.display()));
    Ok(())
}

fn listen(arguments: &MonitorArguments) -> anyhow::Result<()> {
    let monitor = Monitor::load(&arguments.model)?;
    let speaker = Speaker { arguments, out: std::io::stdout() };
    let mut failed = 0;
    let mut files = 0;
    let mut followed: Vec<&Path> = Vec::new();
    for sound in &arguments.sounds {
        if sound == Path::new("-") {
            stream(&monitor, &speaker, std::io::stdin().lock())?;
        } else if sound.is_dir() && arguments.follow {
            followed.push(sound);
        } else {
            let recordings = if sound.is_dir() { recordings_in(sound)? } else { vec![sound.clone()] };
            for recording in recordings {
                files += 1;
                failed += usize::from(!score(&monitor, &speaker, &recording)?);
            }
        }
    }
    // last, and together: nothing comes after that
    if !followed.is_empty() {
        follow(&monitor, &speaker, &followed)?;
    }
    ensure!(failed == 0, "{failed} of {files} recordings could not be scored");
    Ok(())
}

/// Scores a file; a file that cannot be is told of, and the next one follows.
fn score(monitor: &Monitor, speaker: &Speaker, path: &Path) -> anyhow::Result<bool> {
    match monitor.file(path) {
        Ok(verdicts) => {
            for verdict in &verdicts {
                speaker.speak(&path.display().to_string(), verdict)?;
            }
            Ok(true)
        }
        Err(error) => {
            speaker.fail(&path.display().to_string(), &error.to_string())?;
            Ok(false)
        }
    }
}

/// Scores every recording of some folders, and those that come, once they have stopped growing. Recorders pause: what grows
/// after that is scored anew.
fn follow(monitor: &Monitor, speaker: &Speaker, folders: &[&Path]) -> anyhow::Result<()> {
    let mut sizes: BTreeMap<PathBuf, (u64, bool)> = BTreeMap::new();
    loop {
        let mut paths = Vec::new();
        for folder in folders {
            paths.append(&mut recordings_in(folder)?);
        }
        for path in paths {
            // gone again since it was listed
            let Ok(size) = std::fs::metadata(&path).map(|about| about.len()) else { continue };
            match sizes.get(&path) {
                Some((before, true)) if *before == size => {}
                Some((before, false)) if *before == size && size > 0 => {
                    score(monitor, speaker, &path)?;
                    sizes.insert(path, (size, true));
                }
                _ => {
                    sizes.insert(path, (size, false));
                }
            }
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}

/// Scores a WAV stream segment by segment, as it comes.
fn stream(monitor: &Monitor, speaker: &Speaker, input: impl Read) -> anyhow::Result<()> {
    let mut wav = hound::WavReader::new(input).context("standard input is no WAV stream")?;
    let spec = wav.spec();
    ensure!(
        spec.sample_rate == monitor.sample_rate(),
        "the stream has {} samples a second; a stream must have {}, as files of other rates are resampled and streams are not",
        spec.sample_rate,
        monitor.sample_rate()
    );
    let channels = usize::from(spec.channels);
    ensure!(
        channels == monitor.channels(),
        "the stream has {channels} channels, and the monitor was trained with {}; its threshold would not hold",
        monitor.channels()
    );
    let full_scale = (1_u64 << (spec.bits_per_sample - 1)) as f32;
    let mut samples: Box<dyn Iterator<Item = hound::Result<f32>>> = match spec.sample_format {
        hound::SampleFormat::Float => Box::new(wav.samples::<f32>()),
        hound::SampleFormat::Int => {
            Box::new(wav.samples::<i32>().map(move |sample| sample.map(|value| value as f32 / full_scale)))
        }
    };
    let segment = monitor.segment_samples();
    let (mut place, mut running) = (0, None);
    loop {
        let mut interleaved = Vec::with_capacity(segment * channels);
        // a stream of unknown length ends in an error of reading: what came before counts
        interleaved.extend(samples.by_ref().take(segment * channels).map_while(Result::ok));
        let frames = interleaved.len() / channels;
        interleaved.truncate(frames * channels);
        let audio = Array2::from_shape_vec((frames, channels), interleaved)?;
        let start = place as f64 / f64::from(monitor.sample_rate());
        if 2 * frames >= segment {
            let audio = audio.t().as_standard_layout().to_owned();
            debug_assert_eq!(audio.len_of(Axis(1)), frames);
            match monitor.segment(audio.view(), start, running) {
                Ok(verdict) => {
                    running = Some(verdict.running);
                    speaker.speak("-", &verdict)?;
                }
                Err(error) => speaker.fail("-", &error.to_string())?,
            }
        } else if frames > 0 {
            say(&format!(
                "the last {:.1} s are too short to score",
                frames as f64 / f64::from(monitor.sample_rate())
            ));
        }
        place += frames;
        if frames < segment {
            return Ok(());
        }
    }
}

/// Says what the monitor found.
struct Speaker<'a> {
    arguments: &'a MonitorArguments,
    out: std::io::Stdout,
}

impl Speaker<'_> {
    fn speak(&self, path: &str, verdict: &Verdict) -> anyhow::Result<()> {
        let mut out = self.out.lock();
        let picture = self.picture(path, verdict)?;
        if self.arguments.json {
            let mut line = serde_json::to_value(verdict)?;
            line["path"] = json!(path);
            if let Some(picture) = &picture {
                line["picture"] = json!(picture.display().to_string());
            }
            writeln!(out, "{line}")?;
        } else {
            let state = match verdict.alarm {
                Some(true) => "ALARM",
                Some(false) => "normal",
                None => "too short",
            };
            let [low, high] = verdict.band_hz;
            write!(
                out,
                "{path}  {:8.1} - {:8.1} s  {state:9}  score {:8.3}  running {:8.3}  threshold {:.3}",
                verdict.start, verdict.end, verdict.score, verdict.running, verdict.threshold
            )?;
            if verdict.alarm == Some(true) {
                write!(out, "  most unusual at {:.1} s, {low:.0} to {high:.0} Hz", verdict.most_unusual)?;
            }
            for (what, which) in [("dead", &verdict.dead), ("clipped", &verdict.clipped)] {
                if !which.is_empty() {
                    write!(out, "  {what} microphones left out: {which:?}")?;
                }
            }
            writeln!(out)?;
        }
        // whoever reads a stream waits for each line
        out.flush()?;
        Ok(())
    }

    fn fail(&self, path: &str, problem: &str) -> anyhow::Result<()> {
        if self.arguments.json {
            let mut out = self.out.lock();
            writeln!(out, "{}", json!({ "path": path, "error": problem }))?;
            out.flush()?;
        }
        say(&format!("error: {problem}"));
        Ok(())
    }

    /// With `--pictures`, writes that of an alarmed segment.
    fn picture(&self, path: &str, verdict: &Verdict) -> anyhow::Result<Option<PathBuf>> {
        let (Some(folder), Some(true)) = (&self.arguments.pictures, verdict.alarm) else { return Ok(None) };
        let stem = match path {
            "-" => "stream".into(),
            _ => Path::new(path).file_stem().unwrap_or_default().to_string_lossy(),
        };
        // segments may begin between whole seconds
        let target = folder.join(format!("{stem}-{}s.png", verdict.start));
        auscult::write_file(&target, picture(verdict))?;
        Ok(Some(target))
    }
}

/// The sound files of a folder, by name.
fn recordings_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>()?;
    let known = ["wav", "flac", "ogg", "mp3", "m4a"];
    paths.retain(|path| {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        ending.is_some_and(|ending| known.contains(&ending.as_str()))
    });
    paths.sort();
    Ok(paths)
}
