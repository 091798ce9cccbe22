//! Exponential back-off with jitter from a seed.

use std::time::Duration;

use crate::model::Time;

/// Delays that double from `first` to `most`, each shortened by up to a fifth.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
    random: u64,
    until: Time,
}

impl Backoff {
    /// No failure yet.
    pub(crate) fn new(first: Duration, most: Duration, seed: u64) -> Self {
        Self { first, most, failures: 0, random: seed, until: Time(0) }
    }

    /// Counts a failure and answers when to try again.
    pub(crate) fn fail(&mut self, now: Time) -> Time {
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        let delay = doubled.min(self.most);
        self.failures = self.failures.saturating_add(1);
        let percent = 80 + u32::try_from(self.next_random() % 21).unwrap_or(0);
        self.until = now.after(delay * percent / 100);
        self.until
    }

    /// Forgets the failures.
    pub(crate) fn succeed(&mut self) {
        self.failures = 0;
        self.until = Time(0);
    }

    /// When to try again, if that is still to come.
    pub(crate) fn blocked_until(&self, now: Time) -> Option<Time> {
        (self.until > now).then_some(self.until)
    }

    /// splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_most_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(30), 7);
        for full in [2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
            let delay = backoff.fail(Time(1_000)).0 - 1_000;
            assert!(
                (full * 8 / 10..=full).contains(&delay),
                "{delay} is not within 20 % of {full}"
            );
        }
        backoff.succeed();
        assert_eq!(backoff.blocked_until(Time(0)), None);
        assert!(backoff.fail(Time(0)).0 <= 2_000);
    }

    #[test]
    fn seeds_spread_the_retries() {
        let first = |seed| {
            Backoff::new(Duration::from_secs(30), Duration::from_secs(30), seed).fail(Time(0))
        };
        let distinct: std::collections::BTreeSet<_> = (0..64).map(first).collect();
        assert!(distinct.len() > 10, "only {} distinct delays", distinct.len());
    }
}
