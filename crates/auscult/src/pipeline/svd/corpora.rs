//! Corpora as they are published, turned into manifests: their labels in one form, their official splits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use auscult_eval_metrics::Span;

use super::labels::Interval;
use super::manifest::Part;
use crate::{Error, Result, files};

/// A corpus whose layout is known; `cargo xtask data info NAME` tells where to get it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Corpus {
    /// Jamendo (Ramona et al. 2008): `.lab` files, split by folders or `filelists/`.
    Jamendo,
    /// JamendoLyrics: times of words, joined over pauses below half a second; no split.
    JamendoLyrics,
    /// MedleyDB: activations of the stems of singers, from 0.5 on; no split.
    MedleyDb,
    /// MIR-1K: a label every 20 ms; singers a to g train, h to k validate, l to z test.
    Mir1k,
    /// RWC popular music: AIST's `VOCA_INST` events; by the last digit of the number 0 to 4 train, 5 and 6 validate, 7 to
    /// 9 test.
    RwcPopular,
}

impl Corpus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Jamendo, Self::JamendoLyrics, Self::MedleyDb, Self::Mir1k, Self::RwcPopular];

    /// Its name in `datasets.toml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jamendo => "jamendo-svd",
            Self::JamendoLyrics => "jamendo-lyrics",
            Self::MedleyDb => "medleydb",
            Self::Mir1k => "mir-1k",
            Self::RwcPopular => "rwc-popular",
        }
    }
}

/// A song as its corpus describes it.
struct Found {
    /// Relative to the corpus' folder.
    path: PathBuf,
    artist: Option<String>,
    part: Option<Part>,
    sung: Vec<Span>,
    /// End of what is labelled, seconds.
    end: f64,
}

/// Writes `songs.csv` and `labels.csv` into the folder of a corpus, and returns the first and the number of songs.
///
/// # Errors
/// [`Error::Data`] where the folder does not hold the corpus; [`Error::Table`] with file and line for labels that are
/// not what the corpus' documentation says.
pub fn write_manifest(corpus: Corpus, folder: &Path) -> Result<(PathBuf, usize)> {
    let files = walk(folder)?;
    let tree = Tree { folder, files };
    let mut found = match corpus {
        Corpus::Jamendo => jamendo(&tree)?,
        Corpus::JamendoLyrics => jamendo_lyrics(&tree)?,
        Corpus::MedleyDb => medleydb(&tree)?,
        Corpus::Mir1k => mir_1k(&tree)?,
        Corpus::RwcPopular => rwc_popular(&tree)?,
    };
    if found.is_empty() {
        return Err(Error::Data(format!(
            "{} holds no sound with labels as {} has them; `cargo xtask data info {}` says what should lie there",
            folder.display(),
            corpus.name(),
            corpus.name()
        )));
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let failed = |error| Error::part("a manifest")(error);
    let mut songs = csv::Writer::from_writer(Vec::new());
    let mut labels = csv::Writer::from_writer(Vec::new());
    songs.write_record(["path", "artist", "split"]).map_err(failed)?;
    labels.write_record(["path", "start_s", "end_s", "label"]).map_err(failed)?;
    for song in &found {
        // Manifests are read on other systems, too.
        let path = song.path.to_string_lossy().replace('\\', "/");
        let artist = song.artist.as_deref().unwrap_or_default();
        songs.write_record([path.as_str(), artist, song.part.map_or("", Part::name)]).map_err(failed)?;
        let mut row = |span: Span, label: &str| {
            labels.write_record([&path, &format!("{:.3}", span.start), &format!("{:.3}", span.end), label])
        };
        if song.sung.is_empty() {
            row(Span::new(0.0, song.end), "nosing").map_err(failed)?;
        }
        for &span in &song.sung {
            row(span, "sing").map_err(failed)?;
        }
    }
    let manifest = folder.join("songs.csv");
    for (path, table) in [(folder.join("labels.csv"), labels), (manifest.clone(), songs)] {
        let text = table.into_inner().map_err(|error| Error::Data(error.to_string()))?;
        files::write(&path, text)?;
    }
    Ok((manifest, found.len()))
}

/// The files of a corpus.
struct Tree<'a> {
    folder: &'a Path,
    /// Relative to the folder, sorted.
    files: Vec<PathBuf>,
}

fn walk(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).map_err(Error::io("read", &next))? {
            let path = entry.map_err(Error::io("read", &next))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(relative) = path.strip_prefix(folder) {
                files.push(relative.to_path_buf());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Endings of sound files, the preferred first.
const SOUND: [&str; 5] = ["flac", "wav", "ogg", "mp3", "m4a"];

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

fn ending(path: &Path) -> String {
    path.extension().map_or_else(String::new, |ending| ending.to_string_lossy().to_lowercase())
}

impl Tree<'_> {
    /// Files whose names end so.
    fn ending_in(&self, end: &str) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().filter(move |path| path.to_string_lossy().to_lowercase().ends_with(end))
    }

    /// Sound files by stem; of several with one stem, the best kind.
    fn sounds(&self) -> BTreeMap<String, &PathBuf> {
        let mut sounds = BTreeMap::new();
        for kind in SOUND.iter().rev() {
            sounds.extend(
                self.files.iter().filter(|path| ending(path) == *kind).map(|path| (stem(path), path)),
            );
        }
        sounds
    }

    fn read(&self, path: &Path) -> Result<String> {
        let path = self.folder.join(path);
        std::fs::read_to_string(&path).map_err(Error::io("read", &path))
    }

    fn problem(&self, path: &Path, index: usize, problem: String) -> Error {
        Error::Table { path: self.folder.join(path), line: index as u64 + 1, problem }
    }
}

/// Joins spans, in order, over pauses shorter than this, seconds.
fn join(spans: Vec<Span>, pause: f64) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.start - last.end < pause => last.end = last.end.max(span.end),
            _ => joined.push(span),
        }
    }
    joined
}

fn jamendo(tree: &Tree) -> Result<Vec<Found>> {
    let sounds = tree.sounds();
    let parts = [("train", Part::Train), ("valid", Part::Valid), ("test", Part::Test)];
    // Either the sounds lie in folders of their parts, or lists name them.
    let mut listed: BTreeMap<String, Part> = BTreeMap::new();
    for (name, part) in parts {
        for list in tree.files.iter().filter(|path| path.starts_with("filelists") && stem(path) == name) {
            listed.extend(tree.read(list)?.lines().map(|line| (stem(Path::new(line.trim())), part)));
        }
    }
    let mut found = Vec::new();
    for lab in tree.ending_in(".lab") {
        let Some(&path) = sounds.get(&stem(lab)) else { continue };
        let folder_of = |(name, _): &&(&str, Part)| path.iter().any(|step| step == *name);
        let part = parts.iter().find(folder_of).map(|(_, part)| *part);
        let mut intervals = Vec::new();
        for (index, line) in tree.read(lab)?.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [start, end, label] = fields[..] else {
                return Err(tree.problem(lab, index, format!("`{line}` should be: start, end, label")));
            };
            let interval = Interval::parse(start, end, label, index as u64 + 1);
            intervals.push(interval.map_err(|problem| tree.problem(lab, index, problem))?);
        }
        found.push(Found {
            path: path.clone(),
            artist: None,
            part: part.or_else(|| listed.get(&stem(lab)).copied()),
            end: intervals.last().map_or(0.0, |interval| interval.span.end),
            sung: intervals.iter().filter(|interval| interval.sung).map(|interval| interval.span).collect(),
        });
    }
    Ok(found)
}

fn jamendo_lyrics(tree: &Tree) -> Result<Vec<Found>> {
    let sounds = tree.sounds();
    let mut found = Vec::new();
    let words = tree.files.iter().filter(|path| {
        ending(path) == "csv" && path.parent().is_some_and(|parent| parent.ends_with("annotations/words"))
    });
    for csv in words {
        let name = stem(csv);
        let Some(&path) = sounds.get(&name) else { continue };
        let mut spans = Vec::new();
        for (index, line) in tree.read(csv)?.lines().enumerate().skip(1) {
            let mut fields = line.split(',');
            let [start, end] = [fields.next().unwrap_or_default(), fields.next().unwrap_or_default()];
            let interval = Interval::parse(start, end, "sing", index as u64 + 1);
            spans.push(interval.map_err(|problem| tree.problem(csv, index, problem))?.span);
        }
        spans.sort_by(|a: &Span, b| a.start.total_cmp(&b.start));
        let sung = join(spans, 0.5);
        found.push(Found {
            path: path.clone(),
            artist: name.split_once("_-_").map(|(artist, _)| artist.replace('_', " ")),
            part: None,
            end: sung.last().map_or(0.0, |span| span.end),
            sung,
        });
    }
    Ok(found)
}

/// A label every 20 ms, of a window of 40 ms: label i stands for 20 i + 10 to 20 i + 30 ms.
fn mir_1k(tree: &Tree) -> Result<Vec<Found>> {
    let sounds = tree.sounds();
    let mut found = Vec::new();
    for labels in tree.ending_in(".vocal") {
        let name = stem(labels);
        let Some(&path) = sounds.get(&name) else { continue };
        let mut spans = Vec::new();
        let text = tree.read(labels)?;
        for (index, line) in text.lines().enumerate() {
            let start = 0.02 * index as f64 + 0.01;
            match line.trim() {
                "1" => spans.push(Span::new(start, start + 0.02)),
                "0" | "" => {}
                other => return Err(tree.problem(labels, index, format!("`{other}` is neither 0 nor 1"))),
            }
        }
        let singer = name.split('_').next().unwrap_or_default().to_owned();
        let part = match singer.chars().next().map(|initial| initial.to_ascii_lowercase()) {
            Some('a'..='g') => Part::Train,
            Some('h'..='k') => Part::Valid,
            _ => Part::Test,
        };
        let end = 0.02 * text.lines().count() as f64;
        found.push(Found {
            path: path.clone(),
            artist: Some(singer),
            part: Some(part),
            sung: join(spans, 0.01),
            end,
        });
    }
    Ok(found)
}

/// `time TAB event`: an event lasts until the next. `m:`, `f:` and `g:` are male, female and mixed singing; `b` is
/// background, `s:` a solo instrument.
fn rwc_popular(tree: &Tree) -> Result<Vec<Found>> {
    let number = |name: &str| -> Option<u32> {
        let digits: String = name.chars().filter(char::is_ascii_digit).take(3).collect();
        digits.parse().ok()
    };
    let mut sounds: BTreeMap<u32, &PathBuf> = BTreeMap::new();
    for (name, path) in tree.sounds() {
        if let Some(number) = number(&name) {
            sounds.insert(number, path);
        }
    }
    let mut found = Vec::new();
    for events in tree.ending_in(".voca_inst.txt") {
        let Some((number, &path)) = number(&stem(events)).and_then(|n| Some((n, sounds.get(&n)?))) else {
            continue;
        };
        let mut times: Vec<(f64, bool)> = Vec::new();
        for (index, line) in tree.read(events)?.lines().enumerate() {
            let Some((time, event)) = line.split_once('\t') else { continue };
            let Ok(seconds) = time.trim().parse::<f64>() else {
                if index == 0 {
                    continue; // the header
                }
                return Err(tree.problem(events, index, format!("`{time}` is no time in seconds")));
            };
            times.push((seconds, ["m:", "f:", "g:"].iter().any(|kind| event.trim().starts_with(kind))));
        }
        let spans = times.windows(2).filter(|pair| pair[0].1).map(|pair| Span::new(pair[0].0, pair[1].0));
        let part = match number % 10 {
            0..=4 => Part::Train,
            5 | 6 => Part::Valid,
            _ => Part::Test,
        };
        found.push(Found {
            path: path.clone(),
            artist: None,
            part: Some(part),
            sung: join(spans.collect(), 0.001),
            end: times.last().map_or(0.0, |(time, _)| *time),
        });
    }
    Ok(found)
}

/// What MedleyDB calls people who sing.
const SINGERS: [&str; 4] = ["female singer", "male singer", "vocalists", "choir"];

fn medleydb(tree: &Tree) -> Result<Vec<Found>> {
    let sounds = tree.sounds();
    let mut found = Vec::new();
    for activations in tree.ending_in("_activation_conf.lab") {
        let name = stem(activations);
        let track = name.trim_end_matches("_ACTIVATION_CONF");
        let Some(&path) = sounds.get(&format!("{track}_MIX")) else { continue };
        let end = format!("{track}_METADATA.yaml").to_lowercase();
        let Some(metadata) = tree.ending_in(&end).next() else {
            return Err(tree.problem(
                activations,
                0,
                format!("there is no {track}_METADATA.yaml to say who sings"),
            ));
        };
        let singers = singing_stems(&tree.read(metadata)?);
        let text = tree.read(activations)?;
        let mut lines = text.lines().enumerate();
        let header: Vec<&str> = lines.next().map_or(Vec::new(), |(_, line)| line.split(',').collect());
        let columns: Vec<usize> =
            (0..header.len()).filter(|&column| singers.iter().any(|s| s == header[column].trim())).collect();
        let mut moments: Vec<(f64, bool)> = Vec::new();
        for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let values: Result<Vec<f64>, _> =
                line.split(',').map(|field| field.trim().parse::<f64>()).collect();
            match values {
                Ok(values) if values.len() == header.len() => {
                    moments.push((values[0], columns.iter().any(|&column| values[column] >= 0.5)));
                }
                _ => return Err(tree.problem(activations, index, "the row does not fit the header".into())),
            }
        }
        let spans = moments.windows(2).filter(|pair| pair[0].1).map(|pair| Span::new(pair[0].0, pair[1].0));
        found.push(Found {
            path: path.clone(),
            artist: track.split_once('_').map(|(artist, _)| artist.to_owned()),
            part: None,
            sung: join(spans.collect(), 0.001),
            end: moments.last().map_or(0.0, |(time, _)| *time),
        });
    }
    Ok(found)
}

/// Names of the stems (`S01`, ...) whose own `instrument:` is a singer; those of their raw tracks are indented deeper.
fn singing_stems(yaml: &str) -> Vec<String> {
    let mut stems = Vec::new();
    let mut stem: Option<(usize, &str)> = None;
    let mut inner = None;
    for line in yaml.lines() {
        let indent = line.len() - line.trim_start().len();
        let text = line.trim();
        let name = text.trim_end_matches(':');
        let is_stem = text.ends_with(':') && name.len() == 3 && name.starts_with('S');
        if is_stem && name[1..].chars().all(|digit| digit.is_ascii_digit()) {
            (stem, inner) = (Some((indent, name)), None);
        } else if let Some((outer, name)) = stem
            && indent > outer
        {
            let level = *inner.get_or_insert(indent);
            if indent == level
                && let Some(instrument) = text.strip_prefix("instrument:")
                && SINGERS
                    .iter()
                    .any(|singer| instrument.trim().trim_matches(['[', ']', '"', '\'']) == *singer)
            {
                stems.push(name.to_owned());
            }
        }
    }
    stems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::svd::read_manifest;

    /// A song's path, artist, part, and sung stretches in milliseconds.
    type Converted = (String, Option<String>, Option<Part>, Vec<[i64; 2]>);

    /// The songs of the manifest of a corpus of these files.
    #[track_caller]
    fn convert(corpus: Corpus, files: &[(&str, &str)]) -> Vec<Converted> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let (manifest, count) = write_manifest(corpus, folder.path()).unwrap();
        let songs = read_manifest(&manifest, folder.path()).unwrap();
        assert_eq!(songs.len(), count);
        let milliseconds = |seconds: f64| (seconds * 1e3).round() as i64;
        songs
            .into_iter()
            .map(|song| {
                let sung =
                    song.labels.sung.iter().map(|span| [milliseconds(span.start), milliseconds(span.end)]);
                (song.name, song.artist, song.part, sung.collect())
            })
            .collect()
    }

    #[test]
    fn jamendo_is_split_by_folders_or_lists() {
        let lab = "0 1.5 nosing\n1.5 3 sing\n";
        let songs = convert(
            Corpus::Jamendo,
            &[
                ("audio/train/a.ogg", ""),
                ("audio/b.mp3", ""),
                ("audio/c.mp3", ""),
                ("labels/a.lab", lab),
                ("labels/b.lab", "0 9 nosing"),
                ("labels/lonely.lab", lab),
                ("filelists/test", "b.mp3\n"),
            ],
        );
        assert_eq!(
            songs,
            [
                ("audio/b.mp3".into(), None, Some(Part::Test), vec![]),
                ("audio/train/a.ogg".into(), None, Some(Part::Train), vec![[1500, 3000]]),
            ]
        );
    }

    #[test]
    fn words_are_joined_over_short_pauses() {
        let words = "word_start,word_end,line_end\n1.0,1.4,\n1.8,2.0,nan\n2.5,3.0,\n";
        let songs = convert(
            Corpus::JamendoLyrics,
            &[("mp3/Some_One_-_Song.mp3", ""), ("annotations/words/Some_One_-_Song.csv", words)],
        );
        let sung = vec![[1000, 2000], [2500, 3000]];
        assert_eq!(songs, [("mp3/Some_One_-_Song.mp3".into(), Some("Some One".into()), None, sung)]);
    }

    #[test]
    fn mir_1k_is_split_by_letters() {
        let files: Vec<(String, &str)> = ["amy_1_01", "Kenshin_2_04", "leon_3_05"]
            .iter()
            .flat_map(|name| {
                [
                    (format!("Wavfile/{name}.wav"), ""),
                    (format!("vocal-nonvocalLabel/{name}.vocal"), "0\n1\n1\n0\n1\n"),
                ]
            })
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        let songs = convert(Corpus::Mir1k, &files);
        let parts: Vec<_> = songs.iter().map(|song| (song.1.as_deref(), song.2)).collect();
        let expected = [
            (Some("Kenshin"), Some(Part::Valid)),
            (Some("amy"), Some(Part::Train)),
            (Some("leon"), Some(Part::Test)),
        ];
        assert_eq!(parts, expected);
        assert_eq!(songs[0].3, [[30, 70], [90, 110]]);
    }

    #[test]
    fn rwc_events_last_until_the_next() {
        let events = "Piece No.\t1\n0.0\tb\n10.5\tm:withm\n12.0\tf\n13.0\tf:solo\n14.0\ts:guitar\n20\tb\n";
        let file = |number: &str| format!("AIST_RWC-MDB-P-2001_VOCA_INST/RM-P{number}.VOCA_INST.TXT");
        let (first, last) = (file("001"), file("097"));
        let songs = convert(
            Corpus::RwcPopular,
            &[("audio/RWC_P001.wav", ""), ("audio/RWC_P097.wav", ""), (&first, events), (&last, events)],
        );
        assert_eq!(songs[0].2, Some(Part::Train));
        assert_eq!(songs[1].2, Some(Part::Test));
        assert_eq!(songs[0].3, [[10_500, 12_000], [13_000, 14_000]]);
    }

    #[test]
    fn medleydb_sings_where_a_singers_stem_is_active() {
        let yaml = "stems:\n  S01:\n    component: melody\n    instrument: male singer\n    raw:\n      R01:\n        instrument: piano\n  S02:\n    instrument: piano\n    raw:\n      R01:\n        instrument: female singer\n";
        let conf = "time,S01,S02\n0.0,0.1,0.9\n0.5,0.7,0.1\n1.0,0.5,0.9\n1.5,0.2,0.9\n2.0,0.0,0.0\n";
        let songs = convert(
            Corpus::MedleyDb,
            &[
                ("Audio/Ann_Song/Ann_Song_MIX.wav", ""),
                ("Metadata/Ann_Song_METADATA.yaml", yaml),
                ("Annotations/Instrument_Activations/ACTIVATION_CONF/Ann_Song_ACTIVATION_CONF.lab", conf),
            ],
        );
        assert_eq!(songs[0].1.as_deref(), Some("Ann"));
        assert_eq!(songs[0].3, [[500, 1500]]);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        for corpus in Corpus::ALL {
            let error = write_manifest(corpus, folder.path()).unwrap_err().to_string();
            assert!(error.contains(corpus.name()) && error.contains("data info"), "{error}");
        }
        std::fs::write(folder.path().join("a_1.vocal"), "0\nx\n").unwrap();
        std::fs::write(folder.path().join("a_1.wav"), "").unwrap();
        let error = write_manifest(Corpus::Mir1k, folder.path()).unwrap_err().to_string();
        assert!(error.contains("a_1.vocal, line 2: `x`"), "{error}");
    }
}
