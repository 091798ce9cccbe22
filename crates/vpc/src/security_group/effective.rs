//! The rules of all security groups of an ENI together, with groups resolved to addresses.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::rule::{Direction, Packet, Peer, Traffic};
use crate::{EniId, Error, SecurityGroupId, World};

/// What may pass an ENI, in IPv4: what any rule of any of its groups allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EffectiveRules {
    /// What others may open to it.
    pub ingress: BTreeSet<EffectiveRule>,
    /// What it may open to others.
    pub egress: BTreeSet<EffectiveRule>,
}

/// One rule with its peer as a CIDR block; an address of a group's member is a /32.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EffectiveRule {
    /// Of which protocol.
    pub traffic: Traffic,
    /// From or to whom.
    pub peer: Ipv4Net,
}

impl EffectiveRules {
    /// Whether a packet that opens a connection may pass.
    #[must_use]
    pub fn allows(&self, packet: &Packet) -> bool {
        let rules = match packet.direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        };
        rules
            .iter()
            .any(|rule| rule.peer.contains(&packet.peer) && rule.traffic.includes(packet.payload))
    }
}

impl World {
    /// What the security groups of an ENI let pass now.
    ///
    /// # Errors
    /// [`Error::UnknownEni`].
    pub fn effective_rules(&self, eni: &EniId) -> Result<EffectiveRules, Error> {
        let mut effective = EffectiveRules::default();
        for group in &self.eni(eni)?.groups {
            for rule in &self.security_group(group)?.rules {
                let permission = &rule.permission;
                let rules = match permission.direction {
                    Direction::Ingress => &mut effective.ingress,
                    Direction::Egress => &mut effective.egress,
                };
                let traffic = permission.traffic;
                match &permission.peer {
                    Peer::Ipv4(block) => {
                        rules.insert(EffectiveRule { traffic, peer: *block });
                    }
                    Peer::Ipv6(_) => {}
                    Peer::Group(group) => rules.extend(
                        self.member_addresses(group).map(|peer| EffectiveRule { traffic, peer }),
                    ),
                }
            }
        }
        Ok(effective)
    }

    /// The private addresses of the ENIs that are in a group.
    pub fn member_addresses(&self, group: &SecurityGroupId) -> impl Iterator<Item = Ipv4Net> {
        self.enis()
            .filter(|eni| eni.groups.contains(group))
            .flat_map(|eni| eni.addresses().map(Ipv4Net::from).chain(eni.prefixes.iter().copied()))
    }
}
