//! The kernel's network objects as plain values. Links are named by name; indexes are the
//! kernel's business.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use ipnet::Ipv4Net;

/// The protocol number on routes and rules of ours. Those without it are never removed, except on
/// links that are ours whole: of a secondary ENI, addresses we did not put there and the kernel's
/// routes for them go too ([`crate::DesiredState::owned_links`]).
///
/// Unassigned in the kernel's list (`include/uapi/linux/rtnetlink.h`) and in iproute2's
/// `rt_protos`.
pub const ROUTE_PROTOCOL: u8 = 77;

/// The protocol number of routes the kernel made itself, as it does for an address's subnet.
pub const PROTOCOL_KERNEL: u8 = 2;

/// The main routing table.
pub const TABLE_MAIN: u32 = 254;

/// Every address: `0.0.0.0/0`.
pub const DEFAULT_ROUTE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0);

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// A locally administered unicast address (IEEE 802: second-lowest bit of the first octet
    /// set, lowest clear) from random octets.
    #[must_use]
    pub fn locally_administered(mut random: [u8; 6]) -> Self {
        random[0] = (random[0] & 0xfc) | 0x02;
        Self(random)
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Not an Ethernet address: six octets in hexadecimal, separated by colons.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not an Ethernet address such as 02:00:5e:10:00:01")]
pub struct MacError {
    /// What was given.
    pub text: String,
}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let error = || MacError { text: text.to_owned() };
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().filter(|part| part.len() == 2).ok_or_else(error)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| error())?;
        }
        if parts.next().is_some() { Err(error()) } else { Ok(Self(octets)) }
    }
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Name, at most 15 bytes.
    pub name: String,
    /// The kernel's number for it, unique within the namespace.
    pub index: u32,
    /// Ethernet address; all zero where the link has none.
    pub mac: Mac,
    /// Largest packet in bytes, without the Ethernet header.
    pub mtu: u32,
    /// Set up by an administrator (`IFF_UP`).
    pub up: bool,
    /// What made it.
    pub kind: LinkKind,
    /// Index of the other end of a veth pair, in the other end's namespace.
    pub peer: Option<u32>,
}

/// What made a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkKind {
    /// A device with no `kind`: hardware, or `lo`.
    Device,
    /// One end of a veth pair.
    Veth,
    /// Any other virtual device, by the kernel's name for it.
    Other(String),
}

/// An IPv4 address on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name of the link.
    pub link: String,
    /// The address and its subnet's mask.
    pub addr: Ipv4Net,
    /// How far the address means anything.
    pub scope: Scope,
    /// Whether the kernel adds no route for the address's subnet (`IFA_F_NOPREFIXROUTE`).
    pub no_prefix_route: bool,
}

/// An IPv4 route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Routing table.
    pub table: u32,
    /// Destinations it is for.
    pub dst: Ipv4Net,
    /// Next hop.
    pub via: Option<Ipv4Addr>,
    /// Name of the link packets leave by.
    pub link: Option<String>,
    /// How far the destination is.
    pub scope: Scope,
    /// What happens to packets.
    pub kind: RouteKind,
    /// The next hop is reachable on the link although no route says so.
    pub onlink: bool,
    /// Who made the route: [`ROUTE_PROTOCOL`] for ours.
    pub protocol: u8,
    /// Source address for packets this host sends.
    pub src: Option<Ipv4Addr>,
}

impl Default for Route {
    /// Ours, unicast, for every address, in the main table.
    fn default() -> Self {
        Self {
            table: TABLE_MAIN,
            dst: DEFAULT_ROUTE,
            via: None,
            link: None,
            scope: Scope::Universe,
            kind: RouteKind::Unicast,
            onlink: false,
            protocol: ROUTE_PROTOCOL,
            src: None,
        }
    }
}

/// How far an address or a destination is (`rtnetlink(7)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Anywhere: through a router.
    Universe,
    /// On the link itself.
    Link,
    /// This host.
    Host,
    /// Another number.
    Other(u8),
}

/// What a route does with packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteKind {
    /// Sends them on.
    Unicast,
    /// Drops them in silence.
    Blackhole,
    /// Drops them and tells the sender (ICMP).
    Unreachable,
    /// Delivers them to this host.
    Local,
    /// Another type, by the kernel's number.
    Other(u8),
}

/// An IPv4 routing policy rule: which packets look into which table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Lower is asked first.
    pub priority: u32,
    /// Source addresses it is for; all when absent.
    pub from: Option<Ipv4Net>,
    /// Destination addresses it is for; all when absent.
    pub to: Option<Ipv4Net>,
    /// Name of the link the packet came in by.
    pub iif: Option<String>,
    /// Value and mask of the packet mark.
    pub fwmark: Option<(u32, u32)>,
    /// Table to look into; 0 for rules that do something else.
    pub table: u32,
    /// Who made the rule: [`ROUTE_PROTOCOL`] for ours.
    pub protocol: u8,
}

impl Default for Rule {
    /// Ours: every packet looks into the main table.
    fn default() -> Self {
        Self {
            priority: 0,
            from: None,
            to: None,
            iif: None,
            fwmark: None,
            table: TABLE_MAIN,
            protocol: ROUTE_PROTOCOL,
        }
    }
}

/// Which Ethernet address an IPv4 address has on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Name of the link.
    pub link: String,
    /// The neighbour's IPv4 address.
    pub addr: Ipv4Addr,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Stays until it is removed, and is never asked for by ARP.
    pub permanent: bool,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "address {} on {}", self.addr, self.link)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {}", self.dst)?;
        match self.kind {
            RouteKind::Blackhole => write!(f, " blackhole")?,
            RouteKind::Unreachable => write!(f, " unreachable")?,
            RouteKind::Unicast | RouteKind::Local | RouteKind::Other(_) => {}
        }
        if let Some(via) = self.via {
            write!(f, " via {via}")?;
        }
        if let Some(link) = &self.link {
            write!(f, " dev {link}")?;
        }
        write!(f, " table {}", self.table)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}:", self.priority)?;
        if let Some(from) = self.from {
            write!(f, " from {from}")?;
        }
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        if let Some(iif) = &self.iif {
            write!(f, " iif {iif}")?;
        }
        if let Some((value, mask)) = self.fwmark {
            write!(f, " fwmark {value:#x}/{mask:#x}")?;
        }
        write!(f, " lookup {}", self.table)
    }
}

impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "neighbour {} {} on {}", self.addr, self.mac, self.link)
    }
}
