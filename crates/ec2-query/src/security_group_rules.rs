//! DescribeSecurityGroupRules.

use crate::{
    Filter, Tag,
    action::{action, paginated},
};
use serde::{Deserialize, Serialize};

/// Lists rules of security groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeSecurityGroupRules {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// Ids of the rules to list; none means all.
    #[serde(rename = "SecurityGroupRuleId", default)]
    pub security_group_rule_ids: Vec<String>,
    /// Conditions that must all hold.
    #[serde(rename = "Filter", default)]
    pub filters: Vec<Filter>,
    /// Size of a page, 5 to 1000.
    pub max_results: Option<u32>,
    /// The page to answer with, from the answer before.
    pub next_token: Option<String>,
}

action!(DescribeSecurityGroupRules => DescribeSecurityGroupRulesResponse, repeatable);
paginated!(DescribeSecurityGroupRules, security_group_rules: SecurityGroupRule);

/// Answer to [`DescribeSecurityGroupRules`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeSecurityGroupRulesResponse {
    /// The rules.
    #[serde(rename = "SecurityGroupRuleSet")]
    pub security_group_rules: Vec<SecurityGroupRule>,
    /// Names the next page, if there is one.
    pub next_token: Option<String>,
}

/// A rule of a security group: one protocol, one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SecurityGroupRule {
    /// Id.
    pub security_group_rule_id: String,
    /// The group it is of.
    pub group_id: String,
    /// Account that owns the group.
    pub group_owner_id: String,
    /// Whether it is an egress rule.
    pub is_egress: bool,
    /// As in [`IpPermission`](crate::IpPermission).
    pub ip_protocol: String,
    /// First port, or ICMP type; -1 where the protocol has none.
    pub from_port: Option<i32>,
    /// Last port, or ICMP code; -1 where the protocol has none.
    pub to_port: Option<i32>,
    /// Its peer, if an IPv4 CIDR block.
    pub cidr_ipv4: Option<String>,
    /// Its peer, if an IPv6 CIDR block.
    pub cidr_ipv6: Option<String>,
    /// Its peer, if a security group.
    pub referenced_group_info: Option<ReferencedSecurityGroup>,
    /// What it is for.
    pub description: Option<String>,
    /// Amazon resource name.
    pub security_group_rule_arn: String,
    /// Tags.
    #[serde(rename = "TagSet")]
    pub tags: Vec<Tag>,
}

/// A security group as the peer of a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReferencedSecurityGroup {
    /// Id.
    pub group_id: String,
    /// Account that owns it.
    pub user_id: String,
}
