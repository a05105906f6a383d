//! A file into stems: read twice, once for the song's scale; written block by block, under the final names only when whole.

use std::path::{Path, PathBuf};

use auscult_audio_io::{AudioReader, ReadOptions, SampleFormat, Warning, WavWriter};

use super::model::SeparationModel;
use super::patches::Source;
use super::separate::{PeakMeter, SeparateOptions, Separator, Stems};
use crate::observer::Observer;
use crate::{Error, Result};

/// What to write, and where.
#[derive(Clone, Debug)]
pub struct InferOptions {
    /// How to separate.
    pub separate: SeparateOptions,
    /// Folder for the stems, made if need be.
    pub folder: PathBuf,
    /// Stems to write.
    pub stems: Vec<Source>,
    /// Sample format of the files. Integer formats round and clip: only [`SampleFormat::F32`] stems add up exactly.
    pub format: SampleFormat,
    /// Read damaged files as far as they go instead of refusing them.
    pub lenient: bool,
}

/// A separated file.
#[derive(Clone, Debug)]
pub struct Separated {
    /// The files written, in the order of [`InferOptions::stems`].
    pub files: Vec<(Source, PathBuf)>,
    /// Length of the song, seconds.
    pub seconds: f64,
    /// Its rate, Hz.
    pub sample_rate: u32,
    /// Its channels.
    pub channels: usize,
    /// Samples that an integer format clipped.
    pub clipped: u64,
    /// What was passed over in a damaged file; always empty unless [`InferOptions::lenient`].
    pub damage: Vec<Warning>,
}

/// Samples read at once.
const BLOCK: usize = 1 << 16;

/// The name of a stem's file: `song.mp3` gives `song.vocals.wav`.
#[must_use]
pub fn stem_path(song: &Path, folder: &Path, source: Source) -> PathBuf {
    let name = song.file_stem().unwrap_or_default().to_string_lossy();
    folder.join(format!("{name}.{}.wav", source.name()))
}

/// Separates a file of any format, rate, channel count and length.
///
/// Nothing stands under a stem's name before all stems are whole; what stood there before stays until then.
///
/// # Errors
/// [`Error::Recording`] for files that cannot be read; [`Error::Part`] where stems cannot be written;
/// [`Error::Interrupted`] when the observer stops it.
pub fn infer(
    model: &SeparationModel,
    song: &Path,
    options: &InferOptions,
    observer: &mut dyn Observer,
) -> Result<Separated> {
    options.separate.check()?;
    let refused = |error: auscult_audio_io::Error| Error::unreadable(song, &error);
    let open = || ReadOptions::default().strict(!options.lenient).open(song).map_err(refused);

    let mut reader = open()?;
    let (rate, channels) = (reader.sample_rate(), reader.channels());
    let expected = reader.frames().unwrap_or(0);
    let mut meter = PeakMeter::new(model, rate)?;
    observer.begin("listening", expected);
    let mut frames = 0;
    while let Some(block) = reader.next_block(BLOCK).map_err(refused)? {
        meter.push(block.view())?;
        frames += block.ncols() as u64;
        if observer.advance(frames, "").is_break() {
            return Err(Error::Interrupted);
        }
    }
    if frames == 0 {
        return Err(Error::recording(song, "it holds no sound to separate"));
    }
    let peak = meter.finish()?;
    observer.end(&format!("{:.1} s", frames as f64 / f64::from(rate)));

    std::fs::create_dir_all(&options.folder).map_err(Error::io("create", &options.folder))?;
    let written = |error: auscult_audio_io::Error| Error::part("writing the stems")(error);
    let mut writers = Vec::new();
    for &source in &options.stems {
        let path = stem_path(song, &options.folder, source);
        if same_file(&path, song) {
            let problem = "a stem would take its name; choose another folder with --output";
            return Err(Error::recording(song, problem));
        }
        let writer = WavWriter::create(&path, channels, rate, options.format).map_err(written)?;
        writers.push((source, path, writer));
    }
    let mut separator = Separator::new(model, rate, channels, peak, &options.separate)?;
    let mut reader: AudioReader = open()?;
    observer.begin("separating", frames);
    let mut done = 0;
    let mut write = |stems: &Stems| -> Result<()> {
        for (source, _, writer) in &mut writers {
            let samples = match source {
                Source::Vocals => &stems.vocals,
                Source::Accompaniment => &stems.accompaniment,
            };
            writer.push(samples.view()).map_err(written)?;
        }
        Ok(())
    };
    while let Some(block) = reader.next_block(BLOCK).map_err(refused)? {
        write(&separator.push(block.view())?)?;
        done += block.ncols() as u64;
        if observer.advance(done, "").is_break() {
            return Err(Error::Interrupted);
        }
    }
    write(&separator.finish()?)?;
    let mut files = Vec::new();
    let mut clipped = 0;
    for (source, path, writer) in writers {
        clipped += writer.finish().map_err(written)?.clipped;
        files.push((source, path));
    }
    let seconds = frames as f64 / f64::from(rate);
    observer.end(&format!("{seconds:.1} s"));
    let damage = reader.warnings().to_vec();
    Ok(Separated { files, seconds, sample_rate: rate, channels, clipped, damage })
}

/// Whether two paths lead to one existing file.
fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
