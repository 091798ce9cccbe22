//! Security groups as nftables objects, from the VPC's state alone. Pure.
//!
//! For each group two chains, `in_…` and `out_…`, that accept what its rules allow, and two sets
//! of the links of its members: `links_…` to find the chains of a packet's ENI by, and
//! `holders_…` for rules that name the group as their peer. Such a rule asks the routing table
//! which ENI holds the peer's address, so an address is a member's the moment EC2 assigns it: the
//! ruleset changes only when ENIs come, go or change their groups, or when rules do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use vpc::{
    Direction, EniId, IcmpKind, Peer, SecurityGroup, SecurityGroupId, SecurityGroupRule, Traffic,
    VpcId, World,
};

use super::desired::Port;
use super::ruleset::{FROM_ENIS, TABLE, TO_ENIS};

/// The security groups of a VPC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    groups: BTreeMap<SecurityGroupId, Group>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    /// The router's links to the group's attached ENIs.
    links: BTreeSet<String>,
    /// What members may receive, one nftables rule each.
    ingress: Vec<String>,
    /// What members may send.
    egress: Vec<String>,
}

impl Filter {
    /// What the security groups of `vpc` should let pass between `ports`.
    pub(super) fn of(world: &World, vpc: &VpcId, ports: &BTreeMap<EniId, Port>) -> Self {
        let mut links: BTreeMap<&SecurityGroupId, BTreeSet<String>> = BTreeMap::new();
        for (eni, port) in ports {
            for group in world.eni(eni).iter().flat_map(|eni| &eni.groups) {
                links.entry(group).or_default().insert(port.link.clone());
            }
        }
        let groups = world.security_groups().filter(|group| group.vpc == *vpc);
        let groups = groups.map(|group| {
            let links = links.remove(&group.id).unwrap_or_default();
            (group.id.clone(), Group::of(group, links))
        });
        Self { groups: groups.collect() }
    }

    /// The statements that lead from `self` to `desired`, for one atomic transaction; none if
    /// they are equal.
    pub(super) fn statements(&self, desired: &Self) -> String {
        let mut text = String::new();
        let none = Group { links: BTreeSet::new(), ingress: Vec::new(), egress: Vec::new() };
        let gone: Vec<_> =
            self.groups.iter().filter(|(id, _)| !desired.groups.contains_key(id)).collect();
        let new: Vec<_> =
            desired.groups.keys().filter(|id| !self.groups.contains_key(id)).collect();
        // Rules of any group may name any other's set, so sets come first and go last.
        for id in &new {
            declare(&mut text, &digits(id));
        }
        for (id, group) in &desired.groups {
            group.statements(&digits(id), self.groups.get(id).unwrap_or(&none), &mut text);
        }
        for (id, group) in &gone {
            none.statements(&digits(id), group, &mut text);
        }
        if self.inhabited().ne(desired.inhabited()) {
            desired.dispatch(&mut text);
        }
        for (id, _) in &gone {
            let digits = digits(id);
            for (kind, name) in
                [("chain", "in"), ("chain", "out"), ("set", "links"), ("set", "holders")]
            {
                let _ = writeln!(text, "delete {kind} ip {TABLE} {name}_{digits}");
            }
        }
        text
    }

    /// The groups that have an attached ENI.
    fn inhabited(&self) -> impl Iterator<Item = &SecurityGroupId> {
        self.groups.iter().filter(|(_, group)| !group.links.is_empty()).map(|(id, _)| id)
    }

    /// The chains that ask each group an ENI is in.
    fn dispatch(&self, text: &mut String) {
        for (chain, end, prefix) in [(FROM_ENIS, "iifname", "out"), (TO_ENIS, "oifname", "in")] {
            let _ = writeln!(text, "flush chain ip {TABLE} {chain}");
            for id in self.inhabited() {
                let digits = digits(id);
                let _ = writeln!(
                    text,
                    "add rule ip {TABLE} {chain} {end} @links_{digits} jump {prefix}_{digits}"
                );
            }
        }
    }
}

impl Group {
    fn of(group: &SecurityGroup, links: BTreeSet<String>) -> Self {
        let rules = |direction| group.rules_of(direction).filter_map(rule).collect();
        Self { links, ingress: rules(Direction::Ingress), egress: rules(Direction::Egress) }
    }

    /// From `before` to `self`.
    fn statements(&self, digits: &str, before: &Self, text: &mut String) {
        for (prefix, old, rules) in
            [("in", &before.ingress, &self.ingress), ("out", &before.egress, &self.egress)]
        {
            if old != rules {
                let _ = writeln!(text, "flush chain ip {TABLE} {prefix}_{digits}");
                for rule in rules {
                    let _ = writeln!(text, "add rule ip {TABLE} {prefix}_{digits} {rule}");
                }
            }
        }
        for (verb, links) in [
            ("delete", before.links.difference(&self.links)),
            ("add", self.links.difference(&before.links)),
        ] {
            let links: Vec<String> = links.map(|link| format!("\"{link}\"")).collect();
            if links.is_empty() {
                continue;
            }
            let links = links.join(", ");
            for set in ["links", "holders"] {
                let _ = writeln!(text, "{verb} element ip {TABLE} {set}_{digits} {{ {links} }}");
            }
        }
    }
}

fn declare(text: &mut String, digits: &str) {
    // Names of links have two types in nftables; a set is of one.
    let _ = write!(
        text,
        "add set ip {TABLE} links_{digits} {{ type ifname; }}\n\
         add set ip {TABLE} holders_{digits} {{ typeof fib saddr oifname; }}\n\
         add chain ip {TABLE} in_{digits}\n\
         add chain ip {TABLE} out_{digits}\n"
    );
}

/// The nftables rule for a rule, unless it is about IPv6.
fn rule(rule: &SecurityGroupRule) -> Option<String> {
    let permission = &rule.permission;
    let side = match permission.direction {
        Direction::Ingress => "saddr",
        Direction::Egress => "daddr",
    };
    let peer = match &permission.peer {
        Peer::Ipv4(block) if block.prefix_len() == 0 => String::new(),
        Peer::Ipv4(block) => format!("ip {side} {block} "),
        Peer::Group(group) => format!("fib {side} oifname @holders_{} ", digits(group)),
        Peer::Ipv6(_) => return None,
    };
    let traffic = match permission.traffic {
        Traffic::All => String::new(),
        Traffic::Tcp(ports) => format!("tcp dport {}-{} ", ports.first(), ports.last()),
        Traffic::Udp(ports) => format!("udp dport {}-{} ", ports.first(), ports.last()),
        Traffic::Icmp(IcmpKind::All) => "ip protocol icmp ".to_owned(),
        Traffic::Icmp(IcmpKind::Type(r#type)) => format!("icmp type {type} "),
        Traffic::Icmp(IcmpKind::Code(r#type, code)) => {
            format!("icmp type {type} icmp code {code} ")
        }
        Traffic::Icmpv6(_) => return None,
        Traffic::Protocol(number) => format!("ip protocol {number} "),
    };
    Some(format!("{peer}{traffic}accept"))
}

/// What tells groups apart in nftables' names, which have no `-`.
fn digits(group: &SecurityGroupId) -> String {
    group.as_str().trim_start_matches(SecurityGroupId::PREFIX).to_owned()
}

#[cfg(test)]
mod tests;
