//! Algorithm 1 of the paper as printed: eqs. (5), (6), (7).

use super::NneParams;
use crate::Real;
use crate::activations::Atoms;
use crate::dense::regularised_inverse;
use crate::extraction::{Extraction, Sums, extract, positive};
use crate::rows::{BLOCK, Block, BlockMut, Rows};
use crate::simd::vectorised;
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;

pub(super) fn extract_all<T: Real>(
    x: &Rows<T>,
    start: Rows<T>,
    atoms: &Atoms<T>,
    params: &NneParams,
    (gamma, xi, dual_noise): (f64, f64, f64),
) -> Extraction<T> {
    let (bins, count) = (x.columns(), atoms.by_atom.rows());
    // (Wᵀ W)⁻¹ Wᵀ, transposed: [bin, atom].
    let inverse = regularised_inverse(&atoms.by_atom, 0.0);
    let w = atoms.by_bin.to_array().mapv(Real::wide);
    let solve = Rows::from_view(w.dot(&inverse).mapv(T::of).view());
    let noise = noise(bins, dual_noise, params.seed);
    let (gamma, xi_gamma, tolerance) = (T::of(gamma), T::of(xi * gamma), T::of(params.tolerance));
    let shrink = T::one() / (T::one() + gamma);

    let scratch = || (Rows::zeros(BLOCK, bins), Rows::zeros(BLOCK, bins), Rows::zeros(BLOCK, count));
    extract(x, start, scratch, |(dual, target, solved), x: Block<T>, h: BlockMut<T>, r: BlockMut<T>| {
        let (rows, width, h_width) = (x.rows(), x.width, h.width);
        let [dual, mut target] = [dual, target].map(|m| m.first(rows));
        let mut solved = solved.first(rows);

        // Line 4, R = S(X - W H), and line 5, Γ at random.
        h.view().times(atoms.by_atom.view(), target.reborrow());
        for ((r, &x), &model) in r.data.iter_mut().zip(x.data).zip(target.data.iter()) {
            *r = positive(x - model);
        }
        for (dual, x) in dual.data.chunks_exact_mut(width).zip(x.data.chunks_exact(width)) {
            let mean = x.iter().copied().sum::<T>() / T::of(bins as f64);
            dual.iter_mut().zip(&noise).for_each(|(dual, &noise)| *dual = mean * T::of(noise));
            dual[bins..].fill(T::zero());
        }

        let (mut settled, mut settles) = (vec![false; rows], vec![false; rows]);
        let mut frame_sums = vec![Sums::default(); rows];
        let mut record = Vec::new();
        for _ in 0..params.iterations {
            // M = X - R + gamma Γ.
            vectorised(|| {
                for (((m, &x), &r), &dual) in
                    target.data.iter_mut().zip(x.data).zip(r.data.iter()).zip(dual.data.iter())
                {
                    *m = x - r + gamma * dual;
                }
            });
            // (5): H = S((Wᵀ W)⁻¹ Wᵀ M).
            target.view().times(solve.view(), solved.reborrow());
            for t in 0..rows {
                let (solved, h) = (&solved.data[t * h_width..][..count], &mut h.data[t * h_width..][..count]);
                if settled[t] {
                    continue;
                }
                let (mut change, mut norm) = (T::zero(), T::zero());
                for (h, &solved) in h.iter_mut().zip(solved) {
                    let updated = positive(solved);
                    change += (updated - *h) * (updated - *h);
                    norm += *h * *h;
                    *h = updated;
                }
                settles[t] = change < tolerance * tolerance * norm;
            }
            h.view().times(atoms.by_atom.view(), target.reborrow());
            // (6) and (7).
            let mut total = Sums::default();
            for t in 0..rows {
                let frame = t * width..(t + 1) * width;
                if !settled[t] {
                    frame_sums[t] = vectorised(|| {
                        let model = &target.data[frame.clone()];
                        step(
                            &x.data[frame.clone()],
                            model,
                            &mut r.data[frame.clone()],
                            &mut dual.data[frame],
                            |d, dual| {
                                let r = positive(shrink * (gamma * d + dual));
                                (r, dual + xi_gamma * (d - r))
                            },
                        )
                    });
                }
                total.add(frame_sums[t]);
            }
            settled.copy_from_slice(&settles);
            record.push(total);
            if settled.iter().all(|&settled| settled) {
                break;
            }
        }
        record
    })
}

/// Updates R and the dual of one frame from d = x - W h by `rule(d, dual)`, and measures the residuals.
#[inline(always)]
pub(super) fn step<T: Real>(
    x: &[T],
    model: &[T],
    r: &mut [T],
    dual: &mut [T],
    rule: impl Fn(T, T) -> (T, T),
) -> Sums {
    const LANES: usize = 8;
    let zeros = [T::zero(); LANES];
    let (mut energy, mut primal, mut change, mut violation) = (zeros, zeros, zeros, zeros);
    // Rows are padded to 64 bytes, so they divide into eights.
    let (x, model) = (x.as_chunks::<LANES>().0, model.as_chunks::<LANES>().0);
    let (r, dual) = (r.as_chunks_mut::<LANES>().0, dual.as_chunks_mut::<LANES>().0);
    for (((x, model), r), dual) in x.iter().zip(model).zip(r).zip(dual) {
        // Through copies: written lane by lane, `r` and `dual` could overlap what is read, and nothing would vectorise.
        let (x, model, mut after, mut dual_after) = (*x, *model, *r, *dual);
        for lane in 0..LANES {
            let difference = x[lane] - model[lane];
            let before = after[lane];
            (after[lane], dual_after[lane]) = rule(difference, dual_after[lane]);
            let (gap, moved) = (difference - after[lane], after[lane] - before);
            energy[lane] += after[lane] * after[lane];
            primal[lane] += gap * gap;
            change[lane] += moved * moved;
            violation[lane] = if -difference > violation[lane] { -difference } else { violation[lane] };
        }
        (*r, *dual) = (after, dual_after);
    }
    let sum = |lanes: [T; LANES]| lanes.into_iter().sum::<T>().wide();
    Sums {
        energy: sum(energy),
        primal: sum(primal),
        dual: sum(change),
        violation: violation.into_iter().fold(T::zero(), T::max).wide(),
    }
}

/// The same noise for every frame, so that a frame's result does not depend on its position.
fn noise(bins: usize, deviation: f64, seed: u64) -> Vec<f64> {
    let mut rng = Pcg64Mcg::new(u128::from(seed) << 64 | 0xcafe_f00d_d15e_a5e5);
    (0..bins)
        .map(|_| {
            let normal: f64 = StandardNormal.sample(&mut rng);
            deviation * normal
        })
        .collect()
}
