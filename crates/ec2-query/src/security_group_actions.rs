//! Creating and deleting security groups, and adding and removing their rules.

use crate::{IpPermission, SecurityGroupRule, Tag, TagSpecification, action::action};
use serde::{Deserialize, Serialize};

/// Creates a security group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSecurityGroup {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// What it is for.
    pub group_description: String,
    /// Name, unique within its VPC.
    pub group_name: String,
    /// The VPC; none means the default VPC.
    pub vpc_id: Option<String>,
    /// Tags of the group.
    #[serde(rename = "TagSpecification", default)]
    pub tag_specifications: Vec<TagSpecification>,
}

action!(CreateSecurityGroup => CreateSecurityGroupResponse, |_request| false);

/// Answer to [`CreateSecurityGroup`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateSecurityGroupResponse {
    /// Id of the new group.
    pub group_id: String,
    /// Its tags.
    #[serde(rename = "TagSet")]
    pub tags: Vec<Tag>,
    /// Amazon resource name.
    pub security_group_arn: String,
}

/// Deletes a security group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSecurityGroup {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The group.
    pub group_id: Option<String>,
    /// The group's name, in the default VPC only.
    pub group_name: Option<String>,
}

action!(DeleteSecurityGroup => DeleteSecurityGroupResponse, repeatable);

/// Answer to [`DeleteSecurityGroup`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteSecurityGroupResponse {
    /// That it was deleted.
    #[serde(rename = "Return")]
    pub done: bool,
    /// The group.
    pub group_id: String,
}

/// A request that adds rules to a security group or removes them.
macro_rules! rule_request {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $wire:literal,)* }
     => $response:ty) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct $name {
            /// Only check whether the request would be allowed.
            pub dry_run: Option<bool>,
            /// The group.
            pub group_id: Option<String>,
            /// The group's name, in the default VPC only.
            pub group_name: Option<String>,
            /// Rules.
            #[serde(default)]
            pub ip_permissions: Vec<IpPermission>,
            /// One rule, without `IpPermissions`: its protocol.
            pub ip_protocol: Option<String>,
            /// One rule, without `IpPermissions`: its first port or ICMP type.
            pub from_port: Option<i32>,
            /// One rule, without `IpPermissions`: its last port or ICMP code.
            pub to_port: Option<i32>,
            /// One rule, without `IpPermissions`: its peer.
            pub cidr_ip: Option<String>,
            /// One rule, without `IpPermissions`: its peer's name, in the default VPC only.
            pub source_security_group_name: Option<String>,
            /// One rule, without `IpPermissions`: the account of its peer.
            pub source_security_group_owner_id: Option<String>,
            $($(#[$field_doc])* #[serde(rename = $wire, default)] pub $field: $type,)*
        }

        action!($name => $response, |_request| false);
    };
}

rule_request!(
    /// Lets others open connections to the members of a group.
    AuthorizeSecurityGroupIngress {
        /// Tags of the rules.
        tag_specifications: Vec<TagSpecification> = "TagSpecification",
    } => AuthorizeSecurityGroupResponse);
rule_request!(
    /// Lets the members of a group open connections to others.
    AuthorizeSecurityGroupEgress {
        /// Tags of the rules.
        tag_specifications: Vec<TagSpecification> = "TagSpecification",
    } => AuthorizeSecurityGroupResponse);
rule_request!(
    /// Removes ingress rules.
    RevokeSecurityGroupIngress {
        /// The rules, by id.
        security_group_rule_ids: Vec<String> = "SecurityGroupRuleId",
    } => RevokeSecurityGroupResponse);
rule_request!(
    /// Removes egress rules.
    RevokeSecurityGroupEgress {
        /// The rules, by id.
        security_group_rule_ids: Vec<String> = "SecurityGroupRuleId",
    } => RevokeSecurityGroupResponse);

/// Answer to the requests that add rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AuthorizeSecurityGroupResponse {
    /// That they were added.
    #[serde(rename = "Return")]
    pub done: bool,
    /// The new rules.
    #[serde(rename = "SecurityGroupRuleSet")]
    pub security_group_rules: Vec<SecurityGroupRule>,
}

/// Answer to the requests that remove rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RevokeSecurityGroupResponse {
    /// That they were removed.
    #[serde(rename = "Return")]
    pub done: bool,
    /// Rules the group does not have; EC2 fills it for a default VPC's groups only.
    #[serde(rename = "UnknownIpPermissionSet")]
    pub unknown_ip_permissions: Vec<IpPermission>,
    /// What was removed.
    #[serde(rename = "RevokedSecurityGroupRuleSet")]
    pub revoked_security_group_rules: Vec<RevokedSecurityGroupRule>,
}

/// A rule that was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RevokedSecurityGroupRule {
    /// Its id.
    pub security_group_rule_id: String,
    /// The group it was of.
    pub group_id: String,
    /// Whether it was an egress rule.
    pub is_egress: bool,
    /// As in [`IpPermission`].
    pub ip_protocol: String,
    /// As in [`IpPermission`]; -1 where the protocol has no ports.
    pub from_port: Option<i32>,
    /// As in [`IpPermission`]; -1 where the protocol has no ports.
    pub to_port: Option<i32>,
    /// Its peer, if an IPv4 CIDR block.
    pub cidr_ipv4: Option<String>,
    /// Its peer, if an IPv6 CIDR block.
    pub cidr_ipv6: Option<String>,
    /// Its peer, if a security group.
    pub referenced_group_id: Option<String>,
    /// What it was for.
    pub description: Option<String>,
}
