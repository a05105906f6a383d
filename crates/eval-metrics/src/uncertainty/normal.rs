//! The standard normal distribution.

use std::f64::consts::{PI, SQRT_2};

/// Probability of a value below `x`.
pub(crate) fn cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}

/// The `x` with `cdf(x) = p`, for `p` strictly between 0 and 1.
pub(crate) fn quantile(p: f64) -> f64 {
    if p > 0.5 {
        return -quantile(1.0 - p); // exact: 1 - p loses nothing above one half
    }
    // Abramowitz and Stegun 26.2.23 (error below 4.5e-4), then Halley steps to full precision.
    let t = (-2.0 * p.ln()).sqrt();
    let tail =
        (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    let mut x = tail - t;
    for _ in 0..4 {
        let step = (cdf(x) - p) * (2.0 * PI).sqrt() * (0.5 * x * x).exp();
        x -= step / (1.0 + 0.5 * x * step);
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_inverts_cdf() {
        // scipy.special.ndtri
        assert!((quantile(0.975) - 1.959963984540054).abs() < 1e-14);
        assert!((quantile(1e-12) + 7.034483825301132).abs() < 1e-12);
        for k in 1..100 {
            let p = f64::from(k) / 100.0;
            assert!((cdf(quantile(p)) - p).abs() < 1e-15);
        }
    }
}
