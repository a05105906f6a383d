//! Least squares on delayed references: symmetric positive definite block Toeplitz systems `G x = b`.
//!
//! `G` has a block of size `P` (tracks) for each pair of delays, and the block depends on the difference of the delays
//! only. The generalised Schur algorithm (Kailath and Sayed 1995, section 3) then yields the Cholesky factor row by
//! row in `O(P n^2)` operations instead of `O(n^3)`, by hyperbolic rotations of two generators. The mixed form of the
//! rotation keeps it backward stable (Bojanczyk, Brent, Van Dooren and de Hoog 1987).
//!
//! The energy of a projection, `b' G^-1 b = |R^-T b|^2`, needs the rows of `R` one at a time and no storage.

use super::correlation::Correlations;
use crate::{Error, Result};

/// A pivot this small against its diagonal element is rounding error: the system is loaded and tried again.
const SMALLEST_PIVOT: f64 = 1e-14;
/// Diagonal loadings tried, relative to the energy of each track. The first that succeeds is used.
const LOADINGS: [f64; 4] = [0.0, 1e-13, 1e-11, 1e-9];
/// Columns rotated at a time: both generators' share stays in the first cache level.
const PANEL: usize = 128;

/// `G` of the given reference tracks at `L` delays; unknowns are ordered delay-major, `index = delay * P + track`.
pub(crate) struct BlockToeplitz {
    /// `P`.
    tracks: usize,
    /// `P L`.
    order: usize,
    /// The first block row, `P` rows of `P L`.
    first_rows: Vec<Vec<f64>>,
    /// Added to the diagonal, besides the loading of a singular system.
    ridge: f64,
}

/// The pivot vanished: the delayed references are linearly dependent to working precision.
struct Singular;

impl BlockToeplitz {
    /// `G[(tau, a), (sigma, b)] = sum_t r_a(t - tau) r_b(t - sigma)` for `a`, `b` in `tracks`.
    pub(crate) fn new(correlations: &Correlations, tracks: std::ops::Range<usize>, ridge: f64) -> Self {
        let count = tracks.len();
        let order = count * correlations.filter_length;
        let row = |a: usize| -> Vec<f64> {
            let mut row = vec![0.0; order];
            for (column, b) in tracks.clone().enumerate() {
                // sum_t r_a(t) r_b(t - k) = sum_t r_b(t) r_a(t + k)
                for (k, &value) in correlations.of_references(b, a).iter().enumerate() {
                    row[k * count + column] = value;
                }
            }
            row
        };
        Self { tracks: count, order, first_rows: tracks.clone().map(row).collect(), ridge }
    }

    /// `b' G^-1 b` of each right-hand side.
    pub(crate) fn energies(&self, right: &[Vec<f64>]) -> Result<Vec<f64>> {
        self.with_loading(|loading| {
            let mut rest = right.to_vec();
            let mut energies = vec![0.0; right.len()];
            self.cholesky_rows(loading, |index, row| {
                for (rest, energy) in rest.iter_mut().zip(&mut energies) {
                    let y = rest[index] / row[0];
                    *energy += y * y;
                    subtract(&mut rest[index + 1..], y, &row[1..]);
                }
            })?;
            Ok(energies)
        })
    }

    /// The solution of each right-hand side.
    pub(crate) fn solve(&self, right: &[Vec<f64>]) -> Result<Vec<Vec<f64>>> {
        self.with_loading(|loading| {
            let mut solutions = right.to_vec();
            let mut rows: Vec<Vec<f64>> = Vec::with_capacity(self.order);
            self.cholesky_rows(loading, |index, row| {
                for y in &mut solutions {
                    y[index] /= row[0];
                    let value = y[index];
                    subtract(&mut y[index + 1..], value, &row[1..]);
                }
                rows.push(row.to_vec());
            })?;
            for x in &mut solutions {
                for (index, row) in rows.iter().enumerate().rev() {
                    let known = super::signals::dot(&row[1..], &x[index + 1..]);
                    x[index] = (x[index] - known) / row[0];
                }
            }
            Ok(solutions)
        })
    }

    fn with_loading<T>(&self, attempt: impl Fn(f64) -> std::result::Result<T, Singular>) -> Result<T> {
        LOADINGS
            .iter()
            .find_map(|&loading| attempt(loading).ok())
            .ok_or(Error::LinearlyDependent { tracks: self.tracks })
    }

    /// Calls `visit(i, row)` for each row of the upper Cholesky factor; `row` starts at the diagonal.
    fn cholesky_rows(
        &self,
        loading: f64,
        mut visit: impl FnMut(usize, &[f64]),
    ) -> std::result::Result<(), Singular> {
        let (p, n) = (self.tracks, self.order);
        let smallest: Vec<f64> = (0..p).map(|i| SMALLEST_PIVOT * self.first_rows[i][i]).collect();
        // The generators: G - Z G Z' = A' A - B' B, where Z shifts by one block and B is A without its first block.
        let mut a = self.first_generator(loading, &smallest)?;
        let mut b = a.clone();
        let mut rotations = Vec::with_capacity(p * p);
        for start in (0..n).step_by(p) {
            // Shifting A instead of its index: A[.., c] stands for column start + c.
            let width = n - start;
            if start > 0 {
                rotations.clear();
                for i in 0..p {
                    for j in 0..p {
                        let ratio = b[j][start + i] / a[i][i];
                        let cosine = ((1.0 - ratio) * (1.0 + ratio)).sqrt();
                        if cosine.is_nan() || (a[i][i] * cosine).powi(2) < smallest[i] {
                            return Err(Singular);
                        }
                        let rotation = Rotation { i, j, ratio, cosine };
                        rotation.apply(&mut a[i][..p], &mut b[j][start..start + p]);
                        rotations.push(rotation);
                    }
                }
                for from in (p..width).step_by(PANEL) {
                    let to = width.min(from + PANEL);
                    for rotation in &rotations {
                        rotation.apply(
                            &mut a[rotation.i][from..to],
                            &mut b[rotation.j][start + from..start + to],
                        );
                    }
                }
            }
            for (i, row) in a.iter().enumerate() {
                visit(start + i, &row[i..width]);
            }
        }
        Ok(())
    }

    /// `C^-T [T_0, T_1, ...]`, where `C' C = T_0`: the first block row of the Cholesky factor.
    fn first_generator(
        &self,
        loading: f64,
        smallest: &[f64],
    ) -> std::result::Result<Vec<Vec<f64>>, Singular> {
        let mut rows = self.first_rows.clone();
        for i in 0..self.tracks {
            rows[i][i] = rows[i][i] * (1.0 + loading) + self.ridge;
        }
        for i in 0..self.tracks {
            let (done, rest) = rows.split_at_mut(i);
            let row = &mut rest[0];
            for above in done.iter() {
                let factor = above[i];
                subtract(row, factor, above);
            }
            let pivot = row[i];
            if pivot.is_nan() || pivot <= smallest[i] {
                return Err(Singular);
            }
            let scale = pivot.sqrt().recip();
            row.iter_mut().for_each(|value| *value *= scale);
            row[..i].fill(0.0);
        }
        Ok(rows)
    }
}

/// A hyperbolic rotation of row `i` of A against row `j` of B.
struct Rotation {
    i: usize,
    j: usize,
    ratio: f64,
    cosine: f64,
}

impl Rotation {
    fn apply(&self, a: &mut [f64], b: &mut [f64]) {
        let inverse = self.cosine.recip();
        for (a, b) in a.iter_mut().zip(b) {
            *a = (*a - self.ratio * *b) * inverse;
            *b = self.cosine * *b - self.ratio * *a;
        }
    }
}

/// `target -= factor * row`.
fn subtract(target: &mut [f64], factor: f64, row: &[f64]) {
    target.iter_mut().zip(row).for_each(|(target, value)| *target -= factor * value);
}
