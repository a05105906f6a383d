//! What the extractors share: their result, and the walk over blocks of frames.

use crate::Real;
use crate::activations::Atoms;
use crate::error::{Result, check_matrix, check_shape};
use crate::rows::{BLOCK, Block, BlockMut, Rows};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

/// What a supervised extractor finds in X [bin, frame] with atoms W [bin, atom].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Extraction<T> {
    /// Ĥ, [atom, frame]: the normal sound.
    pub activations: Array2<T>,
    /// R̂ >= 0, [bin, frame]: the anomalous sound.
    pub residual: Array2<T>,
    /// Residuals of the iteration over all frames, where the method has them.
    pub record: Vec<Residuals>,
}

/// How far an iterate for eq. (4) is from solving it, over all frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Residuals {
    /// Iterations done.
    pub iteration: usize,
    /// ½ |R|².
    pub objective: f64,
    /// |X - W H - R| / |X|: how far the constraint is from holding.
    pub primal: f64,
    /// |change of R| / |X| in this iteration; for the exact solver the gradient of the Lagrangian over |Wᵀ X|.
    pub dual: f64,
    /// max(W H - X, 0) over all entries: how far W H exceeds X.
    pub violation: f64,
}

/// Squared sums of a block, before they become [`Residuals`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) energy: f64,
    pub(crate) primal: f64,
    pub(crate) dual: f64,
    pub(crate) violation: f64,
}

impl Sums {
    pub(crate) fn add(&mut self, other: Sums) {
        self.energy += other.energy;
        self.primal += other.primal;
        self.dual += other.dual;
        self.violation = self.violation.max(other.violation);
    }

    fn residuals(self, iteration: usize, norm: f64) -> Residuals {
        let over = |sum: f64| if norm > 0.0 { sum.sqrt() / norm } else { 0.0 };
        Residuals {
            iteration,
            objective: 0.5 * self.energy,
            primal: over(self.primal),
            dual: over(self.dual),
            violation: self.violation,
        }
    }
}

/// Checks X [bin, frame] against W [bin, atom] and brings both into kernel layout.
pub(crate) fn prepare<T: Real>(x: ArrayView2<T>, w: ArrayView2<T>) -> Result<(Rows<T>, Atoms<T>)> {
    check_matrix("x", x)?;
    check_matrix("w", w)?;
    check_shape("w", w.dim(), (x.nrows(), w.ncols()))?;
    Ok((Rows::from_view(x.t()), Atoms::new(Rows::from_view(w.t()))))
}

/// Runs `work` on every block of frames of X, H and R, on all threads; a block's results depend on nothing else.
/// `work` returns the sums of every iteration it made; the record adds them up over the blocks, in order.
pub(crate) fn extract<T: Real, S>(
    x: &Rows<T>,
    mut h: Rows<T>,
    scratch: impl Fn() -> S + Sync + Send,
    work: impl Fn(&mut S, Block<T>, BlockMut<T>, BlockMut<T>) -> Vec<Sums> + Sync + Send,
) -> Extraction<T> {
    let mut r = Rows::zeros(x.rows(), x.columns());
    let blocks: Vec<_> =
        (x.view().blocks(BLOCK).zip(h.view_mut().blocks(BLOCK))).zip(r.view_mut().blocks(BLOCK)).collect();
    let records: Vec<Vec<Sums>> =
        blocks.into_par_iter().map_init(scratch, |scratch, ((x, h), r)| work(scratch, x, h, r)).collect();
    let length = records.iter().map(Vec::len).max().unwrap_or(0);
    let norm = x.data().iter().map(|x| x.wide() * x.wide()).sum::<f64>().sqrt();
    let record = (0..length).map(|i| {
        let mut total = Sums::default();
        // A block that stopped earlier stays where it stopped.
        records.iter().filter_map(|record| record.get(i).or(record.last())).for_each(|sums| total.add(*sums));
        total.residuals(i + 1, norm)
    });
    let record = record.collect();
    Extraction { activations: h.to_transposed_array(), residual: r.to_transposed_array(), record }
}

/// max(x, 0), the S(.) of eqs. (5) and (6), in the form that compiles to one instruction.
#[inline(always)]
pub(crate) fn positive<T: Real>(x: T) -> T {
    if x > T::zero() { x } else { T::zero() }
}
