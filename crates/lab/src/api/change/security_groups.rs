//! Creating and deleting security groups, and their rules.

use ec2_query::{
    AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupIngress, AuthorizeSecurityGroupResponse,
    CreateSecurityGroup, CreateSecurityGroupResponse, DeleteSecurityGroup,
    DeleteSecurityGroupResponse, IpPermission, IpRange, RevokeSecurityGroupEgress,
    RevokeSecurityGroupIngress, RevokeSecurityGroupResponse, RevokedSecurityGroupRule,
    TagSpecification,
};
use vpc::{
    Direction, SecurityGroupId, SecurityGroupRule, SecurityGroupRuleId, SecurityGroupSpec, VpcId,
};

use super::tags::from_specifications;
use crate::api::error::ApiError;
use crate::api::{Context, describe, ids, permissions};

pub(in crate::api) fn create_security_group(
    context: &Context<'_>,
    request: &CreateSecurityGroup,
) -> Result<CreateSecurityGroupResponse, ApiError> {
    let Some(vpc) = &request.vpc_id else {
        // EC2 would take the default VPC, which a lab has none of.
        return Err(ApiError::bad_request("VPCIdNotSpecified", "No default VPC for this user"));
    };
    let vpc: VpcId = ids::parse(vpc)?;
    if !context.lab.read(|world| world.vpc(&vpc).is_ok_and(|vpc| context.owns(&vpc.owner))) {
        return Err(ids::not_found::<VpcId>(vpc.as_str()));
    }
    let spec = SecurityGroupSpec {
        vpc,
        name: request.group_name.clone(),
        description: request.group_description.clone(),
        tags: from_specifications(&request.tag_specifications, "security-group")?,
    };
    let tags = describe::tags(&spec.tags);
    let id = context.change(|world| world.create_security_group(spec))?;
    Ok(CreateSecurityGroupResponse {
        security_group_arn: describe::security_group_arn(context, &id),
        group_id: id.to_string(),
        tags,
    })
}

pub(in crate::api) fn delete_security_group(
    context: &Context<'_>,
    request: &DeleteSecurityGroup,
) -> Result<DeleteSecurityGroupResponse, ApiError> {
    let id = own_group(context, request.group_id.as_deref(), request.group_name.as_deref())?;
    context.change(|world| world.delete_security_group(&id))?;
    Ok(DeleteSecurityGroupResponse { done: true, group_id: id.to_string() })
}

/// What the four calls about rules have in common.
struct Asked<'r> {
    direction: Direction,
    group_id: Option<&'r str>,
    group_name: Option<&'r str>,
    permissions: Vec<IpPermission>,
}

/// Reads the parameters that the four calls share.
macro_rules! asked {
    ($request:expr, $direction:expr) => {{
        let request = $request;
        let single = IpPermission {
            ip_protocol: request.ip_protocol.clone().unwrap_or_default(),
            from_port: request.from_port,
            to_port: request.to_port,
            ip_ranges: request
                .cidr_ip
                .iter()
                .map(|cidr_ip| IpRange { cidr_ip: cidr_ip.clone(), description: None })
                .collect(),
            ..IpPermission::default()
        };
        let named = [&request.source_security_group_name, &request.source_security_group_owner_id];
        Asked {
            direction: $direction,
            group_id: request.group_id.as_deref(),
            group_name: request.group_name.as_deref(),
            permissions: all_permissions(
                &request.ip_permissions,
                single,
                named.into_iter().any(Option::is_some),
            )?,
        }
    }};
}

/// The permissions of a request that names them in a list, or one in parameters of its own.
fn all_permissions(
    list: &[IpPermission],
    single: IpPermission,
    names_group: bool,
) -> Result<Vec<IpPermission>, ApiError> {
    if names_group {
        return Err(ApiError::combination(
            "The parameter SourceSecurityGroupName is for a default VPC; use IpPermissions.",
        ));
    }
    let is_given = single != IpPermission::default();
    match (list.is_empty(), is_given) {
        (false, true) => Err(ApiError::combination(
            "The parameter ipPermissions may not be used in combination with ipProtocol",
        )),
        (_, false) => Ok(list.to_vec()),
        (true, true) => Ok(vec![single]),
    }
}

pub(in crate::api) fn authorize_ingress(
    context: &Context<'_>,
    request: &AuthorizeSecurityGroupIngress,
) -> Result<AuthorizeSecurityGroupResponse, ApiError> {
    let asked = asked!(request, Direction::Ingress);
    authorize(context, &asked, &request.tag_specifications)
}

pub(in crate::api) fn authorize_egress(
    context: &Context<'_>,
    request: &AuthorizeSecurityGroupEgress,
) -> Result<AuthorizeSecurityGroupResponse, ApiError> {
    let asked = asked!(request, Direction::Egress);
    authorize(context, &asked, &request.tag_specifications)
}

pub(in crate::api) fn revoke_ingress(
    context: &Context<'_>,
    request: &RevokeSecurityGroupIngress,
) -> Result<RevokeSecurityGroupResponse, ApiError> {
    let asked = asked!(request, Direction::Ingress);
    revoke(context, &asked, &request.security_group_rule_ids)
}

pub(in crate::api) fn revoke_egress(
    context: &Context<'_>,
    request: &RevokeSecurityGroupEgress,
) -> Result<RevokeSecurityGroupResponse, ApiError> {
    let asked = asked!(request, Direction::Egress);
    revoke(context, &asked, &request.security_group_rule_ids)
}

fn authorize(
    context: &Context<'_>,
    asked: &Asked<'_>,
    tags: &[TagSpecification],
) -> Result<AuthorizeSecurityGroupResponse, ApiError> {
    let group = own_group(context, asked.group_id, asked.group_name)?;
    let mut rules = permissions::rules(asked.direction, &asked.permissions)?;
    let tags = from_specifications(tags, "security-group-rule")?;
    rules.iter_mut().for_each(|rule| rule.tags.clone_from(&tags));
    let rules = context.change(|world| {
        let ids = world.authorize(&group, rules)?;
        let group = world.security_group(&group)?;
        let new = group.rules.iter().filter(|rule| ids.contains(&rule.id));
        Ok(new.map(|rule| describe::security_group_rule(context, group, rule)).collect())
    })?;
    Ok(AuthorizeSecurityGroupResponse { done: true, security_group_rules: rules })
}

fn revoke(
    context: &Context<'_>,
    asked: &Asked<'_>,
    rule_ids: &[String],
) -> Result<RevokeSecurityGroupResponse, ApiError> {
    let group = own_group(context, asked.group_id, asked.group_name)?;
    let removed = if rule_ids.is_empty() {
        let rules = permissions::rules(asked.direction, &asked.permissions)?;
        let wanted: Vec<_> = rules.into_iter().map(|rule| rule.permission).collect();
        context.change(|world| world.revoke(&group, &wanted))?
    } else if asked.permissions.is_empty() {
        let rules: Vec<SecurityGroupRuleId> = ids::parse_all(rule_ids)?;
        context.change(|world| world.revoke_rules(&group, asked.direction, &rules))?
    } else {
        return Err(ApiError::combination(
            "The parameter securityGroupRuleIds may not be used in combination with ipPermissions",
        ));
    };
    Ok(RevokeSecurityGroupResponse {
        done: true,
        unknown_ip_permissions: Vec::new(),
        revoked_security_group_rules: removed
            .iter()
            .map(|rule| revoked(context, &group, rule))
            .collect(),
    })
}

fn revoked(
    context: &Context<'_>,
    group: &SecurityGroupId,
    rule: &SecurityGroupRule,
) -> RevokedSecurityGroupRule {
    let shown = describe::rule_parts(context, rule);
    RevokedSecurityGroupRule {
        security_group_rule_id: shown.security_group_rule_id,
        group_id: group.to_string(),
        is_egress: shown.is_egress,
        ip_protocol: shown.ip_protocol,
        from_port: shown.from_port,
        to_port: shown.to_port,
        cidr_ipv4: shown.cidr_ipv4,
        cidr_ipv6: shown.cidr_ipv6,
        referenced_group_id: shown.referenced_group_info.map(|info| info.group_id),
        description: shown.description,
    }
}

/// A group of the caller's account, by its id.
fn own_group(
    context: &Context<'_>,
    id: Option<&str>,
    name: Option<&str>,
) -> Result<SecurityGroupId, ApiError> {
    let Some(id) = id else {
        // Names work in a default VPC only, which a lab has none of.
        return Err(match name {
            Some(name) => ApiError::bad_request(
                "InvalidGroup.NotFound",
                format!("The security group '{name}' does not exist in default VPC 'null'"),
            ),
            None => ApiError::missing("groupId"),
        });
    };
    let id: SecurityGroupId = ids::parse(id)?;
    let owned = context
        .lab
        .read(|world| world.security_group(&id).is_ok_and(|group| context.owns(&group.owner)));
    if owned { Ok(id) } else { Err(ids::not_found::<SecurityGroupId>(id.as_str())) }
}
