//! Recursive WPE in one frequency bin: recursive least squares on the past, normalised by the power of the signal.

use num_complex::Complex;
use pulp::{Arch, Simd, WithSimd};

use crate::Real;
use crate::planar::Planar;
use crate::real::cache_line;
use crate::stack::StackedPast;

/// Steps between two looks at the health of the inverse covariance.
const CARE: u32 = 64;

/// A frame this far below the loudest power so far teaches nothing: learning from silence only forgets.
const SILENCE: f64 = 1e-10;

/// What recursive least squares keeps of the past of a bin.
///
/// The past of the next frame is known before that frame is (delay >= 1). A step therefore ends with all products that
/// the next one starts from, and reads the inverse covariance once.
pub(crate) struct Recursion<T> {
    past: StackedPast,
    /// Length of x̄, rounded up to whole tiles; what lies beyond is zero.
    padded: usize,
    /// The newest frames [frame][channel], and where they start. Slides through memory twice as long.
    recent: Planar<T>,
    start: usize,
    /// Q, the inverse covariance of x̄: see [`Tiles`].
    inverse: Planar<T>,
    /// x̄ of the next frame, oldest frame first
    stacked: Planar<T>,
    /// n = Q x̄ of the next frame
    gain: Planar<T>,
    /// n of the frame after it, while it is made
    next_gain: Planar<T>,
    /// G, [channel][tap and channel]
    filter: Planar<T>,
    /// Gᴴ x̄ of the next frame
    prediction: Vec<Complex<T>>,
    /// d = x - Gᴴ x̄ of the present frame
    pub(crate) output: Vec<Complex<T>>,
    power: T,
    loudest: T,
    /// x̄ᴴ Q x̄ of the next frame
    quadratic: T,
    /// Counts up to [`CARE`].
    steps: u32,
    /// The inverse covariance has grown to where forgetting more would lose all digits.
    full: bool,
}

impl<T: Real> Recursion<T> {
    pub(crate) fn new(past: StackedPast) -> Self {
        let (channels, padded) = (past.channels, past.len().next_multiple_of(cache_line::<T>()));
        let mut recursion = Self {
            past,
            padded,
            recent: Planar::zeros(2 * (past.lead() + 1) * channels),
            start: 0,
            inverse: Planar::zeros(Tiles::<T>::len(padded)),
            stacked: Planar::zeros(padded),
            gain: Planar::zeros(padded),
            next_gain: Planar::zeros(padded),
            filter: Planar::zeros(channels * padded),
            prediction: vec![Complex::default(); channels],
            output: vec![Complex::default(); channels],
            power: T::zero(),
            loudest: T::zero(),
            quadratic: T::zero(),
            steps: 0,
            full: false,
        };
        recursion.reset();
        recursion
    }

    /// Back to Q = I, G = 0 and silence.
    pub(crate) fn reset(&mut self) {
        self.recent.clear();
        self.stacked.clear();
        self.gain.clear();
        self.filter.clear();
        self.prediction.fill(Complex::default());
        (self.start, self.steps, self.full) = (0, 0, false);
        (self.power, self.loudest, self.quadratic) = (T::zero(), T::zero(), T::zero());
        self.forget_covariance();
    }

    fn forget_covariance(&mut self) {
        self.inverse.clear();
        (0..self.past.len()).for_each(|i| self.inverse.re[Tiles::<T>::index(i, i)] = T::one());
    }

    /// Takes in a frame and leaves its dereverberated version in `output`. Returns α p + x̄ᴴ Q x̄, which the gain is
    /// divided by.
    pub(crate) fn predict(&mut self, frame: impl Iterator<Item = Complex<T>>, forgetting: T) -> T {
        let (channels, span) = (self.past.channels, self.past.lead() + 1);
        if self.start == span {
            for part in [&mut self.recent.re, &mut self.recent.im] {
                part.copy_within((span + 1) * channels.., channels);
            }
            self.start = 0;
        }
        // frame by frame the window of `span` frames moves on by one
        self.start += 1;
        let newest = (self.start + span - 1) * channels;
        for (m, value) in frame.enumerate() {
            self.recent.set(newest + m, value);
            self.output[m] = value - self.prediction[m];
        }
        let present: T = (newest..newest + channels).map(|i| self.recent.get(i).norm_sqr()).sum();
        if present <= T::of(SILENCE) * self.loudest * T::of(channels as f64) {
            // no reverberation reaches digital silence
            for (m, output) in self.output.iter_mut().enumerate() {
                *output = self.recent.get(newest + m);
            }
        }
        let window = self.start * channels..(self.start + span) * channels;
        let energy: T = window.clone().map(|i| self.recent.get(i).norm_sqr()).sum();
        self.power = energy / T::of(window.len() as f64);
        self.loudest = self.loudest.max(self.power);
        forgetting * self.power + self.quadratic
    }

    /// Learns from the present frame, and makes ready for the next. `denominator` is that of [`Self::predict`],
    /// `floor` the least it may be.
    pub(crate) fn learn(&mut self, denominator: T, floor: T, forgetting: T) {
        let silent = self.power <= T::of(SILENCE) * self.loudest;
        let denominator = denominator.max(floor);
        if self.quadratic < T::zero() || !self.quadratic.is_finite() {
            // rounding has made Q indefinite: learn its shape anew, and keep the filter
            self.forget_covariance();
            self.gain.clear();
        }
        let learning = !silent && denominator > T::zero();
        let (step, growth) = match (learning, self.full) {
            (false, _) => (T::zero(), T::one()),
            (true, true) => (denominator.recip(), T::one()),
            (true, false) => (denominator.recip(), forgetting.recip()),
        };
        let order = self.past.len();
        // the window moves on by one frame before the next prediction, and its oldest `taps` frames are the past
        let next = (self.start + 1) * self.past.channels;
        self.stacked.re[..order].copy_from_slice(&self.recent.re[next..next + order]);
        self.stacked.im[..order].copy_from_slice(&self.recent.im[next..next + order]);
        Arch::new().dispatch(Update { bin: self, step, growth });
        std::mem::swap(&mut self.gain, &mut self.next_gain);
        self.steps += 1;
        if self.steps == CARE {
            self.steps = 0;
            self.tidy();
        }
    }

    /// Keeps the part of Q that is stored in both triangles Hermitian, and looks whether Q has outgrown the precision.
    fn tidy(&mut self) {
        let tile = cache_line::<T>();
        let mut largest = T::zero();
        for i in 0..self.past.len() {
            let diagonal = Tiles::<T>::index(i, i);
            self.inverse.im[diagonal] = T::zero();
            largest = largest.max(self.inverse.re[diagonal]);
            for j in i / tile * tile..i {
                let lower = self.inverse.get(Tiles::<T>::index(i, j));
                self.inverse.set(Tiles::<T>::index(j, i), lower.conj());
            }
        }
        self.full = largest * largest > T::epsilon().recip();
    }
}

/// A Hermitian matrix by rows: the lower triangle, and beside the diagonal whole square tiles as wide as a cache line.
/// Row i has the columns 0..(i / tile + 1) tile, so that vector registers never straddle the diagonal.
struct Tiles<T>(std::marker::PhantomData<T>);

impl<T: Real> Tiles<T> {
    fn row(i: usize) -> usize {
        let tile = cache_line::<T>();
        let (whole, rest) = (i / tile, i % tile);
        tile * tile * whole * (whole + 1) / 2 + rest * (whole + 1) * tile
    }

    fn index(i: usize, j: usize) -> usize {
        Self::row(i) + j
    }

    fn len(order: usize) -> usize {
        Self::row(order)
    }
}

/// Rows of Q updated together: they share the loads of the vectors.
const ROWS: usize = 2;

/// G <- G + s n dᴴ and Q <- r (Q - s n nᴴ), with their products by the x̄ of the next frame.
struct Update<'a, T> {
    bin: &'a mut Recursion<T>,
    /// s: 1 / denominator, or 0 to learn nothing
    step: T,
    /// r: 1 / α
    growth: T,
}

impl<T: Real> WithSimd for Update<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { bin, step, growth } = self;
        bin.update_filter(simd, step);
        bin.update_inverse(simd, step * growth, growth);
    }
}

impl<T: Real> Recursion<T> {
    #[inline(always)]
    fn update_filter<S: Simd>(&mut self, simd: S, step: T) {
        let zero = T::splat(simd, T::zero());
        for (m, prediction) in self.prediction.iter_mut().enumerate() {
            let (d_re, d_im) = (self.output[m].re * step, self.output[m].im * step);
            let (d_re, d_im, minus_d_im) =
                (T::splat(simd, d_re), T::splat(simd, d_im), T::splat(simd, -d_im));
            let (mut sum_re, mut sum_im) = (zero, zero);
            let row = m * self.padded;
            for j in (0..self.padded).step_by(T::lanes::<S>()) {
                let n_re = T::load::<S>(&self.gain.re[j..]);
                let n_im = T::load::<S>(&self.gain.im[j..]);
                let g_re = T::load::<S>(&self.filter.re[row + j..]);
                let g_im = T::load::<S>(&self.filter.im[row + j..]);
                let g_re = T::fused(simd, n_im, d_im, T::fused(simd, n_re, d_re, g_re));
                let g_im = T::fused(simd, n_re, minus_d_im, T::fused(simd, n_im, d_re, g_im));
                T::store::<S>(g_re, &mut self.filter.re[row + j..]);
                T::store::<S>(g_im, &mut self.filter.im[row + j..]);
                let x_re = T::load::<S>(&self.stacked.re[j..]);
                let x_im = T::load::<S>(&self.stacked.im[j..]);
                sum_re = T::fused(simd, g_im, x_im, T::fused(simd, g_re, x_re, sum_re));
                sum_im = T::fused(simd, T::negate(simd, g_im), x_re, T::fused(simd, g_re, x_im, sum_im));
            }
            *prediction = Complex::new(T::reduce(simd, sum_re), T::reduce(simd, sum_im));
        }
    }

    #[inline(always)]
    fn update_inverse<S: Simd>(&mut self, simd: S, step: T, growth: T) {
        let (lanes, tile) = (T::lanes::<S>(), cache_line::<T>());
        let zero = T::splat(simd, T::zero());
        let growth = T::splat(simd, growth);
        let Planar { re: q_re, im: q_im } = &mut self.inverse;
        let Planar { re: n_re, im: n_im } = &self.gain;
        let Planar { re: x_re, im: x_im } = &self.stacked;
        let Planar { re: next_re, im: next_im } = &mut self.next_gain;
        next_re.fill(T::zero());
        next_im.fill(T::zero());
        for i in (0..self.padded).step_by(ROWS) {
            let diagonal = i / tile * tile;
            let width = diagonal + tile;
            let row = Tiles::<T>::row(i);
            let mut minus_g_re = [zero; ROWS];
            let mut minus_g_im = minus_g_re;
            let (mut xi_re, mut xi_im) = (minus_g_re, minus_g_re);
            let (mut sum_re, mut sum_im) = (minus_g_re, minus_g_re);
            for r in 0..ROWS {
                minus_g_re[r] = T::splat(simd, -n_re[i + r] * step);
                minus_g_im[r] = T::splat(simd, -n_im[i + r] * step);
                xi_re[r] = T::splat(simd, x_re[i + r]);
                xi_im[r] = T::splat(simd, x_im[i + r]);
            }
            for j in (0..width).step_by(lanes) {
                let nj_re = T::load::<S>(&n_re[j..]);
                let nj_im = T::load::<S>(&n_im[j..]);
                let minus_nj_im = T::negate(simd, nj_im);
                let xj_re = T::load::<S>(&x_re[j..]);
                let xj_im = T::load::<S>(&x_im[j..]);
                let minus_xj_im = T::negate(simd, xj_im);
                let mut next_j_re = T::load::<S>(&next_re[j..]);
                let mut next_j_im = T::load::<S>(&next_im[j..]);
                for r in 0..ROWS {
                    let at = row + r * width + j;
                    let mut re = T::fused(simd, T::load::<S>(&q_re[at..]), growth, zero);
                    let mut im = T::fused(simd, T::load::<S>(&q_im[at..]), growth, zero);
                    // Q - g nᴴ
                    re = T::fused(simd, minus_g_re[r], nj_re, re);
                    re = T::fused(simd, minus_g_im[r], nj_im, re);
                    im = T::fused(simd, minus_g_im[r], nj_re, im);
                    im = T::fused(simd, minus_g_re[r], minus_nj_im, im);
                    T::store::<S>(re, &mut q_re[at..]);
                    T::store::<S>(im, &mut q_im[at..]);
                    // row i of Q x̄
                    sum_re[r] = T::fused(simd, re, xj_re, sum_re[r]);
                    sum_re[r] = T::fused(simd, im, minus_xj_im, sum_re[r]);
                    sum_im[r] = T::fused(simd, re, xj_im, sum_im[r]);
                    sum_im[r] = T::fused(simd, im, xj_re, sum_im[r]);
                    // the same entries are column i of the other triangle
                    if j < diagonal {
                        next_j_re = T::fused(simd, re, xi_re[r], next_j_re);
                        next_j_re = T::fused(simd, im, xi_im[r], next_j_re);
                        next_j_im = T::fused(simd, re, xi_im[r], next_j_im);
                        next_j_im = T::fused(simd, T::negate(simd, im), xi_re[r], next_j_im);
                    }
                }
                T::store::<S>(next_j_re, &mut next_re[j..]);
                T::store::<S>(next_j_im, &mut next_im[j..]);
            }
            for r in 0..ROWS {
                next_re[i + r] += T::reduce(simd, sum_re[r]);
                next_im[i + r] += T::reduce(simd, sum_im[r]);
            }
        }
        let product = |i: usize| x_re[i] * next_re[i] + x_im[i] * next_im[i];
        self.quadratic = (0..self.padded).map(product).sum();
    }
}
