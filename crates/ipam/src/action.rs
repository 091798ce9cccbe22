//! What the pool asks for, and what it is told in return.

use std::fmt;
use std::net::Ipv4Addr;

use crate::model::{Eni, EniId, SubnetId};
use crate::subnet::SubnetReport;

/// Something to do in EC2. It is in flight until an [`Event`] names its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The id to answer with.
    pub id: ActionId,
    /// What to do.
    pub task: Task,
    /// Why.
    pub reason: Reason,
}

/// Identifies an [`Action`] of one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(pub u64);

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The kinds of [`Action`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Assign `count` further secondary addresses to an attached ENI.
    AssignAddresses {
        /// The ENI.
        eni: EniId,
        /// How many.
        count: u32,
    },
    /// Create an ENI with `secondaries` secondary addresses and attach it at `device_index`.
    CreateEni {
        /// Where.
        subnet: SubnetId,
        /// How many addresses beside the primary one.
        secondaries: u32,
        /// At which index.
        device_index: u32,
    },
    /// Find out how many addresses a subnet has left.
    DescribeSubnet {
        /// The subnet.
        subnet: SubnetId,
        /// Also find out what uses them, if fewer are free than this.
        uses_below: u32,
    },
    /// Detach an ENI that holds no pod, and delete it.
    ReleaseEni {
        /// The ENI.
        eni: EniId,
    },
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AssignAddresses { eni, count } => {
                write!(f, "assign {count} further addresses to {eni}")
            }
            Self::CreateEni { subnet, secondaries, device_index } => write!(
                f,
                "create an ENI with {secondaries} secondary addresses in {subnet} and attach it \
                 at device index {device_index}"
            ),
            Self::DescribeSubnet { subnet, uses_below: 0 } => {
                write!(f, "look up how many addresses {subnet} has left")
            }
            Self::DescribeSubnet { subnet, .. } => {
                write!(f, "look up how many addresses {subnet} has left, and what uses it")
            }
            Self::ReleaseEni { eni } => write!(f, "detach and delete {eni}"),
        }
    }
}

/// Why an action is taken: the numbers that decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Fewer addresses are available than the warm target and the waiting attachments need.
    Low {
        /// Addresses free now.
        available: u32,
        /// Attachments waiting for one.
        waiting: u32,
        /// Addresses already asked for.
        expected: u32,
        /// Addresses to keep available.
        target: u32,
    },
    /// EC2 said that the subnet has too few addresses; how many are left decides what fits.
    SubnetShort,
    /// Without this ENI as many addresses stay available as the target asks for.
    Surplus {
        /// Addresses free now.
        available: u32,
        /// Addresses free without the ENI.
        without: u32,
        /// Addresses to keep available.
        target: u32,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Low { available, waiting, expected, target } => write!(
                f,
                "{available} available + {expected} expected < target {target} + {waiting} waiting"
            ),
            Self::SubnetShort => f.write_str("EC2 refused: too few free addresses in the subnet"),
            Self::Surplus { available, without, target } => write!(
                f,
                "{available} available, {without} without this ENI, which is enough for target \
                 {target}"
            ),
        }
    }
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// [`Task::CreateEni`]: the ENI is attached, set up and can carry pods.
    EniAttached(Eni),
    /// [`Task::AssignAddresses`]: the new addresses, and only those.
    AddressesAssigned(Vec<Ipv4Addr>),
    /// [`Task::DescribeSubnet`].
    SubnetDescribed(SubnetReport),
    /// [`Task::ReleaseEni`]: the ENI is detached.
    EniReleased,
    /// The action had no effect, or its effect has been undone.
    Failed(Failure),
}

/// Why an action failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// `InsufficientFreeAddressesInSubnet`.
    SubnetShort,
    /// `RequestLimitExceeded` and its kin, after the client's own retries.
    Throttled,
    /// `AttachmentLimitExceeded`: the instance takes fewer ENIs than the pool was told.
    EniLimit,
    /// `PrivateIpAddressLimitExceeded`: the ENI takes fewer addresses than the pool was told.
    AddressLimit,
    /// The device index is in use by an ENI the pool does not know.
    DeviceIndexTaken,
    /// The ENI does not exist any more.
    EniGone,
    /// Anything else, in words for the operator.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SubnetShort => "too few free addresses in the subnet",
            Self::Throttled => "EC2 throttles this account's requests",
            Self::EniLimit => "EC2 allows no further ENI on this instance",
            Self::AddressLimit => "EC2 allows no further address on this ENI",
            Self::DeviceIndexTaken => "another ENI uses this device index",
            Self::EniGone => "the ENI does not exist any more",
            Self::Other(what) => what,
        })
    }
}
