//! What stands between a caller and EC2: throttles, delays, missing permissions, faults.
//!
//! Entry point: [`Requests`]. What is limited and by how much is `vpc::requests`; here are its
//! state in a running lab and what people change about it while it runs.

mod faults;
mod metadata;
mod policy;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vpc::requests::{ApiCall, Throttle, Timing};
use vpc::{Eni, InstanceId, Random, Timestamp};

pub use faults::{ANY_ACTION, Effect, Fault, FaultId};
pub use policy::RequestPolicy;

use metadata::Metadata;

/// Makes the choices of every lab differ from those of its VPC, which have the same seed.
const SEED_OFFSET: u64 = 0x7265_7175_6573_7473;

/// The state of throttles, delays and faults. Shared by all servers of a lab.
#[derive(Debug)]
pub struct Requests {
    policy: RequestPolicy,
    seed: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    throttle: Throttle,
    random: Random,
    faults: faults::Faults,
    metadata: Metadata,
}

/// What a call that is carried out has to expect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Too many calls: `RequestLimitExceeded`, at once.
    Throttled,
    /// To be answered after `pause`.
    Admitted {
        /// How long it takes.
        pause: Duration,
        /// Whether its caller may make it, or what it fails with instead.
        verdict: Verdict,
    },
}

/// What comes of an admitted call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is carried out.
    CarryOut,
    /// Its caller lacks the permission.
    Denied,
    /// It fails because of a fault.
    Fails {
        /// The error's code.
        code: String,
        /// The error's message.
        message: String,
    },
}

impl Default for Requests {
    fn default() -> Self {
        Self::new(RequestPolicy::default(), 0)
    }
}

impl Requests {
    /// Full buckets and no faults. The same seed makes the same choices.
    #[must_use]
    pub fn new(policy: RequestPolicy, seed: u64) -> Self {
        let seed = seed ^ SEED_OFFSET;
        let state = State {
            throttle: Throttle::new(policy.timing.share),
            random: Random::new(seed),
            faults: faults::Faults::default(),
            metadata: Metadata::default(),
        };
        Self { policy, seed, state: Mutex::new(state) }
    }

    /// Decides about a call that has arrived.
    pub fn admit(&self, call: &ApiCall<'_>, now: Timestamp) -> Admission {
        let mut state = self.lock();
        let Timing { throttle, .. } = self.policy.timing;
        if state.faults.throttles(call.action)
            || throttle && state.throttle.admit(call, now).is_err()
        {
            return Admission::Throttled;
        }
        let takes = u64::from(self.policy.timing.latency(call.action, &mut state.random));
        let pause = Duration::from_millis(takes + state.faults.delay(call.action));
        let denied = self.policy.deny.contains(call.action) || state.faults.denies(call.action);
        let verdict = if denied {
            Verdict::Denied
        } else {
            match state.faults.fail(call.action) {
                Some((code, message)) => Verdict::Fails { code, message },
                None => Verdict::CarryOut,
            }
        };
        Admission::Admitted { pause, verdict }
    }

    /// Whether a call at `now` does not find this ENI yet.
    pub fn hides(&self, eni: &Eni, now: Timestamp) -> bool {
        self.policy.timing.hides(eni, self.seed, now)
    }

    /// Notes a change of the world, for what the metadata service will show of it.
    pub fn changed(&self, world: &vpc::World, now: Timestamp) {
        let State { metadata, random, .. } = &mut *self.lock();
        metadata.record(world, &self.policy.timing, random, now);
    }

    /// What the metadata service shows of an instance's ENIs; `None` for what there is.
    pub fn metadata(
        &self,
        instance: &InstanceId,
        now: Timestamp,
    ) -> Option<vpc::requests::MetadataView> {
        self.lock().metadata.view(instance, now)
    }

    /// Puts a fault into force.
    pub fn add_fault(&self, effect: Effect, world: &vpc::World, now: Timestamp) -> Fault {
        let mut state = self.lock();
        if let Effect::FreezeMetadata { instance, .. } = &effect {
            state.metadata.freeze(world, instance, now);
        }
        state.faults.add(effect)
    }

    /// The faults in force, oldest first.
    pub fn faults(&self) -> Vec<Fault> {
        self.lock().faults.active().to_vec()
    }

    /// Ends one fault, or all. Returns those ended.
    pub fn clear_faults(&self, id: Option<FaultId>) -> Vec<Fault> {
        let mut state = self.lock();
        let cleared = state.faults.clear(id);
        for fault in &cleared {
            if let Effect::FreezeMetadata { instance, .. } = &fault.effect {
                let frozen_still = state.faults.active().iter().any(|other| {
                    matches!(&other.effect, Effect::FreezeMetadata { instance: i, .. } if i == instance)
                });
                if !frozen_still {
                    state.metadata.thaw(instance);
                }
            }
        }
        cleared
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is whole before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
