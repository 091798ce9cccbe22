//! What the lab's servers share: the VPC world, the fabric that must match it, keys and the call log.
//!
//! Entry points: [`Lab::new`], [`Lab::mutate`] for every change, [`Lab::read`] for every look.

mod calls;
mod clock;
mod clusters;
mod credentials;
mod fabric;
pub(crate) mod facts;
mod secret;
#[cfg(test)]
mod tests;

pub use calls::{Call, CallCount, CallLog};
pub use clock::{Clock, ManualClock, SystemClock, iso8601, iso8601_seconds};
pub use clusters::{Cluster, Clusters};
pub use credentials::{AccessKey, Credentials, Principal};
pub use fabric::{Fabric, FabricError, FabricTwin, NoFabric};
pub use secret::Secret;
pub(crate) use secret::keyed;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vpc::{AccountId, Timestamp, World};

use crate::audit::AuditTrail;
use crate::requests::Requests;

/// One Region of one lab.
pub struct Lab {
    /// Every VPC resource. Lock it through [`Lab::read`] and [`Lab::mutate`].
    pub world: Mutex<World>,
    /// Makes packets flow as `world` says.
    pub fabric: Box<dyn Fabric>,
    /// Access keys and role sessions that requests may be signed with.
    pub credentials: Credentials,
    /// What the EKS API shows.
    pub clusters: Clusters,
    /// Every EC2 API call.
    pub calls: CallLog,
    /// The account whose resources the lab's instances belong to.
    pub account: AccountId,
    /// Region name, as in the credential scope of a signature.
    pub region: String,
    /// Role of the instances' profile; `None` gives instances no credentials.
    pub instance_role: Option<String>,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Keys every token the lab hands out.
    pub secret: Secret,
    /// Throttles, delays, permissions and faults.
    pub requests: Requests,
    /// Every call as an event.
    pub audit: AuditTrail,
}

/// What a [`Lab`] is made of.
pub struct LabConfig {
    /// See [`Lab::account`].
    pub account: AccountId,
    /// See [`Lab::region`].
    pub region: String,
    /// See [`Lab::instance_role`].
    pub instance_role: Option<String>,
    /// The world to start from.
    pub world: World,
    /// See [`Lab::fabric`].
    pub fabric: Box<dyn Fabric>,
    /// See [`Lab::clock`].
    pub clock: Arc<dyn Clock>,
    /// See [`Lab::secret`].
    pub secret: Secret,
}

/// Why a change did not happen. The world is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum MutateError {
    /// The VPC rules refuse it.
    #[error("refused by the VPC's rules")]
    Refused(#[source] vpc::Error),
    /// The rules allow it, but packets could not be made to follow.
    #[error("the fabric did not follow the change, which was undone; see the lab's log")]
    Fabric(#[source] FabricError),
}

impl Lab {
    /// A lab over `config.world`. The fabric is not converged until the first [`Lab::mutate`] or
    /// [`Lab::converge`].
    pub fn new(config: LabConfig) -> Self {
        Self {
            world: Mutex::new(config.world),
            fabric: config.fabric,
            credentials: Credentials::new(config.secret.clone()),
            clusters: Clusters::default(),
            calls: CallLog::default(),
            account: config.account,
            region: config.region,
            instance_role: config.instance_role,
            clock: config.clock,
            secret: config.secret,
            requests: Requests::default(),
            audit: AuditTrail::default(),
        }
    }

    /// With throttles and delays, and with an audit trail that is kept.
    #[must_use]
    pub fn with_requests(self, requests: Requests, audit: AuditTrail) -> Self {
        Self { requests, audit, ..self }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Looks at the world, which does not change meanwhile.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the world and makes the fabric follow before returning: all of it or nothing.
    ///
    /// Blocks while the fabric converges; call it from a thread that may block.
    ///
    /// # Errors
    /// [`MutateError::Refused`] with the rule's answer; [`MutateError::Fabric`] when the fabric
    /// failed. In both cases the world is what it was, and after a fabric failure the fabric was
    /// asked to return to it.
    pub fn mutate<T>(
        &self,
        change: impl FnOnce(&mut World) -> Result<T, vpc::Error>,
    ) -> Result<T, MutateError> {
        let mut world = self.lock();
        // A copy is changed, and takes the place of the original only when all went well: nothing
        // that fails half-way, not even a panic, leaves a half-changed world behind.
        let mut next = world.clone();
        let value = change(&mut next).map_err(MutateError::Refused)?;
        if let Err(error) = self.fabric.converge(&next) {
            let cause = chain(&error);
            match self.fabric.converge(&world) {
                Ok(()) => tracing::error!(cause, "fabric did not converge; change undone"),
                Err(second) => tracing::error!(
                    cause,
                    undo = chain(&second),
                    "fabric did not converge, nor return to what it was"
                ),
            }
            return Err(MutateError::Fabric(error));
        }
        *world = next;
        self.requests.changed(&world, self.now());
        Ok(value)
    }

    /// Tries a change and forgets it: what [`Lab::mutate`] would answer, the fabric aside.
    ///
    /// # Errors
    /// The rule's answer.
    pub fn rehearse<T>(
        &self,
        change: impl FnOnce(&mut World) -> Result<T, vpc::Error>,
    ) -> Result<T, vpc::Error> {
        let mut scratch = self.lock().clone();
        change(&mut scratch)
    }

    /// Makes the fabric match the world as it is.
    ///
    /// # Errors
    /// Whatever the fabric reports.
    pub fn converge(&self) -> Result<(), FabricError> {
        self.fabric.converge(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // The world behind a poisoned lock is whole: see `mutate`.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Lab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lab")
            .field("account", &self.account)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// An error and its sources on one line, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
