//! Subnets: a CIDR block in one Availability Zone, and who holds its addresses.

mod block;
mod space;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

pub use self::block::{Block, BlockCounts, BlockState};
pub(crate) use self::space::{AddressSpace, PREFIX_LEN, PREFIX_SIZE};
use crate::{
    AvailabilityZone, CidrReservation, EniId, SubnetCidrReservationId, SubnetId, Tags, VpcId,
};

/// A subnet of a VPC.
#[derive(Debug, Clone, PartialEq)]
pub struct Subnet {
    /// The subnet's ID.
    pub id: SubnetId,
    /// The VPC it is part of.
    pub vpc: VpcId,
    /// Its CIDR block, /16 to /28, without host bits.
    pub cidr: Ipv4Net,
    /// Its Availability Zone.
    pub availability_zone: AvailabilityZone,
    /// The ID of its Availability Zone, e.g. `usw2-az1`.
    pub availability_zone_id: String,
    /// Its tags.
    pub tags: Tags,
    /// Whether instances launched in it get a public IPv4 address.
    pub map_public_ip_on_launch: bool,
    /// Its CIDR reservations.
    pub cidr_reservations: BTreeMap<SubnetCidrReservationId, CidrReservation>,
    pub(crate) space: AddressSpace,
}

impl Subnet {
    /// The router's address: the base of the subnet plus one.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        self.reserved()[1]
    }

    /// The five addresses AWS keeps in every subnet (Amazon VPC user guide, "Subnet sizing"):
    /// network, router, DNS, one for future use, and the last, broadcast.
    #[must_use]
    pub fn reserved(&self) -> [Ipv4Addr; 5] {
        reserved(self.cidr)
    }

    /// Its /28 blocks in the order of the addresses.
    pub fn blocks(&self) -> impl Iterator<Item = Block> {
        self.space.blocks()
    }

    /// Addresses that are neither reserved, by AWS or by a CIDR reservation, nor held, by
    /// themselves or in a prefix: EC2's `AvailableIpAddressCount`.
    #[must_use]
    pub fn free_addresses(&self) -> u32 {
        self.space.free()
    }
}

/// How the addresses of a subnet are used. `total = reserved + usable`, and `usable` is `free`,
/// `withheld`, the number of `primaries` and `secondaries`, and 16 for each of `prefixes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetUsage {
    /// Addresses of the CIDR block.
    pub total: u32,
    /// Addresses AWS keeps.
    pub reserved: u32,
    /// Addresses ENIs can hold.
    pub usable: u32,
    /// Addresses no ENI holds and no CIDR reservation keeps back.
    pub free: u32,
    /// Addresses that CIDR reservations keep back and no ENI holds.
    pub withheld: u32,
    /// Primary addresses and their ENIs, in the order of the addresses.
    pub primaries: Vec<(Ipv4Addr, EniId)>,
    /// Secondary addresses and their ENIs, in the order of the addresses.
    pub secondaries: Vec<(Ipv4Addr, EniId)>,
    /// Prefixes and their ENIs, in the order of the addresses.
    pub prefixes: Vec<(Ipv4Net, EniId)>,
    /// How its /28 blocks are used.
    pub blocks: BlockCounts,
}

/// What to create a subnet from.
#[derive(Debug, Clone, PartialEq)]
pub struct SubnetSpec {
    /// The VPC.
    pub vpc: VpcId,
    /// The CIDR block; host bits are dropped, as EC2 does.
    pub cidr: Ipv4Net,
    /// The Availability Zone.
    pub availability_zone: AvailabilityZone,
    /// Tags.
    pub tags: Tags,
}

fn reserved(cidr: Ipv4Net) -> [Ipv4Addr; 5] {
    let base = u32::from(cidr.network());
    [base, base + 1, base + 2, base + 3, u32::from(cidr.broadcast())].map(Ipv4Addr::from)
}
