//! What the svd tests share: six short songs of three artists, and a recipe that trains on them in seconds.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use auscult::audio_io::{Audio, SampleFormat, write_wav};
use ndarray::Array2;
use tempfile::TempDir;

use crate::support::Said;

/// Seconds of each song, and between a change from singing to none.
const SECONDS: f64 = 6.0;
const PHRASE: f64 = 1.5;

/// Whether there is singing at a time of every song.
pub(crate) fn is_sung(time: f64) -> bool {
    (time / PHRASE) as usize % 2 == 1
}

/// Samples `[channel, frame]`: hiss throughout, and a trembling harmonic tone where `is_sung`.
pub(crate) fn samples(take: u64, seconds: f64, rate: u32, channels: usize) -> Array2<f32> {
    let mut state = (take + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    };
    let pitch = 180.0 + 30.0 * take as f64;
    let mut phase = 0.0;
    let mut samples = Array2::zeros((channels, (seconds * f64::from(rate)) as usize));
    for frame in 0..samples.ncols() {
        let t = frame as f64 / f64::from(rate);
        phase += pitch * (1.0 + 0.03 * (std::f64::consts::TAU * 6.0 * t).sin()) / f64::from(rate);
        let tone: f64 =
            (1..=8).map(|n| (std::f64::consts::TAU * phase * f64::from(n)).sin() / f64::from(n)).sum();
        let value = 0.1 * noise() + if is_sung(t) { 0.2 * tone } else { 0.0 };
        samples.column_mut(frame).fill(value as f32);
    }
    samples
}

pub(crate) fn write(path: &Path, take: u64, seconds: f64, rate: u32, channels: usize) {
    let audio = Audio::new(samples(take, seconds, rate, channels), rate).unwrap();
    write_wav(path, &audio, SampleFormat::I16).unwrap();
}

/// Two networks that cost next to nothing.
pub(crate) const SMALL: &str = r#"
about = "A test."

[data]
manifest = "MANIFEST"

[protocol]
seeds = [1]
song_folds = 2
validation_songs = 1
test_hop = 14

[[contender]]
name = "small"
front_end = { level = "song-mean" }
window = { frames = 32, hop = 5 }
augment = { pitch = 0.2, stretch = 0.2, gain = 6.0, filter = 6.0, mix = 0.3, mask = 8 }
epoch_examples = 64
network = { kind = "se_resnet", depth = 14, width = 16 }
training = { epochs = 3, batch_size = 16, keep = "best" }

[[contender]]
name = "recurrent"
front_end = { kind = "schlueter" }
window = { frames = 40, hop = 20 }
network = { kind = "bi_lstm" }
training = { epochs = 2, batch_size = 8, optimizer = { kind = "adam", lr = 5e-3 } }
"#;

/// A folder with songs, `songs.csv`, `labels.csv`, `recipe.toml` and a place for runs; gone when dropped.
pub(crate) struct Songs {
    folder: PathBuf,
    _temporary: Option<TempDir>,
}

impl Songs {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        Self::filled(temporary.path().to_path_buf(), Some(temporary))
    }

    fn filled(folder: PathBuf, temporary: Option<TempDir>) -> Self {
        let songs = Self { folder, _temporary: temporary };
        let mut table = String::from("path,artist\n");
        let mut labels = String::from("path,start_s,end_s,label\n");
        for take in 0..6_u64 {
            let name = format!("song{take}.wav");
            write(
                &songs.path(&name),
                take,
                SECONDS,
                [22_050, 16_000][take as usize % 2],
                1 + take as usize % 2,
            );
            let artist = ["Ann", "Ann", "Ann", "Ann", "Bo", "Cy"][take as usize];
            table += &format!("{name},{artist}\n");
            for phrase in 0..(SECONDS / PHRASE) as usize {
                let (start, end) = (phrase as f64 * PHRASE, (phrase + 1) as f64 * PHRASE);
                labels +=
                    &format!("{name},{start},{end},{}\n", if phrase % 2 == 1 { "sing" } else { "nosing" });
            }
        }
        std::fs::write(songs.path("songs.csv"), table).unwrap();
        std::fs::write(songs.path("labels.csv"), labels).unwrap();
        songs.recipe(SMALL);
        songs
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    /// Replaces a text in a file.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} has no `{from}`");
        std::fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
    }

    pub(crate) fn recipe(&self, text: &str) {
        let manifest = self.path("songs.csv").display().to_string();
        std::fs::write(self.path("recipe.toml"), text.replace("MANIFEST", &manifest)).unwrap();
    }

    pub(crate) fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_auscult"));
        command.current_dir(&self.folder).env("AUSCULT_RUNS", self.path("runs")).args(arguments);
        command
    }

    pub(crate) fn auscult<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Said {
        Said::from(self.command(arguments).output().unwrap())
    }

    pub(crate) fn train(&self, more: &[&str]) -> Said {
        self.auscult(["train", "svd", "--recipe", "recipe.toml"].iter().chain(more).copied())
    }

    /// The only run there is.
    pub(crate) fn run(&self) -> PathBuf {
        self.path("runs/svd/latest").canonicalize().unwrap()
    }
}

/// A run trained once for all tests that only read it.
pub(crate) fn trained() -> &'static Songs {
    static TRAINED: OnceLock<Songs> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trained-svd");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let songs = Songs::filled(folder, None);
        songs.train(&["--set", "protocol.stress=true", "--set", "contender.0.training.epochs=8"]).well();
        songs
    })
}
