//! Non-negative matrix underapproximation: greedily, atom after atom, the largest share of the residual an atom
//! can take while the rest stays non-negative, paper eq. (3).
//!
//! With the atom fixed the frames separate, so each frame runs through all atoms and all iterations in the
//! first-level cache.

use crate::Real;
use crate::activations::Atoms;
use crate::error::{Result, check_matrix, check_parameter};
use crate::extraction::{Extraction, extract, positive, prepare};
use crate::rows::{Block, BlockMut, Rows};
use crate::simd::{dot, vectorised};
use ndarray::{Array1, Array2, ArrayView2, Axis};

/// How each atom's activation is found.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum NmuSolver {
    /// The closed form h = min over the bins of x / w: the least-squares activation is a weighted mean of these
    /// ratios, so the objective still falls at the smallest of them. It leaves every frame a bin at zero, after
    /// which any later atom with energy there gets nothing: exact greedy underapproximation with dense atoms ends
    /// after one atom, and the useful extractors are the unconverged ones below.
    Exact,
    /// Alternating directions (Tepper and Sapiro, "Nonnegative matrix underapproximation for robust multiple
    /// model fitting", CVPR 2017), the paper's reference \[3\].
    TepperSapiro {
        /// Most iterations per atom. Few extract well, many converge to [`NmuSolver::Exact`].
        iterations: usize,
        /// A frame stops when its activation changes by less than this part; 0 runs all iterations.
        tolerance: f64,
        /// Weight of the augmented Lagrangian.
        sigma: f64,
    },
    /// Lagrangian relaxation (Gillis and Glineur, "Using underapproximations for sparse nonnegative matrix
    /// factorization", 2010).
    Lagrangian {
        /// Iterations per atom.
        iterations: usize,
    },
}

impl Default for NmuSolver {
    /// 30 Tepper-Sapiro iterations, sigma 1.
    fn default() -> Self {
        NmuSolver::TepperSapiro { iterations: 30, tolerance: 0.0, sigma: 1.0 }
    }
}

impl NmuSolver {
    /// [`NmuSolver::TepperSapiro`] with a budget of iterations per atom, sigma 1 and no other stop.
    pub fn tepper_sapiro(iterations: usize) -> Self {
        NmuSolver::TepperSapiro { iterations, tolerance: 0.0, sigma: 1.0 }
    }

    pub(crate) fn check(self) -> Result<()> {
        if let NmuSolver::TepperSapiro { tolerance, sigma, .. } = self {
            check_parameter(tolerance >= 0.0, "tolerance", tolerance, "a number >= 0")?;
            check_parameter(sigma > 0.0 && sigma.is_finite(), "sigma", sigma, "a number > 0")?;
        }
        Ok(())
    }
}

/// Supervised underapproximation of X [bin, frame] by the atoms W [bin, atom], in their order; sort them by
/// energy first ([`crate::Nmf::sorted`]). All-zero atoms get a zero. The record is empty.
///
/// # Errors
/// Empty, negative or non-finite matrices; different numbers of bins; a parameter out of range.
pub fn nmu<T: Real>(x: ArrayView2<T>, w: ArrayView2<T>, solver: NmuSolver) -> Result<Extraction<T>> {
    solver.check()?;
    let (frames, atoms) = prepare(x, w)?;
    Ok(extract_prepared(&frames, &atoms, solver))
}

pub(crate) fn extract_prepared<T: Real>(x: &Rows<T>, atoms: &Atoms<T>, solver: NmuSolver) -> Extraction<T> {
    let h = Rows::zeros(x.rows(), atoms.by_atom.rows());
    let scratch = || vec![T::zero(); x.view().width];
    extract(x, h, scratch, |multiplier: &mut Vec<T>, x: Block<T>, h: BlockMut<T>, r: BlockMut<T>| {
        r.data.copy_from_slice(x.data);
        let frames = r.data.chunks_exact_mut(r.width).zip(h.data.chunks_exact_mut(h.width));
        for (rest, h) in frames {
            for (atom, h) in h[..atoms.by_atom.rows()].iter_mut().enumerate() {
                let w = atoms.by_atom.row(atom);
                let energy = atoms.gram.row(atom)[atom];
                if energy > T::zero() {
                    *h = activation(&rest[..w.len()], w, energy, solver, &mut multiplier[..w.len()]);
                    take(rest, w, *h);
                }
            }
        }
        Vec::new()
    })
}

/// x <- S(x - w h).
fn take<T: Real>(x: &mut [T], w: &[T], h: T) {
    vectorised(|| x.iter_mut().zip(w).for_each(|(x, &w)| *x = positive(*x - w * h)));
}

/// The activation of one atom in one frame. `multiplier` is work space of the frame's length.
fn activation<T: Real>(x: &[T], w: &[T], energy: T, solver: NmuSolver, multiplier: &mut [T]) -> T {
    match solver {
        NmuSolver::Exact => {
            let ratios = x.iter().zip(w).filter(|(_, w)| **w > T::zero()).map(|(&x, &w)| x / w);
            ratios.fold(T::infinity(), T::min)
        }
        NmuSolver::TepperSapiro { iterations, tolerance, sigma } => {
            let shrink = T::of(sigma / (1.0 + sigma));
            let mut h = dot(w, x) / energy;
            // The start has R = S(x - w h) and no multiplier yet.
            let mut correlation = vectorised(|| lanes_sum(x, w, |x, w| w * (x - positive(x - w * h))));
            multiplier.fill(T::zero());
            for _ in 0..iterations {
                let before = h;
                h = positive(correlation / energy);
                correlation = vectorised(|| tepper_sapiro_step(x, w, h, shrink, multiplier));
                if (h - before).abs() < T::of(tolerance) * before.abs() {
                    break;
                }
            }
            h
        }
        NmuSolver::Lagrangian { iterations } => {
            let mut h = dot(w, x) / energy;
            multiplier.fill(T::zero());
            for iteration in 1..=iterations {
                let rate = T::one() / T::of(iteration as f64);
                let correlation = vectorised(|| lagrangian_step(x, w, h, rate, multiplier));
                if correlation > T::zero() {
                    h = correlation / energy;
                } else {
                    multiplier.iter_mut().for_each(|multiplier| *multiplier *= T::of(0.5));
                }
            }
            h
        }
    }
}

/// With the multiplier scaled by 1 / sigma: d = x - w h, R = S(sigma (d + multiplier) / (1 + sigma)),
/// multiplier += d - R. Returns w · (x - R + multiplier), from which the next h comes.
#[inline(always)]
fn tepper_sapiro_step<T: Real>(x: &[T], w: &[T], h: T, shrink: T, multiplier: &mut [T]) -> T {
    lanes_sum_with(x, w, multiplier, |x, w, multiplier| {
        let difference = x - w * h;
        let rest = positive(shrink * (difference + *multiplier));
        *multiplier = *multiplier + difference - rest;
        w * (x - rest + *multiplier)
    })
}

/// multiplier <- S(multiplier - rate (x - w h)); returns w · (x - multiplier).
#[inline(always)]
fn lagrangian_step<T: Real>(x: &[T], w: &[T], h: T, rate: T, multiplier: &mut [T]) -> T {
    lanes_sum_with(x, w, multiplier, |x, w, multiplier| {
        *multiplier = positive(*multiplier - rate * (x - w * h));
        w * (x - *multiplier)
    })
}

/// Σ f(x, w, m) in eight sums side by side, which the compiler turns into vectors.
#[inline(always)]
fn lanes_sum_with<T: Real>(x: &[T], w: &[T], m: &mut [T], f: impl Fn(T, T, &mut T) -> T) -> T {
    let ((x, x_rest), (w, w_rest)) = (x.as_chunks::<8>(), w.as_chunks::<8>());
    let (m, m_rest) = m.as_chunks_mut::<8>();
    let mut sums = [T::zero(); 8];
    for ((x, w), m) in x.iter().zip(w).zip(m) {
        for lane in 0..8 {
            sums[lane] += f(x[lane], w[lane], &mut m[lane]);
        }
    }
    let rest: T = x_rest.iter().zip(w_rest).zip(m_rest).map(|((&x, &w), m)| f(x, w, m)).sum();
    sums.into_iter().sum::<T>() + rest
}

#[inline(always)]
fn lanes_sum<T: Real>(x: &[T], w: &[T], f: impl Fn(T, T) -> T) -> T {
    let ((x, x_rest), (w, w_rest)) = (x.as_chunks::<8>(), w.as_chunks::<8>());
    let mut sums = [T::zero(); 8];
    for (x, w) in x.iter().zip(w) {
        for lane in 0..8 {
            sums[lane] += f(x[lane], w[lane]);
        }
    }
    let rest: T = x_rest.iter().zip(w_rest).map(|(&x, &w)| f(x, w)).sum();
    sums.into_iter().sum::<T>() + rest
}

/// Unsupervised underapproximation: learns W [bin, atom] and H [atom, frame] with W H <= X up to the solver's
/// accuracy, one rank-one term after another from the leading singular pair of what is left.
/// [`NmuSolver::Exact`] needs a given atom and is refused.
///
/// # Errors
/// Empty, negative or non-finite data; a parameter out of range.
pub fn learn_nmu<T: Real>(
    x: ArrayView2<T>,
    components: usize,
    solver: NmuSolver,
) -> Result<(Array2<T>, Array2<T>)> {
    solver.check()?;
    check_matrix("x", x)?;
    check_parameter(components > 0, "components", components as f64, "at least 1")?;
    let iterations = match solver {
        NmuSolver::Exact => 0,
        NmuSolver::TepperSapiro { iterations, .. } | NmuSolver::Lagrangian { iterations } => iterations,
    };
    check_parameter(
        iterations > 0,
        "iterations",
        iterations as f64,
        "an iterative solver with at least 1 iteration, to learn atoms",
    )?;
    let mut rest = x.to_owned();
    let mut w = Array2::zeros((x.nrows(), components));
    let mut h = Array2::zeros((components, x.ncols()));
    for k in 0..components {
        let (u, v) = rank_one(rest.view(), solver, iterations);
        let term = outer(&u, &v);
        rest.zip_mut_with(&term, |rest, &term| *rest = positive(*rest - term));
        w.column_mut(k).assign(&u);
        h.row_mut(k).assign(&v);
    }
    Ok((w, h))
}

fn outer<T: Real>(u: &Array1<T>, v: &Array1<T>) -> Array2<T> {
    u.view().insert_axis(Axis(1)).dot(&v.view().insert_axis(Axis(0)))
}

/// One term u vᵗ for X, by the rule of `solver` on both vectors in turn.
fn rank_one<T: Real>(x: ArrayView2<T>, solver: NmuSolver, iterations: usize) -> (Array1<T>, Array1<T>) {
    let over = |vector: Array1<T>, energy: T| {
        vector.mapv(|value| if energy > T::zero() { positive(value / energy) } else { T::zero() })
    };
    // Power iteration for the leading singular pair, which is non-negative because X is.
    let mut u = Array1::ones(x.nrows());
    let mut v = Array1::zeros(x.ncols());
    for _ in 0..30 {
        v = over(x.t().dot(&u), u.dot(&u));
        u = over(x.dot(&v), v.dot(&v));
    }
    let mut rest = (&x - &outer(&u, &v)).mapv(positive);
    let mut multiplier = Array2::zeros(x.raw_dim());
    for iteration in 1..=iterations {
        let before = (u.clone(), v.clone());
        // The matrix both vectors are now fitted to.
        let target = match solver {
            NmuSolver::TepperSapiro { .. } => &x - &rest + &multiplier,
            _ => {
                let rate = T::one() / T::of(iteration as f64);
                let difference = &x - &outer(&u, &v);
                multiplier.zip_mut_with(&difference, |m, &d| *m = positive(*m - rate * d));
                &x - &multiplier
            }
        };
        u = over(target.dot(&v), v.dot(&v));
        v = over(target.t().dot(&u), u.dot(&u));
        if let NmuSolver::TepperSapiro { tolerance, sigma, .. } = solver {
            let shrink = T::of(sigma / (1.0 + sigma));
            let difference = &x - &outer(&u, &v);
            rest = (&difference + &multiplier).mapv(|value| positive(shrink * value));
            multiplier = multiplier + &difference - &rest;
            let (change, norm) = (&v - &before.1, &before.1);
            if change.dot(&change).wide().sqrt() < tolerance * norm.dot(norm).wide().sqrt() {
                break;
            }
        } else if u.iter().chain(&v).all(|&value| value == T::zero()) {
            // Too strong a penalty: halve it and go on from where it still explained something.
            multiplier.mapv_inplace(|multiplier| multiplier * T::of(0.5));
            (u, v) = before;
        }
    }
    (u, v)
}
