//! What must hold of every World, however it came about.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::super::*;
use crate::{AttachmentTarget, InstanceState};

/// Works everything out from the lists of what is in the World, and compares.
pub(super) fn check(world: &World) {
    for subnet in world.subnets() {
        let usage = world.subnet_usage(&subnet.id).expect("the subnet");
        let mut primaries = Vec::new();
        let mut secondaries = Vec::new();
        for eni in world.enis().filter(|eni| eni.subnet == subnet.id) {
            primaries.push((eni.primary, eni.id.clone()));
            secondaries.extend(eni.secondary.iter().map(|&address| (address, eni.id.clone())));
        }
        let prefixes = check_prefixes(world, subnet);
        let held: Vec<_> = primaries.iter().chain(&secondaries).cloned().collect();
        let distinct: BTreeSet<_> = held.iter().map(|(address, _)| address).collect();
        assert_eq!(distinct.len(), held.len(), "an address is held twice");
        for (address, holder) in &held {
            assert!(subnet.cidr.contains(address), "{address} is outside {}", subnet.cidr);
            assert!(!subnet.reserved().contains(address), "{address} is reserved");
            let found = world.eni_at(&subnet.vpc, *address).map(|eni| &eni.id);
            assert_eq!(found, Some(holder), "{address}");
        }
        let in_prefix = |address: &Ipv4Addr| prefixes.iter().any(|(p, _)| p.contains(address));
        assert!(!distinct.iter().any(|address| in_prefix(address)), "an address is held twice");
        let unheld = |address: &Ipv4Addr| !distinct.contains(address) && !in_prefix(address);
        for address in subnet.cidr.hosts().filter(unheld) {
            assert_eq!(world.eni_at(&subnet.vpc, address), None);
        }
        primaries.sort();
        secondaries.sort();
        assert_eq!((&usage.primaries, &usage.secondaries), (&primaries, &secondaries));
        assert_eq!(usage.total, usage.usable + usage.reserved);
        let kept = |address: &Ipv4Addr| {
            subnet.cidr_reservations.values().any(|kept| kept.cidr.contains(address))
        };
        let reserved = subnet.reserved();
        let usable = subnet.cidr.subnets(32).expect("addresses").map(|address| address.addr());
        let (withheld, free): (Vec<_>, Vec<_>) =
            usable.filter(|address| !reserved.contains(address) && unheld(address)).partition(kept);
        assert_eq!(usage.free as usize, free.len());
        assert_eq!(usage.withheld as usize, withheld.len());
        let used = held.len() + 16 * prefixes.len();
        assert_eq!(free.len() + withheld.len() + used, usage.usable as usize);
        assert_eq!(usage.prefixes, prefixes);
        let blocks = usage.blocks;
        let count = blocks.free + blocks.fragmented + blocks.full + blocks.prefix + blocks.reserved;
        assert_eq!(count as usize, subnet.blocks().count());
        assert_eq!(blocks.prefix as usize, prefixes.len());
        assert_eq!(usage.free, subnet.free_addresses());
    }
    let macs: BTreeSet<_> = world.enis().map(|eni| eni.mac).collect();
    assert_eq!(macs.len(), world.enis().count(), "two ENIs have the same MAC address");
    check_attachments(world);
}

/// The prefixes of a subnet, each of which is where a prefix can be.
fn check_prefixes(world: &World, subnet: &Subnet) -> Vec<(Ipv4Net, EniId)> {
    let mut prefixes = Vec::new();
    for eni in world.enis().filter(|eni| eni.subnet == subnet.id) {
        prefixes.extend(eni.prefixes.iter().map(|&prefix| (prefix, eni.id.clone())));
    }
    prefixes.sort();
    for (prefix, holder) in &prefixes {
        assert!(prefix.prefix_len() == 28 && prefix.trunc() == *prefix, "{prefix}");
        assert!(subnet.cidr.contains(prefix), "{prefix} is outside {}", subnet.cidr);
        assert!(!subnet.reserved().iter().any(|a| prefix.contains(a)), "{prefix} is reserved");
        for address in [prefix.network(), prefix.broadcast()] {
            let found = world.eni_at(&subnet.vpc, address).map(|eni| &eni.id);
            assert_eq!(found, Some(holder), "{address}");
        }
    }
    let distinct: BTreeSet<_> = prefixes.iter().map(|(prefix, _)| prefix).collect();
    assert_eq!(distinct.len(), prefixes.len(), "a prefix is held twice");
    prefixes
}

fn check_attachments(world: &World) {
    let mut attached: BTreeMap<&InstanceId, Vec<(u32, u32, &Eni)>> = BTreeMap::new();
    for eni in world.enis() {
        let Some(attachment) = &eni.attachment else { continue };
        assert_eq!(world.attached_eni(&attachment.id).expect("the ENI").id, eni.id);
        match &attachment.target {
            AttachmentTarget::Instance { id, device_index, network_card } => {
                attached.entry(id).or_default().push((*network_card, *device_index, eni));
            }
            AttachmentTarget::Foreign(_) => assert!(eni.is_requester_managed()),
        }
    }
    for instance in world.instances() {
        let mut enis = attached.remove(&instance.id).unwrap_or_default();
        enis.sort_by_key(|(card, index, _)| (*card, *index));
        let listed = world.instance_enis(&instance.id);
        assert_eq!(listed, enis.iter().map(|(_, _, eni)| *eni).collect::<Vec<_>>());
        if instance.state == InstanceState::Terminated {
            assert!(enis.is_empty(), "a terminated instance has ENIs");
            continue;
        }
        let instance_type = instance.instance_type;
        assert!(enis.len() <= instance_type.max_enis as usize, "{}", instance_type.name);
        assert_eq!((enis[0].0, enis[0].1), (0, 0), "the primary ENI is gone");
        let places: BTreeSet<_> = enis.iter().map(|(card, index, _)| (card, index)).collect();
        assert_eq!(places.len(), enis.len(), "a device index is used twice");
        for (card, index, eni) in &enis {
            let on_card = enis.iter().filter(|(other, ..)| other == card).count();
            let limit = instance_type.card_enis(*card).expect("the card");
            assert!(on_card <= limit as usize, "network card {card}");
            assert!(*index > 0 || *card == 0);
            assert!(eni.prefixes.is_empty() || takes_prefixes(instance_type));
            let slots = 1 + eni.secondary.len() + eni.prefixes.len();
            assert!(slots <= instance_type.ipv4_per_eni as usize);
            assert_eq!(eni.availability_zone, instance.availability_zone);
            assert_eq!(eni.owner, instance.owner);
        }
    }
    assert!(attached.is_empty(), "ENIs are attached to instances that do not exist");
}

fn takes_prefixes(instance_type: &crate::InstanceType) -> bool {
    let nitro = Some(instance_types::Hypervisor::Nitro);
    instance_type.bare_metal || instance_type.hypervisor == nitro
}
