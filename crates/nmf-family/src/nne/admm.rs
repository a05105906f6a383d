//! Eq. (4) by alternating directions done right: with H split off its sign constraint (H = Z), the two blocks
//! H and (R, Z) each have an exact update, and the method converges for any rho > 0
//! (Boyd et al., "Distributed optimization and statistical learning via ADMM", 2011, sections 3.2 to 3.4).
//!
//! In scaled duals U (of X = W H + R) and V (of H = Z):
//!
//! ```text
//! H <- (Wᵀ W + I)⁻¹ (Wᵀ (X - R + U) + Z - V)
//! R <- S(rho (X - W H + U) / (1 + rho)),   Z <- S(H + V)
//! U <- U + X - W H - R,                    V <- V + H - Z
//! ```
//! The H step does not contain rho, so every frame can have its own and balance its residuals.

use super::NneParams;
use super::printed::step;
use crate::Real;
use crate::activations::Atoms;
use crate::dense::regularised_inverse;
use crate::extraction::{Extraction, Sums, extract, positive};
use crate::rows::{BLOCK, Block, BlockMut, Rows};
use crate::simd::{dot, vectorised};

/// Work space of one thread: blocks [frame, bin] and [frame, atom].
struct Scratch<T> {
    model: Rows<T>,
    u: Rows<T>,
    h: Rows<T>,
    v: Rows<T>,
    wx: Rows<T>,
    wr: Rows<T>,
    wu: Rows<T>,
    right: Rows<T>,
    wh: Rows<T>,
}

pub(super) fn extract_all<T: Real>(
    x: &Rows<T>,
    start: Rows<T>,
    atoms: &Atoms<T>,
    params: &NneParams,
    rho: f64,
) -> Extraction<T> {
    let (bins, count) = (x.columns(), atoms.by_atom.rows());
    let inverse = Rows::from_view(regularised_inverse(&atoms.by_atom, 1.0).mapv(T::of).view());
    let scratch = || {
        let by_bin = || Rows::zeros(BLOCK, bins);
        let by_atom = || Rows::zeros(BLOCK, count);
        Scratch {
            model: by_bin(),
            u: by_bin(),
            h: by_atom(),
            v: by_atom(),
            wx: by_atom(),
            wr: by_atom(),
            wu: by_atom(),
            right: by_atom(),
            wh: by_atom(),
        }
    };
    extract(x, start, scratch, |scratch, x: Block<T>, mut z: BlockMut<T>, mut r: BlockMut<T>| {
        block(x, z.reborrow(), r.reborrow(), atoms, &inverse, params, T::of(rho), scratch)
    })
}

/// All iterations of one block; Z ends as Ĥ and R as S(X - W Z).
#[expect(clippy::too_many_arguments, reason = "the state of the iteration, named as in the formulas")]
fn block<T: Real>(
    x: Block<T>,
    z: BlockMut<T>,
    r: BlockMut<T>,
    atoms: &Atoms<T>,
    inverse: &Rows<T>,
    params: &NneParams,
    rho: T,
    scratch: &mut Scratch<T>,
) -> Vec<Sums> {
    let (rows, width, narrow, bins) = (x.rows(), x.width, z.width, x.columns);
    let Scratch { model, u, h, v, wx, wr, wu, right, wh } = scratch;
    let [mut model, u] = [model, u].map(|m| m.first(rows));
    let [mut h, v, mut wx, mut wr, wu, right, mut wh] = [h, v, wx, wr, wu, right, wh].map(|m| m.first(rows));
    u.data.fill(T::zero());
    v.data.fill(T::zero());
    wu.data.fill(T::zero());

    let mut rho = vec![rho; rows];
    let mut settled = vec![false; rows];
    let mut frame_sums = vec![Sums::default(); rows];
    let mut record = Vec::new();
    x.times(atoms.by_bin.view(), wx.reborrow());
    z.view().times(atoms.by_atom.view(), model.reborrow());
    for ((r, &x), &model) in r.data.iter_mut().zip(x.data).zip(model.data.iter()) {
        *r = positive(x - model);
    }
    r.view().times(atoms.by_bin.view(), wr.reborrow());

    for _ in 0..params.iterations {
        // H, with Wᵀ (X - R + U) kept by its three parts.
        for i in 0..rows * narrow {
            right.data[i] = wx.data[i] - wr.data[i] + wu.data[i] + z.data[i] - v.data[i];
        }
        right.view().times(inverse.view(), h.reborrow());
        h.view().times(atoms.by_atom.view(), model.reborrow());
        h.view().times(atoms.gram.view(), wh.reborrow());

        let mut z_change = vec![T::zero(); rows * narrow];
        for t in 0..rows {
            if settled[t] {
                continue;
            }
            let (frame, atom) = (t * width..(t + 1) * width, t * narrow..(t + 1) * narrow);
            let shrink = rho[t] / (T::one() + rho[t]);
            frame_sums[t] = vectorised(|| {
                let (r, u) = (&mut r.data[frame.clone()], &mut u.data[frame.clone()]);
                step(&x.data[frame.clone()], &model.data[frame.clone()], r, u, |d, u| {
                    let r = positive(shrink * (d + u));
                    (r, u + d - r)
                })
            });
            for i in atom {
                let (h, v) = (h.data[i], &mut v.data[i]);
                let updated = positive(h + *v);
                z_change[i] = updated - z.data[i];
                *v = *v + h - updated;
                frame_sums[t].primal += ((h - updated) * (h - updated)).wide();
                z.data[i] = updated;
            }
        }
        // Wᵀ R anew; Wᵀ U follows U.
        right.data.copy_from_slice(wr.data);
        r.view().times(atoms.by_bin.view(), wr.reborrow());
        let mut total = Sums::default();
        for t in 0..rows {
            if !settled[t] {
                let atom = t * narrow..(t + 1) * narrow;
                let mut dual = T::zero();
                for i in atom.clone() {
                    wu.data[i] += wx.data[i] - wh.data[i] - wr.data[i];
                    let slope = rho[t] * (wr.data[i] - right.data[i] - z_change[i]);
                    dual += slope * slope;
                }
                let (primal, dual) = (frame_sums[t].primal.sqrt(), dual.wide().sqrt());
                let norm = |data: &[T]| dot(data, data).wide().sqrt();
                let (x_norm, wx_norm) = (norm(&x.data[t * width..][..bins]), norm(&wx.data[atom.clone()]));
                settled[t] = primal < params.tolerance * x_norm && dual < params.tolerance * wx_norm;
                // Residual balancing; scaled duals shrink as rho grows.
                let (primal, dual) = (primal * wx_norm, dual * x_norm);
                let factor = match () {
                    () if primal > 10.0 * dual => 2.0,
                    () if dual > 10.0 * primal => 0.5,
                    () => 1.0,
                };
                if factor != 1.0 {
                    rho[t] *= T::of(factor);
                    let scale = T::of(1.0 / factor);
                    u.data[t * width..(t + 1) * width].iter_mut().for_each(|u| *u *= scale);
                    v.data[atom.clone()].iter_mut().for_each(|v| *v *= scale);
                    wu.data[atom].iter_mut().for_each(|wu| *wu *= scale);
                }
            }
            total.add(frame_sums[t]);
        }
        record.push(total);
        if settled.iter().all(|&settled| settled) {
            break;
        }
    }
    // Z is the feasible copy of H: report R for it.
    z.view().times(atoms.by_atom.view(), model.reborrow());
    for ((r, &x), &model) in r.data.iter_mut().zip(x.data).zip(model.data.iter()) {
        *r = positive(x - model);
    }
    record
}
