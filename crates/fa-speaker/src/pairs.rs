//! Many comparisons at once: one utterance with sixteen others, each in its own lane.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::error::check_shape;
use crate::linear::triangle;
use crate::{Result, SpeakerStat};

/// Utterances side by side: two registers of AVX2, twice.
const WIDTH: usize = 16;
/// Pivots multiplied before their logarithm is taken; each may then come to 1e38.
const PIVOTS: usize = 8;

/// LLR of `one` with each of `others`.
///
/// # Errors
/// Different numbers of factors.
pub fn llr_with_each(one: &SpeakerStat, others: &[&SpeakerStat]) -> Result<Vec<f64>> {
    for other in others {
        check_shape("speaker factors", &[other.factors()], &[one.factors()])?;
    }
    let mut block = Block::new(one.factors());
    let mut scores = vec![0.0; others.len()];
    for (others, scores) in others.chunks(WIDTH).zip(scores.chunks_mut(WIDTH)) {
        block.fill(others.iter().copied());
        block.score(one, scores);
    }
    Ok(scores)
}

/// LLR of all pairs: entry `i (i - 1) / 2 + j` is that of i and j < i. Memory: 4 bytes a pair.
///
/// # Errors
/// Different numbers of factors.
pub fn llr_all_pairs(stats: &[SpeakerStat]) -> Result<Vec<f32>> {
    let factors = stats.first().map_or(1, SpeakerStat::factors);
    for stat in stats {
        check_shape("speaker factors", &[stat.factors()], &[factors])?;
    }
    let mut scores = vec![0.0; stats.len() * stats.len().saturating_sub(1) / 2];
    // Sixteen rows of the triangle lie side by side in memory, and are one block of lanes.
    let mut tasks = Vec::new();
    let mut rest = scores.as_mut_slice();
    for first in (0..stats.len()).step_by(WIDTH) {
        let last = (first + WIDTH).min(stats.len());
        let (rows, after) = rest.split_at_mut((first..last).sum());
        tasks.push((first, last, rows));
        rest = after;
    }
    tasks.into_par_iter().rev().for_each_init(
        || Block::new(factors),
        |block, (first, last, rows)| {
            block.fill(stats[first..last].iter());
            let mut of_column = [0.0; WIDTH];
            for (j, one) in stats[..last - 1].iter().enumerate() {
                block.score(one, &mut of_column);
                let mut start = 0;
                for i in first..last {
                    if j < i {
                        rows[start + j] = of_column[i - first] as f32;
                    }
                    start += i;
                }
            }
        },
    );
    Ok(scores)
}

/// Sixteen utterances, entry by entry.
struct Block {
    factors: usize,
    /// I + P then d: `[entry][lane]`.
    values: Vec<[f64; WIDTH]>,
    evidence: [f64; WIDTH],
    /// Rows of the unit lower triangle of L D Lᵀ, and room for a few more that are read in vain.
    l: Vec<[f64; WIDTH]>,
    /// The row in work, before its division by the pivots.
    u: Vec<[f64; WIDTH]>,
    inverse_pivots: Vec<[f64; WIDTH]>,
    /// L⁻¹ d
    z: Vec<[f64; WIDTH]>,
}

impl Block {
    fn new(factors: usize) -> Self {
        let zeros = |n| vec![[0.0; WIDTH]; n];
        Self {
            factors,
            values: zeros(triangle(factors) + factors),
            evidence: [0.0; WIDTH],
            l: zeros(triangle(factors + COLUMNS)),
            u: zeros(factors),
            inverse_pivots: zeros(factors),
            z: zeros(factors),
        }
    }

    fn fill<'a>(&mut self, stats: impl Iterator<Item = &'a SpeakerStat>) {
        // Lanes left over stay at what they were: valid numbers nobody reads.
        for (lane, stat) in stats.enumerate() {
            self.evidence[lane] = stat.evidence();
            for (to, &from) in self.values.iter_mut().zip(stat.precision().iter().chain(stat.linear())) {
                to[lane] = from;
            }
        }
    }

    /// LLR of `one` with the first `scores.len()` lanes.
    fn score(&mut self, one: &SpeakerStat, scores: &mut [f64]) {
        let mut unions = [0.0; WIDTH];
        Arch::new().dispatch(Union { block: self, one, out: &mut unions });
        for (lane, score) in scores.iter_mut().enumerate() {
            *score = unions[lane] - (one.evidence() + self.evidence[lane]);
        }
    }
}

/// φ of one utterance joined with each lane.
struct Union<'a> {
    block: &'a mut Block,
    one: &'a SpeakerStat,
    out: &'a mut [f64; WIDTH],
}

/// Registers in work at a time, a row: with four columns, 8 sums in flight.
const REGISTERS: usize = 2;
const COLUMNS: usize = 4;

impl WithSimd for Union<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let lanes = size_of::<S::f64s>() / size_of::<f64>();
        let step = (REGISTERS * lanes).min(WIDTH);
        for start in (0..WIDTH).step_by(step) {
            if step == REGISTERS * lanes {
                evidence_of_union::<S, REGISTERS>(simd, self.block, self.one, start, self.out);
            } else {
                evidence_of_union::<S, 1>(simd, self.block, self.one, start, self.out);
            }
        }
    }
}

#[inline(always)]
fn load<S: Simd, const R: usize>(values: &[f64; WIDTH], start: usize) -> [S::f64s; R] {
    let lanes = size_of::<S::f64s>() / size_of::<f64>();
    let registers = S::as_simd_f64s(&values[start..start + R * lanes]).0;
    std::array::from_fn(|r| registers[r])
}

#[inline(always)]
fn store<S: Simd, const R: usize>(registers: [S::f64s; R], values: &mut [f64; WIDTH], start: usize) {
    let lanes = size_of::<S::f64s>() / size_of::<f64>();
    S::as_mut_simd_f64s(&mut values[start..start + R * lanes]).0.copy_from_slice(&registers);
}

/// One left-looking L D Lᵀ factorisation of I + P, the forward solution fused into it, in the lanes from `start` on.
#[inline(always)]
fn evidence_of_union<S: Simd, const R: usize>(
    simd: S,
    block: &mut Block,
    one: &SpeakerStat,
    start: usize,
    out: &mut [f64; WIDTH],
) {
    let Block { factors, values, l, u, inverse_pivots, z, .. } = block;
    let n = *factors;
    let (precision, linear) = values.split_at(triangle(n));
    let zero = [simd.splat_f64s(0.0); R];
    let unit = [simd.splat_f64s(1.0); R];
    let (mut quadratic, mut product) = (zero, unit);
    let mut log_determinant = [0.0; WIDTH];
    // a - b c
    let minus = |a: S::f64s, b: S::f64s, c: S::f64s| simd.mul_add_e_f64s(simd.neg_f64s(b), c, a);
    let sum = |a: f64, b: &[f64; WIDTH]| {
        let b = load::<S, R>(b, start);
        std::array::from_fn(|r| simd.add_f64s(simd.splat_f64s(a), b[r]))
    };
    for i in 0..n {
        let row = triangle(i);
        // u[j] = a[i, j] - Σ_{k<j} u[k] l[j, k], four columns at a time
        let mut j = 0;
        while j < i {
            // The last columns may reach past the row: what they read is left over, what they give is not kept.
            let columns = (i - j).min(COLUMNS);
            let mut sums: [[S::f64s; R]; COLUMNS] = [zero; COLUMNS];
            for c in 0..columns {
                sums[c] = sum(one.precision()[row + j + c], &precision[row + j + c]);
            }
            let rows: [&[[f64; WIDTH]]; COLUMNS] = std::array::from_fn(|c| &l[triangle(j + c)..][..j]);
            for (k, left) in u[..j].iter().enumerate() {
                let left = load::<S, R>(left, start);
                for c in 0..COLUMNS {
                    let right = load::<S, R>(&rows[c][k], start);
                    for r in 0..R {
                        sums[c][r] = minus(sums[c][r], left[r], right[r]);
                    }
                }
            }
            for c in 0..columns {
                for k in 0..c {
                    let right = load::<S, R>(&l[triangle(j + c) + j + k], start);
                    for r in 0..R {
                        sums[c][r] = minus(sums[c][r], sums[k][r], right[r]);
                    }
                }
                store::<S, R>(sums[c], &mut u[j + c], start);
            }
            j += columns;
        }
        // l[i, j] = u[j] / pivot[j]; pivot[i] = 1 + a[i, i] - Σ u l; z[i] = d[i] - Σ l z
        let mut pivot: [S::f64s; R] = sum(one.precision()[row + i] + 1.0, &precision[row + i]);
        let mut solved: [S::f64s; R] = sum(one.linear()[i], &linear[i]);
        // Every other term goes to a sum of its own, so that additions do not wait for each other.
        let (mut other_pivot, mut other_solved) = (zero, zero);
        for j in 0..i {
            let upper = load::<S, R>(&u[j], start);
            let inverse = load::<S, R>(&inverse_pivots[j], start);
            let before = load::<S, R>(&z[j], start);
            let mut lower = upper;
            for r in 0..R {
                lower[r] = simd.mul_f64s(upper[r], inverse[r]);
                if j % 2 == 0 {
                    pivot[r] = minus(pivot[r], upper[r], lower[r]);
                    solved[r] = minus(solved[r], lower[r], before[r]);
                } else {
                    other_pivot[r] = minus(other_pivot[r], upper[r], lower[r]);
                    other_solved[r] = minus(other_solved[r], lower[r], before[r]);
                }
            }
            store::<S, R>(lower, &mut l[row + j], start);
        }
        for r in 0..R {
            pivot[r] = simd.add_f64s(pivot[r], other_pivot[r]);
            solved[r] = simd.add_f64s(solved[r], other_solved[r]);
        }
        let mut inverse = unit;
        for r in 0..R {
            inverse[r] = simd.div_f64s(unit[r], pivot[r]);
            product[r] = simd.mul_f64s(product[r], pivot[r]);
            let scaled = simd.mul_f64s(solved[r], inverse[r]);
            quadratic[r] = simd.mul_add_e_f64s(solved[r], scaled, quadratic[r]);
        }
        store::<S, R>(inverse, &mut inverse_pivots[i], start);
        store::<S, R>(solved, &mut z[i], start);
        if (i + 1).is_multiple_of(PIVOTS) || i + 1 == n {
            let mut products = [1.0; WIDTH];
            store::<S, R>(product, &mut products, start);
            for (total, product) in log_determinant.iter_mut().zip(products) {
                *total += if product == 1.0 { 0.0 } else { product.ln() };
            }
            product = unit;
        }
    }
    store::<S, R>(quadratic, out, start);
    let lanes = R * size_of::<S::f64s>() / size_of::<f64>();
    for lane in start..start + lanes {
        out[lane] = 0.5 * (out[lane] - log_determinant[lane]);
    }
}
