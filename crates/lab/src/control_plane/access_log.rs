//! Who asked the control plane for what.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vpc::Timestamp;

/// How many requests are kept.
const KEPT: usize = 100_000;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// When it arrived.
    pub at: Timestamp,
    /// The connection's other end, as the control plane saw it.
    pub peer: SocketAddr,
    /// The X-ENI address it came in on.
    pub local: SocketAddr,
    /// e.g. `GET`.
    pub method: String,
    /// e.g. `/version`.
    pub path: String,
    /// HTTP status of the answer.
    pub status: u16,
}

/// The last 100,000 requests.
#[derive(Debug, Default)]
pub struct AccessLog(Mutex<VecDeque<Access>>);

impl AccessLog {
    /// The requests at or after `since`, oldest first.
    pub fn since(&self, since: Timestamp) -> Vec<Access> {
        self.lock().iter().filter(|access| access.at >= since).cloned().collect()
    }

    /// All requests kept, oldest first.
    pub fn all(&self) -> Vec<Access> {
        self.lock().iter().cloned().collect()
    }

    pub(super) fn record(&self, access: Access) {
        let mut log = self.lock();
        if log.len() == KEPT {
            log.pop_front();
        }
        log.push_back(access);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Access>> {
        // A log that lost one record to a panic is still a log.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
