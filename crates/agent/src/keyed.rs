//! One lock per attachment, so that calls for the same one follow each other and others do not
//! wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipam::AttachmentKey;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// The locks that are held or waited for.
#[derive(Debug, Default)]
pub(crate) struct KeyedLocks {
    locks: Mutex<BTreeMap<AttachmentKey, Arc<AsyncMutex<()>>>>,
    /// How many calls that end an attachment hold its lock or wait for it.
    ending: Mutex<BTreeMap<AttachmentKey, u32>>,
}

/// An attachment is being ended for as long as this lives.
#[derive(Debug)]
pub(crate) struct Ending<'a> {
    locks: &'a KeyedLocks,
    key: AttachmentKey,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut ending = self.locks.ending();
        if let Some(count) = ending.get_mut(&self.key) {
            *count -= 1;
        }
        ending.retain(|_, count| *count > 0);
    }
}

impl KeyedLocks {
    /// Waits until no other call for `key` is under way.
    pub(crate) async fn lock(&self, key: &AttachmentKey) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks();
            // One reference is the map's own: nobody holds such a lock or waits for it.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(key.clone()).or_default())
        };
        lock.lock_owned().await
    }

    /// Announces the end of an attachment, so that a call which only waits for it stops waiting.
    pub(crate) fn announce_end(&self, key: &AttachmentKey) -> Ending<'_> {
        *self.ending().entry(key.clone()).or_default() += 1;
        Ending { locks: self, key: key.clone() }
    }

    /// Whether the end of the attachment has been announced and is still to come.
    pub(crate) fn is_ending(&self, key: &AttachmentKey) -> bool {
        self.ending().contains_key(key)
    }

    fn ending(&self) -> MutexGuard<'_, BTreeMap<AttachmentKey, u32>> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locks(&self) -> MutexGuard<'_, BTreeMap<AttachmentKey, Arc<AsyncMutex<()>>>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(n: u8) -> AttachmentKey {
        AttachmentKey { network: "n".into(), container_id: n.to_string(), ifname: "eth0".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_key_waits_and_another_does_not() {
        let locks = KeyedLocks::default();
        let held = locks.lock(&key(1)).await;
        locks.lock(&key(2)).await;
        let soon = Duration::from_secs(1);
        assert!(tokio::time::timeout(soon, locks.lock(&key(1))).await.is_err());
        drop(held);
        assert!(tokio::time::timeout(soon, locks.lock(&key(1))).await.is_ok());
    }

    #[test]
    fn an_end_is_announced_until_the_last_one_is_through() {
        let locks = KeyedLocks::default();
        let (one, two) = (locks.announce_end(&key(1)), locks.announce_end(&key(1)));
        assert!(locks.is_ending(&key(1)) && !locks.is_ending(&key(2)));
        drop(one);
        assert!(locks.is_ending(&key(1)));
        drop(two);
        assert!(!locks.is_ending(&key(1)));
    }

    #[tokio::test]
    async fn locks_of_the_past_are_forgotten() {
        let locks = KeyedLocks::default();
        for n in 0..100 {
            locks.lock(&key(n)).await;
        }
        assert!(locks.locks().len() <= 2);
    }
}
