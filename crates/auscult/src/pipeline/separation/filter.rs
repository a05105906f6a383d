//! From masks to gains: what share of each bin is the voice's.

use auscult_stft_mel::num_complex::Complex;
use ndarray::{Array1, Array3, ArrayView2, ArrayView3};
use serde::{Deserialize, Serialize};

use super::patches::Source;

/// How masks become stems.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// The voice's mask as it is.
    Mask,
    /// A Wiener filter: each source's power, its masked mixture squared, over the sum of both (spleeter: +0.3 dB).
    #[default]
    Wiener,
    /// The same, then one step of expectation maximisation for both sources' spatial covariances (Duong et al. 2010);
    /// only stereo has any.
    MultichannelWiener,
}

/// The voice's gain in each bin, from masks `[source, bin]`.
pub(crate) fn vocal_gains(masks: ArrayView2<f32>, sources: &[Source], filter: Filter) -> Array1<f32> {
    let of = |wanted: Source| sources.iter().position(|source| *source == wanted).map(|row| masks.row(row));
    match (of(Source::Vocals), of(Source::Accompaniment)) {
        (Some(vocals), _) if filter == Filter::Mask => vocals.to_owned(),
        (Some(vocals), Some(others)) => wiener(vocals.iter().copied(), others.iter().copied()),
        (Some(vocals), None) => wiener(vocals.iter().copied(), vocals.iter().map(|mask| 1.0 - mask)),
        (None, Some(others)) if filter == Filter::Mask => others.mapv(|mask| 1.0 - mask),
        (None, Some(others)) => wiener(others.iter().map(|mask| 1.0 - mask), others.iter().copied()),
        (None, None) => Array1::from_elem(masks.ncols(), 0.5),
    }
}

/// `v^2 / (v^2 + o^2)`; the mixture, in both, cancels.
fn wiener(vocals: impl Iterator<Item = f32>, others: impl Iterator<Item = f32>) -> Array1<f32> {
    let gain = |(v, o): (f32, f32)| {
        let (v, o) = (v * v, o * o);
        if v + o > 0.0 { v / (v + o) } else { 0.5 }
    };
    vocals.zip(others).map(gain).collect()
}

/// One step of expectation maximisation on a stretch of stereo: from the first estimates `gains * mixture` and the rest
/// follow each source's power in each bin and its spatial covariance in each band; they make a new filter.
///
/// With `v` the power of a source (mean over channels of its estimate's) and `R` its covariance (sum of the estimate's outer
/// products over sum of powers), the new estimate is `v R (sum v R)^-1 x`.
///
/// `spectrum` is `[channel, frame, bin]` of two channels, `gains` `[frame, bin]`; returns the voice's.
pub(crate) fn multichannel_step(
    spectrum: ArrayView3<Complex<f32>>,
    gains: ArrayView2<f32>,
) -> Array3<Complex<f32>> {
    let (channels, frames, bins) = spectrum.dim();
    let mut vocals = Array3::zeros((channels, frames, bins));
    for bin in 0..bins {
        let x = |frame: usize| [spectrum[[0, frame, bin]], spectrum[[1, frame, bin]]];
        let gain = |frame: usize, source: usize| match source {
            0 => gains[[frame, bin]],
            _ => 1.0 - gains[[frame, bin]],
        };
        let power = |frame: usize, source: usize| {
            let [a, b] = x(frame);
            f64::from(gain(frame, source)).powi(2) * f64::from(a.norm_sqr() + b.norm_sqr()) / 2.0
        };
        let covariance = [0, 1].map(|source| {
            let mut sum = Hermitian::default();
            let mut powers = 0.0;
            for frame in 0..frames {
                let weight = f64::from(gain(frame, source)).powi(2);
                sum.add_outer(x(frame), weight);
                powers += power(frame, source);
            }
            sum.scaled(1.0 / powers.max(1e-20))
        });
        for frame in 0..frames {
            let parts = [0, 1].map(|source| covariance[source].scaled(power(frame, source)));
            // What neither source explains is left as it was estimated first.
            let floor = 1e-10 * (parts[0].trace() + parts[1].trace()) + 1e-30;
            let y = parts[0].plus(&parts[1]).plus_identity(floor).solve(x(frame));
            let estimate = parts[0].plus_identity(0.5 * floor).times(y);
            vocals[[0, frame, bin]] = estimate[0];
            vocals[[1, frame, bin]] = estimate[1];
        }
    }
    vocals
}

/// A 2x2 Hermitian matrix.
#[derive(Clone, Copy, Debug, Default)]
struct Hermitian {
    a: f64,
    d: f64,
    /// Above the diagonal.
    b: Complex<f64>,
}

fn wide(x: Complex<f32>) -> Complex<f64> {
    Complex::new(f64::from(x.re), f64::from(x.im))
}

impl Hermitian {
    fn add_outer(&mut self, x: [Complex<f32>; 2], weight: f64) {
        let [x, y] = x.map(wide);
        self.a += weight * x.norm_sqr();
        self.d += weight * y.norm_sqr();
        self.b += x * y.conj() * weight;
    }

    fn scaled(&self, factor: f64) -> Self {
        Self { a: self.a * factor, d: self.d * factor, b: self.b * factor }
    }

    fn plus(&self, other: &Self) -> Self {
        Self { a: self.a + other.a, d: self.d + other.d, b: self.b + other.b }
    }

    fn plus_identity(&self, factor: f64) -> Self {
        Self { a: self.a + factor, d: self.d + factor, b: self.b }
    }

    fn trace(&self) -> f64 {
        self.a + self.d
    }

    fn times(&self, y: [Complex<f64>; 2]) -> [Complex<f32>; 2] {
        let z = [y[0] * self.a + self.b * y[1], self.b.conj() * y[0] + y[1] * self.d];
        z.map(|z| Complex::new(z.re as f32, z.im as f32))
    }

    fn solve(&self, x: [Complex<f32>; 2]) -> [Complex<f64>; 2] {
        let [x, y] = x.map(wide);
        let determinant = self.a * self.d - self.b.norm_sqr();
        [(x * self.d - self.b * y) / determinant, (y * self.a - self.b.conj() * x) / determinant]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    const BOTH: [Source; 2] = [Source::Vocals, Source::Accompaniment];

    #[test]
    fn wiener_gains_follow_from_either_or_both_masks() {
        let masks = array![[0.8_f32, 0.0, 1.0], [0.4, 0.0, 0.0]];
        let gains = vocal_gains(masks.view(), &BOTH, Filter::Wiener);
        assert!((gains[0] - 0.8).abs() < 1e-6 && gains[1] == 0.5 && gains[2] == 1.0);
        assert_eq!(vocal_gains(masks.view(), &BOTH, Filter::Mask), masks.row(0));
        let one = array![[0.25_f32]];
        let expected = 0.0625 / (0.0625 + 0.5625);
        assert!((vocal_gains(one.view(), &BOTH[..1], Filter::Wiener)[0] - expected).abs() < 1e-6);
        assert!((vocal_gains(one.view(), &BOTH[1..], Filter::Wiener)[0] - 1.0 + expected).abs() < 1e-6);
        assert_eq!(vocal_gains(one.view(), &BOTH[1..], Filter::Mask)[0], 0.75);
    }

    /// The step as its formula has it, with plain complex matrices, for one bin.
    fn naive_step(mixture: &Array3<Complex<f32>>, gains: &Array2<f32>) -> Array3<Complex<f32>> {
        type Matrix = [[Complex<f64>; 2]; 2];
        let frames = gains.nrows();
        let estimate = |source: usize, frame: usize| {
            let gain = if source == 0 { gains[[frame, 0]] } else { 1.0 - gains[[frame, 0]] };
            [0, 1].map(|channel| wide(mixture[[channel, frame, 0]]) * f64::from(gain))
        };
        let power = |source, frame| estimate(source, frame).iter().map(|y| y.norm_sqr()).sum::<f64>() / 2.0;
        let covariance = [0, 1].map(|source| {
            let powers: f64 = (0..frames).map(|frame| power(source, frame)).sum();
            let mut sum: Matrix = Default::default();
            for frame in 0..frames {
                let y = estimate(source, frame);
                for (i, row) in sum.iter_mut().enumerate() {
                    for (j, value) in row.iter_mut().enumerate() {
                        *value += y[i] * y[j].conj() / powers;
                    }
                }
            }
            sum
        });
        Array3::from_shape_fn((2, frames, 1), |(channel, frame, _)| {
            let part = |source: usize, i: usize, j: usize| covariance[source][i][j] * power(source, frame);
            let total = |i, j| part(0, i, j) + part(1, i, j);
            let determinant = total(0, 0) * total(1, 1) - total(0, 1) * total(1, 0);
            let x = [0, 1].map(|channel| wide(mixture[[channel, frame, 0]]));
            let solved = [
                (total(1, 1) * x[0] - total(0, 1) * x[1]) / determinant,
                (total(0, 0) * x[1] - total(1, 0) * x[0]) / determinant,
            ];
            let voice = part(0, channel, 0) * solved[0] + part(0, channel, 1) * solved[1];
            Complex::new(voice.re as f32, voice.im as f32)
        })
    }

    /// Two sources from different directions, both always there: gains alone cannot part them, directions can.
    #[test]
    fn the_multichannel_step_hears_directions() {
        let mut random = crate::random::Random::keyed(&[3]);
        let mut draw = || Complex::new(random.normal() as f32, random.normal() as f32);
        let frames = 400;
        let voice: Vec<_> = (0..frames).map(|frame| draw() * if frame % 4 < 2 { 1.0 } else { 0.3 }).collect();
        let band: Vec<_> = (0..frames).map(|frame| draw() * if frame % 4 < 2 { 0.3 } else { 1.0 }).collect();
        let mut mixture = Array3::from_shape_fn((2, frames, 1), |(channel, frame, _)| {
            let (v, b) = [(1.0, 0.2), (0.2, 1.0)][channel];
            voice[frame] * v + band[frame] * b
        });
        let gains = Array2::from_shape_fn((frames, 1), |(frame, _)| if frame % 4 < 2 { 0.9 } else { 0.1 });
        let error = |estimate: &Array3<Complex<f32>>| -> f32 {
            (0..frames).map(|frame| (estimate[[0, frame, 0]] - voice[frame]).norm_sqr()).sum()
        };
        let first = Array3::from_shape_fn((2, frames, 1), |(c, f, b)| mixture[[c, f, b]] * gains[[f, b]]);
        let second = multichannel_step(mixture.view(), gains.view());
        let expected = naive_step(&mixture, &gains);
        let most = second.iter().zip(&expected).map(|(a, b)| (a - b).norm()).fold(0.0, f32::max);
        assert!(most < 1e-4, "{most}");
        // The same formula in NumPy leaves 0.81 to 0.91 of the error, by the draw.
        assert!(error(&second) < 0.92 * error(&first), "{} {}", error(&second), error(&first));
        // Silence stays silence.
        mixture.fill(Complex::default());
        assert!(multichannel_step(mixture.view(), gains.view()).iter().all(|x| x.norm_sqr() == 0.0));
    }
}
