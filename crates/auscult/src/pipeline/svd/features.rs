//! Features cached by content, and memory-mapped: all networks and all runs share one copy, on disk and in memory.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;
use ndarray::{Array2, ArrayView1, ArrayView2};
use ndarray_npy::ViewNpyExt as _;

use super::front_end::{FeatureExtractor, FrontEnd};
use super::manifest::Song;
use crate::observer::Observer;
use crate::pipeline::preparation::prepare_each;
use crate::run::fingerprint;
use crate::{Error, Result, files};

/// The features of one song, `[frame, value]`, in a file of the cache.
#[derive(Debug)]
pub struct Features {
    map: Mmap,
    /// Hash of the song's bytes and the front end.
    pub(crate) key: String,
}

impl Features {
    /// The values, `[frame, value]`, as they lie in the cache.
    ///
    /// # Errors
    /// [`Error::Part`] where the file is no matrix of the front end's.
    pub fn values(&self) -> Result<ArrayView2<'_, f32>> {
        ArrayView2::view_npy(&self.map).map_err(Error::part("the feature cache"))
    }

    /// Maps a file of the cache, if it is there and whole.
    fn map(path: &Path, key: &str, width: usize) -> Option<Self> {
        let file = File::open(path).ok()?;
        // SAFETY: files of the cache are written under another name and renamed, and never changed after.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file) }.ok()?;
        let features = Self { map, key: key.to_owned() };
        let whole = features.values().is_ok_and(|values| values.ncols() == width);
        whole.then_some(features)
    }
}

/// Features of many songs, in the order given, through the cache; the hash covers the sound file's bytes and the front
/// end, so that a changed file or setting is computed anew and nothing is computed twice. With `skip_bad`, songs that
/// cannot be used are `None` and a warning.
///
/// # Errors
/// Without `skip_bad` the first bad song by manifest order, the others being warned of; [`Error::Table`] for labels that
/// go on after their song has ended; [`Error::Interrupted`]; a cache that cannot be written.
pub fn prepare(
    songs: &[Song],
    front_end: FrontEnd,
    cache: &Path,
    skip_bad: bool,
    observer: &mut dyn Observer,
) -> Result<Vec<Option<Features>>> {
    let extractor = FeatureExtractor::new(front_end)?;
    prepare_each("features", songs, skip_bad, observer, |song| of_song(&extractor, song, cache))
}

/// Changes when the same front end would give other numbers than before.
const CACHE_VERSION: &str = "svd-features-1";

fn of_song(extractor: &FeatureExtractor, song: &Song, cache: &Path) -> Result<Features> {
    let features = cached(extractor, &song.path, cache)?;
    let seconds = features.values()?.nrows() as f64 / extractor.front_end().frame_rate();
    song.labels.check_end(&song.path, seconds)?;
    Ok(features)
}

fn cached(extractor: &FeatureExtractor, path: &Path, cache: &Path) -> Result<Features> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::recording(path, "there is no such file; check the manifest's path and --root")
        }
        _ => Error::recording(path, format!("could not be read: {error}")),
    })?;
    let front_end = format!("{:?}", extractor.front_end());
    let key = fingerprint(&[CACHE_VERSION.as_bytes(), front_end.as_bytes(), &bytes]);
    drop(bytes);
    let file = cache.join(&key[..2]).join(format!("{key}.npy"));
    let width = extractor.front_end().width();
    if let Some(features) = Features::map(&file, &key, width) {
        return Ok(features);
    }
    let samples = extractor.read(path)?;
    let values: Array2<f32> = extractor.features(ArrayView1::from(&samples))?;
    files::write_npy(&file, &values)?;
    Features::map(&file, &key, width)
        .ok_or_else(|| Error::Data(format!("{} cannot be mapped into memory", file.display())))
}
