use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::*;
use crate::Quotas;

#[test]
fn assign_returns_only_the_new_addresses() {
    let mut f = Fixture::new();
    let eni = f.eni();
    let primary = f.world.eni(&eni).expect("it").primary;
    let first = f.world.assign(&eni, AddressRequest::Count(2), false).expect("assigned");
    let second = f.world.assign(&eni, AddressRequest::Count(3), false).expect("assigned");
    assert_eq!((first.len(), second.len()), (2, 3));
    let all: BTreeSet<_> = first.iter().chain(&second).chain([&primary]).collect();
    assert_eq!(all.len(), 6, "none twice");
    let held = &f.world.eni(&eni).expect("it").secondary;
    assert_eq!(*held, [first, second].concat(), "in the order of their assignment");
    assert_eq!(f.free(&f.subnet), 251 - 6);

    let named = [ip("10.0.1.200"), ip("10.0.1.100")];
    let free: Vec<_> =
        named.iter().copied().filter(|a| f.world.eni_at(&f.vpc, *a).is_none()).collect();
    let request = AddressRequest::List(free.clone());
    assert_eq!(f.world.assign(&eni, request, false), Ok(free));
}

#[test]
fn an_attached_eni_holds_what_its_instance_type_allows() {
    let mut f = Fixture::new();
    let instance = f.instance("t3.small");
    let eni = f.world.instance_enis(&instance)[0].id.clone();
    let limit = |requested| Error::AddressLimitExceeded {
        eni: eni.clone(),
        instance: instance.clone(),
        instance_type: "t3.small",
        requested,
        limit: 4,
    };
    f.refuses(&limit(5), |w| w.assign(&eni, AddressRequest::Count(4), false));
    let huge = usize::try_from(u32::MAX).expect("64 bits") + 1;
    f.refuses(&limit(huge), |w| w.assign(&eni, AddressRequest::Count(u32::MAX), false));
    f.world.assign(&eni, AddressRequest::Count(3), false).expect("the limit counts the primary");
    f.refuses(&limit(5), |w| w.assign(&eni, AddressRequest::Count(1), false));
    let other = f.eni();
    let moved = f.world.assign(&other, AddressRequest::Count(1), false).expect("assigned");
    f.refuses(&limit(5), |w| w.assign(&eni, AddressRequest::List(moved), true));
}

#[test]
fn a_full_subnet_assigns_nothing() {
    let mut f = Fixture::new();
    let tight = f.tight.clone();
    let eni = f.world.create_eni(eni_spec(&tight)).expect("an ENI");
    let error = |requested, free| Error::InsufficientFreeAddresses {
        subnet: tight.clone(),
        cidr: "10.0.2.0/28".parse().expect("a CIDR block"),
        requested,
        free,
    };
    f.refuses(&error(11, 10), |w| w.assign(&eni, AddressRequest::Count(11), false));
    f.world.assign(&eni, AddressRequest::Count(10), false).expect("assigned");
    f.refuses(&error(1, 0), |w| w.assign(&eni, AddressRequest::Count(1), false));
}

#[test]
fn a_list_is_assigned_whole_or_not_at_all() {
    let mut f = Fixture::new();
    let spec = EniSpec { primary: Some(ip("10.0.1.10")), ..f.spec() };
    let eni = f.world.create_eni(spec).expect("an ENI");
    let (subnet, cidr) = (f.subnet.clone(), "10.0.1.0/24".parse().expect("a CIDR block"));
    for (address, error) in [
        (
            "10.0.1.3",
            Error::AddressReserved { address: ip("10.0.1.3"), subnet: subnet.clone(), cidr },
        ),
        ("10.0.2.5", Error::AddressOutsideSubnet { address: ip("10.0.2.5"), subnet, cidr }),
        ("10.0.1.20", Error::DuplicateAddress { address: ip("10.0.1.20") }),
        ("10.0.1.10", Error::AddressAssigned { address: ip("10.0.1.10"), eni: eni.clone() }),
    ] {
        let list = AddressRequest::List(vec![ip("10.0.1.20"), ip(address)]);
        f.refuses(&error, |w| w.assign(&eni, list, false));
    }
    for request in
        [AddressRequest::None, AddressRequest::Count(0), AddressRequest::List(Vec::new())]
    {
        f.refuses(&Error::NoAddressRequested, |w| w.assign(&eni, request, false));
    }
    f.refuses(&Error::NoAddressRequested, |w| w.unassign(&eni, &[]));
    let unknown: EniId = "eni-0123456789abcdef0".parse().expect("an ID");
    f.refuses(&Error::UnknownEni { eni: unknown.clone() }, |w| {
        w.assign(&unknown, AddressRequest::Count(1), false)
    });
}

#[test]
fn reassignment_moves_a_secondary_address() {
    let mut f = Fixture::new();
    let (from, to) = (f.eni(), f.eni());
    let held = f.world.assign(&from, AddressRequest::Count(2), false).expect("assigned");
    let moved = AddressRequest::List(vec![held[0]]);
    let error = Error::AddressAssigned { address: held[0], eni: from.clone() };
    f.refuses(&error, |w| w.assign(&to, moved.clone(), false));

    let free = f.free(&f.subnet);
    assert_eq!(f.world.assign(&to, moved.clone(), true), Ok(vec![held[0]]));
    assert_eq!(f.world.eni(&from).expect("it").secondary, [held[1]]);
    assert_eq!(f.world.eni(&to).expect("it").secondary, [held[0]]);
    assert_eq!(f.world.eni_at(&f.vpc, held[0]).map(|eni| &eni.id), Some(&to));
    assert_eq!(f.free(&f.subnet), free, "moved, not freed");

    let before = f.world.clone();
    assert_eq!(f.world.assign(&to, moved, true), Ok(Vec::new()), "it holds it already");
    assert_eq!(f.world, before);
}

#[test]
fn reassignment_never_moves_a_primary_address() {
    let mut f = Fixture::new();
    let (from, to) = (f.eni(), f.eni());
    for eni in [&from, &to] {
        let address = f.world.eni(eni).expect("it").primary;
        let error = Error::PrimaryAddressMove { address, eni: eni.clone() };
        f.refuses(&error, |w| w.assign(&to, AddressRequest::List(vec![address]), true));
    }
}

#[test]
fn reassignment_never_takes_from_a_managed_eni() {
    let mut f = Fixture::new();
    let requester = Some(Requester { id: "eks".to_owned(), managed: true });
    let secondary = AddressRequest::List(vec![ip("10.0.1.9")]);
    let managed = f.world.create_eni(EniSpec { requester, secondary, ..f.spec() }).expect("it");
    let eni = f.world.create_eni(EniSpec { primary: Some(ip("10.0.1.5")), ..f.spec() });
    let eni = eni.expect("an ENI");
    let error = Error::RequesterManaged { eni: managed, requester: "eks".to_owned() };
    f.refuses(&error, |w| w.assign(&eni, AddressRequest::List(vec![ip("10.0.1.9")]), true));
}

#[test]
fn unassign_takes_secondary_addresses_only() {
    let mut f = Fixture::new();
    let (eni, other) = (f.eni(), f.eni());
    let held = f.world.assign(&eni, AddressRequest::Count(3), false).expect("assigned");
    let others = f.world.assign(&other, AddressRequest::Count(1), false).expect("assigned");
    let primary = f.world.eni(&eni).expect("it").primary;

    let error = Error::PrimaryUnassign { eni: eni.clone(), address: primary };
    f.refuses(&error, |w| w.unassign(&eni, &[held[0], primary]));
    let strange = vec![others[0], ip("10.9.9.9")];
    let error = Error::AddressesNotAssigned { eni: eni.clone(), addresses: strange.clone() };
    f.refuses(&error, |w| w.unassign(&eni, &[strange[0], held[0], strange[1]]));

    let free = f.free(&f.subnet);
    f.world.unassign(&eni, &[held[0], held[2], held[0]]).expect("unassigned");
    assert_eq!(f.world.eni(&eni).expect("it").secondary, [held[1]]);
    assert_eq!(f.free(&f.subnet), free + 2);
    assert_eq!(f.world.eni_at(&f.vpc, held[0]), None);
    let error = Error::AddressesNotAssigned { eni: eni.clone(), addresses: vec![held[0]] };
    f.refuses(&error, |w| w.unassign(&eni, &held[..1]));
}

#[test]
fn assigning_in_a_crowded_16_is_as_fast_as_in_an_empty_one() {
    let mut world = World::new(5);
    world.set_quotas(Quotas { enis: u32::MAX, ..Quotas::default() });
    let vpc = world.create_vpc(vpc_spec("10.0.0.0/16")).expect("a VPC");
    let spec = subnet_spec(&vpc, "10.0.0.0/16", "us-west-2a");
    let subnet = world.create_subnet(spec).expect("a subnet");
    let eni = world.create_eni(eni_spec(&subnet)).expect("an ENI");
    // The best of several rounds, since other processes may interrupt some.
    let time = |world: &mut World| -> Duration {
        let round = |_| {
            let start = Instant::now();
            for _ in 0..50 {
                let new = world.assign(&eni, AddressRequest::Count(1), false).expect("assigned");
                world.unassign(&eni, &new).expect("unassigned");
            }
            start.elapsed()
        };
        (0..20).map(round).min().expect("rounds")
    };
    let empty = time(&mut world);
    for _ in 0..1200 {
        let spec = EniSpec { secondary: AddressRequest::Count(49), ..eni_spec(&subnet) };
        world.create_eni(spec).expect("an ENI");
    }
    assert_eq!(world.subnet(&subnet).expect("it").free_addresses(), 65_531 - 60_001);
    let crowded = time(&mut world);
    // A walk over all addresses held would take thousands of times as long.
    assert!(crowded < empty * 20, "empty {empty:?}, crowded {crowded:?}");
}
