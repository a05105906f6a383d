//! A least-squares fit that charges bins above X `lambda` times as much as bins below it.

use super::NneParams;
use crate::Real;
use crate::activations::Atoms;
use crate::extraction::{Extraction, Sums, extract, positive};
use crate::rows::{BLOCK, Block, BlockMut, Rows};
use crate::simd::vectorised;

/// H <- H . (Wᵀ (V . X)) / (Wᵀ (V . W H)), V = lambda where W H > X, else 1. The weights change with H, so the
/// objective usually, but not provably, falls.
pub(super) fn extract_all<T: Real>(
    x: &Rows<T>,
    start: Rows<T>,
    atoms: &Atoms<T>,
    params: &NneParams,
    lambda: f64,
) -> Extraction<T> {
    let (bins, count) = (x.columns(), atoms.by_atom.rows());
    let (lambda, tolerance) = (T::of(lambda), T::of(params.tolerance));
    let scratch = || {
        let by_bin = || Rows::zeros(BLOCK, bins);
        let by_atom = || Rows::zeros(BLOCK, count);
        (by_bin(), by_bin(), by_atom(), by_atom())
    };
    extract(
        x,
        start,
        scratch,
        |(model, data, numerator, denominator), x: Block<T>, h: BlockMut<T>, r: BlockMut<T>| {
            let (rows, narrow) = (x.rows(), h.width);
            let [mut model, data] = [model, data].map(|m| m.first(rows));
            let [mut numerator, mut denominator] = [numerator, denominator].map(|m| m.first(rows));
            let mut settled = vec![false; rows];
            let mut record = Vec::new();
            for _ in 0..params.iterations {
                h.view().times(atoms.by_atom.view(), model.reborrow());
                vectorised(|| {
                    for ((model, data), &x) in model.data.iter_mut().zip(data.data.iter_mut()).zip(x.data) {
                        let weight = if *model > x { lambda } else { T::one() };
                        (*data, *model) = (weight * x, weight * *model);
                    }
                });
                data.view().times(atoms.by_bin.view(), numerator.reborrow());
                model.view().times(atoms.by_bin.view(), denominator.reborrow());
                for t in (0..rows).filter(|&t| !settled[t]).collect::<Vec<_>>() {
                    let (mut change, mut norm) = (T::zero(), T::zero());
                    for i in t * narrow..t * narrow + count {
                        let before = h.data[i];
                        if denominator.data[i] > T::zero() {
                            h.data[i] = before * numerator.data[i] / denominator.data[i];
                        }
                        change += (h.data[i] - before) * (h.data[i] - before);
                        norm += before * before;
                    }
                    settled[t] = change < tolerance * tolerance * norm;
                }
                h.view().times(atoms.by_atom.view(), model.reborrow());
                record.push(residual(x, model.data, r.data));
                if settled.iter().all(|&settled| settled) {
                    break;
                }
            }
            if params.iterations == 0 {
                h.view().times(atoms.by_atom.view(), model.reborrow());
                residual(x, model.data, r.data);
            }
            record
        },
    )
}

/// R = S(X - W H), and how it moved.
fn residual<T: Real>(x: Block<T>, model: &[T], r: &mut [T]) -> Sums {
    let mut sums = Sums::default();
    for ((&x, &model), r) in x.data.iter().zip(model).zip(r) {
        let difference = x - model;
        let updated = positive(difference);
        sums.energy += (updated * updated).wide();
        sums.primal += ((difference - updated) * (difference - updated)).wide();
        sums.dual += ((updated - *r) * (updated - *r)).wide();
        sums.violation = sums.violation.max(-difference.wide());
        *r = updated;
    }
    sums
}
