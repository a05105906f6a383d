//! Speech in rooms, and its early image: what arrives within 32 ms of the direct sound.

use std::path::Path;

use auscult_audio_io::ReadOptions;
use auscult_dereverb::ndarray::{Array2, s};
use auscult_dereverb::room::{Point, RoomParams, circular_array, render, split_early};
use rand_distr::{Distribution, StandardNormal, Uniform};
use rand_pcg::Pcg64Mcg;

use crate::{Failure, RATE};

pub const REVERBERATION_TIMES: [f64; 4] = [0.2, 0.4, 0.6, 0.8];

const SECONDS: f64 = 6.0;
const MICROPHONES: usize = 4;
/// Moving speakers are somewhere else this often, seconds, and this far, metres: half a metre a second.
const STEP: f64 = 0.25;
const STRIDE: f64 = 0.125;

pub struct Scene {
    /// [microphone, sample]
    pub recorded: Array2<f64>,
    pub early: Array2<f64>,
    pub dry: Vec<f64>,
    pub moving: bool,
    /// Where the responses begin, if not shortly before their peaks
    pub begin: Option<usize>,
}

/// Which scene it is.
#[derive(Clone, Debug)]
pub struct Described {
    /// static or moving
    pub kind: String,
    /// Reverberation time
    pub seconds: f64,
    pub room: usize,
}

impl Described {
    pub fn simulate(&self, dry: &[f64]) -> Result<Scene, Failure> {
        simulate(dry, self.room, self.seconds, self.kind == "moving")
    }
}

/// The first seconds of as many recordings that are long enough, in the order of their names.
pub fn speech(folder: &Path, count: usize) -> Result<Vec<Vec<f64>>, Failure> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "flac" || ending == "wav"));
    paths.sort();
    let length = (SECONDS * f64::from(RATE)) as usize;
    let mut speech = Vec::new();
    for path in paths {
        let audio = ReadOptions::default().mono(true).sample_rate(RATE).read(&path)?;
        if audio.frames() >= length && speech.len() < count {
            speech.push(audio.samples.row(0).iter().take(length).map(|&x| f64::from(x)).collect());
        }
    }
    if speech.is_empty() {
        return Err(format!("{}: no recording of at least {SECONDS} s", folder.display()).into());
    }
    Ok(speech)
}

fn simulate(dry: &[f64], room: usize, seconds: f64, moving: bool) -> Result<Scene, Failure> {
    // the same room, array and first position for all reverberation times, standing or moving
    let mut random = Pcg64Mcg::new(1 + room as u128);
    let mut between =
        |low: f64, high: f64| -> Result<f64, Failure> { Ok(Uniform::new(low, high)?.sample(&mut random)) };
    let size = [between(5.0, 8.0)?, between(4.0, 6.5)?, between(2.5, 3.2)?];
    let centre = [size[0] / 2.0 + between(-0.4, 0.4)?, size[1] / 2.0 + between(-0.4, 0.4)?, 1.2];
    let (angle, distance) = (between(0.0, std::f64::consts::TAU)?, between(1.0, 1.8)?);
    let mut position = [centre[0] + distance * angle.cos(), centre[1] + distance * angle.sin(), 1.6];
    let plan =
        RoomParams::default().size(size).sample_rate(f64::from(RATE)).reverberation_time(seconds).plan()?;
    let array = circular_array(centre, 0.05, MICROPHONES);

    let step = (STEP * f64::from(RATE)) as usize;
    let mut path: Vec<Point> = vec![position];
    while moving && path.len() < dry.len().div_ceil(step) + 1 {
        let angle = between(0.0, std::f64::consts::TAU)?;
        let next = [position[0] + STRIDE * angle.cos(), position[1] + STRIDE * angle.sin(), position[2]];
        let far = ((next[0] - centre[0]).powi(2) + (next[1] - centre[1]).powi(2)).sqrt();
        let inside = (0..2).all(|axis| next[axis] > 0.3 && next[axis] < size[axis] - 0.3);
        if inside && far > 0.7 {
            position = next;
            path.push(position);
        }
    }
    let (mut recorded, mut early) =
        (Array2::zeros((MICROPHONES, dry.len())), Array2::zeros((MICROPHONES, dry.len())));
    for (index, &point) in path.iter().enumerate() {
        // the part of the signal that sounds from here, faded in and out
        let gain = |n: usize| match moving {
            true => (1.0 - (n as f64 - (index * step) as f64).abs() / step as f64).max(0.0),
            false => 1.0,
        };
        let part: Vec<f64> = dry.iter().enumerate().map(|(n, x)| gain(n) * x).collect();
        let responses =
            split_early(plan.impulse_responses(point, &array)?.view(), (0.032 * f64::from(RATE)) as usize)?;
        let heard = render(&part, responses.early.view())?;
        early += &heard;
        recorded += &heard;
        recorded += &render(&part, responses.late.view())?;
    }
    Ok(finish(dry, recorded, early, moving, room))
}

/// Speech through measured responses [microphone, sample]; early is what arrives within 32 ms of their beginning.
pub fn measured(dry: &[f64], responses: &Array2<f64>, seed: usize) -> Result<Scene, Failure> {
    let early = responses.slice(s![.., ..(0.032 * f64::from(RATE)) as usize]);
    let (recorded, early) = (render(dry, responses.view())?, render(dry, early)?);
    Ok(Scene { begin: Some(0), ..finish(dry, recorded, early, false, seed) })
}

/// Microphone noise 60 dB below the recording.
fn finish(dry: &[f64], mut recorded: Array2<f64>, early: Array2<f64>, moving: bool, seed: usize) -> Scene {
    let power = recorded.iter().map(|x| x * x).sum::<f64>() / recorded.len() as f64;
    let level = 1e-3 * power.sqrt();
    let mut random = Pcg64Mcg::new(seed as u128);
    recorded.mapv_inplace(|x| {
        let noise: f64 = StandardNormal.sample(&mut random);
        x + level * noise
    });
    Scene { recorded, early, dry: dry.to_vec(), moving, begin: None }
}
