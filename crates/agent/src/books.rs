//! What the agent knows while it runs: the pool, and the facts about ENIs that the pool has no
//! use for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use datapath::{EniSpec, PodHost};
use ipam::{EniId, Pool, SubnetId, Time};
use ipnet::Ipv4Net;

use crate::cloud::EniInfo;

/// Everything that changes, behind one lock that is never held across a call.
pub(crate) struct Books {
    pub(crate) pool: Pool,
    /// Attached ENIs that are ours to use.
    pub(crate) enis: BTreeMap<EniId, NodeEni>,
    /// Pods the kernel knows and the checkpoint does not, by address.
    pub(crate) strangers: BTreeMap<Ipv4Addr, PodHost>,
    /// [`TAG_CREATED`](crate::cloud::TAG_CREATED) of the ENIs being created now.
    pub(crate) creating: Vec<String>,
    /// When to look for ENIs that may have been created although EC2 did not say so.
    pub(crate) orphan_scans: BTreeSet<Time>,
    /// CIDR blocks of the subnets in use.
    pub(crate) subnets: BTreeMap<SubnetId, Ipv4Net>,
    /// Security groups of new ENIs: the primary ENI's.
    pub(crate) groups: Vec<String>,
}

/// An attached ENI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeEni {
    pub(crate) attachment: String,
    pub(crate) spec: EniSpec,
}

impl Books {
    /// The kernel's part of an ENI; `None` if its subnet is not known.
    pub(crate) fn spec(&self, eni: &EniInfo, device_index: u32, mtu: u32) -> Option<EniSpec> {
        let subnet = *self.subnets.get(&eni.subnet)?;
        Some(EniSpec { device_index, mac: eni.mac, primary: eni.primary, subnet, mtu })
    }
}
