//! DescribeInstances.

use crate::{
    Filter, GroupIdentifier, Ipv4PrefixSpecification, NetworkInterfacePrivateIpAddress, Tag,
    action::{action, paginated},
};
use serde::{Deserialize, Serialize};

/// Lists instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeInstances {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// Ids of the instances to list; none means all.
    #[serde(rename = "InstanceId", default)]
    pub instance_ids: Vec<String>,
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

action!(DescribeInstances => DescribeInstancesResponse, repeatable);
paginated!(DescribeInstances, reservations: Reservation);

/// Answer to [`DescribeInstances`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeInstancesResponse {
    /// The instances, by the request that started them.
    #[serde(rename = "ReservationSet")]
    pub reservations: Vec<Reservation>,
    /// Names the next page, if there is one.
    pub next_token: Option<String>,
}

/// The instances that one request started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Reservation {
    /// Id, `r-…`.
    pub reservation_id: String,
    /// Account that owns the instances.
    pub owner_id: String,
    /// Who started them for the owner.
    pub requester_id: Option<String>,
    /// Security groups outside a VPC: always empty today.
    #[serde(rename = "GroupSet")]
    pub groups: Vec<GroupIdentifier>,
    /// The instances.
    #[serde(rename = "InstancesSet")]
    pub instances: Vec<Instance>,
}

/// An instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Instance {
    /// Id.
    pub instance_id: String,
    /// Its machine image.
    pub image_id: String,
    /// Its state.
    #[serde(rename = "InstanceState")]
    pub state: InstanceState,
    /// DNS name of its primary private address.
    pub private_dns_name: String,
    /// Public DNS name, empty without a public address.
    #[serde(rename = "DnsName")]
    pub public_dns_name: String,
    /// Why the state last changed, often empty.
    #[serde(rename = "Reason")]
    pub state_transition_reason: String,
    /// Its number among the instances of its reservation.
    pub ami_launch_index: u32,
    /// Instance type, such as `m5.large`.
    pub instance_type: String,
    /// When it was started.
    pub launch_time: String,
    /// Where it runs.
    pub placement: Placement,
    /// Whether detailed monitoring is on.
    pub monitoring: Monitoring,
    /// The subnet of its primary ENI.
    pub subnet_id: Option<String>,
    /// The VPC it is in.
    pub vpc_id: Option<String>,
    /// Primary private IPv4 address of its primary ENI.
    pub private_ip_address: Option<String>,
    /// `x86_64`, `arm64` and others.
    pub architecture: String,
    /// `ebs` or `instance-store`.
    pub root_device_type: Option<String>,
    /// `hvm` or `paravirtual`.
    pub virtualization_type: Option<String>,
    /// `xen` or `ovm`; EC2 says `xen` for Nitro too.
    pub hypervisor: Option<String>,
    /// Token of the request that started it.
    pub client_token: String,
    /// Whether its disks have bandwidth of their own.
    pub ebs_optimized: bool,
    /// Whether its ENIs are of the ENA kind.
    pub ena_support: Option<bool>,
    /// Its role.
    pub iam_instance_profile: Option<IamInstanceProfile>,
    /// Its ENIs.
    #[serde(rename = "NetworkInterfaceSet")]
    pub network_interfaces: Vec<InstanceNetworkInterface>,
    /// Security groups of its primary ENI.
    #[serde(rename = "GroupSet")]
    pub security_groups: Vec<GroupIdentifier>,
    /// Whether its primary ENI checks sources and destinations.
    pub source_dest_check: Option<bool>,
    /// Tags.
    #[serde(rename = "TagSet")]
    pub tags: Vec<Tag>,
    /// How it reaches its metadata.
    pub metadata_options: Option<InstanceMetadataOptions>,
}

/// State of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InstanceState {
    /// 0 pending, 16 running, 32 shutting-down, 48 terminated, 64 stopping, 80 stopped.
    pub code: u32,
    /// The same in words.
    pub name: String,
}

/// Where an instance runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Placement {
    /// Availability Zone.
    pub availability_zone: String,
    /// Id of the Availability Zone.
    pub availability_zone_id: Option<String>,
    /// Placement group, empty if none.
    pub group_name: String,
    /// `default`, `dedicated` or `host`.
    pub tenancy: String,
}

/// Whether an instance's detailed monitoring is on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Monitoring {
    /// `disabled`, `disabling`, `enabled` or `pending`.
    pub state: String,
}

/// The role of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IamInstanceProfile {
    /// Amazon resource name of the profile.
    pub arn: String,
    /// Id of the profile.
    pub id: String,
}

/// How an instance reaches its metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InstanceMetadataOptions {
    /// `pending` or `applied`.
    pub state: String,
    /// `optional`, or `required` for version 2 only.
    pub http_tokens: String,
    /// IP hops that a token's packets may travel.
    pub http_put_response_hop_limit: u32,
    /// `disabled` or `enabled`.
    pub http_endpoint: String,
}

/// An ENI as its instance's description shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InstanceNetworkInterface {
    /// Id.
    pub network_interface_id: String,
    /// The subnet it is in.
    pub subnet_id: String,
    /// The VPC it is in.
    pub vpc_id: String,
    /// Free text of whoever made it.
    pub description: String,
    /// Account that owns it.
    pub owner_id: String,
    /// `attaching`, `in-use` or `detaching`.
    pub status: String,
    /// MAC address.
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
    /// The attachment.
    pub attachment: InstanceNetworkInterfaceAttachment,
    /// All private IPv4 addresses, the primary one first.
    #[serde(rename = "PrivateIpAddressesSet")]
    pub private_ip_addresses: Vec<NetworkInterfacePrivateIpAddress>,
    /// IPv4 prefixes.
    #[serde(rename = "Ipv4PrefixSet")]
    pub ipv4_prefixes: Vec<Ipv4PrefixSpecification>,
    /// `interface`, `efa`, `trunk` and others.
    pub interface_type: String,
}

/// The attachment of an instance's ENI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct InstanceNetworkInterfaceAttachment {
    /// Id.
    pub attachment_id: String,
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
