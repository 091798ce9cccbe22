//! How many requests have been sent, by action.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Counts requests. Every attempt counts, since EC2's throttles count every attempt.
#[derive(Debug, Default)]
pub(crate) struct CallCounts(Mutex<BTreeMap<&'static str, u64>>);

impl CallCounts {
    pub(crate) fn count(&self, action: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(action).or_default() += 1;
    }

    pub(crate) fn snapshot(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
