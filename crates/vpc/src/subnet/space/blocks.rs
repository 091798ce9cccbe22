//! The /28 blocks of a subnet: which are prefixes of ENIs, where the next prefix goes, and what
//! CIDR reservations keep back.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{AddressSpace, WORD};
use crate::random::Random;
use crate::subnet::{Block, BlockState};
use crate::{EniId, ReservationType};

/// Length of the IPv4 prefixes that ENIs hold (Amazon EC2 user guide, "Prefix delegation").
pub(crate) const PREFIX_LEN: u8 = 28;
/// Addresses of a prefix.
pub(crate) const PREFIX_SIZE: u32 = 16;
/// The bits of the first block of a word.
const BLOCK: u64 = 0xffff;

impl AddressSpace {
    /// The prefix the address is in, and the ENI that holds it.
    pub(crate) fn prefix_at(&self, address: Ipv4Addr) -> Option<(Ipv4Net, &EniId)> {
        let block = Ipv4Net::new(address, PREFIX_LEN).ok()?.trunc();
        self.prefixes.get(&block.network()).map(|eni| (block, eni))
    }

    /// How many free addresses the block of the subnet has.
    pub(crate) fn free_within(&self, prefix: Ipv4Net) -> u32 {
        let place = self.block_of(prefix.network()).map(place);
        place.map_or(0, |(word, mask)| (self.free_bits(word) & mask).count_ones())
    }

    /// The prefixes and their holders, in the order of the addresses.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = (Ipv4Net, &EniId)> {
        self.prefixes
            .iter()
            .filter_map(|(&base, eni)| Some((Ipv4Net::new(base, PREFIX_LEN).ok()?, eni)))
    }

    /// Prefixes that can be taken without being asked for by name: in CIDR reservations for
    /// prefixes, and elsewhere. A block with the address `without` does not count.
    pub(crate) fn free_blocks(&self, without: Option<Ipv4Addr>) -> (u32, u32) {
        let spared = without.and_then(|address| self.block_of(address));
        let count = |fits: fn(&Self, u32) -> bool| {
            let blocks = (0..self.block_count()).filter(|&b| Some(b) != spared && fits(self, b));
            u32::try_from(blocks.count()).unwrap_or(u32::MAX)
        };
        (count(Self::is_free_reserved_block), count(Self::is_free_block))
    }

    /// Takes one of the free blocks, each with the same chance: of CIDR reservations for prefixes
    /// while they have one, then of the rest (Amazon VPC user guide, "Subnet CIDR reservations").
    /// `None` if there is none.
    pub(crate) fn take_any_prefix(&mut self, random: &mut Random, eni: &EniId) -> Option<Ipv4Net> {
        let pick = |fits: fn(&Self, u32) -> bool| -> Vec<u32> {
            (0..self.block_count()).filter(|&block| fits(self, block)).collect()
        };
        let mut candidates = pick(Self::is_free_reserved_block);
        if candidates.is_empty() {
            candidates = pick(Self::is_free_block);
        }
        let chosen = random.below(u32::try_from(candidates.len()).unwrap_or(u32::MAX));
        let block = *candidates.get(usize::try_from(chosen).ok()?)?;
        let prefix = self.cidr_of(block)?;
        self.take_prefix(prefix, eni);
        Some(prefix)
    }

    /// Takes a block of the subnet in which nothing is held or reserved by AWS.
    pub(crate) fn take_prefix(&mut self, prefix: Ipv4Net, eni: &EniId) {
        let Some((word, mask)) = self.block_of(prefix.network()).map(place) else { return };
        debug_assert_eq!(self.taken[word] & mask, 0, "{prefix} is taken");
        self.change_word(word, |space| space.taken[word] |= mask);
        self.prefixes.insert(prefix.network(), eni.clone());
    }

    /// Takes a prefix from its ENI.
    pub(crate) fn release_prefix(&mut self, prefix: Ipv4Net) {
        if self.prefixes.remove(&prefix.network()).is_none() {
            return;
        }
        if let Some((word, mask)) = self.block_of(prefix.network()).map(place) {
            self.change_word(word, |space| space.taken[word] &= !mask);
        }
    }

    /// Keeps the addresses of a CIDR reservation back, or, with `None`, no longer.
    pub(crate) fn withhold(&mut self, cidr: Ipv4Net, kind: Option<ReservationType>) {
        let first = u32::from(cidr.network()) - u32::from(self.cidr.network());
        let last = u32::from(cidr.broadcast()) - u32::from(self.cidr.network());
        for index in first / WORD..=last / WORD {
            let from = first.max(index * WORD) - index * WORD;
            let to = last.min(index * WORD + (WORD - 1)) - index * WORD;
            let mask = (u64::MAX << from) & (u64::MAX >> (WORD - 1 - to));
            let word = index as usize;
            self.change_word(word, |space| {
                space.withheld[word] &= !mask;
                space.for_prefixes[word] &= !mask;
                if kind.is_some() {
                    space.withheld[word] |= mask;
                }
                if kind == Some(ReservationType::Prefix) {
                    space.for_prefixes[word] |= mask;
                }
            });
        }
    }

    /// Whether a CIDR reservation keeps the address back.
    pub(crate) fn is_withheld(&self, address: Ipv4Addr) -> bool {
        let (word, bit) = self.position(address);
        self.withheld[word] & bit != 0
    }

    /// Addresses that CIDR reservations keep back and nothing holds.
    pub(crate) fn withheld(&self) -> u32 {
        let unused = self.taken.iter().zip(&self.withheld).map(|(taken, kept)| kept & !taken);
        unused.map(u64::count_ones).sum()
    }

    /// Every /28 block in the order of the addresses.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Block> {
        (0..self.block_count()).filter_map(|block| {
            let cidr = self.cidr_of(block)?;
            let (word, mask) = place(block);
            let held = (self.taken[word] & mask).count_ones();
            let state = if block == 0 || block + 1 == self.block_count() {
                BlockState::Reserved
            } else if self.prefixes.contains_key(&cidr.network()) {
                BlockState::Prefix
            } else {
                match held {
                    0 => BlockState::Free,
                    PREFIX_SIZE => BlockState::Full,
                    _ => BlockState::Fragmented,
                }
            };
            Some(Block { cidr, state, withheld: self.withheld[word] & mask != 0 })
        })
    }

    fn is_free_block(&self, block: u32) -> bool {
        let (word, mask) = place(block);
        (self.taken[word] | self.withheld[word]) & mask == 0
    }

    fn is_free_reserved_block(&self, block: u32) -> bool {
        let (word, mask) = place(block);
        self.taken[word] & mask == 0 && self.for_prefixes[word] & mask == mask
    }

    fn block_count(&self) -> u32 {
        1 << (PREFIX_LEN - self.cidr.prefix_len().min(PREFIX_LEN))
    }

    fn block_of(&self, address: Ipv4Addr) -> Option<u32> {
        let offset = u32::from(address).checked_sub(self.cidr.network().into())?;
        Some(offset / PREFIX_SIZE).filter(|block| *block < self.block_count())
    }

    fn cidr_of(&self, block: u32) -> Option<Ipv4Net> {
        let base = u32::from(self.cidr.network()) + block * PREFIX_SIZE;
        Ipv4Net::new(base.into(), PREFIX_LEN).ok()
    }
}

/// The word a block is in, and its bits there.
fn place(block: u32) -> (usize, u64) {
    let per_word = WORD / PREFIX_SIZE;
    ((block / per_word) as usize, BLOCK << (block % per_word * PREFIX_SIZE))
}

#[cfg(test)]
mod tests;
