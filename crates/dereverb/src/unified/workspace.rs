//! The memory a thread works in, whichever bin it works on.

use super::filter::FilterSolver;
use super::posterior::{Posterior, triangle};
use crate::Real;
use crate::bin::Bin;
use crate::planar::Planar;
use crate::stack::StackedPast;

pub(super) struct Workspace<T> {
    pub(super) wpe: Bin<T>,
    pub(super) posterior: Posterior<T>,
    pub(super) solver: FilterSolver<T>,
    /// yₜᴴ S yₜ and tr(Φₜ⁻¹ S) of each frame
    pub(super) quadratic: Vec<T>,
    pub(super) trace: Vec<T>,
    pub(super) weights: Vec<T>,
    /// Σ w y yᴴ and Σ w Φ⁻¹, lower triangles
    pub(super) outer: Planar<T>,
    pub(super) inverse: Planar<T>,
}

impl<T: Real> Workspace<T> {
    pub(super) fn new(past: StackedPast, frames: usize) -> Self {
        let wpe = Bin::new(past, frames);
        let stride = wpe.stack.stride();
        let entries = triangle(past.channels);
        Self {
            posterior: Posterior::new(past.channels, frames, stride),
            solver: FilterSolver::new(&wpe.stack),
            wpe,
            quadratic: vec![T::zero(); stride],
            trace: vec![T::zero(); stride],
            weights: vec![T::zero(); stride],
            outer: Planar::zeros(entries),
            inverse: Planar::zeros(entries),
        }
    }
}
