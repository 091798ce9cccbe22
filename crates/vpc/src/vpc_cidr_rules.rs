//! Which CIDR blocks a VPC can have, and which beside each other.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

const fn net(a: u8, b: u8, len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, 0, 0), len)
}

const TEN: Ipv4Net = net(10, 0, 8);
const ONE_SEVEN_TWO: Ipv4Net = net(172, 16, 12);
const ONE_NINE_TWO: Ipv4Net = net(192, 168, 16);
const BENCHMARK: Ipv4Net = net(198, 19, 16);

/// Ranges whose addresses no host may have (RFC 6890): "this network", loopback, link-local,
/// multicast and class E. EC2 takes every other range, public ones too.
const UNUSABLE: [Ipv4Net; 5] =
    [net(0, 0, 8), net(127, 0, 8), net(169, 254, 16), net(224, 0, 4), net(240, 0, 4)];

/// What a VPC that has a block in the first range may not add (Amazon VPC user guide, "CIDR block
/// association restrictions"). Blocks in none of these ranges, public ones and those of
/// 100.64.0.0/10, fall under [`RESTRICTED_BESIDE_OTHERS`].
const RESTRICTED: [(Ipv4Net, &[Ipv4Net]); 5] = [
    (net(10, 0, 15), &[net(10, 0, 16)]),
    (TEN, &[ONE_SEVEN_TWO, ONE_NINE_TWO, BENCHMARK]),
    (ONE_SEVEN_TWO, &[TEN, ONE_NINE_TWO, net(172, 31, 16), BENCHMARK]),
    (ONE_NINE_TWO, &[TEN, ONE_SEVEN_TWO, BENCHMARK]),
    (BENCHMARK, &[TEN, ONE_SEVEN_TWO, ONE_NINE_TWO]),
];
const RESTRICTED_BESIDE_OTHERS: &[Ipv4Net] = &[TEN, ONE_SEVEN_TWO, ONE_NINE_TWO, BENCHMARK];

/// Whether a VPC or subnet can have a block of this size.
pub(crate) fn is_block_size(cidr: Ipv4Net) -> bool {
    (16..=28).contains(&cidr.prefix_len())
}

/// The range not for hosts that the block is in.
pub(crate) fn unusable(cidr: Ipv4Net) -> Option<Ipv4Net> {
    UNUSABLE.into_iter().find(|range| range.contains(&cidr))
}

/// The range `new` is in that a VPC with the block `existing` may not add from.
pub(crate) fn restriction(existing: Ipv4Net, new: Ipv4Net) -> Option<Ipv4Net> {
    let mut rows = RESTRICTED.iter().filter(|(range, _)| range.contains(&existing)).peekable();
    if rows.peek().is_none() {
        return RESTRICTED_BESIDE_OTHERS.iter().copied().find(|range| range.contains(&new));
    }
    rows.flat_map(|(_, restricted)| *restricted).copied().find(|range| range.contains(&new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_do_not_mix() {
        for (existing, new, allowed) in [
            ("10.2.0.0/16", "10.3.0.0/16", true),
            ("10.2.0.0/16", "10.0.0.0/16", true),
            ("10.1.0.0/16", "10.0.0.0/20", false),
            ("10.0.0.0/24", "10.0.1.0/24", false),
            ("10.0.0.0/16", "10.1.0.0/16", true),
            ("10.2.0.0/16", "172.16.0.0/16", false),
            ("10.2.0.0/16", "192.168.1.0/24", false),
            ("10.2.0.0/16", "198.19.0.0/20", false),
            ("10.2.0.0/16", "100.64.0.0/16", true),
            ("10.2.0.0/16", "203.0.112.0/20", true),
            ("172.16.0.0/16", "172.17.0.0/16", true),
            ("172.16.0.0/16", "172.31.0.0/16", false),
            ("172.16.0.0/16", "10.0.0.0/16", false),
            ("192.168.1.0/24", "192.168.2.0/24", true),
            ("192.168.1.0/24", "10.9.0.0/16", false),
            ("198.19.0.0/24", "198.19.1.0/24", true),
            ("198.19.0.0/24", "192.168.0.0/24", false),
            ("198.19.0.0/24", "100.64.0.0/16", true),
            ("100.64.0.0/16", "10.0.0.0/16", false),
            ("100.64.0.0/16", "100.65.0.0/16", true),
            ("203.0.112.0/20", "172.16.0.0/16", false),
            ("203.0.112.0/20", "198.19.0.0/16", false),
        ] {
            let restricted = restriction(
                existing.parse().expect("a CIDR block"),
                new.parse().expect("a CIDR block"),
            );
            assert_eq!(restricted.is_none(), allowed, "{new} beside {existing}: {restricted:?}");
        }
    }
}
