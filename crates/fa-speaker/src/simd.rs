//! Plain loops compiled for the widest instruction set of the processor.

use pulp::Arch;

/// Runs `work` compiled for the widest instruction set of this processor, so that its loops vectorise.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// Turns each row of log-likelihoods into shares that sum to 1, and writes the logarithm of the row's sum to `totals`. Shares
/// below 1e-16, which the rounding of the sum swallows, are 0.
pub(crate) fn normalise_log_rows(rows: &mut [f64], width: usize, totals: &mut [f64]) {
    vectorised(
        #[inline(always)]
        || {
            for (row, total) in rows.chunks_exact_mut(width).zip(totals) {
                *total = normalise_log_row(row);
            }
        },
    );
}

/// Sums run in this many lanes.
const LANES: usize = 8;
/// ln 1e-16
const NEGLIGIBLE: f64 = -36.85;

#[inline(always)]
fn normalise_log_row(row: &mut [f64]) -> f64 {
    let mut highest = [f64::NEG_INFINITY; LANES];
    let mut eights = row.chunks_exact(LANES);
    for eight in &mut eights {
        for lane in 0..LANES {
            highest[lane] = if eight[lane] > highest[lane] { eight[lane] } else { highest[lane] };
        }
    }
    let highest = highest.iter().chain(eights.remainder()).fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    let mut sums = [0.0; LANES];
    let mut eights = row.chunks_exact_mut(LANES);
    for eight in &mut eights {
        // Most components are far from most frames: an exponential is not taken where all eight are.
        let mut near = false;
        for lane in 0..LANES {
            eight[lane] -= highest;
            near |= eight[lane] > NEGLIGIBLE;
        }
        if !near {
            eight.fill(0.0);
            continue;
        }
        for lane in 0..LANES {
            let share = exp(eight[lane]);
            eight[lane] = if eight[lane] > NEGLIGIBLE { share } else { 0.0 };
            sums[lane] += eight[lane];
        }
    }
    let mut sum: f64 = sums.iter().sum();
    for value in eights.into_remainder() {
        let distance = *value - highest;
        *value = if distance > NEGLIGIBLE { exp(distance) } else { 0.0 };
        sum += *value;
    }
    let scale = 1.0 / sum;
    for value in row {
        *value *= scale;
    }
    highest + sum.ln()
}

/// eˣ for x <= 0, to two units in the last place; 0 below -708.
///
/// x = n ln 2 + r with |r| <= ln 2 / 2, where the Taylor series of degree 13 is exact to rounding.
#[inline(always)]
fn exp(x: f64) -> f64 {
    const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 x 2^52: adding it rounds to an integer in the lowest bits
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let clamped = if x < -708.0 { -708.0 } else { x };
    let shifted = clamped * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (clamped - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut series = 1.0 / 6_227_020_800.0;
    for factorial in [
        479_001_600.0,
        39_916_800.0,
        3_628_800.0,
        362_880.0,
        40_320.0,
        5040.0,
        720.0,
        120.0,
        24.0,
        6.0,
        2.0,
        1.0,
        1.0,
    ] {
        series = series * r + 1.0 / factorial;
    }
    let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    if x < -708.0 { 0.0 } else { series * power }
}

/// Adds to each row of `sums` the rows of `values` times their shares: sums += sharesᵀ values. Most shares are 0.
pub(crate) fn add_shared(
    shares: &[f64],
    components: usize,
    values: &[f64],
    width: usize,
    stride: usize,
    sums: &mut [f64],
) {
    vectorised(
        #[inline(always)]
        || {
            for (shares, values) in shares.chunks_exact(components).zip(values.chunks_exact(stride)) {
                let values = &values[..width];
                for (eight, block) in shares.chunks(LANES).zip(sums.chunks_mut(LANES * width)) {
                    if eight.iter().all(|&share| share == 0.0) {
                        continue;
                    }
                    for (&share, sum) in eight.iter().zip(block.chunks_exact_mut(width)) {
                        if share > 0.0 {
                            sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += share * value);
                        }
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_the_libraries() {
        for step in 0..20_000 {
            let x = -f64::from(step) * 0.0353;
            assert!((exp(x) - x.exp()).abs() <= 4e-16 * x.exp(), "{x}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
    }

    #[test]
    fn rows_become_shares() {
        for width in [1, 3, 8, 21] {
            let logs: Vec<f64> = (0..2 * width).map(|i| -((i * 37 % 11) as f64) - 700.0).collect();
            let (mut shares, mut totals) = (logs.clone(), [0.0; 2]);
            normalise_log_rows(&mut shares, width, &mut totals);
            for row in 0..2 {
                let sum: f64 = (0..width).map(|k| (logs[row * width + k] + 700.0).exp()).sum();
                assert!((totals[row] - (sum.ln() - 700.0)).abs() < 1e-12);
                for k in 0..width {
                    let expected = (logs[row * width + k] + 700.0).exp() / sum;
                    assert!((shares[row * width + k] - expected).abs() < 1e-14);
                }
            }
        }
    }

    #[test]
    fn shared_sums_are_a_product() {
        let (components, width, stride, rows) = (11, 3, 5, 4);
        let shares: Vec<f64> =
            (0..rows * components).map(|i| if i % 3 == 0 { (i % 7) as f64 } else { 0.0 }).collect();
        let values: Vec<f64> = (0..rows * stride).map(|i| (i * i % 13) as f64).collect();
        let mut sums = vec![1.0; components * width];
        add_shared(&shares, components, &values, width, stride, &mut sums);
        for k in 0..components {
            for j in 0..width {
                let expected: f64 =
                    (0..rows).map(|t| shares[t * components + k] * values[t * stride + j]).sum();
                assert_eq!(sums[k * width + j], expected + 1.0);
            }
        }
    }
}
