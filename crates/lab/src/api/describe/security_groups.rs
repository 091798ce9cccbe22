//! DescribeSecurityGroups.

use ec2_query::{
    DescribeSecurityGroups, DescribeSecurityGroupsResponse, IpPermission, SecurityGroup,
};
use vpc::{Direction, SecurityGroupId, World};

use super::{Described, Selection, list, many, one, tag_pairs, tags};
use crate::api::Context;
use crate::api::error::ApiError;
use crate::api::filter::Filtered;
use crate::api::permissions::permissions;
use crate::state::facts;

pub(in crate::api) fn security_groups(
    context: &Context<'_>,
    request: &DescribeSecurityGroups,
) -> Result<DescribeSecurityGroupsResponse, ApiError> {
    let all: Vec<SecurityGroup> = context.lab.read(|world| {
        world.security_groups().filter_map(|group| view(context, world, group)).collect()
    });
    if !request.group_names.is_empty() {
        // Names are unique within a VPC only; EC2 takes them for those of the default VPC, which
        // a lab has none of.
        return Err(ApiError::bad_request(
            "VPCIdNotSpecified",
            "No default VPC for this user. Use the group-id or the group-name filter instead.",
        ));
    }
    let selection = Selection {
        ids: &request.group_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let (security_groups, next_token) =
        list::<SecurityGroupId, SecurityGroup>(context, &selection, all)?;
    Ok(DescribeSecurityGroupsResponse { security_groups, next_token })
}

fn view(context: &Context<'_>, world: &World, group: &vpc::SecurityGroup) -> Option<SecurityGroup> {
    let vpc = world.vpc(&group.vpc).ok().filter(|vpc| context.owns(&vpc.owner))?;
    Some(SecurityGroup {
        group_id: group.id.to_string(),
        security_group_arn: arn(context, &group.id),
        group_name: group.name.clone(),
        description: group.description.clone(),
        owner_id: vpc.owner.to_string(),
        vpc_id: group.vpc.to_string(),
        ip_permissions: permissions(group.rules_of(Direction::Ingress), &vpc.owner),
        ip_permissions_egress: permissions(group.rules_of(Direction::Egress), &vpc.owner),
        tags: tags(&group.tags),
    })
}

/// The Amazon resource name of a group of the caller's account.
pub(in crate::api) fn arn(context: &Context<'_>, group: &SecurityGroupId) -> String {
    format!(
        "arn:{}:ec2:{}:{}:security-group/{group}",
        facts::PARTITION,
        context.lab.region,
        context.caller.account,
    )
}

impl Described for SecurityGroup {
    const ACTION: &'static str = "DescribeSecurityGroups";
    const IDS: &'static str = "securityGroupIdSet";

    fn key(&self) -> &str {
        &self.group_id
    }
}

impl Filtered for SecurityGroup {
    fn attribute(&self, name: &str) -> Option<Vec<String>> {
        if let Some(name) = name.strip_prefix("egress.ip-permission.") {
            return permission_attribute(&self.ip_permissions_egress, name);
        }
        if let Some(name) = name.strip_prefix("ip-permission.") {
            return permission_attribute(&self.ip_permissions, name);
        }
        match name {
            "description" => one(&self.description),
            "group-id" => one(&self.group_id),
            "group-name" => one(&self.group_name),
            "owner-id" => one(&self.owner_id),
            "vpc-id" => one(&self.vpc_id),
            _ => None,
        }
    }

    fn tags(&self) -> Option<Vec<(&str, &str)>> {
        tag_pairs(&self.tags)
    }
}

fn permission_attribute(permissions: &[IpPermission], name: &str) -> Option<Vec<String>> {
    let pairs = || permissions.iter().flat_map(|permission| &permission.groups);
    match name {
        "cidr" => many(permissions.iter().flat_map(|p| &p.ip_ranges).map(|range| &range.cidr_ip)),
        "from-port" => many(permissions.iter().filter_map(|p| p.from_port)),
        "to-port" => many(permissions.iter().filter_map(|p| p.to_port)),
        "group-id" => many(pairs().map(|pair| &pair.group_id)),
        "user-id" => many(pairs().map(|pair| &pair.user_id)),
        "protocol" => many(permissions.iter().map(|p| &p.ip_protocol)),
        "ipv6-cidr" => {
            many(permissions.iter().flat_map(|p| &p.ipv6_ranges).map(|range| &range.cidr_ipv6))
        }
        "group-name" | "prefix-list-id" => super::never(),
        _ => None,
    }
}
