//! The source of randomness of everything here that has to choose.

/// A seeded generator (SplitMix64; Steele, Lea and Flood, OOPSLA 2014): the same seed gives the
/// same numbers on every machine, and the whole state is one word, so a World clones with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of this seed and a name: for choices that must come out the same whenever and
    /// in whatever order they are asked for.
    #[must_use]
    pub fn keyed(seed: u64, name: &str) -> Self {
        // FNV-1a (draft-eastlake-fnv): the name's bytes need to be told apart, not to be hidden.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut mixed = Self(seed ^ hash);
        Self(mixed.next())
    }

    /// The next 64 bits.
    #[expect(clippy::should_implement_trait, reason = "an endless sequence, not an iterator")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound` (0 if `bound` is 0). The bias is below 2⁻⁴⁸ for the bounds used
    /// here, which are at most some hundred thousand.
    pub fn below(&mut self, bound: u32) -> u32 {
        let scaled = (u128::from(self.next()) * u128::from(bound)) >> 64;
        // scaled < bound ≤ u32::MAX, so the conversion always succeeds.
        u32::try_from(scaled).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_the_published_sequence() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn below_reaches_every_value_and_no_other() {
        let mut random = Random::new(1);
        let mut seen = [0_u32; 7];
        for _ in 0..7000 {
            seen[random.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| (800..1200).contains(&n)), "{seen:?}");
        assert_eq!(random.below(0), 0);
    }
}
