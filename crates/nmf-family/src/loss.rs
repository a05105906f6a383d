//! The beta-divergence, the family of losses between a spectrogram and its model.

use crate::error::{Result, check_matrix, check_shape};
use crate::{Error, Real};
use ndarray::{ArrayView2, Zip};

/// What a factorisation minimises: Σ d(x | y) over the entries of X and Y = W H.
///
/// Fevotte and Idier, "Algorithms for nonnegative matrix factorization with the beta-divergence", 2011.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Loss {
    /// ½ (x - y)², beta = 2: the paper's choice, on amplitudes.
    #[default]
    Euclidean,
    /// x ln(x / y) - x + y, beta = 1: the usual choice on amplitudes in source separation.
    KullbackLeibler,
    /// x / y - ln(x / y) - 1, beta = 0: scale-invariant, for powers. Needs X > 0.
    ItakuraSaito,
    /// The general divergence for any finite beta.
    Beta(f64),
}

impl Loss {
    /// The exponent beta.
    pub fn beta(self) -> f64 {
        match self {
            Loss::Euclidean => 2.0,
            Loss::KullbackLeibler => 1.0,
            Loss::ItakuraSaito => 0.0,
            Loss::Beta(beta) => beta,
        }
    }

    /// The exponent of the multiplicative step that provably lowers the loss (Fevotte and Idier, table 2).
    pub(crate) fn step_exponent(self) -> f64 {
        match self.beta() {
            beta if beta < 1.0 => 1.0 / (2.0 - beta),
            beta if beta > 2.0 => 1.0 / (beta - 1.0),
            _ => 1.0,
        }
    }

    /// Itakura-Saito and below need strictly positive data.
    pub(crate) fn check_data<T: Real>(self, what: &'static str, x: ArrayView2<T>) -> Result<()> {
        let beta = self.beta();
        if beta > 0.0 {
            return Ok(());
        }
        match x.indexed_iter().find(|(_, value)| **value == T::zero()) {
            Some(((row, column), _)) => Err(Error::Zero { what, row, column, beta }),
            None => Ok(()),
        }
    }

    /// d(x | y) of one entry; `y` below `floor` counts as `floor` where x > `floor`, and entries of X up to
    /// `floor` count as zero (both as scikit-learn does for beta != 2).
    #[inline(always)]
    pub(crate) fn entry(self, x: f64, y: f64, floor: f64) -> f64 {
        let beta = self.beta();
        if beta == 2.0 {
            return 0.5 * (x - y) * (x - y);
        }
        if x <= floor {
            // Where beta <= 0 a zero is padding, for `check_data` refuses it in X; other entries up to `floor` count as
            // nothing, because their loss has no bound.
            return if beta <= 0.0 { 0.0 } else { y.powf(beta) / beta };
        }
        let safe = y.max(floor);
        match beta {
            1.0 => x * (x / safe).ln() - x + y,
            0.0 => x / safe - (x / safe).ln() - 1.0,
            _ => {
                (x.powf(beta) - beta * x * safe.powf(beta - 1.0) + (beta - 1.0) * y.powf(beta))
                    / (beta * (beta - 1.0))
            }
        }
    }
}

/// Σ d(x | y) over two matrices of one shape, with scikit-learn's floor of 1.19e-7 on y.
///
/// # Errors
/// Empty, negative or non-finite entries; different shapes; a zero in `x` when beta <= 0.
pub fn divergence<T: Real>(loss: Loss, x: ArrayView2<T>, y: ArrayView2<T>) -> Result<f64> {
    check_matrix("x", x)?;
    check_matrix("y", y)?;
    check_shape("y", y.dim(), x.dim())?;
    loss.check_data("x", x)?;
    Ok(Zip::from(x).and(y).fold(0.0, |sum, &x, &y| sum + loss.entry(x.wide(), y.wide(), FLOOR)))
}

/// Smallest value that a denominator or a reconstruction takes: the single-precision epsilon, as in scikit-learn.
pub(crate) const FLOOR: f64 = f32::EPSILON as f64;
