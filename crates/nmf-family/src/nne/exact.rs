//! Eq. (4) exactly: per frame the quadratic programme min ½ hᵀ G h - bᵀ h over C h >= d, with G = Wᵀ W, b = Wᵀ x,
//! and the rows of C: -w (one per bin, d = -x) and the unit vectors (d = 0).
//!
//! Goldfarb and Idnani, "A numerically stable dual method for solving strictly convex quadratic programs",
//! Mathematical Programming 27, 1983: start at the unconstrained minimum, and while a constraint is violated,
//! move to satisfy it without losing optimality on the active ones. K = 20 atoms take about 30 steps a frame.

use crate::Real;
use crate::activations::Atoms;
use crate::dense::{cholesky, inverse_lower, regularised_gram};
use crate::extraction::{Extraction, Sums, extract, positive};
use crate::rows::{Block, BlockMut, Rows};
use crate::simd::{dot, vectorised};

pub(super) fn extract_all<T: Real>(x: &Rows<T>, atoms: &Atoms<T>) -> Extraction<T> {
    let programme = Programme::new(atoms);
    let count = atoms.by_atom.rows();
    let start = Rows::zeros(x.rows(), count);
    let scratch = || Solver::new(&programme);
    extract(x, start, scratch, |solver, x: Block<T>, h: BlockMut<T>, r: BlockMut<T>| {
        let bins = x.columns;
        let mut total = Sums::default();
        let frames = x.data.chunks_exact(x.width).zip(h.data.chunks_exact_mut(h.width));
        for ((x, h), r) in frames.zip(r.data.chunks_exact_mut(r.width)) {
            solver.solve(x[..bins].iter().map(|x| x.wide()));
            for (h, &solved) in h.iter_mut().zip(&solver.h) {
                *h = T::of(solved.max(0.0));
            }
            for (r, &gap) in r.iter_mut().zip(&solver.gap) {
                *r = positive(T::of(gap));
            }
            total.add(solver.sums());
        }
        vec![total]
    })
}

/// What all frames share.
struct Programme {
    /// Wᵀ, [atom, bin], and W, [bin, atom].
    by_atom: Rows<f64>,
    by_bin: Rows<f64>,
    gram: Rows<f64>,
    /// The rows of L⁻¹, for G = L Lᵀ: the columns of the first J.
    inverse: Rows<f64>,
    /// |w| of every bin.
    lengths: Vec<f64>,
}

impl Programme {
    fn new<T: Real>(atoms: &Atoms<T>) -> Self {
        let by_atom = atoms.by_atom.to_array().mapv(Real::wide);
        let gram = regularised_gram(&atoms.by_atom, 0.0);
        let inverse = inverse_lower(&cholesky(gram.clone()));
        let lengths = by_atom.columns().into_iter().map(|w| w.dot(&w).sqrt()).collect();
        Self {
            by_bin: Rows::from_view(by_atom.t()),
            by_atom: Rows::from_view(by_atom.view()),
            gram: Rows::from_view(gram.view()),
            inverse: Rows::from_view(inverse.view()),
            lengths,
        }
    }

    fn bins(&self) -> usize {
        self.by_bin.rows()
    }

    fn atoms(&self) -> usize {
        self.by_atom.rows()
    }
}

/// The iteration for one frame. Constraint i < bins is bin i, bins + k is h_k >= 0.
struct Solver<'a> {
    programme: &'a Programme,
    x: Vec<f64>,
    b: Vec<f64>,
    h: Vec<f64>,
    /// x - W h.
    gap: Vec<f64>,
    active: Vec<usize>,
    multipliers: Vec<f64>,
    /// The columns of J = L⁻ᵀ Q, where L⁻¹ N = Q R for the normals N of the active constraints.
    j: Vec<Vec<f64>>,
    /// The columns of R, upper triangular.
    r: Vec<Vec<f64>>,
}

impl<'a> Solver<'a> {
    fn new(programme: &'a Programme) -> Self {
        let (bins, atoms) = (programme.bins(), programme.atoms());
        Self {
            programme,
            x: vec![0.0; bins],
            b: vec![0.0; atoms],
            h: vec![0.0; atoms],
            gap: vec![0.0; bins],
            active: Vec::with_capacity(atoms),
            multipliers: Vec::with_capacity(atoms),
            j: vec![vec![0.0; atoms]; atoms],
            r: Vec::with_capacity(atoms),
        }
    }

    fn solve(&mut self, x: impl Iterator<Item = f64>) {
        let programme = self.programme;
        let atoms = programme.atoms();
        self.x.clear();
        self.x.extend(x);
        self.active.clear();
        self.multipliers.clear();
        self.r.clear();
        for (k, b) in self.b.iter_mut().enumerate() {
            *b = dot(programme.by_atom.row(k), &self.x);
        }
        // J = L⁻ᵀ: column k is row k of L⁻¹. The unconstrained minimum is J Jᵀ b.
        self.h.fill(0.0);
        for (k, column) in self.j.iter_mut().enumerate() {
            column.copy_from_slice(programme.inverse.row(k));
            let weight = dot(column, &self.b);
            add_scaled(&mut self.h, weight, column);
        }
        self.gap.copy_from_slice(&self.x);
        for k in 0..atoms {
            add_scaled(&mut self.gap, -self.h[k], programme.by_atom.row(k));
        }
        // Distances below this are rounding, as a length of h.
        let reach = self.x.iter().copied().fold(0.0, f64::max);
        let length = programme.lengths.iter().copied().fold(0.0, f64::max);
        let slack = if length > 0.0 { 1e-11 * reach / length } else { f64::INFINITY };
        // Each constraint enters a bounded number of times; the cap only guards against cycling on ties.
        for _ in 0..20 * (atoms + 10) {
            match self.most_violated(slack) {
                Some(entering) => self.enforce(entering),
                None => break,
            }
        }
    }

    /// The inactive constraint that h breaks by the longest way.
    fn most_violated(&self, slack: f64) -> Option<usize> {
        let bins = self.gap.iter().zip(&self.programme.lengths).enumerate();
        let bins = bins
            .filter(|(_, (gap, length))| **gap < -slack * **length)
            .map(|(i, (gap, length))| (i, gap / length));
        let signs =
            self.h.iter().enumerate().filter(|(_, h)| **h < -slack).map(|(k, &h)| (self.gap.len() + k, h));
        bins.chain(signs)
            .filter(|(i, _)| !self.active.contains(i))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(i, _)| i)
    }

    /// Moves to the minimum on the active constraints and `entering`, dropping those whose multiplier would
    /// turn negative on the way.
    fn enforce(&mut self, entering: usize) {
        let mut multiplier = 0.0;
        // Every turn but the last drops a constraint.
        while self.active.len() <= self.programme.atoms() {
            let q = self.active.len();
            let d = self.against_j(entering);
            let step_length: f64 = d[q..].iter().map(|d| d * d).sum();
            let duals = self.back_substitute(&d[..q]);
            let leaving = (0..q)
                .filter(|&i| duals[i] > 0.0)
                .map(|i| (i, self.multipliers[i] / duals[i]))
                .min_by(|a, b| a.1.total_cmp(&b.1));
            let all: f64 = d.iter().map(|d| d * d).sum();
            let dependent = step_length <= 1e-14 * all;
            let full = if dependent { f64::INFINITY } else { -self.slack_of(entering) / step_length };
            let partial = leaving.map_or(f64::INFINITY, |(_, ratio)| ratio);
            let t = full.min(partial);
            if !t.is_finite() {
                // h = 0 is feasible, so only rounding ends here.
                return;
            }
            if !dependent {
                let mut z = vec![0.0; self.h.len()];
                for (column, &d) in self.j[q..].iter().zip(&d[q..]) {
                    add_scaled(&mut z, d, column);
                }
                add_scaled(&mut self.h, t, &z);
                for (k, &z) in z.iter().enumerate() {
                    add_scaled(&mut self.gap, -t * z, self.programme.by_atom.row(k));
                }
            }
            for (multiplier, dual) in self.multipliers.iter_mut().zip(&duals) {
                *multiplier -= t * dual;
            }
            multiplier += t;
            if full <= partial {
                self.add(entering, multiplier, d);
                return;
            }
            if let Some((index, _)) = leaving {
                self.drop(index);
            }
        }
    }

    fn slack_of(&self, constraint: usize) -> f64 {
        let bins = self.gap.len();
        if constraint < bins { self.gap[constraint] } else { self.h[constraint - bins] }
    }

    /// Jᵀ n for the normal n of a constraint.
    fn against_j(&self, constraint: usize) -> Vec<f64> {
        let bins = self.gap.len();
        if constraint < bins {
            let w = self.programme.by_bin.row(constraint);
            self.j.iter().map(|column| -dot(column, w)).collect()
        } else {
            self.j.iter().map(|column| column[constraint - bins]).collect()
        }
    }

    /// R⁻¹ d.
    fn back_substitute(&self, d: &[f64]) -> Vec<f64> {
        let mut solution = d.to_vec();
        for i in (0..solution.len()).rev() {
            solution[i] /= self.r[i][i];
            let value = solution[i];
            for (upper, r) in solution[..i].iter_mut().zip(&self.r[i]) {
                *upper -= r * value;
            }
        }
        solution
    }

    /// Appends a constraint: rotates d so that only its first q + 1 entries remain, and J along.
    fn add(&mut self, constraint: usize, multiplier: f64, mut d: Vec<f64>) {
        let q = self.active.len();
        for i in (q + 1..d.len()).rev() {
            let (c, s, length) = givens(d[i - 1], d[i]);
            (d[i - 1], d[i]) = (length, 0.0);
            let (low, high) = self.j.split_at_mut(i);
            rotate(&mut low[i - 1], &mut high[0], c, s);
        }
        d.truncate(q + 1);
        self.r.push(d);
        self.active.push(constraint);
        self.multipliers.push(multiplier);
    }

    /// Removes a constraint and makes R triangular again.
    fn drop(&mut self, index: usize) {
        self.active.remove(index);
        self.multipliers.remove(index);
        self.r.remove(index);
        for i in index..self.r.len() {
            let (c, s, length) = givens(self.r[i][i], self.r[i][i + 1]);
            self.r[i][i] = length;
            self.r[i].truncate(i + 1);
            for column in &mut self.r[i + 1..] {
                (column[i], column[i + 1]) =
                    (c * column[i] + s * column[i + 1], c * column[i + 1] - s * column[i]);
            }
            let (low, high) = self.j.split_at_mut(i + 1);
            rotate(&mut low[i], &mut high[0], c, s);
        }
    }

    /// Energy and violation of the solution, and the gradient of the Lagrangian, G h - b - Σ u n, over |b|,
    /// scaled by |x| as the record expects.
    fn sums(&self) -> Sums {
        let bins = self.gap.len();
        let mut gradient: Vec<f64> =
            (0..self.h.len()).map(|k| dot(self.programme.gram.row(k), &self.h) - self.b[k]).collect();
        for (&constraint, &multiplier) in self.active.iter().zip(&self.multipliers) {
            if constraint < bins {
                add_scaled(&mut gradient, multiplier, self.programme.by_bin.row(constraint));
            } else {
                gradient[constraint - bins] -= multiplier;
            }
        }
        let scale = dot(&self.b, &self.b);
        let energy = dot(&self.x, &self.x);
        let violation = self.gap.iter().fold(0.0, |worst: f64, gap| worst.max(-gap));
        Sums {
            energy: self.gap.iter().map(|gap| gap.max(0.0).powi(2)).sum(),
            primal: self.gap.iter().map(|gap| gap.min(0.0).powi(2)).sum(),
            dual: if scale > 0.0 { dot(&gradient, &gradient) / scale * energy } else { 0.0 },
            violation,
        }
    }
}

/// to += scale * from.
fn add_scaled(to: &mut [f64], scale: f64, from: &[f64]) {
    vectorised(|| to.iter_mut().zip(from).for_each(|(to, from)| *to += scale * from));
}

/// Cosine, sine and length with (c a + s b, c b - s a) = (length, 0).
fn givens(a: f64, b: f64) -> (f64, f64, f64) {
    let length = a.hypot(b);
    if length > 0.0 { (a / length, b / length, length) } else { (1.0, 0.0, 0.0) }
}

fn rotate(a: &mut [f64], b: &mut [f64], c: f64, s: f64) {
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (c * *a + s * *b, c * *b - s * *a);
    }
}
