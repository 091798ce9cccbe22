//! Changes to the kernel's objects.

use std::fmt;

use crate::model::{Address, Mac, Neighbour, Route, Rule};
use crate::netns::Netns;

/// One change. Except for [`Op::AddVeth`], a change says how things should be afterwards: adding
/// what is there, or removing what is not, succeeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Makes a veth pair, both ends down. Fails with `EEXIST` when either name is taken.
    AddVeth {
        /// Name of the end in this namespace.
        name: String,
        /// Its Ethernet address, so that nothing chooses or changes it later.
        mac: Mac,
        /// Its MTU in bytes.
        mtu: u32,
        /// The other end.
        peer: VethPeer,
    },
    /// Changes attributes of a link; those that are `None` stay.
    SetLink {
        /// Name of the link.
        name: String,
        /// Up or down.
        up: Option<bool>,
        /// MTU in bytes.
        mtu: Option<u32>,
        /// Ethernet address.
        mac: Option<Mac>,
    },
    /// Removes a link, with it the other end of a veth pair and every address and route on it.
    DelLink {
        /// Name of the link.
        name: String,
    },
    /// Puts an address on a link.
    AddAddress(Address),
    /// Takes an address off a link.
    DelAddress(Address),
    /// Adds a route, in place of one with the same table and destination.
    ReplaceRoute(Route),
    /// Removes the route of this table, destination, kind, protocol and link.
    DelRoute(Route),
    /// Adds a rule.
    AddRule(Rule),
    /// Removes a rule.
    DelRule(Rule),
    /// Adds a neighbour, in place of one with the same address.
    ReplaceNeighbour(Neighbour),
    /// Removes a neighbour.
    DelNeighbour(Neighbour),
}

impl Op {
    /// Sets a link up.
    #[must_use]
    pub fn up(name: impl Into<String>) -> Self {
        Self::SetLink { name: name.into(), up: Some(true), mtu: None, mac: None }
    }

    /// The link whose index the kernel has to be told, if the change is about one.
    pub(crate) fn indexed_link(&self) -> Option<&str> {
        match self {
            Self::AddAddress(address) | Self::DelAddress(address) => Some(&address.link),
            Self::ReplaceRoute(route) | Self::DelRoute(route) => route.link.as_deref(),
            Self::ReplaceNeighbour(neighbour) | Self::DelNeighbour(neighbour) => {
                Some(&neighbour.link)
            }
            Self::AddVeth { .. }
            | Self::SetLink { .. }
            | Self::DelLink { .. }
            | Self::AddRule(_)
            | Self::DelRule(_) => None,
        }
    }

    /// Whether the change is a removal, which a thing that is not there satisfies.
    #[must_use]
    pub fn is_removal(&self) -> bool {
        matches!(
            self,
            Self::DelLink { .. }
                | Self::DelAddress(_)
                | Self::DelRoute(_)
                | Self::DelRule(_)
                | Self::DelNeighbour(_)
        )
    }
}

/// The other end of a veth pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VethPeer {
    /// Its name.
    pub name: String,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// The namespace it is made in: this one when absent. Never moved there afterwards, which
    /// costs the whole machine a grace period per move.
    pub netns: Option<Netns>,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddVeth { name, peer, .. } => write!(f, "add veth {name} peer {}", peer.name),
            Self::SetLink { name, up, mtu, mac } => {
                write!(f, "set link {name}")?;
                match up {
                    Some(true) => write!(f, " up")?,
                    Some(false) => write!(f, " down")?,
                    None => {}
                }
                if let Some(mtu) = mtu {
                    write!(f, " mtu {mtu}")?;
                }
                if let Some(mac) = mac {
                    write!(f, " address {mac}")?;
                }
                Ok(())
            }
            Self::DelLink { name } => write!(f, "delete link {name}"),
            Self::AddAddress(address) => write!(f, "add {address}"),
            Self::DelAddress(address) => write!(f, "delete {address}"),
            Self::ReplaceRoute(route) => write!(f, "add {route}"),
            Self::DelRoute(route) => write!(f, "delete {route}"),
            Self::AddRule(rule) => write!(f, "add {rule}"),
            Self::DelRule(rule) => write!(f, "delete {rule}"),
            Self::ReplaceNeighbour(neighbour) => write!(f, "add {neighbour}"),
            Self::DelNeighbour(neighbour) => write!(f, "delete {neighbour}"),
        }
    }
}
