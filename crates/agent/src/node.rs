//! The node: everything the agent's tasks share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipam::{ActionId, Event, Time};
use tokio::sync::{Notify, watch};

use crate::books::Books;
use crate::checkpoint::Checkpoint;
use crate::clock::Clock;
use crate::cloud::{Cloud, Identity};
use crate::config::Config;
use crate::keyed::KeyedLocks;
use crate::wiring::Wiring;

/// A node, its EC2 (`C`) and its kernel (`W`).
pub struct Node<C, W> {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) clock: Clock,
    pub(crate) cloud: C,
    pub(crate) wiring: Arc<W>,
    pub(crate) books: Mutex<Books>,
    pub(crate) checkpoint: Arc<Mutex<Checkpoint>>,
    pub(crate) locks: KeyedLocks,
    /// Wakes the pool loop.
    pub(crate) work: Notify,
    /// EC2's answers give reason to compare with it.
    pub(crate) doubt: Notify,
    /// There is another time to look for ENIs left behind.
    pub(crate) orphans: Notify,
    /// Wakes whoever waits for an address.
    pub(crate) changed: watch::Sender<()>,
}

impl<C: Cloud, W: Wiring> Node<C, W> {
    /// Now.
    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }

    /// The books. Held for a few lines at a time, never while waiting.
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// Tells the pool how an action ended, and everybody who may have waited for that.
    pub(crate) fn observe(&self, id: ActionId, event: Event) {
        let now = self.now();
        self.books().pool.observe(id, event, now);
        self.poke();
    }

    /// Something changed: the pool loop and those who wait look again.
    pub(crate) fn poke(&self) {
        self.work.notify_one();
        self.changed.send_replace(());
    }

    /// Does something with the kernel or the disk, on a thread that may wait for it.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&W, &Mutex<Checkpoint>) -> T + Send + 'static,
    ) -> T {
        let (wiring, checkpoint) = (Arc::clone(&self.wiring), Arc::clone(&self.checkpoint));
        match tokio::task::spawn_blocking(move || act(&wiring, &checkpoint)).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only when the runtime ends, and with it everybody who could care.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Waits until pods can be started: the pool has addresses, and the first asks are answered.
    pub async fn filled(&self) {
        let mut changed = self.changed.subscribe();
        loop {
            let stats = self.books().pool.stats(self.now());
            if stats.total > 0 && stats.expected == 0 {
                return;
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// EC2 calls so far, by action.
    #[must_use]
    pub fn ec2_calls(&self) -> BTreeMap<String, u64> {
        self.cloud.calls()
    }
}

/// A lock whose holder cannot leave things half done: what it guards is changed by single calls.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
