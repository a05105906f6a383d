//! Non-negative novelty extraction: all atoms at once, the least R >= 0 with X = W H + R, paper eq. (4).
//!
//! The problem is a convex quadratic programme per frame: min ½ |x - W h|² over 0 <= h, W h <= x. Its exact
//! solution is pinned, in every frame, by the deepest dips of a noisy spectrum, and explains little; what extracts
//! well is an iteration stopped early. The budget of iterations is therefore the parameter that matters most.

mod admm;
mod asymmetric;
mod exact;
mod printed;

use crate::Real;
use crate::activations::Atoms;
use crate::error::{Result, check_parameter};
use crate::extraction::{Extraction, prepare};
use crate::nmf::{setters, supervised};
use crate::rows::Rows;
use ndarray::ArrayView2;

/// Which algorithm is run on eq. (4).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Variant {
    /// The paper's Algorithm 1, eqs. (5) to (7), as printed.
    ///
    /// `Wᵀ M / (Wᵀ W)` can only mean (Wᵀ W)⁻¹ Wᵀ M; solving and then clipping is not the minimiser over H >= 0, so
    /// this is not a method of multipliers and does not converge to the solution of (4): its primal residual
    /// stalls and its dual grows without bound (see `docs/nmf.md`). M adds `gamma Γ`, where the derivation
    /// has `Γ / gamma`; at the default gamma = 1 both agree.
    Printed {
        /// The γ of eqs. (6), (7) and of M.
        gamma: f64,
        /// The ξ of eq. (7).
        xi: f64,
        /// Standard deviation of the random start of Γ, relative to each frame's mean; the paper gives none.
        dual_noise: f64,
    },
    /// A two-block alternating direction method of multipliers that does converge, slowly. `rho` is the first
    /// penalty weight; each frame adapts its own.
    Admm {
        /// Penalty weight, > 0.
        rho: f64,
    },
    /// The exact solution per frame, by a dual active set (Goldfarb and Idnani 1983).
    Exact,
    /// A relaxation in between: min ½ |S(X - W H)|² + ½ lambda |S(W H - X)|² by weighted multiplicative updates.
    /// `lambda = 1` is NMF; with growing lambda it tends to NNE.
    Asymmetric {
        /// Weight of the bins where W H exceeds X, >= 1.
        lambda: f64,
    },
}

impl Default for Variant {
    /// [`Variant::Printed`] with gamma = xi = 1 and Γ starting at zero.
    fn default() -> Self {
        Variant::Printed { gamma: 1.0, xi: 1.0, dual_noise: 0.0 }
    }
}

/// What novelty extraction is told besides its data.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
#[non_exhaustive]
pub struct NneParams {
    /// The algorithm.
    pub variant: Variant,
    /// Most iterations. The exact solver ignores it.
    pub iterations: usize,
    /// A frame stops when its activations change by less than this part ([`Variant::Printed`],
    /// [`Variant::Asymmetric`]), or when both residuals are below this part of the data ([`Variant::Admm`]);
    /// 0 runs all iterations.
    pub tolerance: f64,
    /// Multiplicative updates of the supervised NMF that every variant but the exact one starts from.
    pub start_iterations: usize,
    /// Of the random start of Γ.
    pub seed: u64,
}

impl Default for NneParams {
    fn default() -> Self {
        Self { variant: Variant::default(), iterations: 30, tolerance: 0.0, start_iterations: 100, seed: 0 }
    }
}

impl NneParams {
    /// `variant` with 30 iterations from 100 of supervised NMF.
    pub fn new(variant: Variant) -> Self {
        Self { variant, ..Self::default() }
    }

    setters! {
        /// Sets the most iterations.
        iterations: usize,
        /// Sets the stopping tolerance; 0 runs all iterations.
        tolerance: f64,
        /// Sets the updates of the supervised NMF at the start.
        start_iterations: usize,
        /// Sets the seed of the random start of Γ.
        seed: u64,
    }

    pub(crate) fn check(&self) -> Result<()> {
        check_parameter(self.tolerance >= 0.0, "tolerance", self.tolerance, "a number >= 0")?;
        let positive =
            |name, value: f64| check_parameter(value > 0.0 && value.is_finite(), name, value, "a number > 0");
        match self.variant {
            Variant::Printed { gamma, xi, dual_noise } => {
                positive("gamma", gamma)?;
                positive("xi", xi)?;
                check_parameter(
                    dual_noise >= 0.0 && dual_noise.is_finite(),
                    "dual_noise",
                    dual_noise,
                    "a number >= 0",
                )
            }
            Variant::Admm { rho } => positive("rho", rho),
            Variant::Exact => Ok(()),
            Variant::Asymmetric { lambda } => {
                check_parameter(lambda >= 1.0 && lambda.is_finite(), "lambda", lambda, "a number >= 1")
            }
        }
    }
}

/// Splits X [bin, frame] into what the atoms W [bin, atom] explain from below, and R >= 0.
///
/// # Errors
/// Empty, negative or non-finite matrices; different numbers of bins; a parameter out of range.
pub fn nne<T: Real>(x: ArrayView2<T>, w: ArrayView2<T>, params: &NneParams) -> Result<Extraction<T>> {
    params.check()?;
    let (frames, atoms) = prepare(x, w)?;
    Ok(extract_prepared(&frames, &atoms, params))
}

pub(crate) fn extract_prepared<T: Real>(x: &Rows<T>, atoms: &Atoms<T>, params: &NneParams) -> Extraction<T> {
    match params.variant {
        Variant::Printed { gamma, xi, dual_noise } => printed::extract_all(
            x,
            supervised_start(x, atoms, params),
            atoms,
            params,
            (gamma, xi, dual_noise),
        ),
        Variant::Admm { rho } => admm::extract_all(x, supervised_start(x, atoms, params), atoms, params, rho),
        Variant::Exact => exact::extract_all(x, atoms),
        Variant::Asymmetric { lambda } => {
            asymmetric::extract_all(x, supervised_start(x, atoms, params), atoms, params, lambda)
        }
    }
}

/// Line 3 of Algorithm 1: H by supervised NMF.
fn supervised_start<T: Real>(x: &Rows<T>, atoms: &Atoms<T>, params: &NneParams) -> Rows<T> {
    supervised(x, atoms, params.start_iterations)
}
