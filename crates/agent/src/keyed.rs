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

    #[tokio::test]
    async fn locks_of_the_past_are_forgotten() {
        let locks = KeyedLocks::default();
        for n in 0..100 {
            locks.lock(&key(n)).await;
        }
        assert!(locks.locks().len() <= 2);
    }
}
