//! A small generator whose stream never changes between versions, platforms or thread counts: experiments
//! must repeat years later, so it is spelled out here instead of following a library's releases.

/// SplitMix64 (Steele, Lea and Flood, 2014): one 64-bit state, passes BigCrush, and any two seeds that
/// differ give unrelated streams.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    #[cfg(test)]
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A stream of its own for each combination of keys, e.g. `(seed, epoch, example)`.
    pub(crate) fn keyed(keys: &[u64]) -> Self {
        let state = keys.iter().fold(0x9e37_79b9_7f4a_7c15, |state, &key| {
            Self { state: state ^ key.wrapping_mul(0xd6e8_feb8_6659_fd93) }.next()
        });
        Self { state }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `low..high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform integer in `0..bound`; 0 where `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((self.next() as u128 * bound as u128) >> 64) as usize
    }

    /// Standard normal, by the polar form of Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        loop {
            let (u, v) = (self.between(-1.0, 1.0), self.between(-1.0, 1.0));
            let radius = u * u + v * v;
            if radius > 0.0 && radius < 1.0 {
                return u * (-2.0 * radius.ln() / radius).sqrt();
            }
        }
    }

    /// Beta(a, a), by Jöhnk's method, which is exact and quick for the small `a` of mixup.
    pub(crate) fn symmetric_beta(&mut self, a: f64) -> f64 {
        for _ in 0..1000 {
            let (x, y) = (self.uniform().powf(1.0 / a), self.uniform().powf(1.0 / a));
            if x + y > 0.0 && x + y <= 1.0 {
                return x / (x + y);
            }
        }
        0.5
    }

    /// Fisher-Yates.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_stream_is_the_published_one() {
        // First outputs of SplitMix64 for seed 1234567, as listed with the reference implementation.
        let mut random = Random::new(1234567);
        let drawn: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(drawn, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut random = Random::new(7);
        let n = 20_000;
        let mean = |draw: &mut dyn FnMut() -> f64| (0..n).map(|_| draw()).sum::<f64>() / n as f64;
        assert!((mean(&mut || random.uniform()) - 0.5).abs() < 0.01);
        let mut random = Random::new(8);
        assert!((mean(&mut || random.normal().powi(2)) - 1.0).abs() < 0.04);
        let mut random = Random::new(9);
        // var Beta(a, a) = 1 / (4 (2a + 1))
        let variance = mean(&mut || (random.symmetric_beta(0.4) - 0.5).powi(2));
        assert!((variance - 1.0 / (4.0 * 1.8)).abs() < 0.005, "{variance}");
    }

    #[test]
    fn keyed_streams_differ_and_shuffles_permute() {
        assert_ne!(Random::keyed(&[1, 2]).next(), Random::keyed(&[2, 1]).next());
        let mut items: Vec<usize> = (0..50).collect();
        Random::new(1).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
