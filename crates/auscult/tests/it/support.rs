//! What the tests share: a data set of four "species" that differ in pitch, a recipe that trains on it in seconds,
//! and the command as a child process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use auscult::audio_io::{Audio, SampleFormat, write_wav};
use ndarray::Array2;
use tempfile::TempDir;

/// Name, first and last frequency (Hz) of a chirp.
const SPECIES: [(&str, f64, f64); 4] = [
    ("low_hummer", 500.0, 500.0),
    ("rising_whistler", 1000.0, 1800.0),
    ("falling_piper", 3000.0, 2200.0),
    ("shrill_peeper", 3500.0, 3500.0),
];

/// Samples `[channel, frame]` of a species: its chirp, twice a second, in noise that `take` chooses.
pub(crate) fn song(species: usize, take: u64, seconds: f64, rate: u32, channels: usize) -> Array2<f32> {
    let (_, first, last) = SPECIES[species];
    let mut state = (take + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    };
    let frames = (seconds * f64::from(rate)) as usize;
    let mut samples = Array2::zeros((channels, frames));
    for frame in 0..frames {
        let t = (frame as f64 / f64::from(rate) + 0.1 * take as f64) % 0.5;
        let phase = std::f64::consts::TAU * (first * t + (last - first) * t * t);
        let chirp = if t < 0.3 { 0.5 * phase.sin() } else { 0.0 };
        for channel in 0..channels {
            samples[[channel, frame]] = (chirp + 0.05 * noise()) as f32;
        }
    }
    samples
}

pub(crate) fn write_song(path: &Path, species: usize, take: u64, seconds: f64, rate: u32, channels: usize) {
    let audio = Audio::new(song(species, take, seconds, rate, channels), rate).unwrap();
    write_wav(path, &audio, SampleFormat::I16).unwrap();
}

/// A WAV file spelled out, 16 bit mono.
pub(crate) fn raw_wav(rate: u32, samples: &[i16]) -> Vec<u8> {
    let length = 2 * samples.len() as u32;
    let mut bytes = Vec::with_capacity(44 + length as usize);
    bytes.extend(b"RIFF");
    bytes.extend((36 + length).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(rate.to_le_bytes());
    bytes.extend((2 * rate).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend(length.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

/// A network, a window and a front end that cost next to nothing.
pub(crate) const SMALL: &str = r#"
about = "A test."
baselines = ["majority"]

[data]
manifest = "MANIFEST"

[protocol]
seeds = [1]
shuffle_splits = 2
disjoint_folds = 2

[[contender]]
name = "small"
normalisation = "band"
front_end = { sample_rate = 8000, n_fft = 256, hop_length = 128, n_mels = 16, level = "decibel", n_mfcc = 0 }
window = { frames = 32, combine = "mel-only" }
augment = { mixup = 0.3, shift_rows = 1, noise = 0.1 }
network = { kind = "bird_resnet", widths = [4, 8], time_width = 16 }
training = { epochs = 3, batch_size = 4 }
"#;

/// A second contender: the paper's network on its own front end, made small.
const PAPERS: &str = r#"
[[contender]]
name = "avian-v20"
front_end = { sample_rate = 8000, n_fft = 256, hop_length = 128, n_mels = 64, n_mfcc = 8 }
window = { frames = 64 }
network = { kind = "avian_v20" }
training = { epochs = 1, batch_size = 8 }
"#;

/// A folder with recordings, `labels.csv`, `recipe.toml` and a place for runs; gone when dropped.
pub(crate) struct Place {
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

impl Place {
    /// Five recordings a species: mono and stereo, 8, 16 and 44.1 kHz, 1.5 to 3.5 s, three recordists.
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        Self::filled(temporary.path().to_path_buf(), Some(temporary))
    }

    /// An empty folder.
    pub(crate) fn empty() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        Self { folder: temporary.path().to_path_buf(), _temporary: Some(temporary) }
    }

    /// A new place with a copy of the run that is [`trained`] once, for tests that write into it.
    pub(crate) fn with_trained_run() -> Self {
        let place = Self::new();
        let run = place.path("runs/birds/latest");
        for (name, contents) in files(&trained().run()) {
            let path = run.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, contents).unwrap();
        }
        place
    }

    fn filled(folder: PathBuf, temporary: Option<TempDir>) -> Self {
        let place = Self { folder, _temporary: temporary };
        let mut table = String::from("path,species,recordist,url,licence\n");
        for (index, (species, ..)) in SPECIES.iter().enumerate() {
            for take in 0..5_u64 {
                let path = format!("{species}_{take}.wav");
                let rate = [8_000, 16_000, 44_100][(index + take as usize) % 3];
                let seconds = 1.5 + 0.5 * take as f64;
                write_song(&place.path(&path), index, take, seconds, rate, 1 + take as usize % 2);
                let recordist = ["Ann", "Bo", "Cy"][(index + take as usize) % 3];
                table += &format!(
                    "{path},{species},{recordist},https://example.org/{species}/{take},https://example.org/by\n"
                );
            }
        }
        std::fs::write(place.path("labels.csv"), table).unwrap();
        place.recipe(SMALL);
        place
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    pub(crate) fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, contents).unwrap();
        path
    }

    /// Writes `recipe.toml`; `MANIFEST` stands for this place's manifest.
    pub(crate) fn recipe(&self, text: &str) {
        let manifest = self.path("labels.csv").display().to_string();
        std::fs::write(self.path("recipe.toml"), text.replace("MANIFEST", &manifest)).unwrap();
    }

    /// Adds a row to the manifest.
    pub(crate) fn list(&self, row: &str) {
        let table = std::fs::read_to_string(self.path("labels.csv")).unwrap();
        std::fs::write(self.path("labels.csv"), table + row + "\n").unwrap();
    }

    /// The command with this place's runs, so that `auscult(["train", ...])` needs no more.
    pub(crate) fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auscult"));
        command.current_dir(&self.folder).env("AUSCULT_RUNS", self.path("runs")).args(arguments);
        command
    }

    pub(crate) fn auscult<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Said {
        Said::from(self.command(arguments).output().unwrap())
    }

    /// `auscult train birds --recipe recipe.toml` with more arguments.
    pub(crate) fn train(&self, more: &[&str]) -> Said {
        self.auscult(["train", "birds", "--recipe", "recipe.toml"].iter().chain(more).copied())
    }

    /// The only run there is.
    pub(crate) fn run(&self) -> PathBuf {
        self.path("runs/birds/latest").canonicalize().unwrap()
    }
}

/// What the command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            success: output.status.success(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    #[track_caller]
    pub(crate) fn well(self) -> Self {
        assert!(self.success, "{}\n{}", self.out, self.err);
        self
    }

    /// The message of a refusal, which names every one of `expected`.
    #[track_caller]
    pub(crate) fn refused(self, expected: &[&str]) -> String {
        assert!(!self.success, "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        for &part in expected {
            assert!(self.err.contains(part), "`{part}` is not in: {}", self.err);
        }
        self.err
    }
}

/// A run trained once for all tests that only read it.
pub(crate) fn trained() -> &'static Place {
    static TRAINED: OnceLock<Place> = OnceLock::new();
    TRAINED.get_or_init(|| {
        // Nothing drops a static: it lies where the next test run clears it away.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trained");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let place = Place::filled(folder, None);
        let baselines = r#"["majority", "naive-bayes", "mfcc-statistics"]"#;
        place.recipe(&(SMALL.replace(r#"["majority"]"#, baselines) + PAPERS));
        place.train(&[]).well();
        place
    })
}

/// Every file below `folder`, by its name relative to it, with its contents.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

/// JSON without the seconds that things took.
pub(crate) fn without_times(json: &[u8]) -> serde_json::Value {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                map.retain(|key, _| !["seconds", "data_wait_seconds", "began"].contains(&key.as_str()));
                map.values_mut().for_each(strip);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::from_slice(json).unwrap();
    strip(&mut value);
    value
}

pub(crate) fn json(path: impl AsRef<Path>) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
