//! What a pod needs, on its node and in its own namespace.
//!
//! The pod has its address as a /32 and one next hop, [`POD_GATEWAY`], an address nobody has: a
//! permanent neighbour gives it the Ethernet address of the host veth, so there is no ARP and no
//! subnet in the pod. The node routes the /32 to the host veth, and packets from it by the table
//! of the ENI that holds it.

use std::net::Ipv4Addr;

use crate::model::{Address, DEFAULT_ROUTE, Mac, Neighbour, Route, Rule, Scope, TABLE_MAIN};
use crate::netns::Netns;
use crate::op::VethPeer;
use crate::state::{DesiredState, LinkSpec, Sysctl};

/// Every pod's next hop, link-local (RFC 3927) and the same in every pod.
pub const POD_GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

/// Priority of the rule for packets to a pod: before all that depends on where they come from.
pub const RULE_TO_POD: u32 = 512;

/// Priority of the rule for packets from a pod whose address is on a secondary ENI.
pub const RULE_FROM_POD: u32 = 1536;

/// A pod to be wired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodSpec {
    /// The pod's namespace.
    pub netns: Netns,
    /// Name of its link there: `CNI_IFNAME`.
    pub ifname: String,
    /// Ethernet address of its link: locally administered, chosen by the caller.
    pub mac: Mac,
    /// Its half on the node.
    pub host: PodHost,
}

/// A pod's half on the node: all that removing it, or restoring it after a restart, needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodHost {
    /// The pod's address.
    pub address: Ipv4Addr,
    /// Name of the host veth.
    pub veth: String,
    /// Ethernet address of the host veth: locally administered, chosen by the caller. Given at
    /// creation, or systemd would change it under the pod's permanent neighbour.
    pub mac: Mac,
    /// MTU of both ends in bytes.
    pub mtu: u32,
    /// The routing table of the ENI that holds the address ([`crate::EniSpec::table`]).
    pub table: u32,
}

impl PodSpec {
    /// What should be on the node, with the veth pair.
    #[must_use]
    pub fn host_objects(&self) -> DesiredState {
        let mut desired = self.host.objects();
        for link in &mut desired.links {
            link.peer = Some(VethPeer {
                name: self.ifname.clone(),
                mac: self.mac,
                mtu: self.host.mtu,
                netns: Some(self.netns.clone()),
            });
        }
        desired
    }

    /// What should be in the pod's namespace.
    #[must_use]
    pub fn pod_objects(&self) -> DesiredState {
        let link = || self.ifname.clone();
        DesiredState {
            links: vec![LinkSpec { name: link(), mac: self.mac, mtu: self.host.mtu, peer: None }],
            addresses: vec![Address {
                link: link(),
                addr: self.host.address.into(),
                scope: Scope::Universe,
                no_prefix_route: false,
            }],
            routes: vec![
                Route {
                    dst: POD_GATEWAY.into(),
                    link: Some(link()),
                    scope: Scope::Link,
                    ..Route::default()
                },
                Route {
                    dst: DEFAULT_ROUTE,
                    via: Some(POD_GATEWAY),
                    link: Some(link()),
                    ..Route::default()
                },
            ],
            neighbours: vec![Neighbour {
                link: link(),
                addr: POD_GATEWAY,
                mac: self.host.mac,
                permanent: true,
            }],
            ..DesiredState::default()
        }
    }
}

impl PodHost {
    /// What should be on the node; the veth pair is there already.
    #[must_use]
    pub fn objects(&self) -> DesiredState {
        let mut rules = vec![Rule {
            priority: RULE_TO_POD,
            to: Some(self.address.into()),
            table: TABLE_MAIN,
            ..Rule::default()
        }];
        if self.table != TABLE_MAIN {
            rules.push(Rule {
                priority: RULE_FROM_POD,
                from: Some(self.address.into()),
                table: self.table,
                ..Rule::default()
            });
        }
        DesiredState {
            links: vec![LinkSpec {
                name: self.veth.clone(),
                mac: self.mac,
                mtu: self.mtu,
                peer: None,
            }],
            routes: vec![Route {
                dst: self.address.into(),
                link: Some(self.veth.clone()),
                scope: Scope::Link,
                ..Route::default()
            }],
            rules,
            // A pod may claim another's address, and send router advertisements; the host veth
            // must not believe it.
            sysctls: vec![Sysctl::strict_rp_filter(&self.veth), Sysctl::no_ipv6(&self.veth)],
            ..DesiredState::default()
        }
    }
}
