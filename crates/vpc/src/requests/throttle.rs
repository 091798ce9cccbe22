//! Which calls are admitted.

use std::collections::BTreeMap;

use super::{Limit, TokenBucket, limits};
use crate::{AccountId, Timestamp};

/// What decides which tokens a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiCall<'a> {
    /// The caller's account.
    pub account: &'a AccountId,
    /// The Region it calls in.
    pub region: &'a str,
    /// The action's name.
    pub action: &'a str,
    /// Whether it asks for everything at once: a Describe with neither filter nor pagination.
    pub broad: bool,
    /// How many instances it names, for actions that start or end instances.
    pub instances: u32,
}

/// A call that found too few tokens: EC2 answers `RequestLimitExceeded`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throttled {
    /// When the same call would be admitted if no other came; `None` for never.
    pub until: Option<Timestamp>,
}

/// The buckets of every account, Region and action that has called.
#[derive(Debug, Clone)]
pub struct Throttle {
    share: u32,
    buckets: BTreeMap<Key, TokenBucket>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    account: AccountId,
    region: String,
    action: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Calls,
    Broad,
    Instances,
}

impl Throttle {
    /// Full buckets, of which others use up all but `share` per cent.
    #[must_use]
    pub fn new(share: u32) -> Self {
        Self { share, buckets: BTreeMap::new() }
    }

    /// Admits a call and takes its tokens, or takes none.
    ///
    /// # Errors
    /// [`Throttled`].
    pub fn admit(&mut self, call: &ApiCall<'_>, now: Timestamp) -> Result<(), Throttled> {
        let broad = call.broad && limits::is_stricter(call.action);
        let kind = if broad { Kind::Broad } else { Kind::Calls };
        let limit = limits::of_calls(call.action, broad);
        let mut calls = self.bucket(call, kind, limit, now);
        calls.take(1, now).map_err(|until| Throttled { until })?;
        if let Some(limit) = limits::of_instances(call.action) {
            let mut instances = self.bucket(call, Kind::Instances, limit, now);
            instances.take(call.instances, now).map_err(|until| Throttled { until })?;
            self.buckets.insert(key(call, Kind::Instances), instances);
        }
        self.buckets.insert(key(call, kind), calls);
        Ok(())
    }

    fn bucket(&self, call: &ApiCall<'_>, kind: Kind, limit: Limit, now: Timestamp) -> TokenBucket {
        let known = self.buckets.get(&key(call, kind)).cloned();
        known.unwrap_or_else(|| TokenBucket::full(limit.share(self.share), now))
    }
}

fn key(call: &ApiCall<'_>, kind: Kind) -> Key {
    Key {
        account: call.account.clone(),
        region: call.region.to_owned(),
        action: call.action.to_owned(),
        kind,
    }
}
