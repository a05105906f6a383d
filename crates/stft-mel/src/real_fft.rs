//! The transform of real frames, with real and imaginary parts in arrays of their own so that what follows runs in
//! vector registers.

use std::f64::consts::PI;
use std::sync::Arc;

use num_complex::Complex;
use rustfft::{Fft, FftPlanner};

use crate::Real;

/// A planned transform of `n` real samples to `n / 2 + 1` bins.
#[derive(Clone)]
pub(crate) struct RealFft<T: Real> {
    n: usize,
    /// Of `n / 2` points for even `n`, of `n` points for odd.
    complex: Arc<dyn Fft<T>>,
    /// `cos` and `sin` of `2πk / n` for the bins below `n / 4`, from bin 1.
    cos: Arc<[T]>,
    sin: Arc<[T]>,
}

/// Buffers of one transform: fill `frame`, call [`RealFft::process`], read `re` and `im`.
#[derive(Clone)]
pub(crate) struct Spectrum<T: Real> {
    pub(crate) frame: Vec<T>,
    pub(crate) re: Vec<T>,
    pub(crate) im: Vec<T>,
    packed: Vec<Complex<T>>,
    scratch: Vec<Complex<T>>,
    packed_re: Vec<T>,
    packed_im: Vec<T>,
}

impl<T: Real> RealFft<T> {
    pub(crate) fn new(n: usize) -> Self {
        let points = if n.is_multiple_of(2) { n / 2 } else { n };
        let angle = |k: usize| 2.0 * PI * k as f64 / n as f64;
        let pairs = 1..points.div_ceil(2);
        RealFft {
            n,
            complex: FftPlanner::new().plan_fft_forward(points),
            cos: pairs.clone().map(|k| T::of(angle(k).cos())).collect(),
            sin: pairs.map(|k| T::of(angle(k).sin())).collect(),
        }
    }

    pub(crate) fn buffers(&self) -> Spectrum<T> {
        let (zeros, points) = (|len| vec![T::zero(); len], self.complex.len());
        Spectrum {
            frame: zeros(self.n),
            re: zeros(self.n / 2 + 1),
            im: zeros(self.n / 2 + 1),
            packed: vec![Complex::new(T::zero(), T::zero()); points],
            scratch: vec![Complex::new(T::zero(), T::zero()); self.complex.get_inplace_scratch_len()],
            packed_re: zeros(points),
            packed_im: zeros(points),
        }
    }

    /// Transforms `frame` to `re + i im`.
    pub(crate) fn process(&self, buffers: &mut Spectrum<T>) {
        let Spectrum { frame, re, im, packed, scratch, packed_re, packed_im } = buffers;
        if self.n.is_multiple_of(2) {
            for (z, pair) in packed.iter_mut().zip(frame.chunks_exact(2)) {
                *z = Complex::new(pair[0], pair[1]);
            }
        } else {
            for (z, &x) in packed.iter_mut().zip(frame.iter()) {
                *z = Complex::new(x, T::zero());
            }
        }
        self.complex.process_with_scratch(packed, scratch);
        for ((re, im), z) in packed_re.iter_mut().zip(packed_im.iter_mut()).zip(packed.iter()) {
            (*re, *im) = (z.re, z.im);
        }
        if self.n.is_multiple_of(2) {
            self.unpack(packed_re, packed_im, re, im);
        } else {
            let bins = self.n / 2 + 1;
            re.copy_from_slice(&packed_re[..bins]);
            im.copy_from_slice(&packed_im[..bins]);
        }
    }

    /// From the transform `Z` of `x[2n] + i x[2n+1]` to that of `x`. With `E` and `O` the transforms of the even and the
    /// odd samples, `Z = E + iO` and `X[k] = E[k] + exp(-2πik/n) O[k]`; bins `k` and `n/2 - k` share their work.
    fn unpack(&self, z_re: &[T], z_im: &[T], re: &mut [T], im: &mut [T]) {
        let half = z_re.len();
        re[0] = z_re[0] + z_im[0];
        im[0] = T::zero();
        re[half] = z_re[0] - z_im[0];
        im[half] = T::zero();
        if half.is_multiple_of(2) && half > 0 {
            re[half / 2] = z_re[half / 2];
            im[half / 2] = -z_im[half / 2];
        }
        // Blocks of eight pairs, then the rest one by one.
        let pairs = self.cos.len();
        let whole = pairs - pairs % LANES;
        (0..whole).step_by(LANES).for_each(|i| self.unpack_block::<LANES>(i, z_re, z_im, re, im));
        (whole..pairs).for_each(|i| self.unpack_block::<1>(i, z_re, z_im, re, im));
    }

    /// Bins `i + 1 ..= i + L` and their mirrors. Copies to arrays of fixed size, so that `L` pairs share vector
    /// instructions.
    #[inline(always)]
    fn unpack_block<const L: usize>(&self, i: usize, z_re: &[T], z_im: &[T], re: &mut [T], im: &mut [T]) {
        let low = i + 1;
        let high = z_re.len() - i - L;
        let (a_re, a_im) = (block::<T, L>(z_re, low), block::<T, L>(z_im, low));
        let (b_re, b_im) = (flipped(block::<T, L>(z_re, high)), flipped(block::<T, L>(z_im, high)));
        let (cos, sin) = (block::<T, L>(&self.cos, i), block::<T, L>(&self.sin, i));

        let half = T::of(0.5);
        let mut out = [[T::zero(); L]; 4];
        for l in 0..L {
            let (sum_re, sum_im) = (a_re[l] + b_re[l], a_im[l] - b_im[l]);
            let (diff_re, diff_im) = (a_re[l] - b_re[l], a_im[l] + b_im[l]);
            let turned_re = cos[l] * diff_im - sin[l] * diff_re;
            let turned_im = cos[l] * diff_re + sin[l] * diff_im;
            out[0][l] = half * (sum_re + turned_re);
            out[1][l] = half * (sum_im - turned_im);
            out[2][l] = half * (sum_re - turned_re);
            out[3][l] = -half * (sum_im + turned_im);
        }
        re[low..][..L].copy_from_slice(&out[0]);
        im[low..][..L].copy_from_slice(&out[1]);
        re[high..][..L].copy_from_slice(&flipped(out[2]));
        im[high..][..L].copy_from_slice(&flipped(out[3]));
    }
}

/// Pairs of bins unpacked together.
const LANES: usize = 8;

/// `x[at .. at + L]`.
fn block<T: Real, const L: usize>(x: &[T], at: usize) -> [T; L] {
    let mut block = [T::zero(); L];
    block.copy_from_slice(&x[at..][..L]);
    block
}

fn flipped<T: Real, const L: usize>(x: [T; L]) -> [T; L] {
    std::array::from_fn(|l| x[L - 1 - l])
}
