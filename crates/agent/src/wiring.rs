//! What the agent needs of the kernel: a seam with netlink behind it ([`KernelWiring`]) and a twin
//! in memory for tests. Calls block, and belong on a thread that may.

mod kernel;
#[cfg(test)]
pub(crate) mod twin;

use std::io;
use std::path::PathBuf;

use datapath::{EniSpec, Mac, NetlinkError, PodHost, WireError};

pub use kernel::KernelWiring;

/// A pod to be wired or checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodWire {
    /// The path of its network namespace.
    pub netns: PathBuf,
    /// Name of its link there.
    pub ifname: String,
    /// Ethernet address of its link.
    pub mac: Mac,
    /// Its half on the node.
    pub host: PodHost,
}

/// Why the kernel could not be changed or asked.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// The pod's namespace is not there.
    #[error("cannot open the pod's network namespace {}", path.display())]
    Netns {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The node's kernel cannot be asked.
    #[error("cannot ask the kernel")]
    Netlink(#[source] NetlinkError),
    /// The data path says no.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl WiringError {
    /// The error and its causes in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        crate::chain(self)
    }
}

/// The node's network objects.
pub trait Wiring: Send + Sync + 'static {
    /// Whether a link with this Ethernet address is there.
    ///
    /// # Errors
    /// When the kernel cannot be asked; so for all of the following.
    fn has_link(&self, mac: Mac) -> Result<bool, WiringError>;
    /// Brings an ENI's link, table and rule into shape.
    fn setup_eni(&self, eni: &EniSpec) -> Result<(), WiringError>;
    /// Removes what [`Wiring::setup_eni`] made.
    fn teardown_eni(&self, eni: &EniSpec) -> Result<(), WiringError>;
    /// Brings the node into shape after a restart. Gives back the pods that are gone.
    fn restore(&self, enis: &[EniSpec], pods: &[PodHost]) -> Result<Vec<PodHost>, WiringError>;
    /// The pods that are wired, whoever remembers them.
    fn wired(&self) -> Result<Vec<PodHost>, WiringError>;
    /// Wires a pod; nothing of it is left after an error.
    fn add_pod(&self, pod: &PodWire) -> Result<(), WiringError>;
    /// Verifies that a pod is wired as it should be.
    fn check_pod(&self, pod: &PodWire) -> Result<(), WiringError>;
    /// Removes a pod; fine if it is gone already.
    fn del_pod(&self, pod: &PodHost) -> Result<(), WiringError>;
}
