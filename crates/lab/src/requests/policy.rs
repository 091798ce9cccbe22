//! What a topology says about requests.

use std::collections::BTreeSet;

use vpc::requests::{Profile, Timing};

/// How the lab treats requests, from its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPolicy {
    /// Throttles and delays.
    pub timing: Timing,
    /// Actions that nobody is authorized to call.
    pub deny: BTreeSet<String>,
}

impl Default for RequestPolicy {
    /// Nothing is limited or late, everything is allowed.
    fn default() -> Self {
        Self { timing: Profile::default().timing(), deny: BTreeSet::new() }
    }
}
