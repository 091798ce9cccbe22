use ipnet::Ipv4Net;

use super::*;
use crate::VpcAttribute;

fn net(text: &str) -> Ipv4Net {
    text.parse().expect("a CIDR block")
}

#[test]
fn a_secondary_cidr_has_subnets_and_stays_while_it_does() {
    let mut f = Fixture::new();
    let new = f.world.associate_vpc_cidr(&f.vpc, net("100.64.7.0/16")).expect("associated");
    assert_eq!(new.block, net("100.64.0.0/16"), "host bits are dropped");
    let subnet = f.world.create_subnet(subnet_spec(&f.vpc, "100.64.1.0/24", "us-west-2a"));
    let subnet = subnet.expect("inside the secondary block");
    let (vpc, cidr) = (f.vpc.clone(), new.block);
    let in_use = Error::VpcCidrInUse { vpc, cidr, subnet: subnet.clone() };
    f.refuses(&in_use, |w| w.disassociate_vpc_cidr(&new.association));
    f.world.delete_subnet(&subnet).expect("empty");
    assert_eq!(f.world.disassociate_vpc_cidr(&new.association), Ok((f.vpc.clone(), new.clone())));
    let association = new.association;
    f.refuses(&Error::UnknownVpcCidrAssociation { association: association.clone() }, |w| {
        w.disassociate_vpc_cidr(&association)
    });
    let outside = subnet_spec(&f.vpc, "100.64.1.0/24", "us-west-2a");
    f.world.create_subnet(outside).expect_err("the block is gone");
}

#[test]
fn secondary_cidrs_obey_size_family_overlap_and_quota() {
    let mut f = Fixture::new();
    let vpc = f.vpc.clone();
    let existing = net("10.0.0.0/16");
    for (cidr, error) in [
        ("10.1.0.0/15", Error::VpcCidrSize { cidr: net("10.0.0.0/15") }),
        ("100.64.0.0/29", Error::VpcCidrSize { cidr: net("100.64.0.0/29") }),
        (
            "169.254.0.0/20",
            Error::VpcCidrRestricted {
                cidr: net("169.254.0.0/20"),
                restricted: net("169.254.0.0/16"),
            },
        ),
        (
            "192.168.0.0/20",
            Error::VpcCidrFamily {
                vpc: vpc.clone(),
                cidr: net("192.168.0.0/20"),
                existing,
                restricted: net("192.168.0.0/16"),
            },
        ),
        (
            "10.0.4.0/24",
            Error::VpcCidrConflict { vpc: vpc.clone(), cidr: net("10.0.4.0/24"), existing },
        ),
    ] {
        f.refuses(&error, |w| w.associate_vpc_cidr(&vpc, net(cidr)));
    }
    for n in 1..5 {
        let cidr = net(&format!("10.{n}.0.0/16"));
        f.world.associate_vpc_cidr(&vpc, cidr).expect("within the quota");
    }
    let error = Error::VpcCidrLimitExceeded { vpc: vpc.clone(), limit: 5 };
    f.refuses(&error, |w| w.associate_vpc_cidr(&vpc, net("100.64.0.0/16")));
    let primary = f.world.vpc(&vpc).expect("it").cidr.clone();
    let error = Error::PrimaryVpcCidr {
        vpc,
        association: primary.association.clone(),
        cidr: primary.block,
    };
    f.refuses(&error, |w| w.disassociate_vpc_cidr(&primary.association));
}

#[test]
fn what_is_used_cannot_be_deleted() {
    let mut f = Fixture::new();
    let eni = f.eni();
    let (subnet, tight, vpc) = (f.subnet.clone(), f.tight.clone(), f.vpc.clone());
    let in_use = Error::SubnetInUse { subnet: subnet.clone(), eni: eni.clone() };
    f.refuses(&in_use, |w| w.delete_subnet(&subnet));
    f.world.delete_eni(&eni).expect("deleted");
    f.world.delete_subnet(&subnet).expect("empty");
    f.refuses(&Error::UnknownSubnet { subnet: subnet.clone() }, |w| w.delete_subnet(&subnet));
    let dependency = format!("subnet {tight}");
    f.refuses(&Error::VpcInUse { vpc: vpc.clone(), dependency }, |w| w.delete_vpc(&vpc));
    f.world.delete_subnet(&tight).expect("empty");
    let group = f.group(&vpc, "mine");
    let dependency = format!("security group {group}");
    f.refuses(&Error::VpcInUse { vpc: vpc.clone(), dependency }, |w| w.delete_vpc(&vpc));
}

#[test]
fn a_deleted_vpc_takes_its_default_group_and_its_quota_along() {
    let mut world = World::new(3);
    for _ in 0..12 {
        let vpc = world.create_vpc(vpc_spec("10.0.0.0/16")).expect("within the quota");
        world.delete_vpc(&vpc).expect("empty");
        assert_eq!(world.delete_vpc(&vpc), Err(Error::UnknownVpc { vpc }));
    }
    assert_eq!(world.security_groups().count(), 0);
}

#[test]
fn attributes_change_one_at_a_time() {
    let mut f = Fixture::new();
    let vpc = f.vpc.clone();
    assert!(!f.world.vpc(&vpc).expect("it").attributes.dns_hostnames);
    f.world.set_vpc_attribute(&vpc, VpcAttribute::DnsHostnames(true)).expect("set");
    f.world.set_vpc_attribute(&vpc, VpcAttribute::DnsSupport(false)).expect("set");
    let attributes = f.world.vpc(&vpc).expect("it").attributes;
    assert_eq!((attributes.dns_hostnames, attributes.dns_support), (true, false));
    f.world.set_map_public_ip_on_launch(&f.subnet, true).expect("set");
    assert!(f.world.subnet(&f.subnet).expect("it").map_public_ip_on_launch);
}
