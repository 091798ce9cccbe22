use proptest::prelude::*;

use super::*;
use crate::{
    Direction, EniAttribute, IcmpKind, Packet, Payload, Peer, Permission, PortRange, PrefixRequest,
    Quotas, SecurityGroupRuleSpec, Traffic,
};

fn ports(first: u16, last: u16) -> PortRange {
    PortRange::new(first, last).expect("a range")
}

fn web(from: &str) -> Permission {
    let peer = Peer::Ipv4(from.parse().expect("a CIDR block"));
    Permission { direction: Direction::Ingress, traffic: Traffic::Tcp(ports(80, 80)), peer }
}

fn specs(permissions: &[Permission]) -> Vec<SecurityGroupRuleSpec> {
    permissions.iter().cloned().map(Into::into).collect()
}

#[test]
fn a_new_group_lets_everything_out_and_the_default_group_its_members_in() {
    let mut f = Fixture::new();
    let new = f.group(&f.vpc.clone(), "new");
    let all = |direction, peer| Permission { direction, traffic: Traffic::All, peer };
    let out = all(Direction::Egress, Peer::ANY_IPV4);
    let of = |group: &SecurityGroupId| -> Vec<Permission> {
        let group = f.world.security_group(group).expect("a group");
        group.rules.iter().map(|rule| rule.permission.clone()).collect()
    };
    let default = f.default_group();
    assert_eq!(of(&new), std::slice::from_ref(&out));
    assert_eq!(of(&default), [out, all(Direction::Ingress, Peer::Group(default.clone()))]);
}

#[test]
fn a_rule_is_added_once_and_removed_once() {
    let mut f = Fixture::new();
    let group = f.group(&f.vpc.clone(), "web");
    let (rule, other) = (web("10.0.0.0/8"), web("10.1.0.0/16"));
    f.refuses(&Error::RuleGivenTwice { permission: rule.clone() }, |world| {
        world.authorize(&group, specs(&[rule.clone(), rule.clone()]))
    });
    let ids = f.world.authorize(&group, specs(std::slice::from_ref(&rule))).expect("authorized");
    let duplicate = Error::RuleDuplicate { group: group.clone(), permission: rule.clone() };
    f.refuses(&duplicate, |world| world.authorize(&group, specs(&[other.clone(), rule.clone()])));
    let missing = Error::UnknownPermission { group: group.clone(), permission: other.clone() };
    f.refuses(&missing, |world| world.revoke(&group, &[rule.clone(), other.clone()]));
    let unknown = Error::UnknownRule { group: group.clone(), rule: ids[0].clone() };
    f.refuses(&unknown, |world| world.revoke_rules(&group, Direction::Egress, &ids));
    let removed = f.world.revoke_rules(&group, Direction::Ingress, &ids).expect("revoked");
    assert_eq!((removed.len(), &removed[0].permission), (1, &rule));
    f.refuses(&unknown, |world| world.revoke_rules(&group, Direction::Ingress, &ids));
    f.world.authorize(&group, specs(std::slice::from_ref(&rule))).expect("authorized again");
    assert_eq!(f.world.revoke(&group, &[rule]).expect("revoked").len(), 1);
}

#[test]
fn a_groups_members_are_addresses_and_prefixes() {
    let mut f = Fixture::new();
    let instance = f.instance("t3.small");
    let eni = f.world.instance_enis(&instance)[0].id.clone();
    let prefix = f.world.assign_prefixes(&eni, &PrefixRequest::Count(1)).expect("assigned")[0];
    let members: Vec<_> = f.world.member_addresses(&f.default_group()).collect();
    let primary = f.world.eni(&eni).expect("it").primary;
    assert_eq!(members, [primary.into(), prefix]);
}

#[test]
fn the_quota_of_rules_is_per_direction_and_family() {
    let mut f = Fixture::new();
    let group = f.group(&f.vpc.clone(), "web");
    f.world.set_quotas(Quotas { rules_per_security_group: 2, ..Quotas::default() });
    let v6 =
        Permission { peer: Peer::Ipv6("::/0".parse().expect("a CIDR block")), ..web("10.0.0.0/8") };
    let two = [web("10.0.0.0/8"), web("10.1.0.0/16"), v6.clone()];
    f.world.authorize(&group, specs(&two)).expect("two of IPv4, one of IPv6");
    let over =
        Error::RulesPerSecurityGroupLimitExceeded { group: group.clone(), requested: 3, limit: 2 };
    f.refuses(&over, |world| world.authorize(&group, specs(&[web("10.2.0.0/16")])));
    // A group as the peer counts in both families.
    let members = Permission { peer: Peer::Group(group.clone()), ..v6 };
    f.refuses(&over, |world| world.authorize(&group, specs(&[members])));
    let out = Permission { direction: Direction::Egress, ..web("10.2.0.0/16") };
    f.world.authorize(&group, specs(&[out])).expect("the other direction");
}

#[test]
fn a_group_in_use_stays() {
    let mut f = Fixture::new();
    let vpc = f.vpc.clone();
    let (used, peer) = (f.group(&vpc, "used"), f.group(&vpc, "peer"));
    let default = f.default_group();
    f.refuses(&Error::DefaultSecurityGroup { group: default.clone() }, |world| {
        world.delete_security_group(&default)
    });
    let eni = f.world.create_eni(EniSpec { groups: vec![used.clone()], ..f.spec() }).expect("it");
    let rule = Permission { peer: Peer::Group(peer.clone()), ..web("0.0.0.0/0") };
    f.world.authorize(&used, specs(std::slice::from_ref(&rule))).expect("authorized");
    let in_use = |group: &SecurityGroupId, by: String| Error::SecurityGroupInUse {
        group: group.clone(),
        dependents: vec![by],
    };
    f.refuses(&in_use(&used, eni.to_string()), |world| world.delete_security_group(&used));
    f.refuses(&in_use(&peer, used.to_string()), |world| world.delete_security_group(&peer));
    f.world.set_eni_attribute(&eni, EniAttribute::Groups(vec![default])).expect("changed");
    f.world.delete_security_group(&used).expect("deleted");
    f.world.delete_security_group(&peer).expect("deleted");
    f.refuses(&Error::UnknownSecurityGroup { group: used.clone() }, |world| {
        world.delete_security_group(&used)
    });
}

#[test]
fn a_peer_is_a_group_of_the_same_vpc() {
    let mut f = Fixture::new();
    let vpc = f.vpc.clone();
    let group = f.group(&vpc, "web");
    let other_vpc = f.world.create_vpc(vpc_spec("10.0.0.0/16")).expect("a VPC");
    let other = f.group(&other_vpc, "web");
    let rule = Permission { peer: Peer::Group(other.clone()), ..web("0.0.0.0/0") };
    let refusal = Error::SecurityGroupOtherVpc { group: other, group_vpc: other_vpc, vpc };
    f.refuses(&refusal, |world| world.authorize(&group, specs(&[rule])));
}

/// What one packet meets, told the long way: every group, every rule, every member.
fn allows(world: &World, eni: &EniId, packet: &Packet) -> bool {
    for group in &world.eni(eni).expect("an ENI").groups {
        for rule in &world.security_group(group).expect("a group").rules {
            let Permission { direction, traffic, peer } = &rule.permission;
            let peer = match peer {
                Peer::Ipv4(block) => {
                    let bits = |address: Ipv4Addr| {
                        u64::from(u32::from(address)) >> (32 - u32::from(block.prefix_len()))
                    };
                    bits(packet.peer) == bits(block.network())
                }
                Peer::Ipv6(_) => false,
                Peer::Group(peer) => world.enis().any(|member| {
                    member.groups.contains(peer)
                        && (member.primary == packet.peer
                            || member.secondary.contains(&packet.peer))
                }),
            };
            let within = |range: &PortRange, port| (range.first()..=range.last()).contains(&port);
            let traffic = match (traffic, packet.payload) {
                (Traffic::All, _) => true,
                (Traffic::Tcp(range), Payload::Tcp(port)) => within(range, port),
                (Traffic::Udp(range), Payload::Udp(port)) => within(range, port),
                (Traffic::Icmp(IcmpKind::All), Payload::Icmp(..)) => true,
                (Traffic::Icmp(IcmpKind::Type(t)), Payload::Icmp(sent, _)) => *t == sent,
                (Traffic::Icmp(IcmpKind::Code(t, c)), Payload::Icmp(sent, code)) => {
                    *t == sent && *c == code
                }
                (Traffic::Protocol(number), Payload::Other(sent)) => *number == sent,
                _ => false,
            };
            if *direction == packet.direction && peer && traffic {
                return true;
            }
        }
    }
    false
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Ingress), Just(Direction::Egress)]
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let range = (0_u16..6, 0_u16..6).prop_map(|(a, b)| ports(a.min(b), a.max(b)));
    prop_oneof![
        1 => Just(Traffic::All),
        3 => range.clone().prop_map(Traffic::Tcp),
        3 => range.prop_map(Traffic::Udp),
        1 => Just(Traffic::Icmp(IcmpKind::All)),
        1 => (0_u8..3).prop_map(|t| Traffic::Icmp(IcmpKind::Type(t))),
        1 => (0_u8..3, 0_u8..3).prop_map(|(t, c)| Traffic::Icmp(IcmpKind::Code(t, c))),
        1 => Just(Traffic::Icmpv6(IcmpKind::All)),
        1 => (2_u8..6).prop_map(Traffic::Protocol),
    ]
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        (0_u16..6).prop_map(Payload::Tcp),
        (0_u16..6).prop_map(Payload::Udp),
        (0_u8..3, 0_u8..3).prop_map(|(t, c)| Payload::Icmp(t, c)),
        (2_u8..6).prop_map(Payload::Other),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn effective_rules_are_what_all_groups_say(
        rules in prop::collection::vec((0_usize..3, direction(), traffic(), 0_usize..3, 0_u8..=32, any::<bool>()), 0..12),
        memberships in prop::collection::vec(prop::collection::vec(0_usize..3, 0..3), 3),
        packets in prop::collection::vec((direction(), payload(), 0_usize..3, 0_usize..4), 40),
    ) {
        let mut f = Fixture::new();
        let groups: Vec<_> = (0..3).map(|n| f.group(&f.vpc.clone(), &format!("g{n}"))).collect();
        let enis: Vec<EniId> = memberships.iter().map(|of| {
            let groups = of.iter().map(|n| groups[*n].clone()).collect();
            let secondary = AddressRequest::Count(2);
            f.world.create_eni(EniSpec { groups, secondary, ..f.spec() }).expect("an ENI")
        }).collect();
        for group in &groups {
            // Else everything may leave, and nothing is left to test.
            f.world.revoke(group, &[Permission {
                direction: Direction::Egress, traffic: Traffic::All, peer: Peer::ANY_IPV4,
            }]).expect("revoked");
        }
        let address = |world: &World, eni: usize, number: usize| {
            world.eni(&enis[eni]).expect("an ENI").addresses().nth(number)
        };
        for (group, direction, traffic, peer, prefix, by_group) in rules {
            let base = address(&f.world, peer, 0).expect("a primary");
            let peer = if by_group {
                Peer::Group(groups[peer].clone())
            } else {
                Peer::Ipv4(ipnet::Ipv4Net::new(base, prefix).expect("a block").trunc())
            };
            let rule = Permission { direction, traffic, peer };
            // The same rule may come up twice.
            let _ = f.world.authorize(&groups[group], specs(&[rule]));
        }
        for (direction, payload, peer, number) in packets {
            let peer = address(&f.world, peer, number).unwrap_or(ip("10.0.2.9"));
            let packet = Packet { direction, peer, payload };
            for eni in &enis {
                let effective = f.world.effective_rules(eni).expect("an ENI");
                prop_assert_eq!(effective.allows(&packet), allows(&f.world, eni, &packet), "{:?}", packet);
            }
        }
    }
}
