//! A simulated factory hall, in place of the recordings of section 4, which were never published.
//!
//! Machines stand in a ring around a microphone array in a reverberant room. A segment is ten seconds of one machine
//! with two neighbours, rumble, and what happens now and then; an abnormal segment has the sweep on top, from a
//! loudspeaker 1 m from the array.

use auscult_dereverb::room::{Point, RoomParams, circular_array, render, split_early};
use ndarray::{Array2, Axis, Slice};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::mixing::{Mixer, Source, Transfer};
use super::sounds::{Machine, SAMPLE_RATE, event, rms, rumble, sweep};
use crate::random::Random;
use crate::{Error, Result};

/// The hall, and how hard it is to hear an anomaly in it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Factory {
    /// Machines; the paper has 18.
    pub machines: usize,
    /// Segments of each machine to learn from, as many normal ones to test, as many abnormal ones; the paper has 15.
    pub segments: usize,
    /// Seconds of a segment.
    pub seconds: f64,
    /// Microphones on a circle of 5 cm radius; the paper has 8 (and gives no radius).
    pub microphones: usize,
    /// Reverberation time, seconds.
    pub reverberation_time: f64,
    /// Programs of work of each machine.
    pub programs: usize,
    /// How far a machine's level drifts up and down, dB.
    pub drift_db: f64,
    /// Level of each of two neighbouring machines, dB relative to the machine.
    pub neighbour_db: f64,
    /// Level of the hall's rumble, dB relative to the machine.
    pub rumble_db: f64,
    /// Air jets and falling parts a minute.
    pub events_a_minute: f64,
    /// Level of the loudest of them, dB relative to the machine; others are up to 20 dB softer.
    pub event_db: f64,
    /// Metres, at most 0.15, by which machines sway while they sound (a quarter second a step), so that the room's responses change
    /// all the time; 0 keeps them at rest.
    pub sway: f64,
}

impl Default for Factory {
    /// The paper's sizes, and a difficulty that was set by row (A) alone, on seeds of its own (docs/asd.md).
    fn default() -> Self {
        Self {
            machines: 18,
            segments: 15,
            seconds: 10.0,
            microphones: 8,
            reverberation_time: 0.4,
            programs: 3,
            drift_db: 15.0,
            neighbour_db: -12.0,
            rumble_db: -20.0,
            events_a_minute: 90.0,
            event_db: 24.0,
            sway: 0.0,
        }
    }
}

impl Factory {
    pub(super) fn check(&self) -> Result<(), String> {
        if [self.machines, self.segments, self.microphones, self.programs].contains(&0) {
            return Err("machines, segments, microphones and programs must be at least 1".into());
        }
        if self.machines < 3 {
            return Err("machines must be at least 3: each has two neighbours".into());
        }
        if !(self.seconds.is_finite() && self.seconds >= 1.0) {
            return Err("seconds must be at least 1".into());
        }
        if !(0.0..=600.0).contains(&self.events_a_minute) {
            return Err("events_a_minute must be from 0 to 600".into());
        }
        if !(0.0..=0.15).contains(&self.sway) {
            return Err("sway must be from 0 to 0.15 m".into());
        }
        self.room().plan().map(|_| ()).map_err(|error| error.to_string())
    }

    fn room(&self) -> RoomParams {
        RoomParams::default().reverberation_time(self.reverberation_time).sample_rate(f64::from(SAMPLE_RATE))
    }
}

/// Which part of a segment's sound is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Image {
    /// All of it.
    Full,
    /// Direct sound and reflections of the first 32 ms: what an ideal dereverberation leaves.
    Early,
}

/// Factor of an anomaly for this input SNR: power of the anomaly over that of the normal sound, at the first microphone
/// over the whole segment.
pub(super) fn gain(normal: &Array2<f64>, anomaly: &Array2<f64>, snr_db: f64) -> f64 {
    let power = |sound: &Array2<f64>| rms(&sound.row(0).to_vec());
    power(normal) / power(anomaly).max(1e-12) * 10f64.powf(snr_db / 20.0)
}

/// The recording of a normal sound; `[microphone, sample]`.
pub(super) fn recorded(sound: &Array2<f64>) -> Array2<f32> {
    sound.mapv(|sample| (LEVEL * sample) as f32)
}

/// The recording of a normal sound with an anomaly `gain` times as strong.
pub(super) fn mixed(normal: &Array2<f64>, anomaly: &Array2<f64>, gain: f64) -> Array2<f32> {
    ndarray::Zip::from(normal)
        .and(anomaly)
        .map_collect(|normal, anomaly| (LEVEL * (normal + gain * anomaly)) as f32)
}

/// Leaves headroom below full scale.
const LEVEL: f64 = 0.03;

/// Samples that sound before a segment begins, so that it begins in the reverberation of what was before.
const LEAD_IN: usize = SAMPLE_RATE as usize / 2;

/// The early part of a response, samples: 32 ms, one frame of the analysis.
const EARLY: usize = 512;

/// Places where things happen now and then.
const EVENT_PLACES: usize = 6;

/// Seconds between two points of a swaying source's path.
const SWAY_STEP: f64 = 0.25;

/// Impulse responses from one place to the array.
struct Place {
    point: Point,
    full: Array2<f64>,
    early: Array2<f64>,
}

/// A place as the [`Mixer`] wants it.
struct Heard {
    point: Point,
    /// Factor that gives a dry sound of power 1 the power 1 at the first microphone, in the mean over frequencies.
    unit: f64,
    full: Transfer,
    early: Transfer,
}

/// A hall that was built: machines, places, impulse responses.
pub(super) struct Hall {
    factory: Factory,
    seed: u64,
    microphones: Vec<Point>,
    machines: Vec<Machine>,
    /// Factor that brings each machine's sound to a power of 1 at the first microphone.
    levels: Vec<f64>,
    machine_places: Vec<Heard>,
    event_places: Vec<Heard>,
    loudspeaker: Heard,
    mixer: Mixer,
}

impl Hall {
    pub(super) fn new(factory: &Factory, seed: u64) -> Result<Self> {
        let mut random = Random::keyed(&[seed, 10]);
        let centre = [3.5, 3.0, 1.2];
        let microphones = circular_array(centre, 0.05, factory.microphones);
        let count = factory.machines;
        let ring: Vec<Point> = (0..count)
            .map(|k| {
                let (sine, cosine) =
                    (std::f64::consts::TAU * (k as f64 + random.between(-0.3, 0.3)) / count as f64).sin_cos();
                let distance = random.between(1.2, 2.8);
                [centre[0] + distance * cosine, centre[1] + distance * sine, random.between(0.6, 1.6)]
            })
            .collect();
        let corner = |random: &mut Random| {
            [
                random.between(0.3, 6.7),
                if random.uniform() < 0.5 { 0.3 } else { 5.7 },
                random.between(0.2, 2.5),
            ]
        };
        let corners: Vec<Point> = (0..EVENT_PLACES).map(|_| corner(&mut random)).collect();
        let place = |&point: &Point| Self::place(factory, point, &microphones);
        let machine_places = ring.par_iter().map(place).collect::<Result<Vec<_>>>()?;
        let event_places = corners.par_iter().map(place).collect::<Result<Vec<_>>>()?;
        let loudspeaker =
            Self::place(factory, [centre[0] + 0.7, centre[1] + 0.7, centre[2] + 0.1], &microphones)?;
        let machines: Vec<Machine> = (0..count)
            .into_par_iter()
            .map(|k| {
                let seed = Random::keyed(&[seed, 11, k as u64]).next();
                Machine::new(seed, factory.programs, factory.drift_db)
            })
            .collect();
        let levels = machines
            .par_iter()
            .zip(&machine_places)
            .map(|(machine, place)| {
                let first = place.full.slice(ndarray::s![..1, ..]);
                let heard = render(&machine.sound(0, 20 * SAMPLE_RATE as usize), first)
                    .map_err(Error::part("the simulated hall"))?;
                Ok(1.0 / rms(&heard.row(0).to_vec()))
            })
            .collect::<Result<Vec<f64>>>()?;
        let places = || machine_places.iter().chain(&event_places).chain([&loudspeaker]);
        let mixer = Mixer::new(places().map(|place| place.full.ncols()).max().unwrap_or(1));
        let heard = |place: &Place| Heard {
            point: place.point,
            unit: 1.0 / place.full.row(0).iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-12),
            full: mixer.transfer(place.full.view()),
            early: mixer.transfer(place.early.view()),
        };
        Ok(Self {
            factory: factory.clone(),
            seed,
            machine_places: machine_places.par_iter().map(heard).collect(),
            event_places: event_places.par_iter().map(heard).collect(),
            loudspeaker: heard(&loudspeaker),
            microphones,
            machines,
            levels,
            mixer,
        })
    }

    fn place(factory: &Factory, point: Point, microphones: &[Point]) -> Result<Place> {
        let failed = |error| Error::part("the simulated hall")(error);
        let room = factory.room().plan().map_err(failed)?;
        let full = room.impulse_responses(point, microphones).map_err(failed)?;
        let early = split_early(full.view(), EARLY).map_err(failed)?.early;
        Ok(Place { point, full, early })
    }

    /// The normal sound of segment `index` of a machine, `[microphone, sample]`: those from 0 are to learn from, from `segments` on to test as normal, from twice
    /// that on to test with the anomaly.
    pub(super) fn normal(&self, machine: usize, index: usize, image: Image) -> Result<Array2<f64>> {
        let length = self.length();
        let (start, padded) = (index * length, length + LEAD_IN);
        let mut random = Random::keyed(&[self.seed, 12, machine as u64, index as u64]);
        let decibel = |level: f64| 10f64.powf(level / 20.0);
        let neighbour = decibel(self.factory.neighbour_db);
        let mut sources = Vec::new();
        let mut swaying = Vec::new();
        for (step, level) in [(0_usize, 1.0), (1, neighbour), (2, neighbour)] {
            let k = (machine + step) % self.machines.len();
            // neighbours are at another point of their work
            let dry = self.machines[k].sound(start + step * 37 * SAMPLE_RATE as usize, padded);
            let (place, gain) = (&self.machine_places[k], level * self.levels[k]);
            if self.factory.sway > 0.0 && image == Image::Full {
                let mut path = Random::keyed(&[self.seed, 13, machine as u64, index as u64, step as u64]);
                swaying.push(gain * self.swaying(&dry, place.point, &mut path)?);
            } else {
                sources.push(Source { dry, gain, from: image.of(place) });
            }
        }
        let loud = decibel(self.factory.rumble_db) / 2f64.sqrt();
        for place in &self.event_places[..2] {
            let dry = rumble(&mut random, padded);
            sources.push(Source { dry, gain: loud * place.unit, from: image.of(place) });
        }
        for (dry, place) in self.events(padded, &mut random).into_iter().zip(&self.event_places) {
            sources.push(Source { dry, gain: place.unit, from: image.of(place) });
        }
        let mut normal = self.mixer.mix(padded, self.microphones.len(), &sources);
        swaying.iter().for_each(|heard| normal += heard);
        let jitter = 1.0 + 0.05 * random.normal();
        let sensor = decibel(-60.0);
        normal.mapv_inplace(|sample| jitter * sample + sensor * random.normal());
        normal.slice_axis_inplace(Axis(1), Slice::from(LEAD_IN..));
        Ok(normal)
    }

    /// The sweep in segment `index` of a machine, at any power.
    pub(super) fn anomaly(&self, machine: usize, index: usize, image: Image) -> Result<Array2<f64>> {
        let mut random = Random::keyed(&[self.seed, 14, machine as u64, index as u64]);
        let dry = sweep(random.between(0.0, 3.0), self.length() + LEAD_IN);
        let source = Source { gain: 1.0, from: image.of(&self.loudspeaker), dry };
        let mut anomaly = self.mixer.mix(source.dry.len(), self.microphones.len(), &[source]);
        anomaly.slice_axis_inplace(Axis(1), Slice::from(LEAD_IN..));
        Ok(anomaly)
    }

    fn length(&self) -> usize {
        (self.factory.seconds * f64::from(SAMPLE_RATE)) as usize
    }

    /// What happens at each of the [`EVENT_PLACES`].
    fn events(&self, length: usize, random: &mut Random) -> Vec<Vec<f64>> {
        let mean_gap = 60.0 * f64::from(SAMPLE_RATE) / self.factory.events_a_minute;
        let mut tracks = vec![vec![0.0; length]; EVENT_PLACES];
        let mut at = 0.0;
        loop {
            at -= mean_gap * (1.0 - random.uniform()).ln();
            // also ends where there are no events at all
            if at.is_nan() || at >= length as f64 {
                break;
            }
            let level = 10f64.powf((self.factory.event_db - random.between(0.0, 20.0)) / 20.0);
            let track = &mut tracks[random.below(EVENT_PLACES)];
            for (sample, value) in track[at as usize..].iter_mut().zip(event(random)) {
                *sample += level * value;
            }
        }
        tracks
    }

    /// A machine's dry sound at the array while it sways.
    fn swaying(&self, dry: &[f64], point: Point, random: &mut Random) -> Result<Array2<f64>> {
        let failed = |error| Error::part("the simulated hall")(error);
        let sway = self.factory.sway;
        let step = (SWAY_STEP * f64::from(SAMPLE_RATE)) as usize;
        let path: Vec<Point> = (0..=dry.len() / step)
            .map(|_| point.map(|coordinate| coordinate + random.between(-sway, sway)))
            .collect();
        let room = self.factory.room().plan().map_err(failed)?;
        room.render_moving(dry, &path, step, &self.microphones).map_err(failed)
    }
}

impl Image {
    fn of(self, place: &Heard) -> &Transfer {
        match self {
            Self::Full => &place.full,
            Self::Early => &place.early,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Factory {
        Factory {
            machines: 3,
            segments: 1,
            seconds: 1.0,
            microphones: 2,
            reverberation_time: 0.25,
            ..Factory::default()
        }
    }

    #[test]
    fn segments_repeat_and_differ() {
        let segment = |seed, machine, index| {
            Hall::new(&small(), seed).unwrap().normal(machine, index, Image::Full).unwrap()
        };
        assert_eq!(segment(1, 0, 0), segment(1, 0, 0));
        for other in [segment(2, 0, 0), segment(1, 1, 0), segment(1, 0, 1)] {
            assert_ne!(segment(1, 0, 0), other);
        }
    }

    #[test]
    fn the_anomaly_has_the_power_asked_for() {
        let hall = Hall::new(&small(), 1).unwrap();
        let (normal, anomaly) =
            (hall.normal(0, 0, Image::Full).unwrap(), hall.anomaly(0, 0, Image::Full).unwrap());
        let (with, without) = (mixed(&normal, &anomaly, gain(&normal, &anomaly, -10.0)), recorded(&normal));
        let power = |sound: Array2<f32>| rms(&sound.row(0).mapv(f64::from).to_vec()).powi(2);
        let ratio = 10.0 * (power(&with - &without) / power(without)).log10();
        assert!((ratio + 10.0).abs() < 0.01, "{ratio}");
    }

    #[test]
    fn early_images_are_part_of_the_full_ones() {
        let hall = Hall::new(&small(), 1).unwrap();
        let power = |image| rms(&hall.anomaly(0, 0, image).unwrap().row(0).to_vec());
        assert!(power(Image::Early) < power(Image::Full));
        assert!(power(Image::Early) > 0.3 * power(Image::Full));
    }

    #[test]
    fn sources_may_sway() {
        let swaying = Factory { sway: 0.05, ..small() };
        let sound = |factory: &Factory| Hall::new(factory, 1).unwrap().normal(0, 0, Image::Full).unwrap();
        assert_ne!(sound(&swaying), sound(&small()));
        assert!(sound(&swaying).iter().all(|sample| sample.is_finite()));
    }
}
