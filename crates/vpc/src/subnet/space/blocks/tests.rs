use std::collections::BTreeSet;

use super::*;

fn space(cidr: &str) -> AddressSpace {
    AddressSpace::new(net(cidr))
}

fn net(text: &str) -> Ipv4Net {
    text.parse().expect("a CIDR block")
}

fn eni() -> EniId {
    EniId::from_bits(1)
}

#[test]
fn every_block_but_the_first_and_the_last_can_be_a_prefix_once() {
    for (cidr, usable) in [
        ("10.0.0.0/28", 0),
        ("10.0.0.32/27", 0),
        ("10.0.0.64/26", 2),
        ("10.0.1.0/24", 14),
        ("10.1.0.0/16", 4094),
    ] {
        let mut space = space(cidr);
        let mut random = Random::new(3);
        assert_eq!(space.free_blocks(None), (0, usable), "{cidr}");
        let free = space.free();
        let mut seen = BTreeSet::new();
        while let Some(prefix) = space.take_any_prefix(&mut random, &eni()) {
            assert!(net(cidr).contains(&prefix), "{prefix}");
            assert_eq!(prefix.prefix_len(), 28);
            assert_eq!(space.holder(prefix.broadcast()), Some(&eni()));
            assert!(seen.insert(prefix), "{prefix} twice");
        }
        assert_eq!(seen.len(), usable as usize, "{cidr}");
        assert_eq!(space.free(), free - 16 * usable);
        for prefix in seen {
            space.release_prefix(prefix);
        }
        assert_eq!(space, self::space(cidr), "all came back");
    }
}

#[test]
fn scattered_addresses_spoil_blocks() {
    let mut space = space("10.0.1.0/24");
    let mut random = Random::new(1);
    for _ in 0..12 {
        space.take_any(&mut random, &eni()).expect("room");
    }
    let fragmented = space.blocks().filter(|b| b.state == BlockState::Fragmented).count();
    let free = space.blocks().filter(|b| b.state == BlockState::Free).count();
    assert!(fragmented >= 6, "12 packed addresses would spoil one block: {fragmented}");
    assert_eq!(fragmented + free, 14);
    assert_eq!(space.free_blocks(None), (0, u32::try_from(free).expect("few")));
}

#[test]
fn a_reservation_keeps_addresses_back_and_is_picked_from_first() {
    let mut space = space("10.0.1.0/24");
    space.withhold(net("10.0.1.64/27"), Some(ReservationType::Prefix));
    space.withhold(net("10.0.1.128/26"), Some(ReservationType::Explicit));
    assert_eq!(space.free(), 251 - 32 - 64);
    assert_eq!(space.withheld(), 96);
    assert_eq!(space.free_blocks(None), (2, 8));
    assert_eq!(space.free_blocks(Some(Ipv4Addr::new(10, 0, 1, 70))), (1, 8));

    let mut random = Random::new(9);
    let mut next = || space.take_any_prefix(&mut random, &eni()).map(|p| p.to_string());
    let first: BTreeSet<_> = [next(), next()].into_iter().flatten().collect();
    assert_eq!(first, ["10.0.1.64/28", "10.0.1.80/28"].map(str::to_owned).into());
    for _ in 0..8 {
        let prefix = next().expect("room elsewhere");
        assert!(!net("10.0.1.128/26").contains(&net(&prefix)), "{prefix}");
    }
    assert_eq!(next(), None);
    let mut picked = 0;
    while let Some(address) = space.take_any(&mut random, &eni()) {
        assert!(!net("10.0.1.128/26").contains(&address), "{address}");
        picked += 1;
    }
    assert_eq!(picked, 27, "of the first and the last block");
    space.withhold(net("10.0.1.128/26"), None);
    assert_eq!((space.free(), space.withheld()), (64, 0));
}

#[test]
fn reservations_of_any_size_count_exactly() {
    for (cidr, kept) in [
        ("10.1.0.0/16", 65_531),
        ("10.1.0.0/25", 124),
        ("10.1.0.60/30", 4),
        ("10.1.0.9/32", 1),
        ("10.1.255.192/26", 63),
    ] {
        let mut space = space("10.1.0.0/16");
        space.withhold(net(cidr), Some(ReservationType::Explicit));
        assert_eq!((space.free(), space.withheld()), (65_531 - kept, kept), "{cidr}");
        space.withhold(net(cidr), None);
        assert_eq!(space, self::space("10.1.0.0/16"), "{cidr}");
    }
}
