//! A gamma distribution fitted to the scores of normal sound: where to put a threshold for a chosen rate of false alarms,
//! beyond what a few scores can show.

use serde::{Deserialize, Serialize};

/// A gamma distribution on positive scores.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Gamma {
    shape: f64,
    scale: f64,
}

impl Gamma {
    /// By maximum likelihood (Minka's Newton iteration). `None` where scores are not all positive and finite, or are all
    /// alike.
    pub(super) fn fit(scores: &[f64]) -> Option<Self> {
        let count = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / count;
        let spread = mean.ln() - scores.iter().map(|score| score.ln()).sum::<f64>() / count;
        if !(spread.is_finite() && spread > 1e-12) {
            return None;
        }
        let mut shape = (3.0 - spread + ((spread - 3.0).powi(2) + 24.0 * spread).sqrt()) / (12.0 * spread);
        for _ in 0..20 {
            let slope = 1.0 / shape
                + (shape.ln() - digamma(shape) - spread) / (shape - shape * shape * trigamma(shape));
            let next = 1.0 / slope;
            if !(next.is_finite() && next > 0.0) {
                break;
            }
            shape = next;
        }
        Some(Self { shape, scale: mean / shape })
    }

    /// The score that a share `tail` of normal sounds exceeds.
    pub(super) fn threshold(&self, tail: f64) -> f64 {
        let (mut low, mut high) = (0.0, self.shape + 1.0);
        while 1.0 - self.below(high) > tail {
            high *= 2.0;
        }
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            *if 1.0 - self.below(middle) > tail { &mut low } else { &mut high } = middle;
        }
        high * self.scale
    }

    /// The regularised lower incomplete gamma function P(shape, x): a series below, a continued fraction above.
    fn below(&self, x: f64) -> f64 {
        let a = self.shape;
        if x <= 0.0 {
            return 0.0;
        }
        let front = (a * x.ln() - x - libm::lgamma(a)).exp();
        if x < a + 1.0 {
            let (mut term, mut sum) = (1.0 / a, 1.0 / a);
            for n in 1..10_000 {
                term *= x / (a + f64::from(n));
                sum += term;
                if term < 1e-16 * sum {
                    break;
                }
            }
            return front * sum;
        }
        // Lentz's method
        let mut b = x + 1.0 - a;
        let (mut c, mut d) = (1e300, 1.0 / b);
        let mut fraction = d;
        for n in 1..10_000 {
            let an = f64::from(n) * (a - f64::from(n));
            b += 2.0;
            d = 1.0 / (an * d + b);
            c = b + an / c;
            fraction *= c * d;
            if (c * d - 1.0).abs() < 1e-15 {
                break;
            }
        }
        1.0 - front * fraction
    }
}

/// ψ, by recurrence and the asymptotic series.
fn digamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 10.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    sum + x.ln() - 0.5 / x - y * (1.0 / 12.0 - y * (1.0 / 120.0 - y / 252.0))
}

/// ψ'
fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 10.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    sum + 1.0 / x + y / 2.0 + y / x * (1.0 / 6.0 - y * (1.0 / 30.0 - y / 42.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_scipys() {
        // scipy.stats.gamma(k, scale=s).isf(p)
        for (shape, scale, tail, expected) in [
            (2.5, 1.0, 0.01, 7.5431362346944955),
            (20.0, 0.3, 0.05, 8.363771891833055),
            (0.5, 2.0, 0.1, 2.70554345409542),
            (300.0, 0.02, 0.001, 7.127711628852962),
        ] {
            let found = Gamma { shape, scale }.threshold(tail);
            assert!((found / expected - 1.0).abs() < 1e-9, "{shape} {tail}: {found} {expected}");
        }
    }

    #[test]
    fn fits_find_the_parameters() {
        // quantiles of a gamma distribution stand for a sample of it
        let truth = Gamma { shape: 3.0, scale: 0.5 };
        let sample: Vec<f64> = (0..4000).map(|n| truth.threshold((f64::from(n) + 0.5) / 4000.0)).collect();
        let fitted = Gamma::fit(&sample).unwrap();
        assert!((fitted.shape - 3.0).abs() < 0.02 && (fitted.scale - 0.5).abs() < 0.005, "{fitted:?}");
        assert!(
            Gamma::fit(&[1.0, 1.0]).is_none()
                && Gamma::fit(&[-1.0, 1.0]).is_none()
                && Gamma::fit(&[]).is_none()
        );
    }
}
