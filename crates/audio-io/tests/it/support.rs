//! What the tests share: goldens, signals, distances, hand-made WAV files.

use std::path::{Path, PathBuf};

use auscult_audio_io::ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use tempfile::TempDir;

pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

pub(crate) fn npy1(name: &str) -> Array1<f32> {
    ndarray_npy::read_npy(golden(name)).unwrap()
}

pub(crate) fn npy2(name: &str) -> Array2<f32> {
    ndarray_npy::read_npy(golden(name)).unwrap()
}

/// Ten log of the energy of the reference over that of the difference.
pub(crate) fn snr(reference: ArrayView2<f32>, estimate: ArrayView2<f32>) -> f64 {
    let power = |x: f32| f64::from(x) * f64::from(x);
    let signal: f64 = reference.iter().map(|&x| power(x)).sum();
    let noise: f64 = reference.iter().zip(&estimate).map(|(&x, &y)| power(x - y)).sum();
    10.0 * (signal / noise.max(1e-300)).log10()
}

pub(crate) fn max_error(a: ArrayView1<f32>, b: ArrayView1<f32>) -> f32 {
    a.iter().zip(&b).fold(0.0, |worst, (x, y)| (x - y).abs().max(worst))
}

/// White noise in [-1, 1), the same for the same seed.
pub(crate) fn noise(channels: usize, frames: usize, seed: u64) -> Array2<f32> {
    let mut state = seed.wrapping_mul(2) | 1;
    Array2::from_shape_simple_fn((channels, frames), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    })
}

pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Names of what lies in it.
    pub(crate) fn list(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// A WAV file spelled out byte by byte, so that it can lie.
#[derive(Clone)]
pub(crate) struct RawWav {
    pub(crate) tag: u16,
    pub(crate) channels: u16,
    pub(crate) rate: u32,
    pub(crate) bits: u16,
    /// What the header says, if not the truth.
    pub(crate) data_length: Option<u32>,
    pub(crate) data: Vec<u8>,
    /// Chunks between `fmt ` and `data`.
    pub(crate) extra: Vec<u8>,
}

impl RawWav {
    pub(crate) fn new(tag: u16, channels: u16, rate: u32, bits: u16, data: Vec<u8>) -> Self {
        Self { tag, channels, rate, bits, data_length: None, data, extra: Vec::new() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let align = self.channels.wrapping_mul(self.bits / 8);
        let length = self.data_length.unwrap_or(self.data.len() as u32);
        let riff = (36u32).wrapping_add(self.extra.len() as u32).wrapping_add(length);
        let mut out = Vec::new();
        out.extend(b"RIFF");
        out.extend(if length == u32::MAX { u32::MAX } else { riff }.to_le_bytes());
        out.extend(b"WAVEfmt ");
        out.extend(16u32.to_le_bytes());
        out.extend(self.tag.to_le_bytes());
        out.extend(self.channels.to_le_bytes());
        out.extend(self.rate.to_le_bytes());
        out.extend(self.rate.wrapping_mul(u32::from(align)).to_le_bytes());
        out.extend(align.to_le_bytes());
        out.extend(self.bits.to_le_bytes());
        out.extend(&self.extra);
        out.extend(b"data");
        out.extend(length.to_le_bytes());
        out.extend(&self.data);
        out
    }
}

pub(crate) fn pcm16(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|x| x.to_le_bytes()).collect()
}
