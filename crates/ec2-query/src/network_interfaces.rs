//! DescribeNetworkInterfaces, and the ENI itself.

use crate::{
    Filter, GroupIdentifier, Tag,
    action::{action, paginated},
};
use serde::{Deserialize, Serialize};

/// Lists ENIs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeNetworkInterfaces {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// Ids of the ENIs to list; none means all.
    #[serde(rename = "NetworkInterfaceId", default)]
    pub network_interface_ids: Vec<String>,
    /// Conditions that must all hold.
    #[serde(rename = "Filter", default)]
    pub filters: Vec<Filter>,
    /// Size of a page, 5 to 1000; not together with ids.
    pub max_results: Option<u32>,
    /// The page to answer with, from the answer before.
    pub next_token: Option<String>,
    /// Also list what AWS services manage for the account.
    pub include_managed_resources: Option<bool>,
}

action!(DescribeNetworkInterfaces => DescribeNetworkInterfacesResponse, repeatable);
paginated!(DescribeNetworkInterfaces, network_interfaces: NetworkInterface);

/// Answer to [`DescribeNetworkInterfaces`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeNetworkInterfacesResponse {
    /// The ENIs.
    #[serde(rename = "NetworkInterfaceSet")]
    pub network_interfaces: Vec<NetworkInterface>,
    /// Names the next page, if there is one.
    pub next_token: Option<String>,
}

/// An ENI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkInterface {
    /// Id.
    pub network_interface_id: String,
    /// The subnet it is in.
    pub subnet_id: String,
    /// The VPC it is in.
    pub vpc_id: String,
    /// The Availability Zone it is in.
    pub availability_zone: String,
    /// Id of that zone.
    pub availability_zone_id: Option<String>,
    /// Free text of whoever made it.
    pub description: String,
    /// Account that owns it.
    pub owner_id: String,
    /// Account or service that made it for the owner.
    pub requester_id: Option<String>,
    /// Whether an AWS service manages it: its owner may then not change it.
    pub requester_managed: bool,
    /// `available`, `associated`, `attaching`, `in-use` or `detaching`.
    pub status: String,
    /// MAC address, as in `02:00:00:00:00:01`.
    pub mac_address: String,
    /// Primary private IPv4 address; none on ENIs without addresses.
    pub private_ip_address: Option<String>,
    /// DNS name of the primary address.
    pub private_dns_name: Option<String>,
    /// Whether its traffic must have the ENI's own addresses at one end.
    pub source_dest_check: bool,
    /// Security groups.
    #[serde(rename = "GroupSet")]
    pub groups: Vec<GroupIdentifier>,
    /// What it is attached to.
    pub attachment: Option<NetworkInterfaceAttachment>,
    /// Tags.
    #[serde(rename = "TagSet")]
    pub tags: Vec<Tag>,
    /// All private IPv4 addresses, the primary one first.
    #[serde(rename = "PrivateIpAddressesSet")]
    pub private_ip_addresses: Vec<NetworkInterfacePrivateIpAddress>,
    /// IPv4 prefixes.
    #[serde(rename = "Ipv4PrefixSet")]
    pub ipv4_prefixes: Vec<Ipv4PrefixSpecification>,
    /// IPv6 addresses.
    #[serde(rename = "Ipv6AddressesSet")]
    pub ipv6_addresses: Vec<Ipv6AddressSpecification>,
    /// `interface`, `efa`, `trunk`, `branch`, `vpc_endpoint` and others.
    pub interface_type: String,
}

/// What an ENI is attached to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkInterfaceAttachment {
    /// Id.
    pub attachment_id: String,
    /// The instance; none if the other end is an AWS service.
    pub instance_id: Option<String>,
    /// Account that owns the instance, or the service at the other end.
    pub instance_owner_id: String,
    /// Device index on its network card.
    pub device_index: u32,
    /// The network card.
    pub network_card_index: Option<u32>,
    /// `attaching`, `attached`, `detaching` or `detached`.
    pub status: String,
    /// When it was attached.
    pub attach_time: String,
    /// Whether the ENI goes when its instance goes.
    pub delete_on_termination: bool,
}

/// A private IPv4 address of an ENI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworkInterfacePrivateIpAddress {
    /// The address.
    pub private_ip_address: String,
    /// Its DNS name.
    pub private_dns_name: Option<String>,
    /// Whether it is the ENI's primary address.
    pub primary: bool,
}

/// An IPv4 prefix of an ENI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv4PrefixSpecification {
    /// The prefix, a /28.
    pub ipv4_prefix: String,
}

/// An IPv6 address of an ENI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv6AddressSpecification {
    /// The address.
    pub ipv6_address: String,
    /// Whether it is the ENI's primary IPv6 address.
    pub is_primary_ipv6: Option<bool>,
}
