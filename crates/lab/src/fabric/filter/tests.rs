//! Which statements a change makes; that packets follow them is for the end-to-end tests.

use vpc::{
    EniAttribute, InstanceSpec, PortRange, SecurityGroupSpec, SubnetSpec, Tags, Timestamp, VpcSpec,
    instance_types,
};

use super::super::desired::FabricState;
use super::*;

struct Fixture {
    world: World,
    vpc: VpcId,
    eni: EniId,
    applied: Filter,
}

impl Fixture {
    /// A VPC with one instance.
    fn new() -> Self {
        let mut world = World::new(3);
        let owner: vpc::AccountId = "111122223333".parse().unwrap();
        let vpc = world
            .create_vpc(VpcSpec {
                owner: owner.clone(),
                region: "us-west-2".into(),
                cidr: "10.10.0.0/16".parse().unwrap(),
                tags: Tags::new(),
            })
            .unwrap();
        let subnet = world
            .create_subnet(SubnetSpec {
                vpc: vpc.clone(),
                cidr: "10.10.3.0/24".parse().unwrap(),
                availability_zone: "us-west-2b".parse().unwrap(),
                tags: Tags::new(),
            })
            .unwrap();
        let instance = world
            .run_instance(InstanceSpec {
                owner,
                instance_type: instance_types::find("t3.small").unwrap(),
                subnet,
                private_ip: None,
                groups: Vec::new(),
                tags: Tags::new(),
                now: Timestamp(0),
            })
            .unwrap();
        let eni = world.instance_enis(&instance)[0].id.clone();
        let mut fixture = Self { world, vpc, eni, applied: Filter::default() };
        fixture.follow();
        fixture
    }

    fn group(&mut self, name: &str) -> SecurityGroupId {
        let spec = SecurityGroupSpec {
            vpc: self.vpc.clone(),
            name: name.into(),
            description: name.into(),
            tags: Tags::new(),
        };
        self.world.create_security_group(spec).unwrap()
    }

    /// The statements that the world's last change makes, without the table's name.
    fn follow(&mut self) -> Vec<String> {
        let desired = FabricState::of(&self.world, &self.vpc).filter;
        let statements = self.applied.statements(&desired);
        assert_eq!(statements.is_empty(), self.applied == desired);
        self.applied = desired;
        statements.lines().map(|line| line.replace(&format!(" ip {TABLE}"), "")).collect()
    }
}

#[test]
fn an_assigned_address_changes_no_rule() {
    let mut fixture = Fixture::new();
    fixture.world.assign(&fixture.eni, vpc::AddressRequest::Count(2), false).unwrap();
    assert!(fixture.follow().is_empty());
}

#[test]
fn one_rule_changes_one_chain() {
    let mut fixture = Fixture::new();
    let group = fixture.group("web");
    fixture.follow();
    let rule = vpc::Permission {
        direction: Direction::Ingress,
        traffic: Traffic::Tcp(PortRange::new(80, 443).unwrap()),
        peer: Peer::Group(group.clone()),
    };
    fixture.world.authorize(&group, vec![rule.clone().into()]).unwrap();
    let id = digits(&group);
    let flush = format!("flush chain in_{id}");
    let add = format!("add rule in_{id} fib saddr oifname @holders_{id} tcp dport 80-443 accept");
    assert_eq!(fixture.follow(), [flush.clone(), add]);
    fixture.world.revoke(&group, &[rule]).unwrap();
    assert_eq!(fixture.follow(), [flush]);
}

#[test]
fn a_changed_membership_moves_the_link_from_set_to_set() {
    let mut fixture = Fixture::new();
    let group = fixture.group("web");
    fixture.follow();
    let groups = EniAttribute::Groups(vec![group.clone()]);
    fixture.world.set_eni_attribute(&fixture.eni, groups).unwrap();
    let statements = fixture.follow();
    let count = |start: &str| statements.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((count("delete element"), count("add element")), (2, 2), "{statements:#?}");
    // Only groups with members are asked: this one now, and the default group no more.
    let asked: Vec<_> = statements.iter().filter(|line| line.contains("jump")).collect();
    assert_eq!(asked.len(), 2, "{statements:#?}");
    assert!(asked.iter().all(|line| line.contains(&digits(&group))), "{statements:#?}");
}

#[test]
fn a_group_leaves_nothing_behind() {
    let mut fixture = Fixture::new();
    let group = fixture.group("web");
    let made: Vec<_> = fixture.follow();
    fixture.world.delete_security_group(&group).unwrap();
    let statements = fixture.follow();
    for line in made.iter().filter(|line| line.starts_with("add set") || line.contains("add chain"))
    {
        let object = line.trim_start_matches("add ").split(" {").next().unwrap();
        assert!(statements.contains(&format!("delete {object}")), "{object} in {statements:#?}");
    }
}

#[test]
fn rules_about_ipv6_are_none_of_ours() {
    let mut fixture = Fixture::new();
    let group = fixture.group("web");
    fixture.follow();
    let rule = vpc::Permission {
        direction: Direction::Ingress,
        traffic: Traffic::All,
        peer: Peer::Ipv6("::/0".parse().unwrap()),
    };
    fixture.world.authorize(&group, vec![rule.into()]).unwrap();
    assert!(fixture.follow().is_empty());
}
