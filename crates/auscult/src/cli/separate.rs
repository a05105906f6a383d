//! `auscult separate SONG...`: the voice and the band, each in a file of its own.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use auscult::audio_io::SampleFormat;
use auscult::pipeline::separation::{
    Extension, Filter, InferOptions, SeparateOptions, Separated, SeparationModel, Source, infer, stem_path,
};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::places::{Compute, open_run};
use super::progress::{Progress, stop_at_signal};
use super::say;

/// Arguments of `auscult separate`.
#[derive(Debug, Args)]
pub(super) struct SeparateArguments {
    /// Songs: mp3, flac, ogg, m4a, wav; any rate, any number of channels, any length
    #[arg(required = true)]
    songs: Vec<PathBuf>,
    /// Folder for the stems, SONG.vocals.wav and SONG.accompaniment.wav [default: each song's own]
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Stems to write
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Stem::Vocals, Stem::Accompaniment])]
    stems: Vec<Stem>,
    /// Model: a run's name (see runs/separation), a run folder, `latest`, FILE.safetensors, or TorchScript (FILE.pt)
    #[arg(long, default_value = "latest")]
    model: PathBuf,
    /// Sample format of the stems; integers round and clip, so that only f32 stems add up to the song exactly
    #[arg(long, value_enum, default_value_t = Format::F32)]
    format: Format,
    /// How masks become stems
    #[arg(long, value_enum, default_value_t = By::Wiener)]
    filter: By,
    /// What the voice gets above the model's highest frequency (4 kHz)
    #[arg(long, value_enum, default_value_t = Above::Upper)]
    above: Above,
    /// Share of each patch (12 s in the paper) that the next covers too, under 0.95; more is smoother and slower
    #[arg(long, default_value_t = 0.5)]
    overlap: f64,
    /// Print what was written as JSON, one object a song and line
    #[arg(long)]
    json: bool,
    /// Go on with the next song when one cannot be read, and read damaged ones as far as they go
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    compute: Compute,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stem {
    /// The voice
    Vocals,
    /// All else
    Accompaniment,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// 16-bit integers
    I16,
    /// 24-bit integers
    I24,
    /// 32-bit floats
    F32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// The voice's mask as it is
    Mask,
    /// Wiener filter made of both masks
    Wiener,
    /// The same, then one step of expectation maximisation for the directions of a stereo song
    MultichannelWiener,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Above {
    /// As much as between 2 and 4 kHz at that moment
    Upper,
    /// As much as on average at that moment
    Average,
    /// Nothing: all is accompaniment
    Accompaniment,
}

pub(super) fn run(arguments: &SeparateArguments) -> anyhow::Result<()> {
    arguments.compute.prepare()?;
    // Else the temporary files of the stems, as large as they, would stay.
    stop_at_signal()?;
    let model = load(arguments)?;
    let folders = folders(arguments)?;
    let mut failed = 0;
    for (song, folder) in arguments.songs.iter().zip(folders) {
        let options = options(arguments, folder);
        let separated = match infer(&model, song, &options, &mut Progress::new()) {
            Ok(separated) => separated,
            Err(error @ auscult::Error::Recording { .. }) if arguments.skip_bad => {
                say(&format!("skipped {error}"));
                failed += 1;
                continue;
            }
            Err(auscult::Error::Interrupted) => {
                anyhow::bail!("interrupted; {} is not separated", song.display())
            }
            Err(error) => return Err(error.into()),
        };
        print(arguments, song, &separated)?;
    }
    anyhow::ensure!(failed < arguments.songs.len(), "none of the {failed} songs could be read");
    Ok(())
}

/// A run by name, folder or `latest`, or a model file.
fn load(arguments: &SeparateArguments) -> anyhow::Result<SeparationModel> {
    let (model, compute) = (&arguments.model, &arguments.compute);
    let named = compute.runs.join("separation").join(model);
    if model.is_file() || model.with_extension("safetensors").is_file() {
        return Ok(SeparationModel::load(model, compute.device)?);
    }
    let folder = if model.as_os_str() != "latest" && named.is_dir() { &named } else { model };
    let run = open_run(&compute.runs, "separation", folder)?;
    Ok(SeparationModel::of_run(&run, compute.device)?)
}

/// The folder for each song's stems; no two songs may write the same file.
fn folders(arguments: &SeparateArguments) -> anyhow::Result<Vec<PathBuf>> {
    let mut taken = HashSet::new();
    let mut folders = Vec::new();
    for song in &arguments.songs {
        let beside = song.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = arguments.output.clone().unwrap_or_else(|| beside.to_path_buf());
        let target = stem_path(song, &folder, Source::Vocals);
        anyhow::ensure!(
            taken.insert(target.clone()),
            "two songs would both be written to {}; give them in two calls with two folders",
            target.display()
        );
        folders.push(folder);
    }
    Ok(folders)
}

fn options(arguments: &SeparateArguments, folder: PathBuf) -> InferOptions {
    let mut stems = Vec::new();
    for stem in &arguments.stems {
        let source = match stem {
            Stem::Vocals => Source::Vocals,
            Stem::Accompaniment => Source::Accompaniment,
        };
        if !stems.contains(&source) {
            stems.push(source);
        }
    }
    InferOptions {
        separate: SeparateOptions {
            filter: match arguments.filter {
                By::Mask => Filter::Mask,
                By::Wiener => Filter::Wiener,
                By::MultichannelWiener => Filter::MultichannelWiener,
            },
            extension: match arguments.above {
                Above::Upper => Extension::Upper,
                Above::Average => Extension::Average,
                Above::Accompaniment => Extension::Accompaniment,
            },
            overlap: arguments.overlap,
        },
        folder,
        stems,
        format: match arguments.format {
            Format::I16 => SampleFormat::I16,
            Format::I24 => SampleFormat::I24,
            Format::F32 => SampleFormat::F32,
        },
        lenient: arguments.skip_bad,
    }
}

fn print(arguments: &SeparateArguments, song: &Path, separated: &Separated) -> anyhow::Result<()> {
    for damage in &separated.damage {
        say(&format!("warning: {}: {damage}", song.display()));
    }
    if separated.clipped > 0 {
        say(&format!(
            "warning: {}: {} samples were clipped; write --format f32",
            song.display(),
            separated.clipped
        ));
    }
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let stems: serde_json::Map<String, serde_json::Value> = separated
            .files
            .iter()
            .map(|(source, path)| (source.name().to_owned(), json!(path.to_string_lossy())))
            .collect();
        let line = json!({
            "path": song.to_string_lossy(), "seconds": separated.seconds, "sample_rate": separated.sample_rate,
            "channels": separated.channels, "stems": stems, "clipped": separated.clipped,
        });
        writeln!(out, "{line}")?;
    } else {
        for (_, path) in &separated.files {
            writeln!(out, "{}", path.display())?;
        }
    }
    Ok(())
}
