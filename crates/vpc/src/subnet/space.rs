//! The addresses of one subnet: which are taken, by whom, and where the next one goes.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::reserved;
use crate::EniId;
use crate::random::Random;
use crate::shared_map::SharedMap;

/// Addresses per word of the map.
const WORD: u32 = u64::BITS;
/// Words per group; a /16 has 64 groups of 16 words, so a search reads at most 80 numbers.
const GROUP: usize = 16;

/// A set of taken addresses with their holders.
///
/// A bit per address, and the count of free ones per group of words, find the n-th free address
/// in bounded time however full the subnet is. The /28 blocks of the subnet are the quarters of
/// the words.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AddressSpace {
    cidr: Ipv4Net,
    /// A set bit is an address that cannot be given out: held, reserved, or past the end.
    taken: Vec<u64>,
    /// Clear bits per group of words.
    free_in_group: Vec<u32>,
    free: u32,
    holders: SharedMap<Ipv4Addr, EniId>,
}

impl AddressSpace {
    /// The space of a subnet of /16 to /28, with only the reserved addresses taken.
    pub(crate) fn new(cidr: Ipv4Net) -> Self {
        let total = 1_u32 << (32 - u32::from(cidr.prefix_len()));
        let words = total.div_ceil(WORD) as usize;
        let mut taken = vec![0_u64; words];
        if total < WORD {
            taken[0] = u64::MAX << total;
        }
        let mut space =
            Self { cidr, taken, free_in_group: Vec::new(), free: 0, holders: SharedMap::new() };
        for address in reserved(cidr) {
            let (word, bit) = space.position(address);
            space.taken[word] |= bit;
        }
        space.free_in_group =
            space.taken.chunks(GROUP).map(|g| g.iter().map(|w| w.count_zeros()).sum()).collect();
        space.free = space.free_in_group.iter().sum();
        space
    }

    /// Addresses that can still be taken.
    pub(crate) fn free(&self) -> u32 {
        self.free
    }

    /// The ENI that holds the address.
    pub(crate) fn holder(&self, address: Ipv4Addr) -> Option<&EniId> {
        self.holders.get(&address)
    }

    /// The held addresses and their holders, in the order of the addresses.
    pub(crate) fn holders(&self) -> impl Iterator<Item = (Ipv4Addr, &EniId)> {
        self.holders.iter().map(|(&address, eni)| (address, eni))
    }

    /// Takes one of the free addresses, each with the same chance, as EC2 scatters them.
    /// `None` if there is none.
    pub(crate) fn take_any(&mut self, random: &mut Random, eni: &EniId) -> Option<Ipv4Addr> {
        if self.free == 0 {
            return None;
        }
        let address = self.nth_free(random.below(self.free))?;
        self.take(address, eni);
        Some(address)
    }

    /// Takes a free address of the subnet.
    pub(crate) fn take(&mut self, address: Ipv4Addr, eni: &EniId) {
        let (word, bit) = self.position(address);
        debug_assert_eq!(self.taken[word] & bit, 0, "{address} is taken");
        self.taken[word] |= bit;
        self.free_in_group[word / GROUP] -= 1;
        self.free -= 1;
        self.holders.insert(address, eni.clone());
    }

    /// Gives a held address to another ENI.
    pub(crate) fn hand_over(&mut self, address: Ipv4Addr, to: &EniId) {
        let previous = self.holders.insert(address, to.clone());
        debug_assert!(previous.is_some(), "{address} was free");
    }

    /// Makes a held address free.
    pub(crate) fn release(&mut self, address: Ipv4Addr) {
        if self.holders.remove(&address).is_none() {
            return;
        }
        let (word, bit) = self.position(address);
        self.taken[word] &= !bit;
        self.free_in_group[word / GROUP] += 1;
        self.free += 1;
    }

    fn position(&self, address: Ipv4Addr) -> (usize, u64) {
        debug_assert!(self.cidr.contains(&address), "{address} is outside {}", self.cidr);
        let offset = u32::from(address) - u32::from(self.cidr.network());
        ((offset / WORD) as usize, 1 << (offset % WORD))
    }

    /// The free address with `n` free ones below it.
    fn nth_free(&self, mut n: u32) -> Option<Ipv4Addr> {
        let mut group = 0;
        while n >= *self.free_in_group.get(group)? {
            n -= self.free_in_group[group];
            group += 1;
        }
        for (word, &taken) in self.taken.iter().enumerate().skip(group * GROUP) {
            let mut free = !taken;
            if n >= free.count_ones() {
                n -= free.count_ones();
                continue;
            }
            for _ in 0..n {
                free &= free - 1; // clears the lowest set bit
            }
            let offset = u32::try_from(word).ok()? * WORD + free.trailing_zeros();
            return Some(Ipv4Addr::from(u32::from(self.cidr.network()) + offset));
        }
        None
    }
}

#[cfg(test)]
mod tests;
