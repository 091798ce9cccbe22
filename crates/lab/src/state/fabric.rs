//! The seam between the VPC's rules and the packets.

use std::error::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

use vpc::World;

/// Makes the kernel match a [`World`].
pub trait Fabric: Send + Sync {
    /// Brings links, addresses, routes and filters to what `world` says; returns when packets
    /// already follow it. Called with the world locked, so calls never overlap.
    ///
    /// # Errors
    /// What could not be made so; the caller then undoes the change and converges again.
    fn converge(&self, world: &World) -> Result<(), FabricError>;
}

/// The fabric could not be brought to what the world says.
#[derive(Debug, thiserror::Error)]
#[error("fabric did not converge while {doing}")]
pub struct FabricError {
    /// What the fabric was doing, e.g. `adding the route to 10.10.1.7/32`.
    pub doing: String,
    /// What the system answered.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// A fabric without packets: there is nothing to do.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFabric;

impl Fabric for NoFabric {
    fn converge(&self, _: &World) -> Result<(), FabricError> {
        Ok(())
    }
}

/// A fabric in memory: remembers what it converged to, and fails when told to.
#[derive(Debug, Default)]
pub struct FabricTwin {
    state: Mutex<TwinState>,
}

#[derive(Debug, Default)]
struct TwinState {
    converged: Vec<World>,
    failures: Vec<String>,
}

impl FabricTwin {
    /// Every world it was brought to, oldest first; failed convergences are not in it.
    pub fn converged(&self) -> Vec<World> {
        self.lock().converged.clone()
    }

    /// How often it converged.
    pub fn convergences(&self) -> usize {
        self.lock().converged.len()
    }

    /// Makes the next convergence fail while `doing` something. Several calls queue up.
    pub fn fail_next(&self, doing: &str) {
        self.lock().failures.push(doing.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, TwinState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fabric for FabricTwin {
    fn converge(&self, world: &World) -> Result<(), FabricError> {
        let mut state = self.lock();
        if state.failures.is_empty() {
            state.converged.push(world.clone());
            return Ok(());
        }
        Err(FabricError { doing: state.failures.remove(0), source: None })
    }
}

/// Shared fabrics are fabrics, so that a test or a status view can keep a hand on one.
impl<F: Fabric + ?Sized> Fabric for std::sync::Arc<F> {
    fn converge(&self, world: &World) -> Result<(), FabricError> {
        (**self).converge(world)
    }
}
