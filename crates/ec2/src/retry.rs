//! When to try again, and after how long.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// How often a request is tried, and how long the pauses between are.
///
/// The pause before try n + 1 is a random part of `base` · 2ⁿ⁻¹, of at most `cap` ("full jitter"), so
/// that many nodes that were throttled together do not come back together.
#[derive(Clone, Debug)]
pub struct Retry {
    /// Most tries, the first included; 0 counts as 1.
    pub attempts: u32,
    /// Longest pause before the second try.
    pub base: Duration,
    /// Longest pause before any try.
    pub cap: Duration,
    /// Which part of the longest pause to take.
    pub jitter: Jitter,
}

impl Default for Retry {
    /// Five tries within at most 200 ms + 400 ms + 800 ms + 1.6 s of pauses.
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(200),
            cap: Duration::from_secs(5),
            jitter: Jitter::random(),
        }
    }
}

impl Retry {
    /// One try.
    #[must_use]
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// The pause after `failures` failed tries; nothing when there have been enough.
    #[must_use]
    pub fn pause(&self, failures: u32) -> Option<Duration> {
        if failures >= self.attempts {
            return None;
        }
        let doublings = failures.saturating_sub(1).min(31);
        let longest = self.base.saturating_mul(1 << doublings).min(self.cap);
        Some(longest.mul_f64(self.jitter.part()))
    }
}

/// A source of numbers from 0 to 1.
#[derive(Clone)]
pub struct Jitter(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Jitter {
    /// Random numbers, different in every process.
    #[must_use]
    pub fn random() -> Self {
        // The standard library's hash keys come from the system's random numbers, and each new
        // state has a key of its own. That is chance enough to spread retries.
        Self::new(|| {
            let bits = RandomState::new().hash_one(0_u8) >> 32;
            let numerator = u32::try_from(bits).unwrap_or(u32::MAX);
            f64::from(numerator) / f64::from(u32::MAX)
        })
    }

    /// The numbers that `part` gives; those outside of 0 to 1 count as the nearer end.
    pub fn new(part: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(part))
    }

    fn part(&self) -> f64 {
        let part = (self.0)();
        if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) }
    }
}

impl std::fmt::Debug for Jitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jitter")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(part: f64) -> Vec<Option<u128>> {
        let retry = Retry {
            attempts: 5,
            base: Duration::from_millis(200),
            cap: Duration::from_millis(1000),
            jitter: Jitter::new(move || part),
        };
        (1..=5).map(|failures| retry.pause(failures).map(|pause| pause.as_millis())).collect()
    }

    #[test]
    fn pauses_double_up_to_the_cap_and_end() {
        assert_eq!(pauses(1.0), [Some(200), Some(400), Some(800), Some(1000), None]);
    }

    #[test]
    fn pauses_are_the_part_that_the_jitter_says() {
        assert_eq!(pauses(0.5), [Some(100), Some(200), Some(400), Some(500), None]);
        assert_eq!(pauses(7.0), pauses(1.0));
        assert_eq!(pauses(-1.0), pauses(0.0));
        assert_eq!(pauses(f64::NAN), pauses(0.0));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let retry = Retry { attempts: u32::MAX, base: Duration::MAX, ..Retry::default() };
        assert!(retry.pause(u32::MAX - 1).is_some_and(|pause| pause <= retry.cap));
        assert_eq!(Retry { attempts: 0, ..Retry::default() }.pause(1), None);
    }

    #[test]
    fn random_jitter_varies_within_bounds() {
        let jitter = Jitter::random();
        let parts: Vec<f64> = (0..100).map(|_| jitter.part()).collect();
        assert!(parts.iter().all(|part| (0.0..=1.0).contains(part)));
        assert!(parts.iter().any(|part| *part < 0.5) && parts.iter().any(|part| *part > 0.5));
    }
}
