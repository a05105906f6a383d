//! The M-step of variances and covariances. All updates read the posterior of the present parameters.
//!
//! With y = Φ⁻¹ d, the expected covariance of class k is Cₜ = φ S - φ² S Φ⁻¹ S + φ² S y yᴴ S, so that sums over frames
//! need no Cₜ: only Σ w y yᴴ and Σ w Φ⁻¹.

use num_complex::Complex;

use super::Update;
use super::model::{BinModel, Class};
use super::posterior::lower;
use super::workspace::Workspace;
use crate::Real;
use crate::hermitian::Matrix;
use crate::planar::Planar;

impl<T: Real> BinModel<T> {
    /// EM: free variances, then all covariances, from the same posterior.
    ///
    /// v <- tr(S⁻¹ C) / M = v + v² (yᴴ S y - tr(Φ⁻¹ S)) / M,
    /// S <- Σₜ Cₜ / φₜ(new) / T.
    pub(super) fn maximise_expectation(
        &mut self,
        is_free: impl Fn(&Class<T>) -> bool,
        workspace: &mut Workspace<T>,
    ) {
        let Workspace { posterior, quadratic, trace, weights, outer, inverse, .. } = workspace;
        let frames = posterior.frames;
        let channels = T::of((self.signal.len() / frames) as f64);
        for class in &mut self.classes {
            weights.copy_from_slice(&class.variance);
            let mut kept = T::of(frames as f64); // Σ φ(old) / φ(new)
            if is_free(class) {
                posterior.quadratic_and_trace(class.packed(), quadratic, trace);
                kept = T::zero();
                for t in 0..frames {
                    let old = class.variance[t];
                    class.set_variance(t, old + old * old / channels * (quadratic[t] - trace[t]));
                    let ratio = old / class.variance[t];
                    kept += ratio;
                    weights[t] = old * ratio;
                }
            }
            posterior.sums(weights, outer, inverse);
            let s = &class.covariance;
            let change = full(outer) - full(inverse);
            let sum = s.mapv(|value| value * kept) + s.dot(&change).dot(s);
            class.set_to_mean(sum, frames);
        }
    }

    /// MM: v <- v (yᴴ S y / tr(Φ⁻¹ S))^½ for all free variances.
    pub(super) fn minorise_variances(
        &mut self,
        is_free: impl Fn(&Class<T>) -> bool,
        workspace: &mut Workspace<T>,
    ) {
        let Workspace { posterior, quadratic, trace, .. } = workspace;
        for class in self.classes.iter_mut().filter(|class| is_free(class)) {
            posterior.quadratic_and_trace(class.packed(), quadratic, trace);
            for t in 0..posterior.frames {
                let ratio = (quadratic[t] / trace[t]).max(T::zero());
                class.set_variance(t, class.variance[t] * ratio.sqrt());
            }
        }
    }

    /// All covariances for fixed variances: the mean of EM, or the geometric mean of MM, which solves
    /// S (Σ φ Φ⁻¹) S = S(old) (Σ φ y yᴴ) S(old).
    pub(super) fn update_covariances(&mut self, update: Update, workspace: &mut Workspace<T>) {
        if update == Update::Em {
            // with φ(new) = φ(old)
            return self.maximise_expectation(|_| false, workspace);
        }
        let Workspace { posterior, weights, outer, inverse, .. } = workspace;
        for class in &mut self.classes {
            weights.copy_from_slice(&class.variance);
            posterior.sums(weights, outer, inverse);
            let s = &class.covariance;
            let a = s.dot(&full(outer)).dot(s);
            class.set_to_geometric_mean(full(inverse), a);
        }
    }
}

/// The Hermitian matrix of a lower triangle.
pub(super) fn full<T: Real>(packed: &Planar<T>) -> Matrix<T> {
    // n (n + 1) / 2 entries
    let order = (0..).find(|&n| lower(n, 0) == packed.re.len()).unwrap_or_default();
    Matrix::from_shape_fn((order, order), |(i, j)| match i >= j {
        true if i == j => Complex::from(packed.re[lower(i, i)]),
        true => packed.get(lower(i, j)),
        false => packed.get(lower(j, i)).conj(),
    })
}
