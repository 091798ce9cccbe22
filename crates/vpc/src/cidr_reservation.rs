//! Subnet CIDR reservations: parts of a subnet that EC2 does not assign addresses of by itself.

use std::fmt;
use std::str::FromStr;

use ipnet::Ipv4Net;

use crate::{AccountId, InvalidId, SubnetCidrReservationId, SubnetId, Tags};

/// A CIDR reservation of a subnet (Amazon VPC user guide, "Subnet CIDR reservations").
#[derive(Debug, Clone, PartialEq)]
pub struct CidrReservation {
    /// The reservation's ID.
    pub id: SubnetCidrReservationId,
    /// The subnet.
    pub subnet: SubnetId,
    /// The account it belongs to.
    pub owner: AccountId,
    /// The reserved block, without host bits.
    pub cidr: Ipv4Net,
    /// What its addresses are kept for.
    pub kind: ReservationType,
    /// What it is for.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

/// What to create a CIDR reservation from.
#[derive(Debug, Clone, PartialEq)]
pub struct CidrReservationSpec {
    /// The subnet.
    pub subnet: SubnetId,
    /// The block to reserve; host bits are dropped.
    pub cidr: Ipv4Net,
    /// What its addresses are kept for.
    pub kind: ReservationType,
    /// What it is for.
    pub description: String,
    /// Tags.
    pub tags: Tags,
}

/// What the addresses of a CIDR reservation are kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationType {
    /// Prefixes that EC2 picks.
    Prefix,
    /// Whatever asks for them by name.
    Explicit,
}

impl ReservationType {
    /// EC2's name for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Explicit => "explicit",
        }
    }
}

impl FromStr for ReservationType {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text {
            "prefix" => Ok(Self::Prefix),
            "explicit" => Ok(Self::Explicit),
            _ => Err(InvalidId {
                value: text.to_owned(),
                expected: "a reservation type (prefix or explicit)",
            }),
        }
    }
}

impl fmt::Display for ReservationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
