//! Normal sounds and the anomaly.

use auscult_audio_io::read;
use ndarray::{Array1, s};
use rand_distr::{Distribution, StandardNormal, StandardUniform};
use rand_pcg::Pcg64Mcg;
use std::error::Error;
use std::f64::consts::TAU;
use std::path::{Path, PathBuf};

const SAMPLE_RATE: u32 = 16_000;
const SEGMENT: usize = 5 * SAMPLE_RATE as usize;

/// Normal sound to learn from, and segments of 5 s to hide the anomaly in.
pub struct Scene {
    pub train: Vec<Array1<f32>>,
    pub test: Vec<Array1<f32>>,
}

/// Three factories of three machines each in a reverberant room; 20 s to learn from and four segments.
pub fn simulated() -> Vec<Scene> {
    let factory = |seed: u64| {
        let length = 8 * SEGMENT;
        let mut sum = Array1::zeros(length);
        for k in 0..3 {
            let dry = simulated_machine(10 * seed + k, length);
            let wet = reverberate(&dry, 1000 + 10 * seed + k);
            sum.scaled_add(1.0 / rms(&wet) as f32, &wet);
        }
        let segments: Vec<_> =
            sum.exact_chunks(SEGMENT).into_iter().map(|segment| segment.to_owned()).collect();
        Scene { train: segments[..4].to_vec(), test: segments[4..].to_vec() }
    };
    (1..=3).map(factory).collect()
}

/// Every clip of a folder is a scene of its own: its first half to learn from, its second to test.
pub fn clips(folder: &Path) -> Result<Vec<Scene>, Box<dyn Error>> {
    let scene = |path: &PathBuf| -> Result<Scene, Box<dyn Error>> {
        let clip = load(path)?;
        let half = clip.len() / 2;
        Ok(Scene {
            train: vec![clip.slice(s![..half]).to_owned()],
            test: vec![clip.slice(s![half..]).to_owned()],
        })
    };
    audio_files(folder)?.iter().map(scene).collect()
}

/// All clips of a folder are of one machine: the last seventh of them to test, in segments.
pub fn machine(folder: &Path) -> Result<Vec<Scene>, Box<dyn Error>> {
    let clips: Result<Vec<_>, _> = audio_files(folder)?.iter().map(|path| load(path)).collect();
    let mut train = clips?;
    let test = train.split_off(train.len() - train.len().div_ceil(7).min(train.len() - 1));
    let segments = |clip: &Array1<f32>| -> Vec<Array1<f32>> {
        clip.exact_chunks(SEGMENT).into_iter().map(|segment| segment.to_owned()).collect()
    };
    Ok(vec![Scene { train, test: test.iter().flat_map(segments).collect() }])
}

fn audio_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "flac" || extension == "wav"));
    files.sort();
    if files.len() < 2 {
        return Err(format!("{}: holds no two .flac or .wav files", folder.display()).into());
    }
    Ok(files)
}

fn load(path: &Path) -> Result<Array1<f32>, Box<dyn Error>> {
    let audio = read(path)?;
    let clip = audio.resample(SAMPLE_RATE)?.samples.row(0).to_owned();
    if clip.len() < 2 * SEGMENT {
        return Err(format!("{}: shorter than two segments of 5 s", path.display()).into());
    }
    Ok(clip)
}

pub fn rms(signal: &Array1<f32>) -> f64 {
    (signal.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / signal.len() as f64).sqrt()
}

/// The paper's anomaly, heard in a room.
pub fn anomaly(length: usize, phase: f64, seed: u64) -> Array1<f32> {
    let mut angle = 0.0;
    let sweep = Array1::from_shape_fn(length, |i| {
        let t = (i as f64 / f64::from(SAMPLE_RATE) + phase).rem_euclid(3.0);
        angle += TAU * (300.0 + 6700.0 * t / 3.0) / f64::from(SAMPLE_RATE);
        angle.sin() as f32
    });
    reverberate(&sweep, 5000 + seed)
}

fn rng(seed: u64) -> Pcg64Mcg {
    Pcg64Mcg::new(u128::from(seed) << 64 | 0xcafe_f00d_d15e_a5e5)
}

fn noise(rng: &mut Pcg64Mcg) -> f64 {
    StandardNormal.sample(rng)
}

/// A direct path and a diffuse tail that falls by 60 dB in 0.4 s.
fn reverberate(dry: &Array1<f32>, seed: u64) -> Array1<f32> {
    let mut rng = rng(seed);
    let length = (0.4 * f64::from(SAMPLE_RATE)) as usize;
    let tail = (0..length).map(|i| {
        let decay = 10f64.powf(-3.0 * i as f64 / length as f64);
        if i == 0 { 1.0 } else { (0.05 * decay * noise(&mut rng)) as f32 }
    });
    let mut wet = Array1::zeros(dry.len());
    for (delay, tap) in tail.enumerate().take(dry.len()) {
        let source = dry.slice(s![..dry.len() - delay]);
        wet.slice_mut(s![delay..]).scaled_add(tap, &source);
    }
    wet
}

/// Motor harmonics with jitter, air flow, servo bursts, and an impact after each.
fn simulated_machine(seed: u64, length: usize) -> Array1<f32> {
    let mut rng = rng(seed);
    let rate = f64::from(SAMPLE_RATE);
    let mut between = |low: f64, high: f64| {
        let unit: f64 = StandardUniform.sample(&mut rng);
        low + (high - low) * unit
    };
    let (pitch, wobble, start) = (between(45.0, 120.0), between(0.2, 0.6), between(0.0, TAU));
    let partials: Vec<(f64, f64)> =
        (1..30).map(|h| (between(0.2, 1.0) / f64::from(h).powf(0.9), between(0.0, TAU))).collect();
    let (period, offset, servo) = (between(0.7, 1.6), between(0.0, 1.0), between(800.0, 3500.0));
    let mut angle = 0.0;
    // Two resonators shape the noise: a broad one for the flow and a narrower one for the servo.
    let (mut flow, mut burst) = (Resonator::new(600.0, 0.6), Resonator::new(servo, 0.9));
    Array1::from_shape_fn(length, |i| {
        let t = i as f64 / rate;
        angle += TAU * pitch * (1.0 + 0.003 * (TAU * wobble * t + start).sin()) / rate;
        let motor: f64 = partials
            .iter()
            .enumerate()
            .map(|(h, (amplitude, phase))| amplitude * ((h + 1) as f64 * angle + phase).sin())
            .sum();
        let cycle = (t + offset).rem_euclid(period);
        let move_window =
            if cycle < 0.25 { (std::f64::consts::PI * cycle / 0.25).sin().powi(2) } else { 0.0 };
        let impact = if (0.27..0.33).contains(&cycle) { 4.0 * (-(cycle - 0.27) / 0.008).exp() } else { 0.0 };
        let (flow, burst) = (flow.next(noise(&mut rng)), burst.next(noise(&mut rng)));
        (0.4 * motor + 0.5 * flow + 0.5 * move_window * burst + impact * noise(&mut rng)) as f32
    })
}

/// A two-pole resonance at unit noise gain.
struct Resonator {
    a: [f64; 2],
    gain: f64,
    past: [f64; 2],
}

impl Resonator {
    fn new(frequency: f64, radius: f64) -> Self {
        let a1 = 2.0 * radius * (TAU * frequency / f64::from(SAMPLE_RATE)).cos();
        let a2 = -radius * radius;
        // Variance of a second-order autoregression driven by unit noise.
        let variance = (1.0 - a2) / ((1.0 + a2) * ((1.0 - a2).powi(2) - a1 * a1));
        Self { a: [a1, a2], gain: 1.0 / variance.sqrt(), past: [0.0; 2] }
    }

    fn next(&mut self, input: f64) -> f64 {
        let output = self.gain * input + self.a[0] * self.past[0] + self.a[1] * self.past[1];
        self.past = [output, self.past[0]];
        output
    }
}
