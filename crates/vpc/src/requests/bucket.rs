//! A token bucket.

use crate::Timestamp;

/// Millionths: a refill of one thousandth of a token per second is one of them per millisecond, so
/// that refilling is exact in whole numbers.
const TOKEN: u64 = 1_000_000;

/// The size of a bucket and how it refills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    /// Most tokens it holds; it begins full.
    pub capacity: u32,
    /// Tokens that come back, in thousandths per second.
    pub refill_millitokens: u32,
}

impl Limit {
    /// A bucket of `capacity` tokens of which `per_second` come back each second.
    #[must_use]
    pub const fn new(capacity: u32, per_second: u32) -> Self {
        Self { capacity, refill_millitokens: per_second * 1000 }
    }

    /// What is left of it when others use up all but `percent` per cent; at least one token.
    #[must_use]
    pub fn share(self, percent: u32) -> Self {
        let part = |whole: u32| {
            let part = u64::from(whole) * u64::from(percent.min(100)) / 100;
            u32::try_from(part).unwrap_or(whole).max(1)
        };
        Self { capacity: part(self.capacity), refill_millitokens: part(self.refill_millitokens) }
    }
}

/// A bucket that calls take tokens from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBucket {
    limit: Limit,
    /// In millionths of a token.
    level: u64,
    at: Timestamp,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub fn full(limit: Limit, now: Timestamp) -> Self {
        Self { limit, level: u64::from(limit.capacity) * TOKEN, at: now }
    }

    /// Takes `tokens` at once, or none of them.
    ///
    /// # Errors
    /// When there are fewer: the time from which there will be enough, if nobody else takes any;
    /// `None` when the bucket never holds so many.
    pub fn take(&mut self, tokens: u32, now: Timestamp) -> Result<(), Option<Timestamp>> {
        self.refill(now);
        let wanted = u64::from(tokens) * TOKEN;
        if wanted <= self.level {
            self.level -= wanted;
            return Ok(());
        }
        let refill = u64::from(self.limit.refill_millitokens);
        if tokens > self.limit.capacity || refill == 0 {
            return Err(None);
        }
        let wait = (wanted - self.level).div_ceil(refill);
        Err(Some(Timestamp(self.at.0.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX)))))
    }

    /// Whole tokens in it.
    #[must_use]
    pub fn tokens(&mut self, now: Timestamp) -> u32 {
        self.refill(now);
        u32::try_from(self.level / TOKEN).unwrap_or(u32::MAX)
    }

    /// A clock that steps back refills nothing, and nothing twice when it comes forward again.
    fn refill(&mut self, now: Timestamp) {
        let Ok(elapsed) = u64::try_from(now.0.saturating_sub(self.at.0)) else { return };
        let refilled = elapsed.saturating_mul(u64::from(self.limit.refill_millitokens));
        let most = u64::from(self.limit.capacity) * TOKEN;
        self.level = self.level.saturating_add(refilled).min(most);
        self.at = now;
    }
}
