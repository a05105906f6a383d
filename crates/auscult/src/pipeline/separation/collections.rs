//! The public collections of stems, each found in its own folders.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::songs::{Song, Split, Stem, distinct, read_manifest};
use crate::{Error, Result};

/// How a collection lies in its folder.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// A manifest, a row a stem.
    #[default]
    Manifest,
    /// `NAME/{vocals,accompaniment,mixture}.EXT`, or `{vocals,accompaniment,mixture}/NAME.EXT`; the mixture may be missing.
    Folders,
    /// `NAME/{original,instrumental}.EXT`, or `{original,instrumental}/NAME.EXT`: the paper's own kind of data (3.2).
    Pairs,
    /// MIR-1K: `SINGER_SONG_CLIP.EXT`, left the accompaniment, right the voice; groups are singers.
    #[serde(rename = "mir-1k")]
    Mir1k,
    /// iKala: as MIR-1K, `SONG_PART.wav`, groups are songs.
    Ikala,
    /// MUSDB18: `{train,test}/NAME.stem.mp4`, tracks mixture, drums, bass, other, vocals.
    #[serde(rename = "musdb18")]
    Musdb18,
    /// MUSDB18-HQ: `{train,test}/NAME/{mixture,drums,bass,other,vocals}.wav`.
    #[serde(rename = "musdb18-hq")]
    Musdb18Hq,
    /// DSD100: `Sources/{Dev,Test}/NAME/{bass,drums,other,vocals}.wav`, mixtures beside them in `Mixtures`.
    #[serde(rename = "dsd100")]
    Dsd100,
    /// ccMixter: `NAME/{mix,source-01,source-02}.wav`, the second source being the voice.
    Ccmixter,
    /// MedleyDB: `Audio/NAME/NAME_STEMS/NAME_STEM_NN.wav` with `Metadata/NAME_METADATA.yaml`, and the mixing coefficients of
    /// `mixing_coefficients.yaml` where that is there.
    Medleydb,
}

/// Tracks of MUSDB18 that its authors keep for validation.
const MUSDB18_VALIDATION: [&str; 14] = [
    "Actions - One Minute Smile",
    "Clara Berry And Wooldog - Waltz For My Victims",
    "Johnny Lokke - Promises & Lies",
    "Patrick Talbot - A Reason To Leave",
    "Triviul - Angelsaint",
    "Alexander Ross - Goodbye Bolero",
    "Fergessen - Nos Palpitants",
    "Leaf - Summerghost",
    "Skelpolu - Human Mistakes",
    "Young Griffo - Pennies",
    "ANiMAL - Rockshow",
    "James May - On The Line",
    "Meaxic - Take A Step",
    "Traffic Experiment - Sirens",
];

/// Instruments of MedleyDB that are voices.
const MEDLEYDB_VOICES: [&str; 8] = [
    "male singer",
    "female singer",
    "male speaker",
    "female speaker",
    "male rapper",
    "female rapper",
    "beatboxing",
    "vocalists",
];

/// Finds the songs of a collection below `root`, ordered by name; `manifest` is only for [`Layout::Manifest`].
///
/// # Errors
/// [`Error::Data`] where there are none, with the layout expected; [`Error::Table`] for bad manifests.
pub fn songs(layout: Layout, root: &Path, manifest: Option<&Path>) -> Result<Vec<Song>> {
    let mut songs = match layout {
        Layout::Manifest => {
            let manifest =
                manifest.ok_or_else(|| Error::Data("layout `manifest` needs a manifest".into()))?;
            read_manifest(manifest, root)?
        }
        Layout::Folders => folders(root, ["vocals", "accompaniment", "mixture"])?,
        Layout::Pairs => folders(root, ["", "instrumental", "original"])?,
        Layout::Mir1k => two_channels(root)?,
        Layout::Ikala => two_channels(root)?,
        Layout::Musdb18 => musdb18(root)?,
        Layout::Musdb18Hq => musdb18_hq(root)?,
        Layout::Dsd100 => dsd100(root)?,
        Layout::Ccmixter => ccmixter(root)?,
        Layout::Medleydb => medleydb(root)?,
    };
    if songs.is_empty() {
        let layout = serde_json::to_string(&layout).unwrap_or_default();
        return Err(Error::Data(format!(
            "no song of layout {} was found below {}; docs/separation.md says how each collection must lie",
            layout.trim_matches('"'),
            root.display()
        )));
    }
    if layout != Layout::Manifest {
        songs.sort_by(|a, b| a.name.cmp(&b.name));
    }
    distinct(&songs)?;
    Ok(songs)
}

/// Entries of a folder, sorted; none where it does not exist.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = match std::fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read", folder)(error)),
    };
    let mut paths = listed
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<PathBuf>>>()
        .map_err(Error::io("read", folder))?;
    paths.retain(|path| !file_name(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The name up to its last dot.
fn stem_name(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Whether a file may hold sound, by its ending.
fn is_sound(path: &Path) -> bool {
    let endings = ["wav", "flac", "mp3", "ogg", "m4a", "mp4", "aac"];
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    path.is_file() && ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

/// The sound file of that name, whatever its ending.
fn find(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    Ok(entries(folder)?.into_iter().find(|path| is_sound(path) && stem_name(path) == name))
}

/// Plain folders; `parts` names vocals, accompaniment and mixture (the empty name stands for none).
fn folders(root: &Path, parts: [&str; 3]) -> Result<Vec<Song>> {
    let [vocals, accompaniment, mixture] = parts;
    let mut songs = Vec::new();
    let by_part = root.join(accompaniment).is_dir();
    let names: Vec<String> = match by_part {
        true => {
            let files = entries(&root.join(accompaniment))?;
            files.iter().filter(|path| is_sound(path)).map(|path| stem_name(path)).collect()
        }
        false => entries(root)?.iter().filter(|path| path.is_dir()).map(|path| file_name(path)).collect(),
    };
    for name in names {
        let part = |part: &str| -> Result<Vec<Stem>> {
            let found = match (part, by_part) {
                ("", _) => None,
                (part, true) => find(&root.join(part), &name)?,
                (part, false) => find(&root.join(&name), part)?,
            };
            Ok(found.into_iter().map(Stem::new).collect())
        };
        let mut song = Song::new(name.clone(), part(vocals)?, part(accompaniment)?);
        song.mixture = part(mixture)?;
        if super::songs::check(&song).is_ok() {
            songs.push(song);
        }
    }
    Ok(songs)
}

/// Left the accompaniment, right the voice; the name's first part is the singer's or the song's.
fn two_channels(root: &Path) -> Result<Vec<Song>> {
    let nested = root.join("Wavfile");
    let folder = if nested.is_dir() { &nested } else { root };
    let mut songs = Vec::new();
    for path in entries(folder)?.into_iter().filter(|path| is_sound(path)) {
        let name = stem_name(&path);
        let group = name.split('_').next().unwrap_or(&name).to_owned();
        let mut song = Song::new(name, vec![Stem::new(&path).channel(2)], vec![Stem::new(&path).channel(1)]);
        song.group = group;
        songs.push(song);
    }
    Ok(songs)
}

/// MUSDB18's split of one of its folders.
fn musdb18_split(folder: &str, name: &str) -> Split {
    match folder {
        "test" => Split::Test,
        _ if MUSDB18_VALIDATION.contains(&name) => Split::Valid,
        _ => Split::Train,
    }
}

fn musdb18(root: &Path) -> Result<Vec<Song>> {
    let mut songs = Vec::new();
    for folder in ["train", "test"] {
        for path in entries(&root.join(folder))? {
            let Some(name) = file_name(&path).strip_suffix(".stem.mp4").map(str::to_owned) else { continue };
            let track = |track| Stem::new(&path).track(track);
            let mut song = Song::new(&name, vec![track(5)], vec![track(2), track(3), track(4)]);
            song.mixture = vec![track(1)];
            song.split = Some(musdb18_split(folder, &name));
            songs.push(song);
        }
    }
    Ok(songs)
}

fn musdb18_hq(root: &Path) -> Result<Vec<Song>> {
    let mut songs = Vec::new();
    for folder in ["train", "test"] {
        for path in entries(&root.join(folder))?.into_iter().filter(|path| path.is_dir()) {
            let part = |name: &str| Stem::new(path.join(format!("{name}.wav")));
            let others = vec![part("drums"), part("bass"), part("other")];
            let mut song = Song::new(file_name(&path), vec![part("vocals")], others);
            song.mixture = vec![part("mixture")];
            song.split = Some(musdb18_split(folder, &song.name));
            songs.push(song);
        }
    }
    Ok(songs)
}

fn dsd100(root: &Path) -> Result<Vec<Song>> {
    let mut songs = Vec::new();
    for (folder, split) in [("Dev", None), ("Test", Some(Split::Test))] {
        for path in entries(&root.join("Sources").join(folder))?.into_iter().filter(|path| path.is_dir()) {
            let part = |name: &str| Stem::new(path.join(format!("{name}.wav")));
            let others = vec![part("drums"), part("bass"), part("other")];
            let mut song = Song::new(file_name(&path), vec![part("vocals")], others);
            song.mixture =
                vec![Stem::new(root.join("Mixtures").join(folder).join(&song.name).join("mixture.wav"))];
            song.split = split;
            songs.push(song);
        }
    }
    Ok(songs)
}

fn ccmixter(root: &Path) -> Result<Vec<Song>> {
    let mut songs = Vec::new();
    for path in entries(root)?.into_iter().filter(|path| path.join("source-02.wav").is_file()) {
        let part = |name: &str| Stem::new(path.join(format!("{name}.wav")));
        let mut song = Song::new(file_name(&path), vec![part("source-02")], vec![part("source-01")]);
        song.mixture = vec![part("mix")];
        songs.push(song);
    }
    Ok(songs)
}

/// Stems weighted by their mixing coefficients; songs without a voice are left out, as in the paper (4).
fn medleydb(root: &Path) -> Result<Vec<Song>> {
    let coefficients = std::fs::read_to_string(root.join("mixing_coefficients.yaml")).unwrap_or_default();
    let mut songs = Vec::new();
    for path in entries(&root.join("Audio"))?.into_iter().filter(|path| path.is_dir()) {
        let name = file_name(&path);
        let metadata = root.join("Metadata").join(format!("{name}_METADATA.yaml"));
        let text = std::fs::read_to_string(&metadata).map_err(Error::io("read", &metadata))?;
        let gains = mixing_coefficients(&coefficients, &name);
        let (mut vocals, mut accompaniment) = (Vec::new(), Vec::new());
        for MedleyStem { number, instrument, file } in medleydb_stems(&text) {
            let gain = gains.iter().find(|(known, _)| *known == number).map_or(1.0, |(_, gain)| *gain);
            let stem = Stem::new(path.join(format!("{name}_STEMS")).join(file)).gain(gain);
            if MEDLEYDB_VOICES.contains(&instrument.as_str()) {
                vocals.push(stem)
            } else {
                accompaniment.push(stem)
            }
        }
        if !vocals.is_empty() && !accompaniment.is_empty() {
            let artist = name.split('_').next().unwrap_or(&name).to_owned();
            songs.push(Song { group: artist, ..Song::new(name, vocals, accompaniment) });
        }
    }
    Ok(songs)
}

/// One entry of `stems:` in MedleyDB's metadata.
struct MedleyStem {
    number: usize,
    instrument: String,
    file: String,
}

/// The entries of `stems:`, which MedleyDB writes in block style: `S01:` and below it `key: value`.
fn medleydb_stems(text: &str) -> Vec<MedleyStem> {
    let mut stems: Vec<MedleyStem> = Vec::new();
    let mut inside = false;
    // How far `S01:` and its fields are indented; a stem's own raw tracks lie deeper.
    let (mut stem_depth, mut field_depth) = (None, None);
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        let trimmed = line.trim();
        if depth == 0 {
            inside = trimmed == "stems:";
            continue;
        }
        let Some((key, value)) = trimmed.split_once(':').filter(|_| inside) else { continue };
        if depth == *stem_depth.get_or_insert(depth) {
            if let Some(number) = key.strip_prefix('S').and_then(|number| number.parse().ok()) {
                stems.push(MedleyStem { number, instrument: String::new(), file: String::new() });
            }
        } else if depth == *field_depth.get_or_insert(depth)
            && let Some(stem) = stems.last_mut()
        {
            let value = value.trim().trim_matches(['\'', '"']);
            match key {
                "instrument" => value.clone_into(&mut stem.instrument),
                "filename" => value.clone_into(&mut stem.file),
                _ => {}
            }
        }
    }
    stems.retain(|stem| !stem.file.is_empty());
    stems
}

/// The coefficients of a song's stems, from a file of `SONG:` and below it `  NUMBER: GAIN`.
fn mixing_coefficients(text: &str, song: &str) -> Vec<(usize, f64)> {
    let mut inside = false;
    let mut gains = Vec::new();
    for line in text.lines() {
        if !line.starts_with([' ', '\t']) {
            inside = line.trim().trim_end_matches(':').trim_matches(['\'', '"']) == song;
        } else if inside
            && let Some((number, gain)) = line.trim().split_once(':')
            && let (Ok(number), Ok(gain)) =
                (number.trim().trim_start_matches('S').parse(), gain.trim().parse())
        {
            gains.push((number, gain));
        }
    }
    gains
}

/// The songs of `tested` that were trained on, perhaps by way of another collection: MUSDB18 holds songs of MedleyDB and
/// all of DSD100, under the same names but for punctuation.
#[must_use]
pub fn overlap(trained: &[String], tested: &[Song]) -> Vec<String> {
    let plain = |name: &str| -> String {
        name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let known: std::collections::HashSet<String> = trained.iter().map(|name| plain(name)).collect();
    tested.iter().filter(|song| known.contains(&plain(&song.name))).map(|song| song.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes empty files; what is in them is read later.
    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        folder
    }

    fn found(layout: Layout, files: &[&str]) -> Vec<Song> {
        songs(layout, tree(files).path(), None).unwrap()
    }

    #[test]
    fn plain_folders_come_both_ways() {
        let by_song = found(Layout::Folders, &["a/vocals.wav", "a/accompaniment.flac", "b/vocals.wav"]);
        assert_eq!(by_song.len(), 1, "b has no accompaniment");
        assert!(by_song[0].accompaniment[0].path.ends_with("a/accompaniment.flac"));
        let by_part = found(
            Layout::Folders,
            &["vocals/x.wav", "accompaniment/x.mp3", "mixture/x.ogg", "mixture/y.ogg"],
        );
        assert_eq!((by_part.len(), by_part[0].name.as_str(), by_part[0].mixture.len()), (1, "x", 1));
        let pairs = found(Layout::Pairs, &["original/s.mp3", "instrumental/s.mp3"]);
        assert!(pairs[0].vocals.is_empty() && pairs[0].mixture[0].path.ends_with("original/s.mp3"));
    }

    #[test]
    fn channels_tell_voice_from_accompaniment() {
        let songs = found(Layout::Mir1k, &["Wavfile/amy_1_01.wav", "Wavfile/amy_2_03.wav", "Wavfile/.x.wav"]);
        assert_eq!(songs.len(), 2);
        assert_eq!((songs[0].group.as_str(), songs[0].name.as_str()), ("amy", "amy_1_01"));
        assert_eq!((songs[0].vocals[0].channel, songs[0].accompaniment[0].channel), (Some(2), Some(1)));
        assert_eq!(found(Layout::Ikala, &["10161_chorus.wav"])[0].group, "10161");
    }

    #[test]
    fn musdb_keeps_its_split() {
        let names = ["train/A - B.stem.mp4", "train/Meaxic - Take A Step.stem.mp4", "test/C - D.stem.mp4"];
        let songs = found(Layout::Musdb18, &names);
        let splits: Vec<_> = songs.iter().map(|song| song.split.unwrap()).collect();
        assert_eq!(splits, [Split::Train, Split::Test, Split::Valid]);
        assert_eq!(songs[0].vocals[0].track, Some(5));
        assert_eq!(
            songs[0].accompaniment.iter().map(|stem| stem.track).collect::<Vec<_>>(),
            [2, 3, 4].map(Some)
        );
        let hq = found(Layout::Musdb18Hq, &["test/C - D/vocals.wav"]);
        assert!(hq[0].mixture[0].path.ends_with("test/C - D/mixture.wav"));
    }

    #[test]
    fn dsd100_and_ccmixter_are_found() {
        let songs =
            found(Layout::Dsd100, &["Sources/Dev/001 - X/vocals.wav", "Sources/Test/002 - Y/vocals.wav"]);
        assert_eq!(songs.iter().map(|song| song.split).collect::<Vec<_>>(), [None, Some(Split::Test)]);
        assert!(songs[1].mixture[0].path.ends_with("Mixtures/Test/002 - Y/mixture.wav"));
        let songs = found(Layout::Ccmixter, &["Tune/mix.wav", "Tune/source-01.wav", "Tune/source-02.wav"]);
        assert!(songs[0].vocals[0].path.ends_with("Tune/source-02.wav"));
    }

    #[test]
    fn medleydb_is_weighted_and_silent_songs_are_left_out() {
        let folder = tree(&["Audio/Ann_Song/x", "Audio/Bob_Tune/x"]);
        let metadata = |name: &str, text: &str| {
            std::fs::create_dir_all(folder.path().join("Metadata")).unwrap();
            std::fs::write(folder.path().join(format!("Metadata/{name}_METADATA.yaml")), text).unwrap();
        };
        let stems = "artist: Ann\nstems:\n  S01:\n    component: melody\n    filename: Ann_Song_STEM_01.wav\n    instrument: female singer\n    raw:\n      R01:\n        filename: raw.wav\n        instrument: female singer\n  S02:\n    filename: Ann_Song_STEM_02.wav\n    instrument: piano\ntitle: Song\n";
        metadata("Ann_Song", stems);
        metadata("Bob_Tune", &stems.replace("female singer", "tuba"));
        let gains = "Ann_Song:\n  1: 0.5\n  2: 0.25\nBob_Tune:\n  1: 3.0\n";
        std::fs::write(folder.path().join("mixing_coefficients.yaml"), gains).unwrap();
        let songs = songs(Layout::Medleydb, folder.path(), None).unwrap();
        assert_eq!((songs.len(), songs[0].group.as_str()), (1, "Ann"));
        assert_eq!((songs[0].vocals[0].gain, songs[0].accompaniment[0].gain), (0.5, 0.25));
        assert!(songs[0].vocals[0].path.ends_with("Ann_Song_STEMS/Ann_Song_STEM_01.wav"));
    }

    #[test]
    fn the_same_song_in_two_collections_is_noticed() {
        let song = |name: &str| Song::new(name, Vec::new(), Vec::new());
        let trained = ["Music Delta - 80s Rock".to_owned()];
        let tested = [song("MusicDelta_80sRock"), song("Other_Song")];
        assert_eq!(overlap(&trained, &tested), ["MusicDelta_80sRock"]);
    }

    #[test]
    fn empty_folders_are_refused_with_the_layout() {
        let error = songs(Layout::Musdb18Hq, tree(&["x/y"]).path(), None).unwrap_err().to_string();
        assert!(error.contains("musdb18-hq"), "{error}");
    }
}
