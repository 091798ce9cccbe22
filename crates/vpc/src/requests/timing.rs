//! How long calls take, and how late what they did shows.

use std::collections::BTreeMap;

use crate::{Eni, Random, Timestamp};

/// From and to, in milliseconds, both included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The least.
    pub min: u32,
    /// The most; not below `min`.
    pub max: u32,
}

impl Span {
    /// No time at all.
    pub const NONE: Self = Self { min: 0, max: 0 };

    /// From `min` to `max` milliseconds.
    #[must_use]
    pub const fn new(min: u32, max: u32) -> Self {
        Self { min, max }
    }

    /// A time in between, each as likely as any other.
    #[must_use]
    pub fn draw(self, random: &mut Random) -> u32 {
        self.min + random.below(self.max.saturating_sub(self.min).saturating_add(1))
    }
}

/// Every knob there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// Whether calls need tokens.
    pub throttle: bool,
    /// How much of the account's buckets is left by its other callers, in per cent.
    pub share: u32,
    /// How long a call takes, by action.
    pub latency: BTreeMap<String, Span>,
    /// How long calls take that are not in `latency`.
    pub other_latency: Span,
    /// For how long after its creation an ENI may still be unknown to other calls.
    pub new_eni: Span,
    /// How late the metadata service shows a change to an instance's ENIs.
    pub metadata: Span,
    /// How many new ENIs the metadata service first lists without knowing them, in per cent.
    pub half_visible: u32,
}

impl Timing {
    /// How long this call takes, in milliseconds.
    #[must_use]
    pub fn latency(&self, action: &str, random: &mut Random) -> u32 {
        self.latency.get(action).copied().unwrap_or(self.other_latency).draw(random)
    }

    /// Whether a call at `now` does not find `eni` yet. Once found, an ENI stays so; one that is
    /// attached has been.
    #[must_use]
    pub fn hides(&self, eni: &Eni, seed: u64, now: Timestamp) -> bool {
        if self.new_eni == Span::NONE || eni.attachment.is_some() {
            return false;
        }
        let unknown_for = self.new_eni.draw(&mut Random::keyed(seed, eni.id.as_str()));
        now.0 < eni.created.0.saturating_add(i64::from(unknown_for))
    }
}
