//! Where the time comes from, and how EC2 writes it.

use std::sync::atomic::{AtomicI64, Ordering};

use vpc::Timestamp;

/// A source of the current time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock standing at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves on by `milliseconds` (back, when negative).
    pub fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// `2026-11-23T11:40:00.000Z`, as EC2 writes times in its answers.
pub fn iso8601(at: Timestamp) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

/// `2026-11-23T11:40:00Z`, as the metadata service writes times.
pub fn iso8601_seconds(at: Timestamp) -> String {
    format(at, "%Y-%m-%dT%H:%M:%SZ")
}

fn format(at: Timestamp, pattern: &str) -> String {
    // Out-of-range times (year 9999 and later) are clamped: a time in an answer is never a reason
    // to fail the answer.
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::MAX);
    at.strftime(pattern).to_string()
}
