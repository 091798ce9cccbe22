use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::*;

fn space(cidr: &str) -> AddressSpace {
    AddressSpace::new(cidr.parse().expect("a CIDR block"))
}

fn eni() -> EniId {
    EniId::from_bits(1)
}

#[test]
fn every_usable_address_comes_once_and_no_reserved_one() {
    for (cidr, usable) in [
        ("10.0.0.0/28", 11),
        ("10.0.0.32/27", 27),
        ("10.0.0.64/26", 59),
        ("10.0.0.0/25", 123),
        ("10.0.16.0/20", 4091),
        ("10.255.0.0/16", 65531),
    ] {
        let mut space = space(cidr);
        let mut random = Random::new(7);
        assert_eq!(space.free(), usable, "{cidr}");
        let mut seen = BTreeSet::new();
        while let Some(address) = space.take_any(&mut random, &eni()) {
            assert!(space.cidr.contains(&address), "{address} in {cidr}");
            assert!(!reserved(space.cidr).contains(&address), "{address} in {cidr}");
            assert!(seen.insert(address), "{address} twice in {cidr}");
        }
        assert_eq!(seen.len(), usable as usize);
        assert_eq!(space.free(), 0);

        for address in seen {
            space.release(address);
        }
        assert_eq!(space, self::space(cidr), "all came back");
    }
}

#[test]
fn nth_free_counts_past_taken_addresses() {
    let mut space = space("10.0.0.0/24");
    assert_eq!(space.nth_free(0), Some(Ipv4Addr::new(10, 0, 0, 4)));
    assert_eq!(space.nth_free(250), Some(Ipv4Addr::new(10, 0, 0, 254)));
    assert_eq!(space.nth_free(251), None);
    space.take(Ipv4Addr::new(10, 0, 0, 4), &eni());
    space.take(Ipv4Addr::new(10, 0, 0, 63), &eni());
    assert_eq!(space.nth_free(0), Some(Ipv4Addr::new(10, 0, 0, 5)));
    assert_eq!(space.nth_free(57), Some(Ipv4Addr::new(10, 0, 0, 62)));
    assert_eq!(space.nth_free(58), Some(Ipv4Addr::new(10, 0, 0, 64)));
}

#[test]
fn placement_is_scattered_and_repeats_with_the_seed() {
    let addresses = |seed| {
        let (mut space, mut random) = (space("10.0.0.0/24"), Random::new(seed));
        (0..40).filter_map(|_| space.take_any(&mut random, &eni())).collect::<Vec<_>>()
    };
    assert_eq!(addresses(1), addresses(1));
    assert_ne!(addresses(1), addresses(2));
    // Packed, 40 addresses would touch 3 of the 16 /28 blocks; scattered, nearly all.
    let blocks: BTreeSet<u8> = addresses(1).iter().map(|a| a.octets()[3] / 16).collect();
    assert!(blocks.len() >= 12, "{blocks:?}");
}

#[test]
fn releasing_a_free_address_changes_nothing() {
    let mut space = space("10.0.0.0/28");
    space.release(Ipv4Addr::new(10, 0, 0, 5));
    space.release(Ipv4Addr::new(10, 0, 0, 1));
    assert_eq!(space, self::space("10.0.0.0/28"));
}

#[test]
fn a_nearly_full_16_takes_no_longer_than_an_empty_one() {
    let mut space = space("10.0.0.0/16");
    let mut random = Random::new(3);
    // The best of several rounds, since other processes may interrupt some.
    let time = |space: &mut AddressSpace, random: &mut Random| -> Duration {
        let round = |_| {
            let start = Instant::now();
            for _ in 0..200 {
                let address = space.take_any(random, &eni()).expect("room");
                space.release(address);
            }
            start.elapsed()
        };
        (0..20).map(round).min().expect("rounds")
    };
    let empty = time(&mut space, &mut random);
    for _ in 0..65_500 {
        space.take_any(&mut random, &eni()).expect("room");
    }
    let full = time(&mut space, &mut random);
    // Trying random addresses until one is free would take 2000 tries here.
    assert!(full < empty * 20, "empty {empty:?}, full {full:?}");
}
