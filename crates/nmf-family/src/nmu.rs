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
use crate::simd::{TILE_ROWS, dispatch};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use pulp::{Simd, WithSimd};

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
        Self::tepper_sapiro(30)
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
    let multipliers = || Rows::zeros(TILE_ROWS, x.columns());
    extract(x, h, multipliers, |multipliers: &mut Rows<T>, x: Block<T>, h: BlockMut<T>, r: BlockMut<T>| {
        r.data.copy_from_slice(x.data);
        let tiles =
            r.data.chunks_exact_mut(TILE_ROWS * r.width).zip(h.data.chunks_exact_mut(TILE_ROWS * h.width));
        for (rest, h) in tiles {
            dispatch(Tile { rest, h, multipliers: multipliers.data_mut(), atoms, solver });
        }
        Vec::new()
    })
}

/// Four frames through all atoms, side by side because each has to wait for its own sums. Rows are whole vectors;
/// the zeros behind the last bin stay zeros throughout.
struct Tile<'a, T> {
    /// What of the frames is not yet explained.
    rest: &'a mut [T],
    h: &'a mut [T],
    /// Work space as large as `rest`.
    multipliers: &'a mut [T],
    atoms: &'a Atoms<T>,
    solver: NmuSolver,
}

/// One value a frame.
type Each<V> = [V; TILE_ROWS];

impl<T: Real> WithSimd for Tile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let by_atom = &self.atoms.by_atom;
        let (atoms, width) = (by_atom.rows(), by_atom.view().width);
        let h_width = self.h.len() / TILE_ROWS;
        for atom in 0..atoms {
            let energy = self.atoms.gram.row(atom)[atom];
            if energy > T::zero() {
                let w = by_atom.padded_row(atom);
                let h = match self.solver {
                    NmuSolver::Exact => each(|frame| exact(&self.rest[frame * width..][..width], w)),
                    NmuSolver::TepperSapiro { iterations, tolerance, sigma } => {
                        let mut fit = Fit::<T, S>::new(simd, self.rest, w, energy, self.multipliers);
                        fit.tepper_sapiro(iterations, T::of(tolerance), T::of(sigma))
                    }
                    NmuSolver::Lagrangian { iterations } => {
                        Fit::<T, S>::new(simd, self.rest, w, energy, self.multipliers).lagrangian(iterations)
                    }
                };
                for (frame, h) in h.into_iter().enumerate() {
                    self.h[frame * h_width + atom] = h;
                    let (h, rest) = (T::splat(simd, h), &mut self.rest[frame * width..][..width]);
                    for (x, &w) in T::lanes_mut::<S>(rest).0.iter_mut().zip(T::lanes::<S>(w).0) {
                        *x = not_negative::<T, S>(simd, T::minus(simd, *x, T::product(simd, w, h)));
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn each<V>(value: impl FnMut(usize) -> V) -> Each<V> {
    std::array::from_fn(value)
}

#[inline(always)]
fn not_negative<T: Real, S: Simd>(simd: S, value: T::Lanes<S>) -> T::Lanes<S> {
    T::larger(simd, value, T::splat(simd, T::zero()))
}

/// The closed form.
fn exact<T: Real>(x: &[T], w: &[T]) -> T {
    let ratios = x.iter().zip(w).filter(|(_, w)| **w > T::zero()).map(|(&x, &w)| x / w);
    ratios.fold(T::infinity(), T::min)
}

/// Frames x and the atom w they are to be explained by, as vectors.
struct Fit<'a, T: Real, S: Simd> {
    simd: S,
    x: Each<&'a [T::Lanes<S>]>,
    w: &'a [T::Lanes<S>],
    /// w · w
    energy: T,
    multipliers: Each<&'a mut [T::Lanes<S>]>,
}

impl<'a, T: Real, S: Simd> Fit<'a, T, S> {
    /// With multipliers of zero.
    #[inline(always)]
    fn new(simd: S, x: &'a [T], w: &'a [T], energy: T, multipliers: &'a mut [T]) -> Self {
        multipliers.fill(T::zero());
        let mut rows = multipliers.chunks_exact_mut(w.len());
        Self {
            simd,
            x: each(|frame| T::lanes::<S>(&x[frame * w.len()..][..w.len()]).0),
            w: T::lanes::<S>(w).0,
            energy,
            multipliers: each(|_| T::lanes_mut::<S>(rows.next().unwrap_or_default()).0),
        }
    }

    /// Σ w f(x, w, h, multiplier) / w · w: the activations of least squares for the targets f.
    #[inline(always)]
    fn targets(
        &mut self,
        h: Each<T>,
        f: impl Fn(T::Lanes<S>, T::Lanes<S>, T::Lanes<S>, &mut T::Lanes<S>) -> T::Lanes<S>,
    ) -> Each<T> {
        let simd = self.simd;
        // Loops, for what `map` calls would not be compiled for these vectors.
        let mut sums = [T::splat(simd, T::zero()); TILE_ROWS];
        let mut h_lanes = sums;
        for frame in 0..TILE_ROWS {
            h_lanes[frame] = T::splat(simd, h[frame]);
        }
        for n in 0..self.w.len() {
            for frame in 0..TILE_ROWS {
                let target = f(self.x[frame][n], self.w[n], h_lanes[frame], &mut self.multipliers[frame][n]);
                sums[frame] = T::fused(simd, self.w[n], target, sums[frame]);
            }
        }
        let mut h = [T::zero(); TILE_ROWS];
        for frame in 0..TILE_ROWS {
            h[frame] = T::sum_lanes(simd, sums[frame]) / self.energy;
        }
        h
    }

    /// With the multiplier scaled by 1 / sigma: d = x - w h, R = S(sigma (d + multiplier) / (1 + sigma)),
    /// multiplier += d - R, and h fits x - R + multiplier.
    #[inline(always)]
    fn tepper_sapiro(&mut self, iterations: usize, tolerance: T, sigma: T) -> Each<T> {
        let simd = self.simd;
        let shrink = T::splat(simd, sigma / (T::one() + sigma));
        let mut h = self.targets([T::zero(); TILE_ROWS], |x, _, _, _| x);
        // The start has R = S(x - w h) and no multiplier yet.
        let mut next = self.targets(h, |x, w, h, _| {
            T::minus(simd, x, not_negative::<T, S>(simd, T::minus(simd, x, T::product(simd, w, h))))
        });
        let mut moves = [true; TILE_ROWS];
        for _ in 0..iterations {
            for frame in 0..TILE_ROWS {
                if moves[frame] {
                    let before = std::mem::replace(&mut h[frame], positive(next[frame]));
                    moves[frame] = (h[frame] - before).abs() >= tolerance * before.abs();
                }
            }
            if moves == [false; TILE_ROWS] {
                break;
            }
            next = self.targets(h, |x, w, h, multiplier| {
                let target = T::plus(simd, T::minus(simd, x, T::product(simd, w, h)), *multiplier);
                let rest = not_negative::<T, S>(simd, T::product(simd, shrink, target));
                *multiplier = T::minus(simd, target, rest);
                T::plus(simd, T::minus(simd, x, rest), *multiplier)
            });
        }
        h
    }

    /// multiplier <- S(multiplier - rate (x - w h)), and h fits x - multiplier.
    #[inline(always)]
    fn lagrangian(&mut self, iterations: usize) -> Each<T> {
        let simd = self.simd;
        let mut h = self.targets([T::zero(); TILE_ROWS], |x, _, _, _| x);
        for iteration in 1..=iterations {
            let rate = T::splat(simd, T::one() / T::of(iteration as f64));
            let next = self.targets(h, |x, w, h, multiplier| {
                let step = T::product(simd, rate, T::minus(simd, x, T::product(simd, w, h)));
                *multiplier = not_negative::<T, S>(simd, T::minus(simd, *multiplier, step));
                T::minus(simd, x, *multiplier)
            });
            for frame in 0..TILE_ROWS {
                if next[frame] > T::zero() {
                    h[frame] = next[frame];
                } else {
                    let half = T::splat(simd, T::of(0.5));
                    for multiplier in &mut *self.multipliers[frame] {
                        *multiplier = T::product(simd, *multiplier, half);
                    }
                }
            }
        }
        h
    }
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
