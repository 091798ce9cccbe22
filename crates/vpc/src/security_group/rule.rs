//! Rules of security groups: what each lets pass.

use std::fmt;
use std::net::Ipv4Addr;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::{SecurityGroupId, SecurityGroupRuleId, Tags};

/// A rule of a security group. Rules only allow; what no rule allows is dropped (Amazon VPC user
/// guide, "Security group rules").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroupRule {
    /// The rule's ID.
    pub id: SecurityGroupRuleId,
    /// What it allows.
    pub permission: Permission,
    /// What it is for.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// What to add to a security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroupRuleSpec {
    /// What to allow.
    pub permission: Permission,
    /// What it is for.
    pub description: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// What a rule allows; a group has each only once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    /// Which way.
    pub direction: Direction,
    /// Of which protocol.
    pub traffic: Traffic,
    /// From or to whom.
    pub peer: Peer,
}

/// Which way a connection is opened, seen from the ENI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// To the ENI.
    Ingress,
    /// From the ENI.
    Egress,
}

/// Packets by protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Traffic {
    /// Every protocol: `-1`.
    All,
    /// TCP to these ports.
    Tcp(PortRange),
    /// UDP to these ports.
    Udp(PortRange),
    /// ICMP of this type and code.
    Icmp(IcmpKind),
    /// ICMP for IPv6 of this type and code.
    Icmpv6(IcmpKind),
    /// Any other protocol by its number (IANA, "Protocol Numbers"); such a rule has no ports.
    Protocol(u8),
}

/// First and last port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// An ICMP type and code (RFC 792); every type, or every code of a type, where one is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IcmpKind {
    /// Every message.
    All,
    /// Every code of a type.
    Type(u8),
    /// One code of a type.
    Code(u8, u8),
}

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// Addresses of an IPv4 CIDR block.
    Ipv4(Ipv4Net),
    /// Addresses of an IPv6 CIDR block.
    Ipv6(Ipv6Net),
    /// The private addresses of the ENIs that are in a security group.
    Group(SecurityGroupId),
}

/// A packet that opens a connection, as an ENI's security groups see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// To the ENI or from it.
    pub direction: Direction,
    /// The other end: the source of a packet to the ENI, the destination of one from it.
    pub peer: Ipv4Addr,
    /// What it carries.
    pub payload: Payload,
}

/// What of a packet's payload rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// TCP to this port.
    Tcp(u16),
    /// UDP to this port.
    Udp(u16),
    /// ICMP of this type and code.
    Icmp(u8, u8),
    /// Another protocol, by its number.
    Other(u8),
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// The ports from `first` to `last`; `None` if there are none.
    #[must_use]
    pub const fn new(first: u16, last: u16) -> Option<Self> {
        if first <= last { Some(Self { first, last }) } else { None }
    }

    /// The first port.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The last port.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

impl Traffic {
    /// Whether packets with this payload are among it.
    #[must_use]
    pub fn includes(self, payload: Payload) -> bool {
        match (self, payload) {
            (Self::All, _) => true,
            (Self::Tcp(ports), Payload::Tcp(port)) | (Self::Udp(ports), Payload::Udp(port)) => {
                ports.contains(port)
            }
            (Self::Icmp(kind), Payload::Icmp(r#type, code)) => match kind {
                IcmpKind::All => true,
                IcmpKind::Type(only) => only == r#type,
                IcmpKind::Code(only, only_code) => (only, only_code) == (r#type, code),
            },
            (Self::Protocol(only), Payload::Other(protocol)) => only == protocol,
            _ => false,
        }
    }
}

impl fmt::Display for Traffic {
    /// As EC2 words it in messages about rules.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = |f: &mut fmt::Formatter<'_>, name: &str, ports: &PortRange| {
            write!(f, "{name}, from port: {}, to port: {}", ports.first, ports.last)
        };
        let kind = |f: &mut fmt::Formatter<'_>, name: &str, kind: &IcmpKind| match kind {
            IcmpKind::All => write!(f, "{name}, type: ALL, code: ALL"),
            IcmpKind::Type(r#type) => write!(f, "{name}, type: {type}, code: ALL"),
            IcmpKind::Code(r#type, code) => write!(f, "{name}, type: {type}, code: {code}"),
        };
        match self {
            Self::All => f.write_str("ALL"),
            Self::Tcp(range) => ports(f, "TCP", range),
            Self::Udp(range) => ports(f, "UDP", range),
            Self::Icmp(message) => kind(f, "ICMP", message),
            Self::Icmpv6(message) => kind(f, "ICMPV6", message),
            Self::Protocol(number) => write!(f, "{number}"),
        }
    }
}

impl Peer {
    /// Every IPv4 address.
    pub const ANY_IPV4: Self = Self::Ipv4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0));
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipv4(block) => block.fmt(f),
            Self::Ipv6(block) => block.fmt(f),
            Self::Group(group) => group.fmt(f),
        }
    }
}

impl fmt::Display for Permission {
    /// As EC2 words it in messages about rules.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer: {}, {}, ALLOW", self.peer, self.traffic)
    }
}

impl From<Permission> for SecurityGroupRuleSpec {
    fn from(permission: Permission) -> Self {
        Self { permission, description: None, tags: Tags::new() }
    }
}
