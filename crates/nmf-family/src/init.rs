//! Where a factorisation starts.

use crate::Real;
use crate::error::{Result, check_parameter};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Slice};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;

/// How W and H are first filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Init {
    /// |N(0, 1)| sqrt(mean(X) / K): any number of atoms, reproducible from the seed.
    #[default]
    Random,
    /// Non-negative double singular value decomposition: deterministic and sparse. Its zeros stay zeros under
    /// multiplicative updates, so it suits coordinate descent.
    ///
    /// Boutsidis and Gallopoulos, "SVD based initialization: a head start for nonnegative matrix factorization", 2008.
    Nndsvd,
    /// [`Init::Nndsvd`] with its zeros filled with mean(X).
    Nndsvda,
}

impl Init {
    /// W [bin, atom] and H [atom, frame].
    pub(crate) fn factors<T: Real>(
        self,
        x: ArrayView2<T>,
        atoms: usize,
        seed: u64,
    ) -> Result<(Array2<T>, Array2<T>)> {
        let (bins, frames) = x.dim();
        let mean = x.iter().map(|x| x.wide()).sum::<f64>() / x.len() as f64;
        if self == Init::Random {
            let scale = (mean / atoms as f64).sqrt();
            let mut rng = Pcg64Mcg::new(u128::from(seed) << 64 | 0xcafe_f00d_d15e_a5e5);
            let mut draw = |shape| {
                Array2::from_shape_simple_fn(shape, || {
                    let normal: f64 = StandardNormal.sample(&mut rng);
                    T::of(scale * normal.abs())
                })
            };
            let h = draw((atoms, frames));
            return Ok((draw((bins, atoms)), h));
        }
        check_parameter(
            atoms <= bins.min(frames),
            "components",
            atoms as f64,
            "no more than the bins and the frames for NNDSVD; use Init::Random for more",
        )?;
        let (mut w, mut h) = nndsvd(x, atoms);
        if self == Init::Nndsvda {
            let fill = |value: T| if value == T::zero() { T::of(mean) } else { value };
            w.mapv_inplace(fill);
            h.mapv_inplace(fill);
        }
        Ok((w, h))
    }
}

/// Entries below this are set to zero, as in scikit-learn.
const NNDSVD_EPSILON: f64 = 1e-6;

fn nndsvd<T: Real>(x: ArrayView2<T>, atoms: usize) -> (Array2<T>, Array2<T>) {
    let (u, sigma, v) = leading_singular_triplets(x.mapv(Real::wide).view(), atoms);
    let mut w = Array2::zeros((x.nrows(), atoms));
    let mut h = Array2::zeros((atoms, x.ncols()));
    let norm = |x: &Array1<f64>| x.dot(x).sqrt();
    for k in 0..atoms {
        let (u, v) = (u.column(k), v.column(k));
        // The leading pair is non-negative up to a common sign; of the others keep the heavier signed half.
        let halves = if k == 0 {
            vec![(u.mapv(f64::abs), v.mapv(f64::abs))]
        } else {
            let half = |x: ArrayView1<f64>, sign: f64| x.mapv(|x| (sign * x).max(0.0));
            vec![(half(u, -1.0), half(v, -1.0)), (half(u, 1.0), half(v, 1.0))]
        };
        let weight = |(u, v): &(Array1<f64>, Array1<f64>)| norm(u) * norm(v);
        let heavier = halves.into_iter().max_by(|a, b| weight(a).total_cmp(&weight(b)));
        let Some((u, v)) = heavier.filter(|half| weight(half) > 0.0) else { continue };
        let scale = (sigma[k] * norm(&u) * norm(&v)).sqrt();
        let cut = |value: f64| if value < NNDSVD_EPSILON { T::zero() } else { T::of(value) };
        w.column_mut(k).assign(&(&u * (scale / norm(&u))).mapv(cut));
        h.row_mut(k).assign(&(&v * (scale / norm(&v))).mapv(cut));
    }
    (w, h)
}

/// The `count` leading singular triplets (U by columns, σ, V by columns) by subspace iteration on X Xᵗ with
/// a Rayleigh-Ritz step at the end: X is needed only in products, and a few more directions than asked for
/// make the wanted ones converge fast.
fn leading_singular_triplets(x: ArrayView2<f64>, count: usize) -> (Array2<f64>, Vec<f64>, Array2<f64>) {
    if x.nrows() > x.ncols() {
        let (v, sigma, u) = leading_singular_triplets(x.reversed_axes(), count);
        return (u, sigma, v);
    }
    const EXTRA: usize = 10;
    const ROUNDS: usize = 60;
    let width = (count + EXTRA).min(x.nrows());
    let mut rng = Pcg64Mcg::new(0);
    let mut u = Array2::from_shape_simple_fn((x.nrows(), width), || StandardNormal.sample(&mut rng));
    orthonormalise(&mut u);
    let mut before = vec![0.0; count];
    for _ in 0..ROUNDS {
        let projected = x.t().dot(&u);
        let (values, vectors) = symmetric_eigen(projected.t().dot(&projected));
        u = x.dot(&projected.dot(&vectors));
        orthonormalise(&mut u);
        let settled =
            values.iter().zip(&before).all(|(now, before)| (now - before).abs() <= 1e-13 * values[0]);
        before.copy_from_slice(&values[..count]);
        if settled {
            break;
        }
    }
    let projected = x.t().dot(&u);
    let (values, vectors) = symmetric_eigen(projected.t().dot(&projected));
    let vectors = vectors.slice_axis(Axis(1), Slice::from(..count));
    let u = u.dot(&vectors);
    let sigma: Vec<f64> = values[..count].iter().map(|value| value.max(0.0).sqrt()).collect();
    let mut v = projected.dot(&vectors);
    for (mut column, &sigma) in v.axis_iter_mut(Axis(1)).zip(&sigma) {
        column.mapv_inplace(|v| if sigma > 0.0 { v / sigma } else { 0.0 });
    }
    (u, sigma, v)
}

/// Gram-Schmidt, twice, on the columns; a column that depends on the earlier ones becomes zero.
fn orthonormalise(u: &mut Array2<f64>) {
    for k in 0..u.ncols() {
        let (done, mut rest) = u.view_mut().split_at(Axis(1), k);
        let mut column = rest.column_mut(0);
        let length = column.dot(&column).sqrt();
        for _ in 0..2 {
            let projection = done.t().dot(&column);
            column -= &done.dot(&projection);
        }
        let left = column.dot(&column).sqrt();
        let scale = if left > 1e-12 * length { 1.0 / left } else { 0.0 };
        column.mapv_inplace(|value| value * scale);
    }
}

/// Eigenvalues, largest first, and eigenvectors by columns, by cyclic Jacobi rotations.
fn symmetric_eigen(mut a: Array2<f64>) -> (Vec<f64>, Array2<f64>) {
    let n = a.nrows();
    let mut vectors = Array2::eye(n);
    let scale = a.iter().fold(0.0_f64, |max, value| max.max(value.abs()));
    for _ in 0..50 {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                if a[[p, q]].abs() <= 1e-16 * scale {
                    continue;
                }
                rotated = true;
                let theta = (a[[q, q]] - a[[p, p]]) / (2.0 * a[[p, q]]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let t = if theta == 0.0 { 1.0 } else { t };
                let cosine = 1.0 / (t * t + 1.0).sqrt();
                let sine = t * cosine;
                let rotate = |x: &mut f64, y: &mut f64| {
                    (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
                };
                for r in 0..n {
                    let [mut x, mut y] = [a[[r, p]], a[[r, q]]];
                    rotate(&mut x, &mut y);
                    [a[[r, p]], a[[r, q]]] = [x, y];
                    let [mut x, mut y] = [vectors[[r, p]], vectors[[r, q]]];
                    rotate(&mut x, &mut y);
                    [vectors[[r, p]], vectors[[r, q]]] = [x, y];
                }
                for c in 0..n {
                    let [mut x, mut y] = [a[[p, c]], a[[q, c]]];
                    rotate(&mut x, &mut y);
                    [a[[p, c]], a[[q, c]]] = [x, y];
                }
            }
        }
        if !rotated {
            break;
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| a[[j, j]].total_cmp(&a[[i, i]]));
    (order.iter().map(|&i| a[[i, i]]).collect(), vectors.select(Axis(1), &order))
}
