//! DescribeSecurityGroups.

use crate::{
    Filter, Tag,
    action::{action, paginated},
};
use serde::{Deserialize, Serialize};

/// Lists security groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSecurityGroups {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// Ids of the groups to list; none means all.
    #[serde(rename = "GroupId", default)]
    pub group_ids: Vec<String>,
    /// Names of the groups to list, in the default VPC only.
    #[serde(rename = "GroupName", default)]
    pub group_names: Vec<String>,
    /// Conditions that must all hold.
    #[serde(rename = "Filter", default)]
    pub filters: Vec<Filter>,
    /// Size of a page, 5 to 1000.
    pub max_results: Option<u32>,
    /// The page to answer with, from the answer before.
    pub next_token: Option<String>,
}

action!(DescribeSecurityGroups => DescribeSecurityGroupsResponse, repeatable);
paginated!(DescribeSecurityGroups, security_groups: SecurityGroup);

/// Answer to [`DescribeSecurityGroups`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeSecurityGroupsResponse {
    /// The groups.
    #[serde(rename = "SecurityGroupInfo")]
    pub security_groups: Vec<SecurityGroup>,
    /// Names the next page, if there is one.
    pub next_token: Option<String>,
}

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SecurityGroup {
    /// Id.
    pub group_id: String,
    /// Amazon resource name.
    pub security_group_arn: String,
    /// Name, unique within its VPC.
    pub group_name: String,
    /// What it is for.
    #[serde(rename = "GroupDescription")]
    pub description: String,
    /// Account that owns it.
    pub owner_id: String,
    /// The VPC it is part of.
    pub vpc_id: String,
    /// What may come in.
    pub ip_permissions: Vec<IpPermission>,
    /// What may go out.
    pub ip_permissions_egress: Vec<IpPermission>,
    /// Tags.
    #[serde(rename = "TagSet")]
    pub tags: Vec<Tag>,
}

/// A rule: which protocol, which ports, which peers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpPermission {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, a protocol number, or `-1` for all.
    pub ip_protocol: String,
    /// First port, or ICMP type; absent where the protocol has none.
    pub from_port: Option<i32>,
    /// Last port, or ICMP code; absent where the protocol has none.
    pub to_port: Option<i32>,
    /// Peers by security group.
    pub groups: Vec<UserIdGroupPair>,
    /// Peers by IPv4 CIDR block.
    pub ip_ranges: Vec<IpRange>,
    /// Peers by IPv6 CIDR block.
    pub ipv6_ranges: Vec<Ipv6Range>,
    /// Peers by prefix list.
    pub prefix_list_ids: Vec<PrefixListId>,
}

/// A security group as the peer of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UserIdGroupPair {
    /// Account that owns the group.
    pub user_id: String,
    /// Id of the group.
    pub group_id: String,
    /// Name of the group, in requests, and in the default VPC only.
    pub group_name: Option<String>,
    /// The VPC it is part of, in requests.
    pub vpc_id: Option<String>,
    /// Description of this peer.
    pub description: Option<String>,
}

/// An IPv4 CIDR block as the peer of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct IpRange {
    /// The block.
    pub cidr_ip: String,
    /// Description of this peer.
    pub description: Option<String>,
}

/// An IPv6 CIDR block as the peer of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ipv6Range {
    /// The block.
    pub cidr_ipv6: String,
    /// Description of this peer.
    pub description: Option<String>,
}

/// A prefix list as the peer of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PrefixListId {
    /// Id of the list.
    pub prefix_list_id: String,
    /// Description of this peer.
    pub description: Option<String>,
}
