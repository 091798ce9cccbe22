//! DescribeSecurityGroupRules.

use ec2_query::{
    DescribeSecurityGroupRules, DescribeSecurityGroupRulesResponse, ReferencedSecurityGroup,
    SecurityGroupRule,
};
use vpc::{Direction, Peer, SecurityGroup, SecurityGroupRuleId};

use super::{Described, Selection, list, one, tag_pairs, tags};
use crate::api::error::ApiError;
use crate::api::filter::Filtered;
use crate::api::{Context, permissions};
use crate::state::facts;

pub(in crate::api) fn security_group_rules(
    context: &Context<'_>,
    request: &DescribeSecurityGroupRules,
) -> Result<DescribeSecurityGroupRulesResponse, ApiError> {
    let mut all: Vec<SecurityGroupRule> = context.lab.read(|world| {
        let owned = world.security_groups().filter(|group| context.owns(&group.owner));
        owned
            .flat_map(|group| group.rules.iter().map(move |rule| (group, rule)))
            .map(|(group, rule)| view(context, group, rule))
            .collect()
    });
    all.sort_by(|a, b| a.security_group_rule_id.cmp(&b.security_group_rule_id));
    let selection = Selection {
        ids: &request.security_group_rule_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let (security_group_rules, next_token) =
        list::<SecurityGroupRuleId, SecurityGroupRule>(context, &selection, all)?;
    Ok(DescribeSecurityGroupRulesResponse { security_group_rules, next_token })
}

/// A rule as answers show it.
pub(in crate::api) fn view(
    context: &Context<'_>,
    group: &SecurityGroup,
    rule: &vpc::SecurityGroupRule,
) -> SecurityGroupRule {
    SecurityGroupRule {
        group_id: group.id.to_string(),
        group_owner_id: group.owner.to_string(),
        security_group_rule_arn: format!(
            "arn:{}:ec2:{}:{}:security-group-rule/{}",
            facts::PARTITION,
            context.lab.region,
            group.owner,
            rule.id
        ),
        tags: tags(&rule.tags),
        ..parts(context, rule)
    }
}

/// What a rule says by itself, without its group.
pub(in crate::api) fn parts(
    context: &Context<'_>,
    rule: &vpc::SecurityGroupRule,
) -> SecurityGroupRule {
    let (ip_protocol, ports) = permissions::wire_traffic(rule.permission.traffic);
    // Here, unlike in an IpPermission, -1 stands where a protocol has no ports.
    let (from, to) = ports.unwrap_or((-1, -1));
    let mut shown = SecurityGroupRule {
        security_group_rule_id: rule.id.to_string(),
        is_egress: rule.permission.direction == Direction::Egress,
        ip_protocol,
        from_port: Some(from),
        to_port: Some(to),
        description: rule.description.clone(),
        ..SecurityGroupRule::default()
    };
    match &rule.permission.peer {
        Peer::Ipv4(block) => shown.cidr_ipv4 = Some(block.to_string()),
        Peer::Ipv6(block) => shown.cidr_ipv6 = Some(block.to_string()),
        Peer::Group(group) => {
            shown.referenced_group_info = Some(ReferencedSecurityGroup {
                group_id: group.to_string(),
                user_id: context.caller.account.to_string(),
            });
        }
    }
    shown
}

impl Described for SecurityGroupRule {
    const ACTION: &'static str = "DescribeSecurityGroupRules";
    const IDS: &'static str = "securityGroupRuleIds";

    fn key(&self) -> &str {
        &self.security_group_rule_id
    }
}

impl Filtered for SecurityGroupRule {
    fn attribute(&self, name: &str) -> Option<Vec<String>> {
        match name {
            "group-id" => one(&self.group_id),
            "security-group-rule-id" => one(&self.security_group_rule_id),
            _ => None,
        }
    }

    fn tags(&self) -> Option<Vec<(&str, &str)>> {
        tag_pairs(&self.tags)
    }
}
