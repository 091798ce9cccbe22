//! What is there, and what should be there.

use crate::model::{Address, Link, Mac, Neighbour, Route, Rule};
use crate::op::VethPeer;

/// The network objects of one namespace, as the kernel lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KernelState {
    /// Links.
    pub links: Vec<Link>,
    /// IPv4 addresses.
    pub addresses: Vec<Address>,
    /// IPv4 routes of all tables.
    pub routes: Vec<Route>,
    /// IPv4 rules.
    pub rules: Vec<Rule>,
    /// IPv4 neighbours.
    pub neighbours: Vec<Neighbour>,
}

/// The network objects that should be in one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DesiredState {
    /// Links, or attributes of links that somebody else makes.
    pub links: Vec<LinkSpec>,
    /// Links that belong to us whole, such as a secondary ENI: other addresses on them go, and so
    /// do the routes the kernel adds to the main table for the subnets of their addresses.
    pub owned_links: Vec<String>,
    /// IPv4 addresses.
    pub addresses: Vec<Address>,
    /// IPv4 routes, those that others need first.
    pub routes: Vec<Route>,
    /// IPv4 rules.
    pub rules: Vec<Rule>,
    /// IPv4 neighbours.
    pub neighbours: Vec<Neighbour>,
    /// Kernel settings, written before links go up.
    pub sysctls: Vec<Sysctl>,
}

impl DesiredState {
    /// Adds the objects of another part of the same namespace.
    pub fn extend(&mut self, other: Self) {
        self.links.extend(other.links);
        self.owned_links.extend(other.owned_links);
        self.addresses.extend(other.addresses);
        self.routes.extend(other.routes);
        self.rules.extend(other.rules);
        self.neighbours.extend(other.neighbours);
        self.sysctls.extend(other.sysctls);
    }
}

/// How a link should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSpec {
    /// Name.
    pub name: String,
    /// Ethernet address.
    pub mac: Mac,
    /// MTU in bytes.
    pub mtu: u32,
    /// The other end, if this is one end of a veth pair that we make. Links without are made by
    /// somebody else, and are up with this MTU.
    pub peer: Option<VethPeer>,
}

/// A kernel setting below `/proc/sys`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sysctl {
    /// `net/ipv4/conf/eth0/rp_filter`: with slashes, since link names may have dots.
    pub path: String,
    /// What to write.
    pub value: String,
    /// Fine if the kernel has no such setting, as for those of IPv6 where that is off.
    pub optional: bool,
}
