//! The dry sounds of a simulated factory: machines at work, what happens around them, and the anomaly of section 4.
//!
//! Everything is a function of seeds and of time, so that any segment can be made on its own and in any order.

use std::f64::consts::{PI, TAU};

use crate::random::Random;

/// Samples a second of everything simulated.
pub(super) const SAMPLE_RATE: u32 = 16_000;
const RATE: f64 = SAMPLE_RATE as f64;

/// Partials of the motor.
const PARTIALS: usize = 30;

/// A second-order filter (Bristow-Johnson's cookbook).
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
    state: [f64; 2],
}

impl Biquad {
    fn new(frequency: f64, q: f64, numerator: impl Fn(f64, f64) -> [f64; 3]) -> Self {
        let w = TAU * (frequency / RATE).clamp(1e-4, 0.49);
        let (alpha, cosine) = (w.sin() / (2.0 * q), w.cos());
        let a0 = 1.0 + alpha;
        let b = numerator(alpha, cosine).map(|b| b / a0);
        Self { b, a: [-2.0 * cosine / a0, (1.0 - alpha) / a0], state: [0.0; 2] }
    }

    fn low_pass(frequency: f64) -> Self {
        Self::new(frequency, 0.707, |_, c| [(1.0 - c) / 2.0, 1.0 - c, (1.0 - c) / 2.0])
    }

    fn high_pass(frequency: f64) -> Self {
        Self::new(frequency, 0.707, |_, c| [(1.0 + c) / 2.0, -1.0 - c, (1.0 + c) / 2.0])
    }

    fn band_pass(frequency: f64, q: f64) -> Self {
        Self::new(frequency, q, |alpha, _| [alpha, 0.0, -alpha])
    }

    fn next(&mut self, x: f64) -> f64 {
        let y = self.b[0] * x + self.state[0];
        self.state[0] = self.b[1] * x - self.a[0] * y + self.state[1];
        self.state[1] = self.b[2] * x - self.a[1] * y;
        y
    }
}

/// White noise through filters, at unit power.
fn shaped_noise(random: &mut Random, length: usize, filters: &mut [Biquad]) -> Vec<f64> {
    let noise: Vec<f64> =
        (0..length).map(|_| filters.iter_mut().fold(random.normal(), |x, filter| filter.next(x))).collect();
    let scale = 1.0 / rms(&noise).max(1e-12);
    noise.into_iter().map(|x| scale * x).collect()
}

pub(super) fn rms(signal: &[f64]) -> f64 {
    (signal.iter().map(|x| x * x).sum::<f64>() / signal.len().max(1) as f64).sqrt()
}

/// One program of work: what is moved, how fast, how hard it lands.
struct Program {
    /// Seconds from one move to the next.
    period: f64,
    /// Seconds of a move.
    duration: f64,
    /// Middle of the servo's noise, Hz.
    servo: f64,
    /// First and last pitch of its whine, Hz.
    whine: [f64; 2],
    /// Of motor, servo and impact.
    levels: [f64; 3],
}

/// A machine: a motor that hums, air that flows, and a program of servo moves that end in impacts.
pub(super) struct Machine {
    seed: u64,
    pitch: f64,
    wobble: [f64; 2],
    /// a e^{iθ} of each partial.
    partials: Vec<(f64, f64)>,
    programs: Vec<Program>,
    /// Seconds a program lasts.
    shift: f64,
    /// Depth (dB), period (s) and phase of the slow drift of its level.
    drift: [f64; 3],
    scale: f64,
}

impl Machine {
    /// `programs` of work and a level that drifts up and down by `drift_db`.
    pub(super) fn new(seed: u64, programs: usize, drift_db: f64) -> Self {
        let mut random = Random::keyed(&[seed, 1]);
        let program = |random: &mut Random| Program {
            period: random.between(0.7, 1.6),
            duration: random.between(0.2, 0.6),
            servo: random.between(800.0, 3500.0),
            whine: [random.between(300.0, 1500.0), random.between(300.0, 2500.0)],
            levels: [random.between(0.35, 0.65), random.between(0.5, 1.2), random.between(0.5, 1.5)],
        };
        let mut machine = Self {
            seed,
            pitch: random.between(45.0, 120.0),
            wobble: [random.between(0.2, 0.6), random.between(0.0, TAU)],
            partials: (1..=PARTIALS)
                .map(|h| {
                    let amplitude = random.between(0.2, 1.0) / (h as f64).powf(0.9);
                    let (sine, cosine) = random.between(0.0, TAU).sin_cos();
                    (amplitude * cosine, amplitude * sine)
                })
                .collect(),
            programs: (0..programs).map(|_| program(&mut random)).collect(),
            shift: random.between(6.0, 14.0),
            drift: [drift_db, random.between(30.0, 90.0), random.between(0.0, TAU)],
            scale: 1.0,
        };
        machine.scale = 1.0 / rms(&machine.sound(0, 30 * SAMPLE_RATE as usize)).max(1e-12);
        machine
    }

    /// `length` samples from sample `start` of its working life; at unit power in the long run.
    pub(super) fn sound(&self, start: usize, length: usize) -> Vec<f64> {
        let mut random = Random::keyed(&[self.seed, 2, start as u64]);
        let mut flow = [Biquad::high_pass(150.0), Biquad::low_pass(6500.0)];
        let mut sound = shaped_noise(&mut random, length, &mut flow);
        let motor_power: f64 = self.partials.iter().map(|(re, im)| 0.5 * (re * re + im * im)).sum();
        let mut program = (u64::MAX, 0.0);
        for (n, sample) in sound.iter_mut().enumerate() {
            let t = (start + n) as f64 / RATE;
            let shift = (t / self.shift) as u64;
            if program.0 != shift {
                program = (shift, self.program(shift).levels[0] / motor_power.sqrt());
            }
            *sample = 0.6 * *sample + program.1 * self.motor(t);
        }
        self.add_moves(start, &mut sound);
        let [depth, period, phase] = self.drift;
        for (n, sample) in sound.iter_mut().enumerate() {
            let decibel = depth * (TAU * (start + n) as f64 / (RATE * period) + phase).sin();
            *sample *= self.scale * 10f64.powf(decibel / 20.0);
        }
        sound
    }

    /// Σ a_h sin(h φ(t) + θ_h), by Horner's rule in e^{iφ}; the pitch wobbles by 0.3 %.
    fn motor(&self, t: f64) -> f64 {
        let [rate, start] = self.wobble;
        let phase = TAU * self.pitch * t - 0.003 * self.pitch / rate * (TAU * rate * t + start).cos();
        let (sine, cosine) = phase.sin_cos();
        let (_, im) = self.partials.iter().rev().fold((0.0, 0.0), |(re, im), &(partial_re, partial_im)| {
            let (re, im) = (re + partial_re, im + partial_im);
            (re * cosine - im * sine, re * sine + im * cosine)
        });
        im
    }

    fn program(&self, shift: u64) -> &Program {
        &self.programs[Random::keyed(&[self.seed, 3, shift]).below(self.programs.len())]
    }

    /// The moves that sound between `start` and the end, each a servo burst, a whine and an impact.
    fn add_moves(&self, start: usize, sound: &mut [f64]) {
        let (from, to) = (start as f64 / RATE, (start + sound.len()) as f64 / RATE);
        for shift in ((from - 2.0).max(0.0) / self.shift) as u64..=(to / self.shift) as u64 {
            let program = self.program(shift);
            let begin = shift as f64 * self.shift;
            let moves = (self.shift / program.period) as u64;
            for number in 0..moves {
                let at = begin + number as f64 * program.period;
                if at > to || at + 2.0 < from {
                    continue;
                }
                let mut random = Random::keyed(&[self.seed, 4, shift, number]);
                let begin = (at * RATE) as i64 - start as i64;
                add(sound, begin, &servo(&mut random, program));
                let pause = program.duration + 0.02 + 0.002 * random.normal();
                add(sound, begin + (pause * RATE) as i64, &impact(&mut random, program.levels[2]));
            }
        }
    }
}

/// Adds `part` from sample `at` on, where there is room.
fn add(sound: &mut [f64], at: i64, part: &[f64]) {
    for (n, value) in part.iter().enumerate() {
        if let Some(sample) = usize::try_from(at + n as i64).ok().and_then(|n| sound.get_mut(n)) {
            *sample += value;
        }
    }
}

/// Noise and a gliding whine, swelling and fading.
fn servo(random: &mut Random, program: &Program) -> Vec<f64> {
    let length = (program.duration * RATE) as usize;
    let mut noise = shaped_noise(random, length, &mut [Biquad::band_pass(program.servo, 1.4)]);
    let [first, last] = program.whine;
    let mut phase = random.between(0.0, TAU);
    for (n, sample) in noise.iter_mut().enumerate() {
        let share = n as f64 / length as f64;
        phase += TAU * (first + (last - first) * share) / RATE;
        let whine = phase.sin() + 0.5 * (2.0 * phase).sin() + 0.3 * (3.0 * phase).sin();
        *sample = program.levels[1] * (PI * share).sin().powi(2) * (*sample + 0.7 * whine);
    }
    noise
}

/// A knock of 8 ms.
fn impact(random: &mut Random, level: f64) -> Vec<f64> {
    let level = 4.0 * level * random.between(0.8, 1.2);
    (0..(0.06 * RATE) as usize)
        .map(|n| level * (-(n as f64) / (0.008 * RATE)).exp() * random.normal())
        .collect()
}

/// What happens now and then: a jet of air, or a part that falls; unit power where it is loudest.
pub(super) fn event(random: &mut Random) -> Vec<f64> {
    if random.uniform() < 0.5 { air_jet(random) } else { dropped_part(random) }
}

fn air_jet(random: &mut Random) -> Vec<f64> {
    let length = (random.between(0.2, 1.2) * RATE) as usize;
    let mut filters =
        [Biquad::high_pass(random.between(700.0, 2000.0)), Biquad::low_pass(random.between(4000.0, 7500.0))];
    let mut jet = shaped_noise(random, length, &mut filters);
    let edge = 0.02 * RATE;
    for (n, sample) in jet.iter_mut().enumerate() {
        *sample *= (n as f64 / edge).min((length - n) as f64 / edge).min(1.0);
    }
    jet
}

fn dropped_part(random: &mut Random) -> Vec<f64> {
    let length = (0.5 * RATE) as usize;
    let mut ring = vec![0.0; length];
    let modes = 3 + random.below(4);
    for _ in 0..modes {
        let (frequency, decay) = (random.between(800.0, 6500.0), random.between(0.03, 0.15));
        let (level, phase) = (random.between(0.3, 1.0), random.between(0.0, TAU));
        for (n, sample) in ring.iter_mut().enumerate() {
            let t = n as f64 / RATE;
            *sample += level * (-t / decay).exp() * (TAU * frequency * t + phase).sin();
        }
    }
    let scale = 1.0 / rms(&ring[..(0.03 * RATE) as usize]).max(1e-12);
    // it bounces twice
    let mut sound = vec![0.0; length * 2];
    let gap = random.between(0.08, 0.2);
    for (bounce, level) in [1.0, 0.5, 0.25].into_iter().enumerate() {
        let part: Vec<f64> = ring.iter().map(|x| scale * level * x).collect();
        add(&mut sound, (bounce as f64 * gap * RATE) as i64, &part);
    }
    sound
}

/// The rumble of a hall, at unit power.
pub(super) fn rumble(random: &mut Random, length: usize) -> Vec<f64> {
    let dark = shaped_noise(random, length, &mut [Biquad::high_pass(60.0), Biquad::low_pass(500.0)]);
    let bright = shaped_noise(random, length, &mut [Biquad::high_pass(300.0), Biquad::low_pass(6000.0)]);
    dark.iter().zip(&bright).map(|(dark, bright)| 0.8 * dark + 0.6 * bright).collect()
}

/// The anomaly of section 4: a tone swept from 0.3 to 7 kHz every 3 s, begun `phase` seconds into a cycle.
pub(super) fn sweep(phase: f64, length: usize) -> Vec<f64> {
    let mut angle = 0.0;
    (0..length)
        .map(|n| {
            let t = (n as f64 / RATE + phase) % 3.0;
            angle = (angle + TAU * (300.0 + 6700.0 * t / 3.0) / RATE) % TAU;
            2f64.sqrt() * angle.sin()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_goes_on_where_it_was() {
        // the flow is drawn anew for each piece; motor and moves are not
        let machine = Machine::new(7, 3, 0.0);
        let moves = |start: usize, length: usize| {
            let mut sound = vec![0.0; length];
            machine.add_moves(start, &mut sound);
            sound
        };
        let whole = moves(10_000, 60_000);
        assert!(rms(&whole) > 0.01);
        let later = moves(40_000, 30_000);
        assert!(whole[30_000..].iter().zip(&later).all(|(a, b)| (a - b).abs() < 1e-12));
        assert_eq!(machine.sound(5, 1000), machine.sound(5, 1000));
    }

    #[test]
    fn the_motor_is_the_sum_of_its_partials() {
        let machine = Machine::new(3, 1, 0.0);
        let t = 1.2345;
        let [rate, start] = machine.wobble;
        let phase = TAU * machine.pitch * t - 0.003 * machine.pitch / rate * (TAU * rate * t + start).cos();
        let sum: f64 = (1..)
            .zip(&machine.partials)
            .map(|(h, (re, im))| re.hypot(*im) * (f64::from(h) * phase + im.atan2(*re)).sin())
            .sum();
        assert!((machine.motor(t) - sum).abs() < 1e-9, "{} {sum}", machine.motor(t));
    }

    #[test]
    fn the_sweep_is_where_the_paper_says() {
        let sweep = sweep(0.0, 3 * SAMPLE_RATE as usize);
        assert!((rms(&sweep) - 1.0).abs() < 0.01);
        let crossings = |range: std::ops::Range<usize>| {
            sweep[range].windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count()
        };
        assert!(crossings(0..1600).abs_diff(41) <= 1); // 300 to 523 Hz in 0.1 s
        assert!(crossings(46_400..48_000).abs_diff(689) <= 2);
    }
}
