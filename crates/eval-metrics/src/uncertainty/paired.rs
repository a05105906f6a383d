//! Paired tests: McNemar's and by permutation.

use rayon::prelude::*;

use super::random::Random;
use crate::{Error, Result, check};

/// Result of [`mcnemar`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct McNemar {
    /// Examples that only the first system gets right.
    pub only_first: usize,
    /// Examples that only the second system gets right.
    pub only_second: usize,
    /// Exact two-sided binomial p-value, in (0, 1].
    pub p_value: f64,
}

/// McNemar's exact test: do two classifiers err equally often on the same examples?
///
/// Same p-value as `scipy.stats.binomtest(only_first, only_first + only_second)`.
///
/// # Errors
/// Empty or mismatched input.
pub fn mcnemar(first_correct: &[bool], second_correct: &[bool]) -> Result<McNemar> {
    check::same_length("first_correct", first_correct, "second_correct", second_correct)?;
    let pairs = || first_correct.iter().zip(second_correct);
    let only_first = pairs().filter(|&(&a, &b)| a && !b).count();
    let only_second = pairs().filter(|&(&a, &b)| !a && b).count();
    let n = only_first + only_second;
    let tail: f64 = (0..=only_first.min(only_second)).map(|k| binomial_half(n, k)).sum();
    Ok(McNemar { only_first, only_second, p_value: (2.0 * tail).min(1.0) })
}

/// Probability of `k` heads in `n` tosses of a fair coin.
fn binomial_half(n: usize, k: usize) -> f64 {
    let ln_factorial = |m: usize| libm::lgamma(m as f64 + 1.0);
    (ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k) - n as f64 * std::f64::consts::LN_2).exp()
}

/// Result of [`paired_permutation_test`].
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PermutationTest {
    /// Mean of the first scores minus mean of the second.
    pub difference: f64,
    /// Two-sided p-value, in (0, 1].
    pub p_value: f64,
    /// Whether all `2^n` exchanges were tried.
    pub exact: bool,
}

/// Fisher's paired permutation test on the mean difference of per-example scores (the NSDR of each song, say).
///
/// Under the null each pair may be exchanged, which flips the sign of its difference. All `2^n` exchanges are tried
/// when there are no more than `rounds` of them; otherwise `rounds` random ones, with
/// `p = (1 + extreme) / (1 + rounds)`. Same as `scipy.stats.permutation_test(permutation_type="samples")` with a
/// two-sided alternative (twice the smaller tail).
///
/// # Errors
/// Empty or mismatched input, a score that is not finite, or `rounds` = 0.
pub fn paired_permutation_test(
    first: &[f64],
    second: &[f64],
    rounds: usize,
    seed: u64,
) -> Result<PermutationTest> {
    check::same_length("first", first, "second", second)?;
    check::finite("first", first)?;
    check::finite("second", second)?;
    if rounds == 0 {
        return Err(Error::Parameter { name: "rounds", value: "0".into(), expected: "at least 1" });
    }
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    let n = differences.len();
    let observed: f64 = differences.iter().sum();
    // Exchanges that give the observed sum exactly must count as such, whatever the order of summation.
    let tolerance = 1e-14 * differences.iter().map(|d| d.abs()).sum::<f64>();
    let exact = n < usize::BITS as usize && (1usize << n) <= rounds;
    let tails =
        |sum: f64| (usize::from(sum <= observed + tolerance), usize::from(sum >= observed - tolerance));
    let add = |a: (usize, usize), b: (usize, usize)| (a.0 + b.0, a.1 + b.1);
    let (low, high, total) = if exact {
        let signed = |mask: usize| -> f64 {
            differences.iter().enumerate().map(|(i, d)| if mask >> i & 1 == 1 { -d } else { *d }).sum()
        };
        let (low, high) =
            (0..1usize << n).into_par_iter().map(|mask| tails(signed(mask))).reduce(|| (0, 0), add);
        (low, high, 1usize << n)
    } else {
        let flipped = |stream: u64| -> f64 {
            let mut random = Random::new(seed, stream);
            let mut bits = 0;
            let flip = |(i, d): (usize, &f64)| {
                if i % 64 == 0 {
                    bits = random.next();
                }
                if bits >> (i % 64) & 1 == 1 { -d } else { *d }
            };
            differences.iter().enumerate().map(flip).sum()
        };
        let (low, high) =
            (0..rounds as u64).into_par_iter().map(|stream| tails(flipped(stream))).reduce(|| (0, 0), add);
        (low + 1, high + 1, rounds + 1)
    };
    let p_value = (2.0 * low.min(high) as f64 / total as f64).min(1.0);
    Ok(PermutationTest { difference: observed / n as f64, p_value, exact })
}
