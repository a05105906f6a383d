//! A room, a source, and the command as a child process.

use std::path::Path;
use std::process::{Command, Output};

use auscult::audio_io::{Audio, SampleFormat, read, write_wav};
use auscult::dereverb::room::{self, LEAD, RoomParams, circular_array};
use ndarray::{Array2, s};

pub(crate) const RATE: u32 = 8_000;

/// Uniform in -1..1, the same everywhere.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// Bursts of noise of 0.05 to 0.3 s with gaps as long.
pub(crate) fn bursts(seconds: f64, seed: u64) -> Vec<f64> {
    let mut noise = Noise(seed);
    let length = (seconds * f64::from(RATE)) as usize;
    let mut signal = Vec::with_capacity(length);
    while signal.len() < length {
        let mut duration = || ((0.175 + 0.125 * noise.next()) * f64::from(RATE)) as usize;
        let (sound, gap) = (duration(), duration());
        let level = 0.2 + 0.1 * noise.next();
        signal.extend((0..sound).map(|_| level * noise.next()));
        signal.extend((0..gap).map(|_| 0.0));
    }
    signal.truncate(length);
    signal
}

/// The bursts in a room, and what of them arrives within 48 ms of the direct sound: [channel, frame].
pub(crate) fn recorded(microphones: usize, seconds: f64) -> (Array2<f32>, Array2<f32>) {
    let room = RoomParams::default().sample_rate(f64::from(RATE)).reverberation_time(0.5).plan().unwrap();
    let array = circular_array([3.4, 2.9, 1.2], 0.1, microphones);
    let responses = room.impulse_responses([1.6, 1.8, 1.6], &array).unwrap();
    let direct = (2.2 / 343.0 * f64::from(RATE)) as usize;
    let mut early = responses.clone();
    early.slice_mut(s![.., LEAD + direct + (0.048 * f64::from(RATE)) as usize..]).fill(0.0);
    let signal = bursts(seconds, 1);
    let mut noise = Noise(2);
    let heard = |responses: &Array2<f64>| room::render(&signal, responses.view()).unwrap();
    let wet = heard(&responses).mapv(|x| (x + 1e-5 * noise.next()) as f32);
    (wet, heard(&early).mapv(|x| x as f32))
}

pub(crate) fn write(path: &Path, samples: &Array2<f32>) {
    write_wav(path, &Audio::new(samples.clone(), RATE).unwrap(), SampleFormat::F32).unwrap();
}

pub(crate) fn samples(path: &Path) -> Array2<f32> {
    read(path).unwrap().samples
}

pub(crate) fn command(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_auscult")).arg("dereverb").args(arguments).output().unwrap()
}

/// Runs the command on a recording and reads what it wrote.
pub(crate) fn dereverberated(recording: &Array2<f32>, options: &[&str]) -> Array2<f32> {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.wav"), folder.path().join("out.wav"));
    write(&input, recording);
    let paths = [input.to_str().unwrap(), "--output", output.to_str().unwrap()];
    let done = command(&[&paths, options].concat());
    assert!(done.status.success(), "{options:?}: {}", String::from_utf8_lossy(&done.stderr));
    samples(&output)
}

/// Power of a relative to that of b, decibels.
pub(crate) fn decibels(a: &Array2<f32>, b: &Array2<f32>) -> f64 {
    let power = |x: &Array2<f32>| x.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    10.0 * (power(a) / power(b)).log10()
}
