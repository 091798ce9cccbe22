//! VPCs.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::{AccountId, SecurityGroupId, SubnetId, Tags, VpcCidrAssociationId, VpcId};

/// A VPC: a private network of one account in one Region.
#[derive(Debug, Clone, PartialEq)]
pub struct Vpc {
    /// The VPC's ID.
    pub id: VpcId,
    /// The account it belongs to.
    pub owner: AccountId,
    /// Its Region, e.g. `us-west-2`.
    pub region: String,
    /// Its primary CIDR block.
    pub cidr: VpcCidr,
    /// Its other CIDR blocks in the order of their association.
    pub secondary_cidrs: Vec<VpcCidr>,
    /// What ModifyVpcAttribute changes.
    pub attributes: VpcAttributes,
    /// Its tags.
    pub tags: Tags,
    /// The security group of ENIs created without one.
    pub default_security_group: SecurityGroupId,
    /// Its subnets by their first address. They do not overlap, so the subnet of an address is
    /// the last that begins at or below it.
    pub(crate) subnets: BTreeMap<Ipv4Addr, SubnetId>,
}

impl Vpc {
    /// All its CIDR blocks, the primary one first.
    pub fn cidrs(&self) -> impl Iterator<Item = &VpcCidr> {
        std::iter::once(&self.cidr).chain(&self.secondary_cidrs)
    }
}

/// The attributes of a VPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VpcAttributes {
    /// Whether the VPC's resolver answers.
    pub dns_support: bool,
    /// Whether its private addresses have names.
    pub dns_hostnames: bool,
    /// Whether its network address usage is measured.
    pub network_address_usage_metrics: bool,
}

impl Default for VpcAttributes {
    /// Those of a VPC that CreateVpc makes (Amazon VPC user guide, "DNS attributes").
    fn default() -> Self {
        Self { dns_support: true, dns_hostnames: false, network_address_usage_metrics: false }
    }
}

/// An attribute of a VPC and its new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VpcAttribute {
    /// Whether the VPC's resolver answers.
    DnsSupport(bool),
    /// Whether its private addresses have names.
    DnsHostnames(bool),
    /// Whether its network address usage is measured.
    NetworkAddressUsageMetrics(bool),
}

/// A CIDR block of a VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VpcCidr {
    /// Identifies the block's association with the VPC.
    pub association: VpcCidrAssociationId,
    /// The block, /16 to /28, without host bits.
    pub block: Ipv4Net,
}

/// What to create a VPC from.
#[derive(Debug, Clone, PartialEq)]
pub struct VpcSpec {
    /// The account it will belong to.
    pub owner: AccountId,
    /// The Region, e.g. `us-west-2`.
    pub region: String,
    /// The primary CIDR block; host bits are dropped, as EC2 does.
    pub cidr: Ipv4Net,
    /// Tags.
    pub tags: Tags,
}
