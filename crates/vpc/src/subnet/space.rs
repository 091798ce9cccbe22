//! The addresses of one subnet: which are taken, by whom, and where the next one goes.

mod blocks;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

pub(crate) use self::blocks::{PREFIX_LEN, PREFIX_SIZE};
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
/// the words; [`blocks`] works on them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AddressSpace {
    cidr: Ipv4Net,
    /// A set bit is an address that cannot be given out: held, reserved, or past the end.
    taken: Vec<u64>,
    /// A set bit is an address in a CIDR reservation: nothing is put there unless asked for by
    /// name.
    withheld: Vec<u64>,
    /// The part of `withheld` that prefixes are picked from.
    for_prefixes: Vec<u64>,
    /// Addresses per group of words that are neither taken nor withheld.
    free_in_group: Vec<u32>,
    free: u32,
    holders: SharedMap<Ipv4Addr, EniId>,
    /// The holders of whole /28 blocks, by the block's first address.
    prefixes: BTreeMap<Ipv4Addr, EniId>,
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
        let mut space = Self {
            cidr,
            taken,
            withheld: vec![0; words],
            for_prefixes: vec![0; words],
            free_in_group: Vec::new(),
            free: 0,
            holders: SharedMap::new(),
            prefixes: BTreeMap::new(),
        };
        for address in reserved(cidr) {
            let (word, bit) = space.position(address);
            space.taken[word] |= bit;
        }
        space.free_in_group =
            space.taken.chunks(GROUP).map(|g| g.iter().map(|w| w.count_zeros()).sum()).collect();
        space.free = space.free_in_group.iter().sum();
        space
    }

    /// Addresses that can still be taken without being asked for by name.
    pub(crate) fn free(&self) -> u32 {
        self.free
    }

    /// The ENI that holds the address, by itself or in a prefix.
    pub(crate) fn holder(&self, address: Ipv4Addr) -> Option<&EniId> {
        self.holders.get(&address).or_else(|| self.prefix_at(address).map(|(_, eni)| eni))
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

    /// Takes an address of the subnet that nothing holds.
    pub(crate) fn take(&mut self, address: Ipv4Addr, eni: &EniId) {
        let (word, bit) = self.position(address);
        debug_assert_eq!(self.taken[word] & bit, 0, "{address} is taken");
        self.change_word(word, |space| space.taken[word] |= bit);
        self.holders.insert(address, eni.clone());
    }

    /// Gives a held address to another ENI.
    pub(crate) fn hand_over(&mut self, address: Ipv4Addr, to: &EniId) {
        let previous = self.holders.insert(address, to.clone());
        debug_assert!(previous.is_some(), "{address} was free");
    }

    /// Takes a held address from its ENI.
    pub(crate) fn release(&mut self, address: Ipv4Addr) {
        if self.holders.remove(&address).is_none() {
            return;
        }
        let (word, bit) = self.position(address);
        self.change_word(word, |space| space.taken[word] &= !bit);
    }

    /// Changes bits of one word and keeps the counts of free addresses true.
    fn change_word(&mut self, word: usize, change: impl FnOnce(&mut Self)) {
        let before = self.free_bits(word).count_ones();
        change(self);
        let after = self.free_bits(word).count_ones();
        let in_group = &mut self.free_in_group[word / GROUP];
        *in_group = *in_group + after - before;
        self.free = self.free + after - before;
    }

    /// The addresses of a word that can be taken without being asked for by name.
    fn free_bits(&self, word: usize) -> u64 {
        !(self.taken[word] | self.withheld[word])
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
        for word in group * GROUP..self.taken.len() {
            let mut free = self.free_bits(word);
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
