use std::collections::BTreeSet;

use super::*;
use crate::{EniAttribute, EniStatus, Quotas};

#[test]
fn an_eni_has_what_was_asked_for() {
    let mut f = Fixture::new();
    let group = f.group(&f.vpc.clone(), "nodes");
    let spec = EniSpec {
        interface_type: InterfaceType::VpcEndpoint,
        description: "a test".to_owned(),
        primary: Some(ip("10.0.1.77")),
        secondary: AddressRequest::Count(3),
        groups: vec![group.clone(), group.clone()],
        tags: Tags::from([("a".to_owned(), "b".to_owned())]),
        ..f.spec()
    };
    let id = f.world.create_eni(spec).expect("an ENI");
    let eni = f.world.eni(&id).expect("the ENI");
    assert_eq!((&eni.vpc, &eni.subnet, &eni.owner), (&f.vpc, &f.subnet, &account()));
    assert_eq!(eni.availability_zone.as_str(), "us-west-2a");
    assert_eq!(eni.interface_type, InterfaceType::VpcEndpoint);
    assert_eq!(eni.description, "a test");
    assert_eq!(eni.primary, ip("10.0.1.77"));
    assert_eq!(eni.addresses().next(), Some(eni.primary), "the primary comes first");
    assert_eq!((eni.secondary.len(), eni.address_count()), (3, 4));
    assert_eq!(eni.groups, [group], "each group once");
    assert_eq!(eni.tags.len(), 1);
    assert!(eni.source_dest_check);
    assert_eq!((eni.status(), &eni.attachment), (EniStatus::Available, &None));
    assert_eq!(eni.created, NOW);
    for address in eni.addresses() {
        assert_eq!(f.world.eni_at(&f.vpc, address).map(|eni| &eni.id), Some(&id));
    }
    assert_eq!(f.free(&f.subnet), 251 - 4);
}

#[test]
fn an_eni_without_groups_gets_the_default_one() {
    let mut f = Fixture::new();
    let eni = f.eni();
    assert_eq!(f.world.eni(&eni).expect("it").groups, [f.default_group()]);
}

#[test]
fn mac_addresses_and_ids_differ() {
    let mut f = Fixture::new();
    let enis: BTreeSet<_> = (0..200).map(|_| f.eni()).collect();
    let macs: BTreeSet<_> = f.world.enis().map(|eni| eni.mac).collect();
    assert_eq!((enis.len(), macs.len()), (200, 200));
    assert!(macs.iter().all(|mac| mac.0[0] == 6), "unicast, locally administered");
    assert!(f.world.enis().map(|eni| &eni.id).is_sorted());
}

#[test]
fn explicit_addresses_are_free_ones_of_the_subnet() {
    let mut f = Fixture::new();
    let (subnet, cidr) = (f.subnet.clone(), "10.0.1.0/24".parse().expect("a CIDR block"));
    let holder = EniSpec {
        primary: Some(ip("10.0.1.10")),
        secondary: AddressRequest::List(vec![ip("10.0.1.11")]),
        ..f.spec()
    };
    let holder = f.world.create_eni(holder).expect("an ENI");
    let held = |address: &str| Error::AddressInUse {
        address: ip(address),
        subnet: subnet.clone(),
        eni: holder.clone(),
    };
    let reserved =
        |a: &str| Error::AddressReserved { address: ip(a), subnet: subnet.clone(), cidr };
    let outside =
        |a: &str| Error::AddressOutsideSubnet { address: ip(a), subnet: subnet.clone(), cidr };
    let cases = [
        ("10.0.1.10", held("10.0.1.10")),
        ("10.0.1.11", held("10.0.1.11")),
        ("10.0.1.0", reserved("10.0.1.0")),
        ("10.0.1.1", reserved("10.0.1.1")),
        ("10.0.1.2", reserved("10.0.1.2")),
        ("10.0.1.3", reserved("10.0.1.3")),
        ("10.0.1.255", reserved("10.0.1.255")),
        ("10.0.2.4", outside("10.0.2.4")),
        ("10.0.0.255", outside("10.0.0.255")),
    ];
    for (address, error) in cases {
        let address = ip(address);
        let spec = EniSpec { primary: Some(address), ..f.spec() };
        f.refuses(&error, |w| w.create_eni(spec));
        let secondary = AddressRequest::List(vec![ip("10.0.1.20"), address]);
        let spec = EniSpec { secondary, ..f.spec() };
        f.refuses(&error, |w| w.create_eni(spec));
    }

    let error = Error::DuplicateAddress { address: ip("10.0.1.20") };
    let primary = Some(ip("10.0.1.20"));
    let secondary = AddressRequest::List(vec![ip("10.0.1.21"), ip("10.0.1.20")]);
    let spec = EniSpec { primary, secondary, ..f.spec() };
    f.refuses(&error, |w| w.create_eni(spec));
}

#[test]
fn an_eni_needs_room_in_the_subnet() {
    let mut f = Fixture::new();
    let tight = f.tight.clone();
    let cidr = "10.0.2.0/28".parse().expect("a CIDR block");
    let insufficient = |requested, free| Error::InsufficientFreeAddresses {
        subnet: tight.clone(),
        cidr,
        requested,
        free,
    };
    let spec = |count| EniSpec { secondary: AddressRequest::Count(count), ..eni_spec(&tight) };
    f.refuses(&insufficient(12, 11), |w| w.create_eni(spec(11)));
    let huge = usize::try_from(u32::MAX).expect("64 bits") + 1;
    f.refuses(&insufficient(huge, 11), |w| w.create_eni(spec(u32::MAX)));
    f.world.create_eni(spec(7)).expect("eight fit");
    // An address asked for by name counts too.
    let named = EniSpec { primary: lowest_free(&f, &tight), ..spec(3) };
    f.refuses(&insufficient(4, 3), |w| w.create_eni(named));
    let primary = lowest_free(&f, &tight);
    let named = EniSpec { primary, ..spec(2) };
    let eni = f.world.create_eni(named).expect("three fit");
    assert_eq!(Some(f.world.eni(&eni).expect("it").primary), primary);
    f.refuses(&insufficient(1, 0), |w| w.create_eni(eni_spec(&tight)));
    f.refuses(&insufficient(1, 0), |w| w.run_instance(instance_spec(&tight, "t3.small")));
}

#[test]
fn a_named_address_is_never_picked_for_another_use() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        let vpc = world.create_vpc(vpc_spec("10.0.0.0/28")).expect("a VPC");
        let subnet = subnet_spec(&vpc, "10.0.0.0/28", "us-west-2a");
        let subnet = world.create_subnet(subnet).expect("a subnet");
        let named: Vec<_> = (5..15).map(|last| Ipv4Addr::new(10, 0, 0, last)).collect();
        let secondary = AddressRequest::List(named.clone());
        let eni = world.create_eni(EniSpec { secondary, ..eni_spec(&subnet) }).expect("an ENI");
        let eni = world.eni(&eni).expect("it");
        assert_eq!((eni.primary, &eni.secondary), (ip("10.0.0.4"), &named));
    }
}

#[test]
fn an_unattached_eni_has_no_limit_of_addresses() {
    let mut f = Fixture::new();
    let spec = EniSpec { secondary: AddressRequest::Count(200), ..f.spec() };
    let eni = f.world.create_eni(spec).expect("an ENI");
    f.world.assign(&eni, AddressRequest::Count(50), false).expect("more");
    assert_eq!(f.free(&f.subnet), 0);
}

#[test]
fn groups_are_of_the_vpc_and_few() {
    let mut f = Fixture::new();
    let other = f.world.create_vpc(vpc_spec("10.0.0.0/16")).expect("a VPC");
    let strange = f.group(&other, "strange");
    let error = Error::SecurityGroupOtherVpc {
        group: strange.clone(),
        group_vpc: other,
        vpc: f.vpc.clone(),
    };
    let spec = EniSpec { groups: vec![f.default_group(), strange.clone()], ..f.spec() };
    f.refuses(&error, |w| w.create_eni(spec));
    let eni = f.eni();
    f.refuses(&error, |w| w.set_eni_attribute(&eni, EniAttribute::Groups(vec![strange])));

    let group: SecurityGroupId = "sg-0123456789abcdef0".parse().expect("an ID");
    let spec = EniSpec { groups: vec![group.clone()], ..f.spec() };
    f.refuses(&Error::UnknownSecurityGroup { group }, |w| w.create_eni(spec));

    let vpc = f.vpc.clone();
    let mut groups: Vec<_> = (0..5).map(|n| f.group(&vpc, &format!("group {n}"))).collect();
    f.world.create_eni(EniSpec { groups: groups.clone(), ..f.spec() }).expect("five are fine");
    groups.push(f.default_group());
    let spec = EniSpec { groups: groups.clone(), ..f.spec() };
    let error = Error::SecurityGroupsPerEniLimitExceeded { requested: 6, limit: 5 };
    f.refuses(&error, |w| w.create_eni(spec));
    f.refuses(&error, |w| w.set_eni_attribute(&eni, EniAttribute::Groups(groups)));
    let error = Error::NoSecurityGroups { eni: eni.clone() };
    f.refuses(&error, |w| w.set_eni_attribute(&eni, EniAttribute::Groups(Vec::new())));
}

#[test]
fn enis_count_towards_their_owners_quota() {
    let mut f = Fixture::new();
    f.world.set_quotas(Quotas { enis: 2, ..Quotas::default() });
    let first = f.eni();
    f.instance("t3.small");
    let error = Error::EniLimitExceeded { owner: account(), limit: 2 };
    let spec = f.spec();
    f.refuses(&error, |w| w.create_eni(spec));
    let spec = instance_spec(&f.subnet, "t3.small");
    f.refuses(&error, |w| w.run_instance(spec));
    let others = EniSpec { owner: other_account(), ..f.spec() };
    f.world.create_eni(others).expect("another account's");
    f.world.delete_eni(&first).expect("deleted");
    f.eni();
}

#[test]
fn a_deleted_eni_gives_back_its_addresses() {
    let mut f = Fixture::new();
    let spec = EniSpec { secondary: AddressRequest::Count(9), ..f.spec() };
    let eni = f.world.create_eni(spec).expect("an ENI");
    let address = f.world.eni(&eni).expect("it").primary;
    f.world.delete_eni(&eni).expect("deleted");
    assert_eq!(f.free(&f.subnet), 251);
    assert_eq!(f.world.eni_at(&f.vpc, address), None);
    f.refuses(&Error::UnknownEni { eni: eni.clone() }, |w| w.delete_eni(&eni));
}

#[test]
fn an_attached_eni_is_not_deleted() {
    let mut f = Fixture::new();
    let (instance, eni) = (f.instance("t3.small"), f.eni());
    let attachment = f.world.attach_eni(&eni, &instance, 1, 0, NOW).expect("attached");
    let error = Error::EniInUse { eni: eni.clone(), attachment: attachment.clone() };
    f.refuses(&error, |w| w.delete_eni(&eni));
    f.world.detach_eni(&attachment, false).expect("detached");
    f.world.delete_eni(&eni).expect("deleted");
}

#[test]
fn attributes_change_one_at_a_time() {
    let mut f = Fixture::new();
    let (instance, eni) = (f.instance("t3.small"), f.eni());
    let attachment = f.world.attach_eni(&eni, &instance, 1, 0, NOW).expect("attached");
    let group = f.group(&f.vpc.clone(), "nodes");
    let mut set = |change| f.world.set_eni_attribute(&eni, change).expect("changed");
    set(EniAttribute::Description("new".to_owned()));
    set(EniAttribute::Groups(vec![group.clone()]));
    set(EniAttribute::SourceDestCheck(false));
    set(EniAttribute::DeleteOnTermination { attachment: attachment.clone(), value: true });
    let changed = f.world.eni(&eni).expect("it");
    assert_eq!((changed.description.as_str(), &changed.groups), ("new", &vec![group]));
    assert!(!changed.source_dest_check);
    assert!(changed.attachment.as_ref().is_some_and(|a| a.delete_on_termination));

    // Another ENI's attachment, and one that has ended.
    let other = f.eni();
    let change = EniAttribute::DeleteOnTermination { attachment: attachment.clone(), value: false };
    let error = Error::UnknownAttachment { attachment: attachment.clone() };
    f.refuses(&error, |w| w.set_eni_attribute(&other, change.clone()));
    f.world.detach_eni(&attachment, false).expect("detached");
    f.refuses(&error, |w| w.set_eni_attribute(&eni, change));
}

#[test]
fn only_its_service_changes_a_managed_eni() {
    let mut f = Fixture::new();
    let (eni, instance) = (f.managed_eni(), f.instance("t3.small"));
    let to = crate::ForeignAttachment {
        owner_account: other_account(),
        description: "control plane".to_owned(),
    };
    let attachment = f.world.attach_foreign(&eni, to.clone(), NOW).expect("attached");
    assert_eq!(f.world.eni(&eni).expect("it").status(), EniStatus::InUse);
    assert_eq!(f.world.eni(&eni).expect("it").instance(), None);

    let error = Error::RequesterManaged { eni: eni.clone(), requester: "eks".to_owned() };
    let primary = f.world.eni(&eni).expect("it").primary;
    let description = EniAttribute::Description("mine".to_owned());
    f.refuses(&error, |w| w.delete_eni(&eni));
    f.refuses(&error, |w| w.detach_eni(&attachment, false));
    f.refuses(&error, |w| w.detach_eni(&attachment, true));
    f.refuses(&error, |w| w.attach_eni(&eni, &instance, 1, 0, NOW));
    f.refuses(&error, |w| w.assign(&eni, AddressRequest::Count(1), false));
    f.refuses(&error, |w| w.unassign(&eni, &[primary]));
    f.refuses(&error, |w| w.set_eni_attribute(&eni, description));
    let error = Error::EniInUse { eni: eni.clone(), attachment };
    f.refuses(&error, |w| w.attach_foreign(&eni, to.clone(), NOW));

    let own = f.eni();
    let error = Error::NotRequesterManaged { eni: own.clone() };
    f.refuses(&error, |w| w.attach_foreign(&own, to, NOW));
    f.refuses(&error, |w| w.delete_managed_eni(&own));

    let free = f.free(&f.subnet);
    f.world.delete_managed_eni(&eni).expect("the service deletes it");
    assert_eq!(f.free(&f.subnet), free + 1);
    assert_eq!(f.world.eni_at(&f.vpc, primary), None);
}

#[test]
fn an_eni_somebody_else_asked_for_may_still_be_its_owners() {
    let mut f = Fixture::new();
    let requester = Some(Requester { id: other_account().to_string(), managed: false });
    let eni = f.world.create_eni(EniSpec { requester, ..f.spec() }).expect("an ENI");
    f.world.assign(&eni, AddressRequest::Count(1), false).expect("assigned");
    f.world.delete_eni(&eni).expect("deleted");
}

#[test]
fn interface_types_read_back_as_written() {
    for name in ["interface", "efa", "branch", "trunk", "vpc_endpoint", "natGateway"] {
        assert_eq!(name.parse::<InterfaceType>().expect(name).to_string(), name);
    }
    assert!("Interface".parse::<InterfaceType>().is_err());
}

/// The lowest address of the subnet an ENI could get.
fn lowest_free(f: &Fixture, subnet: &SubnetId) -> Option<Ipv4Addr> {
    let known = f.world.subnet(subnet).expect("the subnet");
    let is_free = |address: &Ipv4Addr| {
        !known.reserved().contains(address) && f.world.eni_at(&known.vpc, *address).is_none()
    };
    known.cidr.hosts().find(is_free)
}
