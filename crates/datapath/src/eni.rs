//! What an ENI needs on its node.
//!
//! The primary ENI (device index 0) is configured by the machine image: address, connected route
//! and default route in the main table. A secondary ENI belongs to us: its own routing table,
//! which packets *from* its addresses look into, so that they leave by the ENI that holds their
//! source; VPCs drop them anywhere else.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::model::{Address, DEFAULT_ROUTE, Mac, Route, Rule, Scope, TABLE_MAIN};
use crate::state::{DesiredState, LinkSpec, Sysctl};

/// Priority of the rule for packets from an ENI's own primary address. Just before the main
/// table's (32766): whatever is more specific about them comes first.
pub const RULE_FROM_ENI: u32 = 32765;

/// An attached ENI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EniSpec {
    /// Its device index on the node; 0 is the primary ENI.
    pub device_index: u32,
    /// Its Ethernet address, by which its link is found.
    pub mac: Mac,
    /// Its primary private IPv4 address.
    pub primary: Ipv4Addr,
    /// Its subnet.
    pub subnet: Ipv4Net,
    /// MTU of its link in bytes.
    pub mtu: u32,
}

impl EniSpec {
    /// The routing table for packets from its addresses: main for the primary ENI, otherwise
    /// device index + 1.
    #[must_use]
    pub fn table(&self) -> u32 {
        if self.device_index == 0 { TABLE_MAIN } else { self.device_index + 1 }
    }

    /// The subnet's router: its second address, "base + 1" (Amazon VPC User Guide, "Subnet CIDR
    /// blocks").
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.subnet.network().to_bits().saturating_add(1))
    }

    /// What should be on the node, given the name of the ENI's link.
    #[must_use]
    pub fn desired(&self, link: &str) -> DesiredState {
        let mut desired = DesiredState {
            links: vec![LinkSpec {
                name: link.to_owned(),
                mac: self.mac,
                mtu: self.mtu,
                peer: None,
            }],
            sysctls: vec![Sysctl::loose_rp_filter(link)],
            ..DesiredState::default()
        };
        if self.device_index == 0 {
            return desired;
        }
        let (table, gateway) = (self.table(), self.gateway());
        let link = Some(link.to_owned());
        desired.owned_links = link.iter().cloned().collect();
        desired.addresses = link
            .iter()
            .map(|link| Address {
                link: link.clone(),
                addr: Ipv4Net::new_assert(self.primary, self.subnet.prefix_len()),
                scope: Scope::Universe,
                // Or packets to the subnet would leave by this link whatever their source.
                no_prefix_route: true,
            })
            .collect();
        desired.routes = vec![
            Route {
                table,
                dst: gateway.into(),
                link: link.clone(),
                scope: Scope::Link,
                ..Route::default()
            },
            Route { table, dst: DEFAULT_ROUTE, via: Some(gateway), link, ..Route::default() },
        ];
        desired.rules = vec![Rule {
            priority: RULE_FROM_ENI,
            from: Some(self.primary.into()),
            table,
            ..Rule::default()
        }];
        desired
    }
}

/// What the node needs once, whatever its ENIs: forwarding between ENIs and pods.
#[must_use]
pub fn node() -> DesiredState {
    DesiredState {
        sysctls: vec![Sysctl::new("net/ipv4/ip_forward", "1")],
        ..DesiredState::default()
    }
}
