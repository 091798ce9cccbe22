//! Security groups: creating and deleting them, and their rules.

use std::collections::BTreeSet;

use super::World;
use crate::security_group;
use crate::{
    AccountId, Direction, Error, Peer, Permission, SecurityGroup, SecurityGroupId,
    SecurityGroupRule, SecurityGroupRuleId, SecurityGroupRuleSpec, SecurityGroupSpec, Tags,
    Traffic, Vpc, tags,
};

/// Everything, in one direction, from or to the peer.
pub(super) fn all(direction: Direction, peer: Peer) -> SecurityGroupRuleSpec {
    Permission { direction, traffic: Traffic::All, peer }.into()
}

impl World {
    /// Creates a security group that lets everything out and nothing in.
    ///
    /// # Errors
    /// There is no such VPC, it has a group of that name, the name, description or tags break a
    /// rule, or the VPC's account has its quota of security groups.
    pub fn create_security_group(
        &mut self,
        spec: SecurityGroupSpec,
    ) -> Result<SecurityGroupId, Error> {
        let owner = self.vpc(&spec.vpc)?.owner.clone();
        if let Some(problem) = security_group::name_problem(&spec.name) {
            return Err(Error::InvalidSecurityGroupName { name: spec.name, problem });
        }
        if let Some(problem) = security_group::description_problem(&spec.description) {
            let description = spec.description;
            return Err(Error::InvalidSecurityGroupDescription { description, problem });
        }
        if self.security_groups.values().any(|g| g.vpc == spec.vpc && g.name == spec.name) {
            return Err(Error::SecurityGroupDuplicate { vpc: spec.vpc, name: spec.name });
        }
        tags::check(&spec.tags)?;
        self.check_security_group_quota(&owner)?;
        Ok(self.add_security_group(spec, owner))
    }

    /// Deletes a security group.
    ///
    /// # Errors
    /// There is no such group, it is its VPC's default group, or ENIs or other groups' rules use
    /// it.
    pub fn delete_security_group(&mut self, id: &SecurityGroupId) -> Result<(), Error> {
        let group = self.security_group(id)?;
        if self.vpc(&group.vpc)?.default_security_group == *id {
            return Err(Error::DefaultSecurityGroup { group: id.clone() });
        }
        let peer = Peer::Group(id.clone());
        let enis = self.enis.values().filter(|eni| eni.groups.contains(id));
        let groups = self.security_groups.values().filter(|other| {
            other.id != *id && other.rules.iter().any(|rule| rule.permission.peer == peer)
        });
        let dependents: Vec<String> = enis
            .map(|eni| eni.id.to_string())
            .chain(groups.map(|group| group.id.to_string()))
            .collect();
        if !dependents.is_empty() {
            return Err(Error::SecurityGroupInUse { group: id.clone(), dependents });
        }
        self.security_groups.remove(id);
        Ok(())
    }

    /// Adds rules to a security group: all of them or none. Returns their IDs in that order.
    ///
    /// # Errors
    /// There is no such group, or none of a rule's peer in the same VPC; a rule is there already
    /// or given twice; a description or tags break a rule; or the group would have more rules
    /// than its quota.
    pub fn authorize(
        &mut self,
        id: &SecurityGroupId,
        rules: Vec<SecurityGroupRuleSpec>,
    ) -> Result<Vec<SecurityGroupRuleId>, Error> {
        let group = self.security_group(id)?;
        let mut known: BTreeSet<&Permission> = BTreeSet::new();
        for rule in &rules {
            let permission = &rule.permission;
            if !known.insert(permission) {
                return Err(Error::RuleGivenTwice { permission: permission.clone() });
            }
            if let Peer::Group(peer) = &permission.peer {
                self.check_same_vpc(group, peer)?;
            }
            if let Some(description) = &rule.description
                && !description.is_empty()
                && let Some(problem) = security_group::description_problem(description)
            {
                return Err(Error::InvalidRuleDescription {
                    description: description.clone(),
                    problem,
                });
            }
            tags::check(&rule.tags)?;
        }
        if let Some(rule) = group.rules.iter().find(|rule| known.contains(&rule.permission)) {
            let permission = rule.permission.clone();
            return Err(Error::RuleDuplicate { group: id.clone(), permission });
        }
        self.check_rule_quota(group, &rules)?;
        Ok(self.add_rules(id, rules))
    }

    /// Removes rules from a security group by what they allow: all of them or none. Returns what
    /// was removed.
    ///
    /// # Errors
    /// There is no such group, or it has no such rule.
    pub fn revoke(
        &mut self,
        id: &SecurityGroupId,
        permissions: &[Permission],
    ) -> Result<Vec<SecurityGroupRule>, Error> {
        let group = self.security_group(id)?;
        let missing = permissions
            .iter()
            .find(|wanted| group.rules.iter().all(|rule| rule.permission != **wanted));
        if let Some(permission) = missing.cloned() {
            return Err(Error::UnknownPermission { group: id.clone(), permission });
        }
        Ok(self.remove_rules(id, |rule| permissions.contains(&rule.permission)))
    }

    /// Removes rules from a security group by their IDs: all of them or none. Returns what was
    /// removed.
    ///
    /// # Errors
    /// There is no such group, or it has no such rule in that direction.
    pub fn revoke_rules(
        &mut self,
        id: &SecurityGroupId,
        direction: Direction,
        rules: &[SecurityGroupRuleId],
    ) -> Result<Vec<SecurityGroupRule>, Error> {
        let group = self.security_group(id)?;
        let known = |wanted: &&SecurityGroupRuleId| {
            !group.rules_of(direction).any(|rule| rule.id == **wanted)
        };
        if let Some(rule) = rules.iter().find(known).cloned() {
            return Err(Error::UnknownRule { group: id.clone(), rule });
        }
        Ok(self.remove_rules(id, |rule| rules.contains(&rule.id)))
    }

    /// The group that has a rule of that ID.
    #[must_use]
    pub fn rule_group(&self, id: &SecurityGroupRuleId) -> Option<&SecurityGroup> {
        let mut groups = self.security_groups.values();
        groups.find(|group| group.rules.iter().any(|rule| rule.id == *id))
    }

    pub(super) fn rule_tags_mut(&mut self, id: &SecurityGroupRuleId) -> Option<&mut Tags> {
        let rules = self.security_groups.values_mut().flat_map(|group| &mut group.rules);
        rules.into_iter().find(|rule| rule.id == *id).map(|rule| &mut rule.tags)
    }

    /// The security groups of a new or changed ENI of the VPC: those given, each once; the
    /// default group if none is given.
    pub(super) fn security_groups_for(
        &self,
        vpc: &Vpc,
        groups: Vec<SecurityGroupId>,
    ) -> Result<Vec<SecurityGroupId>, Error> {
        if groups.is_empty() {
            return Ok(vec![vpc.default_security_group.clone()]);
        }
        let mut unique: Vec<SecurityGroupId> = Vec::with_capacity(groups.len());
        for group in groups {
            let group_vpc = &self.security_group(&group)?.vpc;
            if *group_vpc != vpc.id {
                let (group_vpc, vpc) = (group_vpc.clone(), vpc.id.clone());
                return Err(Error::SecurityGroupOtherVpc { group, group_vpc, vpc });
            }
            if !unique.contains(&group) {
                unique.push(group);
            }
        }
        let (requested, limit) = (unique.len(), self.quotas.security_groups_per_eni);
        if requested > limit as usize {
            return Err(Error::SecurityGroupsPerEniLimitExceeded { requested, limit });
        }
        Ok(unique)
    }

    /// Adds rules that have been found right.
    pub(super) fn add_rules(
        &mut self,
        id: &SecurityGroupId,
        rules: Vec<SecurityGroupRuleSpec>,
    ) -> Vec<SecurityGroupRuleId> {
        let mut ids = Vec::with_capacity(rules.len());
        for SecurityGroupRuleSpec { permission, description, tags } in rules {
            let rule = self.new_security_group_rule_id();
            ids.push(rule.clone());
            if let Some(group) = self.security_groups.get_mut(id) {
                group.rules.push(SecurityGroupRule { id: rule, permission, description, tags });
            }
        }
        ids
    }

    fn remove_rules(
        &mut self,
        id: &SecurityGroupId,
        wanted: impl Fn(&SecurityGroupRule) -> bool,
    ) -> Vec<SecurityGroupRule> {
        let Some(group) = self.security_groups.get_mut(id) else { return Vec::new() };
        let (removed, kept) = std::mem::take(&mut group.rules).into_iter().partition(wanted);
        group.rules = kept;
        removed
    }

    fn check_same_vpc(&self, group: &SecurityGroup, peer: &SecurityGroupId) -> Result<(), Error> {
        let group_vpc = self.security_group(peer)?.vpc.clone();
        if group_vpc == group.vpc {
            return Ok(());
        }
        Err(Error::SecurityGroupOtherVpc { group: peer.clone(), group_vpc, vpc: group.vpc.clone() })
    }

    /// The quota counts rules of each direction for IPv4 and for IPv6; a rule with a group as its
    /// peer counts in both (Amazon VPC user guide, "Amazon VPC quotas").
    fn check_rule_quota(
        &self,
        group: &SecurityGroup,
        new: &[SecurityGroupRuleSpec],
    ) -> Result<(), Error> {
        let limit = self.quotas.rules_per_security_group;
        let permissions = || {
            let old = group.rules.iter().map(|rule| &rule.permission);
            old.chain(new.iter().map(|rule| &rule.permission))
        };
        for direction in [Direction::Ingress, Direction::Egress] {
            if new.iter().all(|rule| rule.permission.direction != direction) {
                continue;
            }
            let rules = || permissions().filter(|permission| permission.direction == direction);
            let ipv4 = rules().filter(|p| !matches!(p.peer, Peer::Ipv6(_))).count();
            let ipv6 = rules().filter(|p| !matches!(p.peer, Peer::Ipv4(_))).count();
            let requested = ipv4.max(ipv6);
            if requested > limit as usize {
                let group = group.id.clone();
                return Err(Error::RulesPerSecurityGroupLimitExceeded { group, requested, limit });
            }
        }
        Ok(())
    }

    pub(super) fn add_security_group(
        &mut self,
        spec: SecurityGroupSpec,
        owner: AccountId,
    ) -> SecurityGroupId {
        let id = self.new_security_group_id();
        let group = SecurityGroup {
            id: id.clone(),
            vpc: spec.vpc,
            owner,
            name: spec.name,
            description: spec.description,
            tags: spec.tags,
            rules: Vec::new(),
        };
        self.security_groups.insert(id.clone(), group);
        // What every group begins with (Amazon VPC user guide, "Security group rules").
        self.add_rules(&id, vec![all(Direction::Egress, Peer::ANY_IPV4)]);
        id
    }

    pub(super) fn check_security_group_quota(&self, owner: &AccountId) -> Result<(), Error> {
        let limit = self.quotas.security_groups;
        let owned = self.security_groups.values().filter(|group| group.owner == *owner).count();
        if owned >= limit as usize {
            return Err(Error::SecurityGroupLimitExceeded { owner: owner.clone(), limit });
        }
        Ok(())
    }
}
