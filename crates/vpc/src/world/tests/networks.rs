use super::*;
use crate::Quotas;

#[test]
fn a_vpc_has_its_block_in_canonical_form_and_a_default_group() {
    let mut world = World::new(1);
    let id = world.create_vpc(vpc_spec("100.68.0.18/18")).expect("a VPC");
    let vpc = world.vpc(&id).expect("the VPC");
    assert_eq!(vpc.cidr.block.to_string(), "100.68.0.0/18");
    let group = world.security_group(&vpc.default_security_group).expect("the group");
    assert_eq!((group.name.as_str(), &group.vpc, &group.owner), ("default", &id, &account()));
    assert_eq!(world.vpcs().count(), 1);
    assert_eq!(world.security_groups().count(), 1);
}

#[test]
fn vpc_blocks_are_16_to_28_and_for_hosts() {
    let mut f = Fixture::new();
    for cidr in ["10.0.0.0/15", "10.0.0.0/29", "0.0.0.0/0", "10.0.0.1/32"] {
        let spec = vpc_spec(cidr);
        f.refuses(&Error::VpcCidrSize { cidr: spec.cidr.trunc() }, |w| w.create_vpc(spec));
    }
    for (cidr, restricted) in [
        ("0.1.0.0/16", "0.0.0.0/8"),
        ("127.0.0.0/24", "127.0.0.0/8"),
        ("169.254.0.0/16", "169.254.0.0/16"),
        ("239.1.0.0/16", "224.0.0.0/4"),
        ("250.0.0.0/20", "240.0.0.0/4"),
    ] {
        let spec = vpc_spec(cidr);
        let restricted = restricted.parse().expect("a CIDR block");
        let error = Error::VpcCidrRestricted { cidr: spec.cidr, restricted };
        f.refuses(&error, |w| w.create_vpc(spec));
    }
    for cidr in ["172.16.0.0/28", "100.64.0.0/16", "52.0.0.0/16", "192.168.0.0/16"] {
        f.world.create_vpc(vpc_spec(cidr)).expect(cidr);
    }
}

#[test]
fn subnets_lie_in_the_vpc() {
    let mut f = Fixture::new();
    for cidr in ["10.1.0.0/24", "9.255.255.240/28"] {
        let spec = subnet_spec(&f.vpc, cidr, "us-west-2a");
        let (cidr, vpc) = (spec.cidr, f.vpc.clone());
        let vpc_cidrs = vec!["10.0.0.0/16".parse().expect("a CIDR block")];
        let error = Error::SubnetOutsideVpc { cidr, vpc, vpc_cidrs };
        f.refuses(&error, |w| w.create_subnet(spec));
    }
    for cidr in ["10.0.3.0/29", "10.0.0.0/15", "10.0.3.1/32"] {
        let spec = subnet_spec(&f.vpc, cidr, "us-west-2a");
        let error = Error::SubnetCidrSize { cidr: spec.cidr.trunc() };
        f.refuses(&error, |w| w.create_subnet(spec));
    }
    let vpc: VpcId = "vpc-0123456789abcdef0".parse().expect("an ID");
    let spec = subnet_spec(&vpc, "10.0.3.0/24", "us-west-2a");
    f.refuses(&Error::UnknownVpc { vpc }, |w| w.create_subnet(spec));
}

#[test]
fn subnets_of_a_vpc_do_not_overlap() {
    let mut f = Fixture::new();
    for (cidr, conflict) in [
        ("10.0.1.0/24", "subnet"),
        ("10.0.1.240/28", "subnet"),
        ("10.0.0.0/23", "subnet"),
        ("10.0.2.0/24", "tight"),
        ("10.0.0.0/16", "tight"),
    ] {
        let spec = subnet_spec(&f.vpc, cidr, "us-west-2a");
        let conflict = if conflict == "tight" { f.tight.clone() } else { f.subnet.clone() };
        let conflict_cidr = f.world.subnet(&conflict).expect("the subnet").cidr;
        let error = Error::SubnetConflict { cidr: spec.cidr, conflict, conflict_cidr };
        f.refuses(&error, |w| w.create_subnet(spec));
    }
    for cidr in ["10.0.0.0/24", "10.0.2.16/28", "10.0.3.0/24"] {
        f.world.create_subnet(subnet_spec(&f.vpc, cidr, "us-west-2a")).expect(cidr);
    }
}

#[test]
fn a_subnet_is_in_a_zone_of_the_region() {
    let mut f = Fixture::new();
    let spec = subnet_spec(&f.vpc, "10.0.3.0/24", "us-east-1a");
    let zone = spec.availability_zone.clone();
    let error = Error::ZoneOutsideRegion { zone, region: "us-west-2".to_owned() };
    f.refuses(&error, |w| w.create_subnet(spec));
    assert_eq!(f.world.subnet(&f.subnet).expect("it").availability_zone_id, "usw2-az1");
}

#[test]
fn a_subnet_begins_with_all_but_five_addresses_free() {
    let mut f = Fixture::new();
    let tight = f.world.subnet(&f.tight).expect("the subnet");
    assert_eq!(tight.gateway(), ip("10.0.2.1"));
    assert_eq!(
        tight.reserved().map(|address| address.to_string()),
        ["10.0.2.0", "10.0.2.1", "10.0.2.2", "10.0.2.3", "10.0.2.15"]
    );
    let usage = |f: &Fixture, subnet| f.world.subnet_usage(subnet).expect("the subnet");
    assert_eq!(
        usage(&f, &f.tight),
        SubnetUsage {
            total: 16,
            reserved: 5,
            usable: 11,
            free: 11,
            primaries: Vec::new(),
            secondaries: Vec::new(),
            withheld: 0,
            prefixes: Vec::new(),
            blocks: crate::BlockCounts { reserved: 1, ..Default::default() },
        }
    );

    let primary = Some(ip("10.0.2.9"));
    let secondary = AddressRequest::List(vec![ip("10.0.2.12"), ip("10.0.2.4")]);
    let spec = EniSpec { primary, secondary, ..eni_spec(&f.tight) };
    let eni = f.world.create_eni(spec).expect("an ENI");
    let usage = usage(&f, &f.tight);
    assert_eq!(usage.free, 8);
    assert_eq!(usage.primaries, [(ip("10.0.2.9"), eni.clone())]);
    assert_eq!(usage.secondaries, [(ip("10.0.2.4"), eni.clone()), (ip("10.0.2.12"), eni)]);

    let subnet: SubnetId = "subnet-0123456789abcdef0".parse().expect("an ID");
    assert_eq!(f.world.subnet_usage(&subnet), Err(Error::UnknownSubnet { subnet }));
}

#[test]
fn vpcs_may_use_the_same_addresses() {
    let mut f = Fixture::new();
    let twin = f.world.create_vpc(vpc_spec("10.0.0.0/16")).expect("a VPC");
    let spec = subnet_spec(&twin, "10.0.0.0/20", "us-west-2a");
    let subnet = f.world.create_subnet(spec).expect("a subnet");
    let address = ip("10.0.1.7");
    let spec = |subnet| EniSpec { primary: Some(address), ..eni_spec(subnet) };
    let here = f.world.create_eni(spec(&f.subnet)).expect("an ENI");
    let there = f.world.create_eni(spec(&subnet)).expect("an ENI");
    assert_eq!(f.world.eni_at(&f.vpc, address).map(|eni| &eni.id), Some(&here));
    assert_eq!(f.world.eni_at(&twin, address).map(|eni| &eni.id), Some(&there));
    assert_eq!(f.world.eni_at(&twin, ip("10.0.1.8")), None);
    assert_eq!(f.world.eni_at(&f.vpc, ip("10.0.200.8")), None, "in no subnet");
    assert_eq!(f.world.subnet_at(&f.vpc, ip("10.0.2.0")).map(|s| &s.id), Some(&f.tight));
    assert_eq!(f.world.subnet_at(&f.vpc, ip("10.0.2.16")), None);
}

#[test]
fn security_groups_have_a_name_of_their_own() {
    let mut f = Fixture::new();
    let spec = |vpc: &VpcId, name: &str, description: &str| SecurityGroupSpec {
        vpc: vpc.clone(),
        name: name.to_owned(),
        description: description.to_owned(),
        tags: Tags::new(),
    };
    let vpc = f.vpc.clone();
    let group = f.world.create_security_group(spec(&vpc, "nodes", "Nodes.")).expect("a group");
    assert_eq!(f.world.security_group(&group).expect("it").name, "nodes");

    let error = Error::SecurityGroupDuplicate { vpc: vpc.clone(), name: "nodes".to_owned() };
    f.refuses(&error, |w| w.create_security_group(spec(&vpc, "nodes", "Others.")));
    for (name, problem) in [
        ("default", "is the name of the group every VPC begins with"),
        ("sg-nodes", "begins with sg-, as IDs do"),
        ("", "is empty"),
        (
            "nodes\u{e9}",
            "has characters other than letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*",
        ),
        ("n".repeat(256).as_str(), "is longer than 255 characters"),
    ] {
        let error = Error::InvalidSecurityGroupName { name: name.to_owned(), problem };
        f.refuses(&error, |w| w.create_security_group(spec(&vpc, name, "Nodes.")));
    }
    let (description, problem) = (String::new(), "is empty");
    let error = Error::InvalidSecurityGroupDescription { description, problem };
    f.refuses(&error, |w| w.create_security_group(spec(&vpc, "others", "")));

    let other = f.world.create_vpc(vpc_spec("10.9.0.0/16")).expect("a VPC");
    f.world.create_security_group(spec(&other, "nodes", "Nodes.")).expect("another VPC's");
}

#[test]
fn quotas_hold_per_account() {
    let mut f = Fixture::new();
    f.world.set_quotas(Quotas {
        vpcs: 1,
        subnets_per_vpc: 2,
        security_groups: 2,
        ..Quotas::default()
    });
    let error = Error::VpcLimitExceeded { owner: account(), limit: 1 };
    f.refuses(&error, |w| w.create_vpc(vpc_spec("10.1.0.0/16")));
    let vpc = f.vpc.clone();
    let error = Error::SubnetLimitExceeded { vpc: vpc.clone(), limit: 2 };
    f.refuses(&error, |w| w.create_subnet(subnet_spec(&vpc, "10.0.3.0/24", "us-west-2a")));

    f.group(&vpc, "one more beside default");
    let error = Error::SecurityGroupLimitExceeded { owner: account(), limit: 2 };
    f.refuses(&error, |w| {
        w.create_security_group(SecurityGroupSpec {
            vpc,
            name: "nodes".to_owned(),
            description: "Nodes.".to_owned(),
            tags: Tags::new(),
        })
    });
    f.world.set_quotas(Quotas { vpcs: 9, security_groups: 2, ..Quotas::default() });
    f.refuses(&error, |w| w.create_vpc(vpc_spec("10.1.0.0/16")));

    let spec = VpcSpec { owner: other_account(), ..vpc_spec("10.0.0.0/16") };
    f.world.create_vpc(spec).expect("another account's");
}
