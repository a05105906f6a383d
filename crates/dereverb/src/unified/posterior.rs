//! What the E-step needs of one frequency bin: Φₜ⁻¹ and Φₜ⁻¹ dₜ for all frames, and their sums over frames.
//!
//! All matrices of a bin are as small as the number of channels and of the same kind, so frames lie next to each other
//! in memory and a register holds the same entry of several frames.

use num_complex::Complex;
use pulp::{Arch, Simd, WithSimd};

use crate::Real;
use crate::planar::Planar;
use crate::real::MAX_LANES;

/// Index of entry (i, j), j <= i, in a lower triangle stored by rows.
#[inline(always)]
pub(crate) fn lower(i: usize, j: usize) -> usize {
    i * (i + 1) / 2 + j
}

/// Number of entries of a lower triangle.
pub(crate) fn triangle(order: usize) -> usize {
    lower(order, 0)
}

/// A summand φₜ S of Φₜ.
pub(crate) struct Summand<'a, T> {
    /// S, lower triangle
    pub(crate) covariance: &'a Planar<T>,
    /// φ, zero after the last frame
    pub(crate) variance: &'a [T],
}

pub(crate) struct Posterior<T> {
    channels: usize,
    pub(crate) frames: usize,
    /// Distance of entries, and of channels, in the arrays below: see [`Stack::stride`](crate::stack::Stack::stride).
    pub(crate) stride: usize,
    /// Φ⁻¹, [entry of the lower triangle][frame]
    inverse: Planar<T>,
    /// y = Φ⁻¹ d, [channel][frame]
    pub(crate) y: Planar<T>,
    /// det Φ, as the product of this many factors a frame: [factor][frame]
    determinant: Vec<T>,
    /// L and L⁻¹ of as many frames as a register holds
    scratch: Planar<T>,
}

/// Pivots multiplied before a logarithm is taken: few enough for the exponent range of `f32`.
const PIVOTS: usize = 4;

impl<T: Real> Posterior<T> {
    pub(crate) fn new(channels: usize, frames: usize, stride: usize) -> Self {
        let entries = triangle(channels);
        Self {
            channels,
            frames,
            stride,
            inverse: Planar::zeros(entries * stride),
            y: Planar::zeros(channels * stride),
            determinant: vec![T::zero(); channels.div_ceil(PIVOTS) * stride],
            scratch: Planar::zeros(2 * entries * MAX_LANES),
        }
    }

    /// Φₜ = Σ φₜ S + floor I, inverted; y = Φ⁻¹ d for d [channel][frame].
    ///
    /// Returns Σₜ -log det Φₜ - dₜᴴ Φₜ⁻¹ dₜ.
    pub(crate) fn update(&mut self, summands: &[Summand<'_, T>], floor: T, d: &Planar<T>) -> f64 {
        Arch::new().dispatch(Invert { posterior: self, summands, floor });
        let mut y = std::mem::take(&mut self.y);
        self.apply(d, &mut y);
        self.y = y;
        let mut sum = 0.0;
        for t in 0..self.frames {
            let factors = self.determinant.chunks_exact(self.stride);
            sum -= factors.map(|factor| factor[t].wide().ln()).sum::<f64>();
            for m in (0..self.channels).map(|m| m * self.stride + t) {
                sum -= (d.re[m] * self.y.re[m] + d.im[m] * self.y.im[m]).wide();
            }
        }
        sum
    }

    /// Φ⁻¹ of frame t, entry (i, j), j <= i.
    #[inline(always)]
    pub(crate) fn inverse(&self, i: usize, j: usize, t: usize) -> Complex<T> {
        self.inverse.get(lower(i, j) * self.stride + t)
    }

    /// `output` = Φ⁻¹ `input`, both [channel][frame].
    pub(crate) fn apply(&self, input: &Planar<T>, output: &mut Planar<T>) {
        Arch::new().dispatch(Apply { posterior: self, input, output });
    }

    /// yₜᴴ S yₜ and tr(Φₜ⁻¹ S) of all frames, for a Hermitian S (lower triangle).
    pub(crate) fn quadratic_and_trace(&self, s: &Planar<T>, quadratic: &mut [T], trace: &mut [T]) {
        Arch::new().dispatch(QuadraticAndTrace { posterior: self, s, quadratic, trace });
    }

    /// Σ wₜ yₜ yₜᴴ and Σ wₜ Φₜ⁻¹ (lower triangles); `weights` are zero after the last frame.
    pub(crate) fn sums(&self, weights: &[T], outer: &mut Planar<T>, inverse: &mut Planar<T>) {
        Arch::new().dispatch(Sums { posterior: self, weights, outer, inverse });
    }
}

struct Invert<'a, T> {
    posterior: &'a mut Posterior<T>,
    summands: &'a [Summand<'a, T>],
    floor: T,
}

impl<T: Real> WithSimd for Invert<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { posterior, summands, floor } = self;
        let (channels, stride) = (posterior.channels, posterior.stride);
        let (lanes, entries) = (T::lanes::<S>(), triangle(channels));
        let (one, floor) = (T::splat(simd, T::one()), T::splat(simd, floor));
        let zero = T::splat(simd, T::zero());
        let (l_re, x_re) = posterior.scratch.re.split_at_mut(entries * MAX_LANES);
        let (l_im, x_im) = posterior.scratch.im.split_at_mut(entries * MAX_LANES);
        let at = |i: usize, j: usize| lower(i, j) * MAX_LANES;
        for t in (0..posterior.frames).step_by(lanes) {
            let mut product = one;
            for i in 0..channels {
                for j in 0..=i {
                    // Φ, less what the columns before j explain of it
                    let (mut re, mut im) = (if i == j { floor } else { zero }, zero);
                    for summand in summands {
                        let phi = T::load::<S>(&summand.variance[t..]);
                        let s = summand.covariance.get(lower(i, j));
                        re = T::fused(simd, phi, T::splat(simd, s.re), re);
                        im = T::fused(simd, phi, T::splat(simd, s.im), im);
                    }
                    for p in 0..j {
                        let (a_re, a_im) = (T::load::<S>(&l_re[at(i, p)..]), T::load::<S>(&l_im[at(i, p)..]));
                        let (b_re, b_im) = (T::load::<S>(&l_re[at(j, p)..]), T::load::<S>(&l_im[at(j, p)..]));
                        let (minus_re, minus_im) = (T::negate(simd, a_re), T::negate(simd, a_im));
                        re = T::fused(simd, minus_im, b_im, T::fused(simd, minus_re, b_re, re));
                        im = T::fused(simd, a_re, b_im, T::fused(simd, minus_im, b_re, im));
                    }
                    if i == j {
                        // in exact arithmetic no pivot is below the floor
                        let pivot = T::greater(simd, re, floor);
                        product = T::multiply(simd, product, pivot);
                        let inverse = T::divide(simd, one, T::root(simd, pivot));
                        T::store::<S>(inverse, &mut x_re[at(i, i)..]);
                        T::store::<S>(zero, &mut x_im[at(i, i)..]);
                    } else {
                        let inverse = T::load::<S>(&x_re[at(j, j)..]);
                        T::store::<S>(T::multiply(simd, re, inverse), &mut l_re[at(i, j)..]);
                        T::store::<S>(T::multiply(simd, im, inverse), &mut l_im[at(i, j)..]);
                    }
                }
                if (i + 1) % PIVOTS == 0 || i + 1 == channels {
                    T::store::<S>(product, &mut posterior.determinant[i / PIVOTS * stride + t..]);
                    product = one;
                }
            }
            // X = L⁻¹
            for j in 0..channels {
                for i in j + 1..channels {
                    let (mut re, mut im) = (zero, zero);
                    for p in j..i {
                        let (a_re, a_im) = (T::load::<S>(&l_re[at(i, p)..]), T::load::<S>(&l_im[at(i, p)..]));
                        let (b_re, b_im) = (T::load::<S>(&x_re[at(p, j)..]), T::load::<S>(&x_im[at(p, j)..]));
                        re = T::fused(simd, T::negate(simd, a_im), b_im, T::fused(simd, a_re, b_re, re));
                        im = T::fused(simd, a_im, b_re, T::fused(simd, a_re, b_im, im));
                    }
                    let minus = T::negate(simd, T::load::<S>(&x_re[at(i, i)..]));
                    T::store::<S>(T::multiply(simd, re, minus), &mut x_re[at(i, j)..]);
                    T::store::<S>(T::multiply(simd, im, minus), &mut x_im[at(i, j)..]);
                }
            }
            // Φ⁻¹ = Xᴴ X
            for i in 0..channels {
                for j in 0..=i {
                    let (mut re, mut im) = (zero, zero);
                    for p in i..channels {
                        let (a_re, a_im) = (T::load::<S>(&x_re[at(p, i)..]), T::load::<S>(&x_im[at(p, i)..]));
                        let (b_re, b_im) = (T::load::<S>(&x_re[at(p, j)..]), T::load::<S>(&x_im[at(p, j)..]));
                        re = T::fused(simd, a_im, b_im, T::fused(simd, a_re, b_re, re));
                        im = T::fused(simd, T::negate(simd, a_im), b_re, T::fused(simd, a_re, b_im, im));
                    }
                    T::store::<S>(re, &mut posterior.inverse.re[lower(i, j) * stride + t..]);
                    T::store::<S>(im, &mut posterior.inverse.im[lower(i, j) * stride + t..]);
                }
            }
        }
    }
}

struct Apply<'a, T> {
    posterior: &'a Posterior<T>,
    input: &'a Planar<T>,
    output: &'a mut Planar<T>,
}

impl<T: Real> WithSimd for Apply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { posterior: Posterior { channels, stride, frames, inverse, .. }, input, output } = self;
        let zero = T::splat(simd, T::zero());
        for t in (0..*frames).step_by(T::lanes::<S>()) {
            for i in 0..*channels {
                let (mut re, mut im) = (zero, zero);
                for j in 0..*channels {
                    let entry = lower(i.max(j), i.min(j)) * stride + t;
                    let (p_re, p_im) =
                        (T::load::<S>(&inverse.re[entry..]), T::load::<S>(&inverse.im[entry..]));
                    let p_im = if j > i { T::negate(simd, p_im) } else { p_im };
                    let x_re = T::load::<S>(&input.re[j * stride + t..]);
                    let x_im = T::load::<S>(&input.im[j * stride + t..]);
                    re = T::fused(simd, T::negate(simd, p_im), x_im, T::fused(simd, p_re, x_re, re));
                    im = T::fused(simd, p_im, x_re, T::fused(simd, p_re, x_im, im));
                }
                T::store::<S>(re, &mut output.re[i * stride + t..]);
                T::store::<S>(im, &mut output.im[i * stride + t..]);
            }
        }
    }
}

struct QuadraticAndTrace<'a, T> {
    posterior: &'a Posterior<T>,
    s: &'a Planar<T>,
    quadratic: &'a mut [T],
    trace: &'a mut [T],
}

impl<T: Real> WithSimd for QuadraticAndTrace<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { posterior: Posterior { channels, stride, frames, inverse, y, .. }, s, quadratic, trace } =
            self;
        for t in (0..*frames).step_by(T::lanes::<S>()) {
            let (mut q, mut r) = (T::splat(simd, T::zero()), T::splat(simd, T::zero()));
            for i in 0..*channels {
                let a_re = T::load::<S>(&y.re[i * stride + t..]);
                let a_im = T::load::<S>(&y.im[i * stride + t..]);
                for j in 0..=i {
                    let entry = s.get(lower(i, j));
                    // the other triangle has the conjugate entries
                    let twice = if i == j { T::one() } else { T::of(2.0) };
                    let (s_re, s_im) = (T::splat(simd, entry.re * twice), T::splat(simd, entry.im * twice));
                    let b_re = T::load::<S>(&y.re[j * stride + t..]);
                    let b_im = T::load::<S>(&y.im[j * stride + t..]);
                    let outer_re = T::fused(simd, a_re, b_re, T::multiply(simd, a_im, b_im));
                    let outer_im = T::fused(simd, a_im, b_re, T::negate(simd, T::multiply(simd, a_re, b_im)));
                    q = T::fused(simd, s_im, outer_im, T::fused(simd, s_re, outer_re, q));
                    let at = lower(i, j) * stride + t;
                    r = T::fused(simd, s_re, T::load::<S>(&inverse.re[at..]), r);
                    r = T::fused(simd, s_im, T::load::<S>(&inverse.im[at..]), r);
                }
            }
            T::store::<S>(q, &mut quadratic[t..]);
            T::store::<S>(r, &mut trace[t..]);
        }
    }
}

struct Sums<'a, T> {
    posterior: &'a Posterior<T>,
    weights: &'a [T],
    outer: &'a mut Planar<T>,
    inverse: &'a mut Planar<T>,
}

impl<T: Real> WithSimd for Sums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { posterior, weights, outer, inverse } = self;
        let Posterior { channels, stride, frames, inverse: p, y, .. } = posterior;
        let zero = T::splat(simd, T::zero());
        for i in 0..*channels {
            for j in 0..=i {
                let (mut outer_re, mut outer_im, mut p_re, mut p_im) = (zero, zero, zero, zero);
                let entry = lower(i, j) * stride;
                for t in (0..*frames).step_by(T::lanes::<S>()) {
                    let w = T::load::<S>(&weights[t..]);
                    let a_re = T::multiply(simd, w, T::load::<S>(&y.re[i * stride + t..]));
                    let a_im = T::multiply(simd, w, T::load::<S>(&y.im[i * stride + t..]));
                    let b_re = T::load::<S>(&y.re[j * stride + t..]);
                    let b_im = T::load::<S>(&y.im[j * stride + t..]);
                    outer_re = T::fused(simd, a_im, b_im, T::fused(simd, a_re, b_re, outer_re));
                    outer_im =
                        T::fused(simd, T::negate(simd, a_re), b_im, T::fused(simd, a_im, b_re, outer_im));
                    p_re = T::fused(simd, w, T::load::<S>(&p.re[entry + t..]), p_re);
                    p_im = T::fused(simd, w, T::load::<S>(&p.im[entry + t..]), p_im);
                }
                outer.set(lower(i, j), Complex::new(T::reduce(simd, outer_re), T::reduce(simd, outer_im)));
                inverse.set(lower(i, j), Complex::new(T::reduce(simd, p_re), T::reduce(simd, p_im)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Noise, assert_close};

    /// Every product against its definition, by Gaussian elimination on full matrices.
    fn against_the_definition<T: Real>(tolerance: f64) {
        let mut noise = Noise::new(5);
        for (channels, frames) in [(1_usize, 1_usize), (2, 5), (3, 16), (5, 37), (8, 20), (9, 3)] {
            let stride = frames.next_multiple_of(MAX_LANES) + MAX_LANES;
            let covariances: Vec<Planar<T>> = (0..2).map(|_| positive(&mut noise, channels)).collect();
            let variances: Vec<Vec<T>> = (0..2)
                .map(|_| {
                    let value = |t| if t < frames { T::of(0.1 + noise.uniform().abs()) } else { T::zero() };
                    (0..stride).map(value).collect()
                })
                .collect();
            let d = noise.planar::<T>(channels * stride);
            let summands: Vec<_> = covariances
                .iter()
                .zip(&variances)
                .map(|(covariance, variance)| Summand { covariance, variance })
                .collect();
            let floor = T::of(1e-3);
            let mut posterior = Posterior::new(channels, frames, stride);
            let likelihood = posterior.update(&summands, floor, &d);

            let (mut expected, mut weights) = (0.0, vec![T::zero(); stride]);
            let (mut quadratic, mut trace) = (vec![T::zero(); stride], vec![T::zero(); stride]);
            posterior.quadratic_and_trace(&covariances[0], &mut quadratic, &mut trace);
            let n = triangle(channels);
            let (mut outer, mut inverse) = (Planar::zeros(n), Planar::zeros(n));
            let mut expected_outer = vec![Complex::<T>::default(); n];
            let mut expected_inverse = expected_outer.clone();
            for t in 0..frames {
                weights[t] = T::of(noise.uniform().abs());
                let s = |k: usize, i: usize, j: usize| hermitian(&covariances[k], i, j);
                let phi = |i: usize, j: usize| {
                    let sum = s(0, i, j) * variances[0][t] + s(1, i, j) * variances[1][t];
                    if i == j { sum + floor } else { sum }
                };
                // Φ Φ⁻¹ = I
                for i in 0..channels {
                    for j in 0..channels {
                        let p = |k: usize| match k >= j {
                            true => posterior.inverse(k, j, t),
                            false => posterior.inverse(j, k, t).conj(),
                        };
                        let product: Complex<T> = (0..channels).map(|k| phi(i, k) * p(k)).sum();
                        let unit = if i == j { T::one() } else { T::zero() };
                        assert_close(product, unit.into(), tolerance);
                    }
                }
                // Φ y = d
                let y = |m: usize| posterior.y.get(m * stride + t);
                for i in 0..channels {
                    let product = (0..channels).map(|j| phi(i, j) * y(j)).sum();
                    assert_close(product, d.get(i * stride + t), tolerance);
                }
                let full: Vec<Vec<Complex<f64>>> = (0..channels)
                    .map(|i| {
                        (0..channels)
                            .map(|j| phi(i, j))
                            .map(|c| Complex::new(c.re.wide(), c.im.wide()))
                            .collect()
                    })
                    .collect();
                expected -= log_determinant(full);
                let energy: Complex<T> = (0..channels).map(|m| d.get(m * stride + t).conj() * y(m)).sum();
                expected -= energy.re.wide();

                let mut q = Complex::<T>::default();
                let mut r = q;
                for i in 0..channels {
                    for j in 0..channels {
                        let p = if i >= j {
                            posterior.inverse(i, j, t)
                        } else {
                            posterior.inverse(j, i, t).conj()
                        };
                        q += y(i).conj() * s(0, i, j) * y(j);
                        r += p * s(0, j, i);
                        if j <= i {
                            expected_outer[lower(i, j)] += y(i) * y(j).conj() * weights[t];
                            expected_inverse[lower(i, j)] += p * weights[t];
                        }
                    }
                }
                assert_close(quadratic[t].into(), q, 10.0 * tolerance);
                assert_close(trace[t].into(), r, 10.0 * tolerance);
            }
            assert!((likelihood - expected).abs() < tolerance * (1.0 + expected.abs()));
            posterior.sums(&weights, &mut outer, &mut inverse);
            for entry in 0..n {
                assert_close(outer.get(entry), expected_outer[entry], 10.0 * tolerance);
                assert_close(inverse.get(entry), expected_inverse[entry], 10.0 * tolerance);
            }
        }
    }

    fn hermitian<T: Real>(packed: &Planar<T>, i: usize, j: usize) -> Complex<T> {
        if i >= j { packed.get(lower(i, j)) } else { packed.get(lower(j, i)).conj() }
    }

    /// A Aᴴ + I / 2
    fn positive<T: Real>(noise: &mut Noise, channels: usize) -> Planar<T> {
        let a = noise.planar::<T>(channels * channels);
        let mut packed = Planar::zeros(triangle(channels));
        for i in 0..channels {
            for j in 0..=i {
                let sum: Complex<T> =
                    (0..channels).map(|k| a.get(i * channels + k) * a.get(j * channels + k).conj()).sum();
                packed.set(lower(i, j), if i == j { sum + T::of(0.5) } else { sum });
            }
        }
        packed
    }

    fn log_determinant(mut a: Vec<Vec<Complex<f64>>>) -> f64 {
        let mut sum = 0.0;
        for k in 0..a.len() {
            sum += a[k][k].re.ln();
            for i in k + 1..a.len() {
                let factor = a[i][k] / a[k][k];
                for j in k..a.len() {
                    let above = a[k][j];
                    a[i][j] -= factor * above;
                }
            }
        }
        sum
    }

    #[test]
    fn equals_the_definition() {
        against_the_definition::<f64>(1e-11);
        against_the_definition::<f32>(3e-3);
    }
}
