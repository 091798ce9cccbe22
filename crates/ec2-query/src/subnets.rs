//! DescribeSubnets.

use crate::{
    Filter, Tag,
    action::{action, paginated},
};
use serde::{Deserialize, Serialize};

/// Lists subnets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSubnets {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// Ids of the subnets to list; none means all.
    #[serde(rename = "SubnetId", default)]
    pub subnet_ids: Vec<String>,
    /// Conditions that must all hold.
    #[serde(rename = "Filter", default)]
    pub filters: Vec<Filter>,
    /// Size of a page, 5 to 1000.
    pub max_results: Option<u32>,
    /// The page to answer with, from the answer before.
    pub next_token: Option<String>,
}

action!(DescribeSubnets => DescribeSubnetsResponse, repeatable);
paginated!(DescribeSubnets, subnets: Subnet);

/// Answer to [`DescribeSubnets`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeSubnetsResponse {
    /// The subnets.
    #[serde(rename = "SubnetSet")]
    pub subnets: Vec<Subnet>,
    /// Names the next page, if there is one.
    pub next_token: Option<String>,
}

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Subnet {
    /// Id.
    pub subnet_id: String,
    /// Amazon resource name.
    pub subnet_arn: String,
    /// `pending`, `available` or `unavailable`.
    pub state: String,
    /// The VPC it is part of.
    pub vpc_id: String,
    /// Account that owns it.
    pub owner_id: String,
    /// IPv4 CIDR block.
    pub cidr_block: String,
    /// How many addresses no ENI holds; the five reserved ones do not count.
    pub available_ip_address_count: u32,
    /// Availability Zone, such as `us-west-2a`.
    pub availability_zone: String,
    /// Id of the Availability Zone, such as `usw2-az1`.
    pub availability_zone_id: String,
    /// Whether it is the Availability Zone's default subnet.
    pub default_for_az: bool,
    /// Whether instances started in it get a public IPv4 address.
    pub map_public_ip_on_launch: bool,
    /// Whether instances started in it get an address of an Outpost's pool.
    pub map_customer_owned_ip_on_launch: bool,
    /// Whether ENIs made in it get an IPv6 address.
    pub assign_ipv6_address_on_creation: bool,
    /// Whether it has IPv6 addresses only.
    pub ipv6_native: bool,
    /// Whether its DNS answers synthetic IPv6 addresses for IPv4-only names.
    pub enable_dns64: bool,
    /// Tags.
    #[serde(rename = "TagSet")]
    pub tags: Vec<Tag>,
}
