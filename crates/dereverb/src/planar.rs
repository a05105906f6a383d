//! Complex arrays with their real and imaginary parts apart, as vector registers want them.

use num_complex::Complex;

use crate::Real;

#[derive(Clone, Debug, Default)]
pub(crate) struct Planar<T> {
    pub(crate) re: Vec<T>,
    pub(crate) im: Vec<T>,
}

impl<T: Real> Planar<T> {
    pub(crate) fn zeros(len: usize) -> Self {
        Self { re: vec![T::zero(); len], im: vec![T::zero(); len] }
    }

    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> Complex<T> {
        Complex::new(self.re[index], self.im[index])
    }

    #[inline(always)]
    pub(crate) fn set(&mut self, index: usize, value: Complex<T>) {
        self.re[index] = value.re;
        self.im[index] = value.im;
    }

    /// Takes the values of an array as long.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.re.copy_from_slice(&other.re);
        self.im.copy_from_slice(&other.im);
    }

    pub(crate) fn clear(&mut self) {
        self.re.fill(T::zero());
        self.im.fill(T::zero());
    }
}
