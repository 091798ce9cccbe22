//! The /28 blocks of a subnet, the grain in which ENIs get prefixes.

use ipnet::Ipv4Net;

/// A /28 block of a subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The block.
    pub cidr: Ipv4Net,
    /// How it is used.
    pub state: BlockState,
    /// Whether a CIDR reservation covers some of it.
    pub withheld: bool,
}

/// How a /28 block of a subnet is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockState {
    /// Nothing is held: it can become a prefix.
    Free,
    /// ENIs hold some of its addresses, so that it cannot become a prefix.
    Fragmented,
    /// ENIs hold each of its addresses by itself.
    Full,
    /// It is a prefix of an ENI.
    Prefix,
    /// The subnet's first or last block: AWS keeps addresses in it, so it is never a prefix.
    Reserved,
}

/// How many of a subnet's /28 blocks are used in which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockCounts {
    /// Blocks that can become prefixes, by a CIDR reservation or otherwise.
    pub free: u32,
    /// Blocks of which ENIs hold some addresses.
    pub fragmented: u32,
    /// Blocks of which ENIs hold each address by itself.
    pub full: u32,
    /// Prefixes of ENIs.
    pub prefix: u32,
    /// The first and the last block.
    pub reserved: u32,
}

impl FromIterator<Block> for BlockCounts {
    fn from_iter<I: IntoIterator<Item = Block>>(blocks: I) -> Self {
        let mut counts = Self::default();
        for block in blocks {
            let count = match block.state {
                BlockState::Free => &mut counts.free,
                BlockState::Fragmented => &mut counts.fragmented,
                BlockState::Full => &mut counts.full,
                BlockState::Prefix => &mut counts.prefix,
                BlockState::Reserved => &mut counts.reserved,
            };
            *count += 1;
        }
        counts
    }
}
