//! `auscult dereverb IN -o OUT.wav`: a recording without the late reverberation of its room.

use std::io::Write as _;
use std::path::PathBuf;

use auscult::audio_io::SampleFormat;
use auscult::dereverb::{OnlineWpeParams, UnifiedParams, WpeParams};
use auscult::dereverberation::{DereverbMethod, DereverbOptions, dereverberate_file};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::progress::Progress;

/// Arguments of `auscult dereverb`.
#[derive(Debug, Args)]
pub(super) struct DereverbArguments {
    /// The recording: wav, flac, mp3, ogg, m4a; any rate, length and number of microphones
    input: PathBuf,
    /// The WAV file to write, of the same rate, length and channels
    #[arg(long, short)]
    output: PathBuf,
    /// How
    #[arg(long, value_enum, default_value_t = Method::Wpe)]
    method: Method,
    /// Frames of the past that predict the reverberation [default: 10, unified: 8]
    #[arg(long)]
    taps: Option<usize>,
    /// Frames between the present and the newest of them [default: 3, unified: 2]
    #[arg(long)]
    delay: Option<usize>,
    /// Rounds of estimation [default: 3, unified: 5]
    #[arg(long)]
    iterations: Option<usize>,
    /// online: what a frame counts when the next has come, 0 to 1 [default: 0.9999]
    #[arg(long)]
    forgetting: Option<f64>,
    /// unified: number of sources [default: 2]
    #[arg(long)]
    sources: Option<usize>,
    /// unified: reverberation time in seconds [default: 0.4]
    #[arg(long)]
    rt60: Option<f64>,
    /// Window in milliseconds
    #[arg(long, default_value_t = 32.0)]
    window: f64,
    /// Seconds estimated at a time; more need more memory
    #[arg(long, default_value_t = 20.0)]
    segment: f64,
    /// Samples of the output
    #[arg(long, value_enum, default_value_t = Samples::F32)]
    samples: Samples,
    /// Print a summary as JSON
    #[arg(long)]
    json: bool,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Weighted prediction error, on segments of the recording
    Wpe,
    /// The same recursively: learns as it goes, from the first second on
    Online,
    /// Prediction, beamforming and suppression under one likelihood: for sources that move
    Unified,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Samples {
    /// 16-bit integers
    I16,
    /// 24-bit integers
    I24,
    /// 32-bit floats, which cannot clip
    F32,
}

impl DereverbArguments {
    fn method(&self) -> anyhow::Result<DereverbMethod> {
        let only = |given: bool, option: &str, method: Method| {
            let name =
                method.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            anyhow::ensure!(!given || self.method == method, "--{option} belongs to --method {name}");
            Ok(())
        };
        only(self.forgetting.is_some(), "forgetting", Method::Online)?;
        only(self.sources.is_some(), "sources", Method::Unified)?;
        only(self.rt60.is_some(), "rt60", Method::Unified)?;
        anyhow::ensure!(
            self.iterations.is_none() || self.method != Method::Online,
            "--iterations does not belong to --method online, which sees every frame once"
        );
        Ok(match self.method {
            Method::Wpe => {
                let default = WpeParams::default();
                let (taps, delay) = (self.taps.unwrap_or(default.taps), self.delay.unwrap_or(default.delay));
                let iterations = self.iterations.unwrap_or(default.iterations);
                DereverbMethod::Wpe(default.taps(taps).delay(delay).iterations(iterations))
            }
            Method::Online => {
                let default = OnlineWpeParams::default();
                let (taps, delay) = (self.taps.unwrap_or(default.taps), self.delay.unwrap_or(default.delay));
                let forgetting = self.forgetting.unwrap_or(default.forgetting);
                DereverbMethod::Online(default.taps(taps).delay(delay).forgetting(forgetting))
            }
            Method::Unified => {
                let default = UnifiedParams::default();
                let (taps, delay) = (self.taps.unwrap_or(default.taps), self.delay.unwrap_or(default.delay));
                let iterations = self.iterations.unwrap_or(default.iterations);
                let sources = self.sources.unwrap_or(default.sources);
                let rt60 = self.rt60.unwrap_or(default.reverberation_time);
                let params = default.taps(taps).delay(delay).iterations(iterations);
                DereverbMethod::Unified(params.sources(sources).reverberation_time(rt60))
            }
        })
    }
}

pub(super) fn run(arguments: &DereverbArguments) -> anyhow::Result<()> {
    if let Some(threads) = arguments.threads {
        // it can only be set once in a process, and here is the only place
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    }
    let options = DereverbOptions {
        method: arguments.method()?,
        window: arguments.window / 1e3,
        segment: arguments.segment,
        format: match arguments.samples {
            Samples::I16 => SampleFormat::I16,
            Samples::I24 => SampleFormat::I24,
            Samples::F32 => SampleFormat::F32,
        },
    };
    let summary = dereverberate_file(&arguments.input, &arguments.output, &options, &mut Progress::new())?;
    if arguments.json {
        let line = json!({
            "input": arguments.input.to_string_lossy(),
            "output": arguments.output.to_string_lossy(),
            "channels": summary.channels,
            "sample_rate": summary.sample_rate,
            "seconds": summary.seconds,
            "segments": summary.segments,
            "level_change_db": summary.level_change,
            "warnings": summary.warnings,
        });
        writeln!(std::io::stdout().lock(), "{line}")?;
    }
    Ok(())
}
