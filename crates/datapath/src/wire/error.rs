//! How wiring fails.

use crate::diff::Drift;
use crate::kernel::{ApplyError, NetlinkError};
use crate::sysctl::SysctlError;

/// Why a node, ENI or pod could not be brought into shape.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The ENI's link is not there: attaching takes the hypervisor up to seconds. Try again.
    #[error("no link with the Ethernet address {mac} (ENI with device index {device_index})")]
    NoEniLink {
        /// The ENI's device index.
        device_index: u32,
        /// The ENI's Ethernet address.
        mac: crate::Mac,
    },
    /// The pod's namespace is the node's own: the runtime passed a wrong path, or a pod with
    /// `hostNetwork`, for which it must not call.
    #[error("the pod's network namespace is the node's own")]
    HostNamespace,
    /// The pod has a link of that name already.
    #[error("the pod already has a link named {ifname}")]
    InterfaceExists {
        /// The name.
        ifname: String,
    },
    /// The name of the pod's host veth belongs to a link that is none, so nobody's earlier sandbox.
    #[error(
        "the node has a link named {name} that is no veth: rename it, or change the veth prefix"
    )]
    HostLinkTaken {
        /// The name.
        name: String,
    },
    /// The pod's namespace cannot be entered.
    #[error("cannot enter the pod's network namespace")]
    PodNamespace {
        /// Why.
        #[source]
        source: NetlinkError,
    },
    /// The kernel could not be asked.
    #[error("cannot read the network objects of the {place}")]
    Read {
        /// Node or pod.
        place: Place,
        /// Why.
        #[source]
        source: NetlinkError,
    },
    /// The kernel refused changes.
    #[error("cannot change the network objects of the {place}")]
    Apply {
        /// Node or pod.
        place: Place,
        /// Which, and why.
        #[source]
        source: ApplyError,
    },
    /// A kernel setting could not be written.
    #[error("cannot change a kernel setting of the {place}")]
    Sysctl {
        /// Node or pod.
        place: Place,
        /// Which, and why.
        #[source]
        source: SysctlError,
    },
    /// Things are not as they should be: what CHECK finds, or what somebody keeps undoing.
    #[error("{}", list(drifts))]
    Drifted {
        /// Where and what, in order.
        drifts: Vec<(Place, Drift)>,
    },
}

/// One of the two namespaces a pod is wired in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The node's.
    Node,
    /// The pod's.
    Pod,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Node => "node",
            Self::Pod => "pod",
        })
    }
}

fn list(drifts: &[(Place, Drift)]) -> String {
    let lines: Vec<_> = drifts.iter().map(|(place, drift)| format!("{place}: {drift}")).collect();
    lines.join("; ")
}
