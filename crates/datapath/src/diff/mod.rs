//! The changes that make what is there into what should be.

#[cfg(test)]
mod tests;

use std::fmt;

use crate::model::{
    Address, Link, Neighbour, PROTOCOL_KERNEL, ROUTE_PROTOCOL, Route, Rule, Scope, TABLE_MAIN,
};
use crate::op::Op;
use crate::state::{DesiredState, KernelState, LinkSpec};

/// The changes from `actual` to `desired`, where `desired` is all that we want in the namespace:
/// routes and rules of ours that are not in it go. Nothing that others made is touched, except on
/// links that are ours whole.
#[must_use]
pub fn diff(desired: &DesiredState, actual: &KernelState) -> Vec<Op> {
    let mut ops = leftovers(desired, actual);
    ops.extend(repairs(desired, actual));
    ops
}

/// The changes that make everything `desired` exist. What else there is stays, except on links
/// that are ours whole; so `desired` may be a part, one ENI or one pod.
#[must_use]
pub fn repairs(desired: &DesiredState, actual: &KernelState) -> Vec<Op> {
    // First, because removing a primary address may take its secondaries along.
    let mut ops = intruders(desired, actual);
    ops.extend(drift(desired, actual).iter().flat_map(Drift::repair));
    ops
}

/// What is missing or different. Additions by others, such as a route by a plugin that runs after
/// ours, are no drift.
#[must_use]
pub fn drift(desired: &DesiredState, actual: &KernelState) -> Vec<Drift> {
    let mut drift = Vec::new();
    for spec in &desired.links {
        match actual.links.iter().find(|link| link.name == spec.name) {
            None => drift.push(Drift::NoLink(spec.clone())),
            Some(link) if link.mac != spec.mac || link.mtu != spec.mtu || !link.up => {
                drift.push(Drift::Link { spec: spec.clone(), found: link.clone() });
            }
            Some(_) => {}
        }
    }
    let is_there = |address: &Address| {
        actual.addresses.iter().any(|a| a.link == address.link && a.addr == address.addr)
    };
    let missing = desired.addresses.iter().filter(|address| !is_there(address));
    drift.extend(missing.cloned().map(Drift::NoAddress));
    let missing = desired.routes.iter().filter(|route| !actual.routes.contains(route));
    drift.extend(missing.cloned().map(Drift::NoRoute));
    let missing = desired.neighbours.iter().filter(|n| !actual.neighbours.contains(n));
    drift.extend(missing.cloned().map(Drift::NoNeighbour));
    let missing = desired.rules.iter().filter(|rule| !actual.rules.iter().any(|r| same(r, rule)));
    drift.extend(missing.cloned().map(Drift::NoRule));
    drift
}

/// One respect in which the kernel is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// A link is missing.
    NoLink(LinkSpec),
    /// A link is down or has another Ethernet address or MTU.
    Link {
        /// How it should be.
        spec: LinkSpec,
        /// How it is.
        found: Link,
    },
    /// An address is missing.
    NoAddress(Address),
    /// A route is missing, or leads elsewhere.
    NoRoute(Route),
    /// A rule is missing.
    NoRule(Rule),
    /// A neighbour is missing, or has another Ethernet address.
    NoNeighbour(Neighbour),
}

impl Drift {
    /// The changes that undo it; none for a link that we cannot make.
    fn repair(&self) -> Vec<Op> {
        match self {
            Self::NoLink(LinkSpec { name, mac, mtu, peer }) => match peer {
                Some(peer) => {
                    let (name, peer) = (name.clone(), peer.clone());
                    let up = Op::up(name.clone());
                    vec![Op::AddVeth { name, mac: *mac, mtu: *mtu, peer }, up]
                }
                None => vec![],
            },
            Self::Link { spec, found } => vec![Op::SetLink {
                name: spec.name.clone(),
                up: (!found.up).then_some(true),
                mtu: (found.mtu != spec.mtu).then_some(spec.mtu),
                mac: (found.mac != spec.mac).then_some(spec.mac),
            }],
            Self::NoAddress(address) => vec![Op::AddAddress(address.clone())],
            Self::NoRoute(route) => vec![Op::ReplaceRoute(route.clone())],
            Self::NoRule(rule) => vec![Op::AddRule(rule.clone())],
            Self::NoNeighbour(neighbour) => vec![Op::ReplaceNeighbour(neighbour.clone())],
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLink(spec) => write!(f, "link {} is missing", spec.name),
            Self::Link { spec, found } => {
                write!(f, "link {}", spec.name)?;
                let mut separator = "";
                if !found.up {
                    write!(f, " is down")?;
                    separator = ",";
                }
                if found.mtu != spec.mtu {
                    write!(f, "{separator} has MTU {} instead of {}", found.mtu, spec.mtu)?;
                    separator = ",";
                }
                if found.mac != spec.mac {
                    write!(f, "{separator} has MAC {} instead of {}", found.mac, spec.mac)?;
                }
                Ok(())
            }
            Self::NoAddress(address) => write!(f, "{address} is missing"),
            Self::NoRoute(route) => write!(f, "{route} is missing"),
            Self::NoRule(rule) => write!(f, "{rule} is missing"),
            Self::NoNeighbour(neighbour) => write!(f, "{neighbour} is missing"),
        }
    }
}

/// Removals of what is ours by its protocol number and not desired.
fn leftovers(desired: &DesiredState, actual: &KernelState) -> Vec<Op> {
    let ours = |route: &&Route| route.protocol == ROUTE_PROTOCOL;
    // A route with the same table and destination is replaced, without a gap.
    let stays =
        |route: &Route| desired.routes.iter().any(|r| r.table == route.table && r.dst == route.dst);
    let routes = actual.routes.iter().filter(ours).filter(|route| !stays(route));
    let rules = actual
        .rules
        .iter()
        .filter(|rule| rule.protocol == ROUTE_PROTOCOL)
        .filter(|rule| !desired.rules.iter().any(|r| same(r, rule)));
    rules.cloned().map(Op::DelRule).chain(routes.cloned().map(Op::DelRoute)).collect()
}

/// Removals of what others put on links that are ours whole.
fn intruders(desired: &DesiredState, actual: &KernelState) -> Vec<Op> {
    let owned = |link: &str| desired.owned_links.iter().any(|name| name == link);
    let wanted = |address: &Address| {
        desired.addresses.iter().any(|a| a.link == address.link && a.addr == address.addr)
    };
    let addresses = actual
        .addresses
        .iter()
        .filter(|address| owned(&address.link) && !wanted(address))
        .cloned()
        .map(Op::DelAddress);
    let connected = actual
        .routes
        .iter()
        .filter(|route| {
            route.table == TABLE_MAIN
                && route.protocol == PROTOCOL_KERNEL
                && route.scope == Scope::Link
                && route.link.as_deref().is_some_and(owned)
        })
        .cloned()
        .map(Op::DelRoute);
    addresses.chain(connected).collect()
}

/// Whether two rules do the same; the kernel holds only one of them, whoever made it.
fn same(a: &Rule, b: &Rule) -> bool {
    Rule { protocol: 0, ..a.clone() } == Rule { protocol: 0, ..b.clone() }
}
