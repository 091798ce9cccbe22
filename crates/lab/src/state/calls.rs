//! Every EC2 API call: what it was, who made it, what became of it.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vpc::Timestamp;

/// How many calls are kept in full; counts are kept for all.
const KEPT: usize = 100_000;
/// The outcome of a call that succeeded.
const OK: &str = "OK";

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// When it arrived.
    pub at: Timestamp,
    /// As the answer's `requestId`.
    pub request_id: String,
    /// e.g. `AssignPrivateIpAddresses`; `-` when the request named none.
    pub action: String,
    /// ARN of the caller; `-` when the signature did not tell.
    pub caller: String,
    /// Address the connection came from, when known.
    pub source: Option<IpAddr>,
    /// EC2's error code; `None` for success.
    pub error: Option<String>,
    /// From arrival to answer.
    pub duration: Duration,
}

impl Call {
    /// `OK` or the error code.
    pub fn outcome(&self) -> &str {
        self.error.as_deref().unwrap_or(OK)
    }
}

/// How often a caller made a call with an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallCount {
    /// As [`Call::action`].
    pub action: String,
    /// As [`Call::caller`].
    pub caller: String,
    /// As [`Call::outcome`].
    pub outcome: String,
    /// How often.
    pub calls: u64,
}

/// The log. Counts are exact for the lab's whole life; the last 100,000 calls are kept in full.
#[derive(Debug, Default)]
pub struct CallLog {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    recent: VecDeque<Call>,
    counts: BTreeMap<(String, String, String), u64>,
}

impl CallLog {
    /// Adds a call.
    pub fn record(&self, call: Call) {
        let mut state = self.lock();
        let key = (call.action.clone(), call.caller.clone(), call.outcome().to_owned());
        *state.counts.entry(key).or_default() += 1;
        if state.recent.len() == KEPT {
            state.recent.pop_front();
        }
        state.recent.push_back(call);
    }

    /// Counts since the lab began, in order of action, caller and outcome.
    pub fn counts(&self) -> Vec<CallCount> {
        self.lock().counts.iter().map(count).collect()
    }

    /// Counts of the calls at or after `since` that are still kept, in the same order.
    pub fn counts_since(&self, since: Timestamp) -> Vec<CallCount> {
        let mut counts: BTreeMap<(String, String, String), u64> = BTreeMap::new();
        for call in self.since(since) {
            let outcome = call.outcome().to_owned();
            *counts.entry((call.action, call.caller, outcome)).or_default() += 1;
        }
        counts.iter().map(count).collect()
    }

    /// How often `action` was called, by anyone, with any outcome.
    pub fn total(&self, action: &str) -> u64 {
        self.lock().counts.iter().filter(|((a, ..), _)| a == action).map(|(_, n)| n).sum()
    }

    /// The calls at or after `since` that are still kept, oldest first.
    pub fn since(&self, since: Timestamp) -> Vec<Call> {
        self.lock().recent.iter().filter(|call| call.at >= since).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A log that lost one record to a panic is still a log.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(((action, caller, outcome), calls): (&(String, String, String), &u64)) -> CallCount {
    CallCount {
        action: action.clone(),
        caller: caller.clone(),
        outcome: outcome.clone(),
        calls: *calls,
    }
}
