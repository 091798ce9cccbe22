use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::*;
use crate::{BlockState, PrefixRequest, Quotas};

fn net(text: &str) -> Ipv4Net {
    text.parse().expect("a CIDR block")
}

fn list(prefixes: &[&str]) -> PrefixRequest {
    PrefixRequest::List(prefixes.iter().map(|prefix| net(prefix)).collect())
}

#[test]
fn a_prefix_is_sixteen_addresses_and_one_slot() {
    let mut f = Fixture::new();
    let instance = f.instance("t3.small");
    let eni = f.world.instance_enis(&instance)[0].id.clone();
    let free = f.free(&f.subnet);
    let new = f.world.assign_prefixes(&eni, &PrefixRequest::Count(2)).expect("assigned");
    assert_eq!(f.free(&f.subnet), free - 32);
    assert_eq!(f.world.eni(&eni).expect("it").prefixes, new);
    let inside = Ipv4Addr::from(u32::from(new[0].network()) + 7);
    assert_eq!(f.world.eni_at(&f.vpc, inside).map(|eni| &eni.id), Some(&eni));
    assert!(f.world.eni(&eni).expect("it").holds(inside));

    let limit = |requested| Error::AddressLimitExceeded {
        eni: eni.clone(),
        instance: instance.clone(),
        instance_type: "t3.small",
        requested,
        limit: 4,
    };
    f.refuses(&limit(5), |w| w.assign_prefixes(&eni, &PrefixRequest::Count(2)));
    f.refuses(&limit(5), |w| w.assign(&eni, AddressRequest::Count(2), false));
    let address = f.world.assign(&eni, AddressRequest::Count(1), false).expect("the last slot");
    f.refuses(&limit(5), |w| w.assign_prefixes(&eni, &PrefixRequest::Count(1)));

    f.world.unassign_all(&eni, &address, &new[..1]).expect("unassigned");
    assert_eq!(f.free(&f.subnet), free - 16);
    assert_eq!(f.world.eni_at(&f.vpc, inside), None);
    let strange = Error::PrefixesNotAssigned { eni: eni.clone(), prefixes: vec![new[0]] };
    f.refuses(&strange, |w| w.unassign_all(&eni, &[], &new));
}

#[test]
fn named_prefixes_are_aligned_inside_free_and_not_at_the_ends() {
    let mut f = Fixture::new();
    let spec = EniSpec { primary: Some(ip("10.0.1.40")), ..f.spec() };
    let eni = f.world.create_eni(spec).expect("an ENI");
    f.world.assign_prefixes(&eni, &list(&["10.0.1.64/28"])).expect("free");
    let (subnet, cidr) = (f.subnet.clone(), net("10.0.1.0/24"));
    let reserved = |p| Error::PrefixReserved { prefix: net(p), subnet: subnet.clone(), cidr };
    let in_use =
        |p| Error::PrefixInUse { prefix: net(p), subnet: subnet.clone(), eni: eni.clone() };
    for (prefix, error) in [
        ("10.0.1.17/28", Error::InvalidPrefix { prefix: net("10.0.1.17/28") }),
        ("10.0.1.16/29", Error::InvalidPrefix { prefix: net("10.0.1.16/29") }),
        ("10.0.1.0/28", reserved("10.0.1.0/28")),
        ("10.0.1.240/28", reserved("10.0.1.240/28")),
        ("10.0.1.32/28", in_use("10.0.1.32/28")),
        ("10.0.1.64/28", in_use("10.0.1.64/28")),
        ("10.0.1.96/28", Error::DuplicatePrefix { prefix: net("10.0.1.96/28") }),
        (
            "10.0.9.0/28",
            Error::PrefixOutsideSubnet { prefix: net("10.0.9.0/28"), subnet: subnet.clone(), cidr },
        ),
    ] {
        let request = list(&["10.0.1.96/28", prefix]);
        f.refuses(&error, |w| w.assign_prefixes(&eni, &request));
        let secondary = AddressRequest::Prefixes(request);
        let spec = EniSpec { secondary, ..f.spec() };
        f.refuses(&error, |w| w.create_eni(spec));
    }
    let error = Error::AddressInPrefix {
        address: ip("10.0.1.70"),
        prefix: net("10.0.1.64/28"),
        eni: eni.clone(),
    };
    for reassign in [false, true] {
        let address = AddressRequest::List(vec![ip("10.0.1.70")]);
        f.refuses(&error, |w| w.assign(&eni, address, reassign));
    }
    let spec = EniSpec { primary: Some(ip("10.0.1.70")), ..f.spec() };
    f.refuses(&error, |w| w.create_eni(spec));
    for nothing in [PrefixRequest::Count(0), list(&[])] {
        f.refuses(&Error::NoAddressRequested, |w| w.assign_prefixes(&eni, &nothing));
    }
}

#[test]
fn only_nitro_and_bare_metal_take_prefixes() {
    let mut f = Fixture::new();
    let xen = f.instance("t2.small");
    let primary = f.world.instance_enis(&xen)[0].id.clone();
    let unsupported = |eni: &EniId| Error::PrefixesUnsupported {
        eni: eni.clone(),
        instance: xen.clone(),
        instance_type: "t2.small",
    };
    f.refuses(&unsupported(&primary), |w| w.assign_prefixes(&primary, &PrefixRequest::Count(1)));
    // Nobody knows yet where an unattached ENI will go.
    let eni = f.eni();
    f.world.assign_prefixes(&eni, &PrefixRequest::Count(1)).expect("unattached");
    f.refuses(&unsupported(&eni), |w| w.attach_eni(&eni, &xen, 1, 0, NOW));
    let metal = f.instance("m5.metal");
    f.world.attach_eni(&eni, &metal, 1, 0, NOW).expect("bare metal takes prefixes");
}

#[test]
fn an_eni_is_created_with_all_its_prefixes_or_not_at_all() {
    let mut f = Fixture::new();
    let with = |request| EniSpec { secondary: AddressRequest::Prefixes(request), ..f.spec() };
    let (all, more) = (with(PrefixRequest::Count(14)), with(PrefixRequest::Count(15)));
    let short = Error::InsufficientFreePrefixes {
        subnet: f.subnet.clone(),
        cidr: net("10.0.1.0/24"),
        requested: 15,
        free: 14,
    };
    f.refuses(&short, |w| w.create_eni(more));
    let eni = f.world.create_eni(all).expect("room");
    let eni = f.world.eni(&eni).expect("it");
    let distinct: BTreeSet<_> = eni.prefixes.iter().collect();
    assert_eq!((distinct.len(), eni.secondary.len()), (14, 0));
    assert!([0, 15].contains(&(eni.primary.octets()[3] / 16)), "only the ends are left");
    let id = eni.id.clone();
    f.world.delete_eni(&id).expect("deleted");
    assert_eq!(f.free(&f.subnet), 251, "all came back");
    let spec = EniSpec {
        primary: Some(ip("10.0.1.20")),
        secondary: AddressRequest::Prefixes(list(&["10.0.1.16/28"])),
        ..f.spec()
    };
    let (address, prefix) = (ip("10.0.1.20"), net("10.0.1.16/28"));
    f.refuses(&Error::PrimaryInPrefix { address, prefix }, |w| w.create_eni(spec));
}

#[test]
fn a_fragmented_subnet_has_addresses_but_no_prefix() {
    let mut f = Fixture::new();
    let eni = f.eni();
    for block in 1..15_u8 {
        let address = Ipv4Addr::new(10, 0, 1, block * 16 + 3);
        if f.world.eni_at(&f.vpc, address).is_none() {
            let list = AddressRequest::List(vec![address]);
            f.world.assign(&eni, list, false).expect("free");
        }
    }
    let usage = f.world.subnet_usage(&f.subnet).expect("it");
    assert!(usage.free > 200, "{}", usage.free);
    assert_eq!((usage.blocks.free, usage.blocks.fragmented, usage.blocks.reserved), (0, 14, 2));
    let short = Error::InsufficientFreePrefixes {
        subnet: f.subnet.clone(),
        cidr: net("10.0.1.0/24"),
        requested: 1,
        free: 0,
    };
    f.refuses(&short, |w| w.assign_prefixes(&eni, &PrefixRequest::Count(1)));
}

#[test]
fn a_block_of_single_addresses_is_full() {
    let mut f = Fixture::new();
    let spec = EniSpec { primary: Some(ip("10.0.1.4")), ..f.spec() };
    let eni = f.world.create_eni(spec).expect("an ENI");
    let all = (16..32).map(|host| Ipv4Addr::new(10, 0, 1, host)).collect();
    f.world.assign(&eni, AddressRequest::List(all), false).expect("free");
    let subnet = f.world.subnet(&f.subnet).expect("it");
    let states: Vec<_> = subnet.blocks().map(|block| block.state).collect();
    assert_eq!(states[..3], [BlockState::Reserved, BlockState::Full, BlockState::Free]);
}

#[test]
fn prefixes_are_scattered_and_repeat_with_the_seed() {
    let pick = |seed| {
        let mut world = World::new(seed);
        world.set_quotas(Quotas::default());
        let vpc = world.create_vpc(vpc_spec("10.0.0.0/16")).expect("a VPC");
        let subnet = world.create_subnet(subnet_spec(&vpc, "10.0.0.0/20", "us-west-2a"));
        let eni = world.create_eni(eni_spec(&subnet.expect("a subnet"))).expect("an ENI");
        world.assign_prefixes(&eni, &PrefixRequest::Count(8)).expect("room")
    };
    assert_eq!(pick(1), pick(1));
    assert_ne!(pick(1), pick(2));
    assert!(!pick(1).is_sorted());
}
