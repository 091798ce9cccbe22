//! Security groups.

mod effective;
mod rule;

pub use effective::{EffectiveRule, EffectiveRules};
pub use rule::{
    Direction, IcmpKind, Packet, Payload, Peer, Permission, PortRange, SecurityGroupRule,
    SecurityGroupRuleSpec, Traffic,
};

use crate::{AccountId, SecurityGroupId, Tags, VpcId};

/// A security group of a VPC.
#[derive(Debug, Clone, PartialEq)]
pub struct SecurityGroup {
    /// The group's ID.
    pub id: SecurityGroupId,
    /// The VPC it is part of.
    pub vpc: VpcId,
    /// The account it belongs to.
    pub owner: AccountId,
    /// Its name, unique in the VPC.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
    /// Its rules, in the order they were added.
    pub rules: Vec<SecurityGroupRule>,
}

impl SecurityGroup {
    /// Its rules of one direction, in the order they were added.
    pub fn rules_of(&self, direction: Direction) -> impl Iterator<Item = &SecurityGroupRule> {
        self.rules.iter().filter(move |rule| rule.permission.direction == direction)
    }
}

/// What to create a security group from.
#[derive(Debug, Clone, PartialEq)]
pub struct SecurityGroupSpec {
    /// The VPC.
    pub vpc: VpcId,
    /// A name, unique in the VPC, of 1 to 255 characters.
    pub name: String,
    /// What it is for: 1 to 255 characters.
    pub description: String,
    /// Tags.
    pub tags: Tags,
}

/// The name of the group every VPC begins with.
pub(crate) const DEFAULT_NAME: &str = "default";

/// What EC2 would refuse a name for (API reference, CreateSecurityGroup).
pub(crate) fn name_problem(name: &str) -> Option<&'static str> {
    if name.eq_ignore_ascii_case(DEFAULT_NAME) {
        Some("is the name of the group every VPC begins with")
    } else if name.starts_with("sg-") {
        Some("begins with sg-, as IDs do")
    } else {
        description_problem(name)
    }
}

/// What EC2 would refuse a description for (API reference, CreateSecurityGroup).
pub(crate) fn description_problem(text: &str) -> Option<&'static str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if text.is_empty() {
        Some("is empty")
    } else if text.chars().count() > 255 {
        Some("is longer than 255 characters")
    } else if !text.chars().all(is_allowed) {
        Some("has characters other than letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*")
    } else {
        None
    }
}
