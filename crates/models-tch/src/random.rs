//! Randomness that depends on named numbers only, never on what ran before.

use std::sync::{Mutex, PoisonError};

/// Mixes numbers into one seed; every output bit depends on every input bit.
///
/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014), chained.
pub(crate) fn mix(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0x9E37_79B9_7F4A_7C15, |state, &number| {
        let mut z = (state ^ number).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// A permutation of `0..len` that depends on `seed` and `epoch` only (Fisher-Yates).
pub(crate) fn permutation(len: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for last in (1..len).rev() {
        // The bias of the remainder is below len / 2^64.
        let other = mix(&[seed, epoch, last as u64]) % (last as u64 + 1);
        order.swap(last, other as usize);
    }
    order
}

/// libtorch has one random generator per process; whoever draws from it holds this.
static GENERATOR: Mutex<()> = Mutex::new(());

/// Runs `draw` with libtorch's generator seeded, alone in the process.
pub(crate) fn with_seed<T>(seed: u64, draw: impl FnOnce() -> T) -> T {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    tch::manual_seed(seed as i64);
    draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permutations_hold_every_index_once_and_differ_between_epochs() {
        for len in [0, 1, 2, 17, 1000] {
            let mut order = permutation(len, 7, 3);
            assert_eq!(order, permutation(len, 7, 3));
            if len > 2 {
                assert_ne!(order, permutation(len, 7, 4));
                assert_ne!(order, permutation(len, 8, 3));
            }
            order.sort_unstable();
            assert!(order.into_iter().eq(0..len));
        }
    }

    #[test]
    fn every_place_is_equally_likely() {
        let mut counts = [[0_u32; 5]; 5];
        for epoch in 0..10_000 {
            for (place, &item) in permutation(5, 1, epoch).iter().enumerate() {
                counts[place][item] += 1;
            }
        }
        // Standard deviation of a count is 40; six of them.
        assert!(counts.iter().flatten().all(|&count| count.abs_diff(2000) < 240), "{counts:?}");
    }
}
