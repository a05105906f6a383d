//! Half of every iteration: with the atoms fixed, update the activations, and gather in the same pass over X what
//! the next update of the atoms needs.
//!
//! X is read once an iteration, in blocks that stay in cache; neither W H nor X / W H ever exists as a whole.

use crate::Real;
use crate::loss::Loss;
use crate::nmf::Penalty;
use crate::rows::{BLOCK, Block, BlockMut, Rows, chunk_rows};
use crate::simd::{vectorised, warm};
use rayon::prelude::*;

/// W in the three forms the products ask for.
#[derive(Clone, Debug)]
pub(crate) struct Atoms<T> {
    /// Wᵀ, [atom, bin].
    pub(crate) by_atom: Rows<T>,
    /// W, [bin, atom].
    pub(crate) by_bin: Rows<T>,
    /// Wᵀ W.
    pub(crate) gram: Rows<T>,
    /// Σₙ W, per atom, padded as `gram`.
    pub(crate) sums: Vec<T>,
}

impl<T: Real> Atoms<T> {
    pub(crate) fn new(by_atom: Rows<T>) -> Self {
        let by_bin = by_atom.transposed();
        let mut gram = Rows::zeros(by_atom.rows(), by_atom.rows());
        by_bin.view().add_transposed_times(by_bin.view(), gram.view_mut());
        let mut sums = vec![T::zero(); gram.view().width];
        for (atom, sum) in sums.iter_mut().enumerate().take(by_atom.rows()) {
            *sum = by_atom.row(atom).iter().copied().sum();
        }
        Self { by_atom, by_bin, gram, sums }
    }
}

/// How activations move. The step is one multiplicative update or one sweep of coordinate descent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) loss: Loss,
    pub(crate) coordinate_descent: bool,
    pub(crate) penalty: Penalty,
    pub(crate) floor: f64,
    /// Steps per pass. Frames do not see each other, so all of them run while the block is in cache.
    pub(crate) steps: usize,
}

/// Sums over the frames, from which the atoms are updated.
#[derive(Clone, Debug)]
pub(crate) struct Statistics<T> {
    /// Σₜ h pᵀ, [atom, bin], where p = x for the Euclidean loss, else x y^(beta-2).
    pub(crate) numerator: Rows<T>,
    /// Σₜ h hᵀ for the Euclidean loss; else Σₜ h (y^(beta-1))ᵀ, [atom, bin], or for beta = 1 just Σₜ h.
    pub(crate) denominator: Rows<T>,
    /// Σ d(x | y) if it was asked for.
    pub(crate) divergence: f64,
    /// Σ |projected gradient| seen by coordinate descent, each entry just before its move.
    pub(crate) violation: f64,
}

impl<T: Real> Statistics<T> {
    fn zeros(loss: Loss, bins: usize, atoms: usize) -> Self {
        let denominator = match loss.beta() {
            2.0 => Rows::zeros(atoms, atoms),
            1.0 => Rows::zeros(atoms, 1),
            _ => Rows::zeros(atoms, bins),
        };
        Self { numerator: Rows::zeros(atoms, bins), denominator, divergence: 0.0, violation: 0.0 }
    }
}

/// What one pass over X does besides updating H.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Gather {
    /// Sum up for the atoms.
    pub(crate) statistics: bool,
    /// Evaluate the divergence after the update.
    pub(crate) divergence: bool,
}

/// Updates `h` [frame, atom] for `x` [frame, bin] by `rule.steps` steps, block by block and on all threads.
pub(crate) fn pass<T: Real>(
    x: &Rows<T>,
    h: &mut Rows<T>,
    atoms: &Atoms<T>,
    rule: &Rule,
    gather: Gather,
) -> Statistics<T> {
    let (x, h) = (x.view(), h.view_mut());
    let chunk = chunk_rows(x.rows());
    let pairs: Vec<_> = x.blocks(chunk).zip(h.blocks(chunk)).collect();
    let scratch = || Scratch::new(x.columns, atoms.gram.rows(), rule, gather);
    let partials: Vec<_> = pairs
        .into_par_iter()
        .map_init(scratch, |scratch, (x, h)| pass_chunk(x, h, atoms, rule, gather, scratch))
        .collect();
    let mut partials = partials.into_iter();
    let mut total =
        partials.next().unwrap_or_else(|| Statistics::zeros(rule.loss, x.columns, atoms.gram.rows()));
    for partial in partials {
        total.numerator.add(&partial.numerator);
        total.denominator.add(&partial.denominator);
        total.divergence += partial.divergence;
        total.violation += partial.violation;
    }
    total
}

fn pass_chunk<T: Real>(
    x: Block<T>,
    mut h: BlockMut<T>,
    atoms: &Atoms<T>,
    rule: &Rule,
    gather: Gather,
    scratch: &mut Scratch<T>,
) -> Statistics<T> {
    let mut statistics = Statistics::zeros(rule.loss, x.columns, h.columns);
    for (x, mut h) in x.blocks(BLOCK).zip(h.reborrow().blocks(BLOCK)) {
        warm(x.data);
        if rule.coordinate_descent {
            statistics.violation += descend(x, h.reborrow(), atoms, rule, scratch);
        } else if rule.loss == Loss::Euclidean {
            multiply_euclidean(x, h.reborrow(), atoms, rule, scratch);
        } else {
            multiply(x, h.reborrow(), atoms, rule, scratch);
        }
        if gather.divergence {
            statistics.divergence += divergence(x, h.view(), atoms, rule, scratch);
        }
        if gather.statistics {
            add_statistics(x, h.view(), atoms, rule, scratch, &mut statistics);
        }
    }
    statistics
}

/// Work space of one thread, reused from block to block.
struct Scratch<T> {
    /// Two [frame, bin] blocks.
    model: Rows<T>,
    power: Rows<T>,
    /// Two [frame, atom] blocks.
    numerator: Rows<T>,
    denominator: Rows<T>,
    /// Two [atom, frame] blocks for coordinate descent, which runs down the frames.
    h_flipped: Vec<T>,
    b_flipped: Vec<T>,
}

impl<T: Real> Scratch<T> {
    fn new(bins: usize, atoms: usize, rule: &Rule, gather: Gather) -> Self {
        // The Euclidean updates never form the model.
        let modelled = rule.loss != Loss::Euclidean || gather.divergence;
        let model_bins = if modelled { bins } else { 0 };
        let frame_by_atom = || Rows::zeros(BLOCK, atoms);
        Self {
            model: Rows::zeros(BLOCK, model_bins),
            power: Rows::zeros(BLOCK, model_bins),
            numerator: frame_by_atom(),
            denominator: frame_by_atom(),
            h_flipped: vec![T::zero(); BLOCK * atoms],
            b_flipped: vec![T::zero(); BLOCK * atoms],
        }
    }
}

/// H <- H . (Wᵀ X) / (Wᵀ W H + l1 + l2 H), with Wᵀ X formed once for all steps.
fn multiply_euclidean<T: Real>(
    x: Block<T>,
    h: BlockMut<T>,
    atoms: &Atoms<T>,
    rule: &Rule,
    scratch: &mut Scratch<T>,
) {
    if rule.steps == 0 {
        return;
    }
    let mut numerator = scratch.numerator.first(x.rows());
    let mut denominator = scratch.denominator.first(x.rows());
    x.times(atoms.by_bin.view(), numerator.reborrow());
    for _ in 0..rule.steps {
        h.view().times(atoms.gram.view(), denominator.reborrow());
        step(h.data, numerator.data, denominator.data, rule, false);
    }
}

/// H <- H . ([Wᵀ (Y^(beta-2) . X)] / [Wᵀ Y^(beta-1) + l1 + l2 H])^gamma, Y = W H.
fn multiply<T: Real>(x: Block<T>, h: BlockMut<T>, atoms: &Atoms<T>, rule: &Rule, scratch: &mut Scratch<T>) {
    for _ in 0..rule.steps {
        let mut numerator = scratch.numerator.first(x.rows());
        let mut denominator = scratch.denominator.first(x.rows());
        let mut model = scratch.model.first(x.rows());
        let mut power = scratch.power.first(x.rows());
        ratios(x, h.view(), atoms, rule, model.reborrow(), power.reborrow());
        model.view().times(atoms.by_bin.view(), numerator.reborrow());
        if rule.loss.beta() == 1.0 {
            for row in denominator.data.chunks_exact_mut(denominator.width) {
                row.copy_from_slice(&atoms.sums);
            }
        } else {
            power.view().times(atoms.by_bin.view(), denominator.reborrow());
        }
        step(h.data, numerator.data, denominator.data, rule, rule.loss.beta() <= 1.0);
    }
}

/// The multiplicative step on every entry, written once for H and W. `zero_tiny` drops entries below the double
/// epsilon, which keeps negative powers finite; scikit-learn does so for H up to beta = 1, for W below it.
pub(crate) fn step<T: Real>(h: &mut [T], numerator: &[T], denominator: &[T], rule: &Rule, zero_tiny: bool) {
    let (l1, l2) = (T::of(rule.penalty.l1), T::of(rule.penalty.l2));
    let (floor, exponent) = (T::of(rule.floor), T::of(rule.loss.step_exponent()));
    let ratio = |h: T, numerator: T, denominator: T| {
        let denominator = denominator + l1 + l2 * h;
        numerator / if denominator == T::zero() { floor } else { denominator }
    };
    let entries = h.iter_mut().zip(numerator).zip(denominator);
    if exponent == T::one() {
        vectorised(|| entries.for_each(|((h, &n), &d)| *h *= ratio(*h, n, d)));
    } else if exponent == T::of(0.5) {
        vectorised(|| entries.for_each(|((h, &n), &d)| *h *= ratio(*h, n, d).sqrt()));
    } else {
        entries.for_each(|((h, &n), &d)| *h *= ratio(*h, n, d).powf(exponent));
    }
    if zero_tiny {
        let least = T::of(f64::EPSILON);
        vectorised(|| h.iter_mut().for_each(|h| *h = if *h < least { T::zero() } else { *h }));
    }
}

/// For the model y = w h: x y^(beta-2), and y^(beta-1) into `power` (not for beta = 1, where it is one).
fn ratios<T: Real>(
    x: Block<T>,
    h: Block<T>,
    atoms: &Atoms<T>,
    rule: &Rule,
    mut ratio: BlockMut<T>,
    power: BlockMut<T>,
) {
    let (w, floor, beta) = (atoms.by_atom.view(), T::of(rule.floor), rule.loss.beta());
    if beta == 1.0 {
        h.ratio(w, x, floor, ratio);
    } else if beta == 0.0 {
        h.inverse_and_ratio(w, x, floor, power, ratio);
    } else {
        h.times(w, ratio.reborrow());
        let lower = |y: T, negative: bool| if negative && y < floor { floor } else { y };
        for ((&x, y), power) in x.data.iter().zip(ratio.data).zip(power.data) {
            *power = lower(*y, beta < 1.0).powf(T::of(beta - 1.0));
            *y = x * lower(*y, beta < 2.0).powf(T::of(beta - 2.0));
        }
    }
}

/// One sweep a step: H_k <- max(0, H_k - (G_k H + l2 H_k - B_k + l1) / (G_kk + l2)), atom after atom.
/// Returns Σ |projected gradient| of the last sweep.
fn descend<T: Real>(
    x: Block<T>,
    h: BlockMut<T>,
    atoms: &Atoms<T>,
    rule: &Rule,
    scratch: &mut Scratch<T>,
) -> f64 {
    if rule.steps == 0 {
        return 0.0;
    }
    let frames = x.rows();
    let mut b = scratch.numerator.first(frames);
    x.times(atoms.by_bin.view(), b.reborrow());
    let (h_flipped, b_flipped) = (&mut scratch.h_flipped, &mut scratch.b_flipped);
    if frames < BLOCK {
        // the last block is shorter than the one before it
        h_flipped.fill(T::zero());
        b_flipped.fill(T::zero());
    }
    flip(h.view(), h_flipped, |h| h);
    flip(b.view(), b_flipped, |b| b - T::of(rule.penalty.l1));
    let mut violation = 0.0;
    for _ in 0..rule.steps {
        let l2 = rule.penalty.l2;
        violation = sweep(h_flipped, b_flipped, BLOCK, frames, &atoms.gram, l2, 0);
    }
    for (t, row) in h.data.chunks_exact_mut(h.width).enumerate() {
        for (atom, h) in row[..h.columns].iter_mut().enumerate() {
            *h = h_flipped[atom * BLOCK + t];
        }
    }
    violation
}

fn flip<T: Real>(block: Block<T>, flipped: &mut [T], shift: impl Fn(T) -> T) {
    for (t, row) in block.data.chunks_exact(block.width).enumerate() {
        for (atom, &value) in row[..block.columns].iter().enumerate() {
            flipped[atom * BLOCK + t] = shift(value);
        }
    }
}

/// Frames, or bins, that a sweep moves side by side.
const SIDE_BY_SIDE: usize = 8;

/// One Gauss-Seidel sweep over the rows of `h` from row `fixed` on, for min ½ tr(hᵀ (G + l2 I) h) - tr(bᵀ h), h >= 0.
/// Rows are `stride` apart and `length` long; what follows up to a multiple of [`SIDE_BY_SIDE`] must be zero in `h`
/// and not positive in `b`, and so stays. Returns Σ |projected gradient|, each entry just before its move.
pub(crate) fn sweep<T: Real>(
    h: &mut [T],
    b: &[T],
    stride: usize,
    length: usize,
    gram: &Rows<T>,
    l2: f64,
    fixed: usize,
) -> f64 {
    let mut violation = 0.0;
    for k in fixed..gram.rows() {
        let curvature = gram.row(k)[k] + T::of(l2);
        // An atom without energy explains nothing: leave its activations as they are.
        if curvature == T::zero() {
            continue;
        }
        let inverse = curvature.recip();
        violation += vectorised(|| {
            let mut sums = [T::zero(); SIDE_BY_SIDE];
            for start in (0..length).step_by(SIDE_BY_SIDE) {
                let mut gradient = [T::zero(); SIDE_BY_SIDE];
                for (g, &b) in gradient.iter_mut().zip(&b[k * stride + start..][..SIDE_BY_SIDE]) {
                    *g = -b;
                }
                for (r, &weight) in gram.row(k).iter().enumerate() {
                    let weight = if r == k { curvature } else { weight };
                    let h = &h[r * stride + start..][..SIDE_BY_SIDE];
                    for (g, &h) in gradient.iter_mut().zip(h) {
                        *g += weight * h;
                    }
                }
                let h = &mut h[k * stride + start..][..SIDE_BY_SIDE];
                for ((h, g), sum) in h.iter_mut().zip(gradient).zip(&mut sums) {
                    let projected = if *h == T::zero() { g.min(T::zero()) } else { g };
                    *sum += projected.abs();
                    *h = (*h - g * inverse).max(T::zero());
                }
            }
            sums.iter().copied().sum::<T>().wide()
        });
    }
    violation
}

fn divergence<T: Real>(
    x: Block<T>,
    h: Block<T>,
    atoms: &Atoms<T>,
    rule: &Rule,
    scratch: &mut Scratch<T>,
) -> f64 {
    let mut model = scratch.model.first(x.rows());
    h.times(atoms.by_atom.view(), model.reborrow());
    let pairs = x.data.chunks_exact(x.width).zip(model.data.chunks_exact(model.width));
    pairs
        .map(|(x, y)| {
            let entries = x[..model.columns].iter().zip(y);
            entries.map(|(&x, &y)| rule.loss.entry(x.wide(), y.wide(), rule.floor)).sum::<f64>()
        })
        .sum()
}

fn add_statistics<T: Real>(
    x: Block<T>,
    h: Block<T>,
    atoms: &Atoms<T>,
    rule: &Rule,
    scratch: &mut Scratch<T>,
    statistics: &mut Statistics<T>,
) {
    if rule.loss == Loss::Euclidean {
        h.add_transposed_times(x, statistics.numerator.view_mut());
        h.add_transposed_times(h, statistics.denominator.view_mut());
        return;
    }
    let mut model = scratch.model.first(x.rows());
    let mut power = scratch.power.first(x.rows());
    ratios(x, h, atoms, rule, model.reborrow(), power.reborrow());
    h.add_transposed_times(model.view(), statistics.numerator.view_mut());
    if rule.loss.beta() == 1.0 {
        for row in h.data.chunks_exact(h.width) {
            for (atom, &h) in row[..h.columns].iter().enumerate() {
                statistics.denominator.row_mut(atom)[0] += h;
            }
        }
    } else {
        h.add_transposed_times(power.view(), statistics.denominator.view_mut());
    }
}
