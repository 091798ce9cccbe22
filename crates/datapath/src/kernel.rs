//! The seam to the kernel: what the data path needs of it, and how it fails.

use std::fmt;
use std::io;

use crate::model::{Address, Link, Mac, Neighbour, Route, Rule};
use crate::netns::Netns;
use crate::op::Op;
use crate::state::{KernelState, Sysctl};
use crate::sysctl::SysctlError;

/// The network objects of one namespace. [`crate::Netlink`] is the kernel's; [`crate::FakeNetlink`]
/// keeps them in memory.
pub trait Kernel: Sized {
    /// The namespace.
    fn netns(&self) -> &Netns;
    /// The same for another namespace.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    fn open_in(&self, netns: &Netns) -> Result<Self, NetlinkError>;
    /// Every link.
    ///
    /// # Errors
    /// When the kernel cannot be asked; so for all of the following.
    fn links(&mut self) -> Result<Vec<Link>, NetlinkError>;
    /// Every IPv4 address.
    fn addresses(&mut self) -> Result<Vec<Address>, NetlinkError>;
    /// Every IPv4 route of every table.
    fn routes(&mut self) -> Result<Vec<Route>, NetlinkError>;
    /// Every IPv4 rule.
    fn rules(&mut self) -> Result<Vec<Rule>, NetlinkError>;
    /// Every IPv4 neighbour.
    fn neighbours(&mut self) -> Result<Vec<Neighbour>, NetlinkError>;
    /// The link of this name.
    fn link_by_name(&mut self, name: &str) -> Result<Option<Link>, NetlinkError>;
    /// Whether packets can leave by the link: operational state "up" (RFC 2863; kernel
    /// documentation, networking/operstates). The kernel notices a carrier and starts the link's
    /// queue in the background, a moment after both ends of a pair went up, and drops what is sent
    /// before. `false` if there is no such link.
    fn is_running(&mut self, name: &str) -> Result<bool, NetlinkError>;
    /// The link of this Ethernet address.
    fn link_by_mac(&mut self, mac: Mac) -> Result<Option<Link>, NetlinkError>;
    /// Makes the changes in order, and goes on past those that fail.
    ///
    /// # Errors
    /// The changes that failed, with the kernel's reasons.
    fn apply(&mut self, ops: &[Op]) -> Result<(), ApplyError>;
    /// Removes this very link, not another that has its name by now, with all that
    /// [`Op::DelLink`] takes along. Succeeds when it is gone already.
    ///
    /// Returns as soon as the link is gone, while the kernel still frees its memory: that waits
    /// for all CPUs (`rcu_barrier` in `netdev_run_todo`), and is nine tenths of a removal.
    ///
    /// # Errors
    /// The kernel's reason, as that of an [`Op::DelLink`].
    fn remove_link(&mut self, link: &Link) -> Result<(), ApplyError>;
    /// Everything at once.
    fn state(&mut self) -> Result<KernelState, NetlinkError>;
    /// Writes a kernel setting of the namespace.
    ///
    /// # Errors
    /// When it cannot be written, or does not exist and is not optional.
    fn set_sysctl(&mut self, sysctl: &Sysctl) -> Result<(), SysctlError>;
}

/// The kernel could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    /// No socket: no namespace of that kind, no permission, or no descriptors left.
    #[error("cannot open a netlink socket in {netns}")]
    Open {
        /// Where.
        netns: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Sending or receiving failed.
    #[error("the netlink socket failed while asking for {what}")]
    Io {
        /// What was asked for.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel answered with an error.
    #[error("the kernel refused to list {what}: {refusal}")]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// What the kernel says.
        refusal: Refusal,
    },
    /// The kernel's answer is not understood.
    #[error("the kernel's answer about {what} is not understood: {reason}")]
    Decode {
        /// What was asked for.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The objects changed during every attempt to list them.
    #[error("{what} kept changing while they were listed ({attempts} attempts)")]
    Interrupted {
        /// What was asked for.
        what: &'static str,
        /// How often it was tried.
        attempts: u32,
    },
}

/// The kernel's reason for a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Error number, positive.
    pub errno: i32,
    /// The kernel's own words (`NLMSGERR_ATTR_MSG`), if it had any.
    pub message: Option<String>,
}

impl Refusal {
    /// Whether the errno is this one.
    #[must_use]
    pub fn is(&self, errno: rustix::io::Errno) -> bool {
        self.errno == errno.raw_os_error()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", io::Error::from_raw_os_error(self.errno))?;
        match &self.message {
            Some(message) => write!(f, ": {message}"),
            None => Ok(()),
        }
    }
}

/// Some changes failed; the others were made.
#[derive(Debug, thiserror::Error)]
pub struct ApplyError {
    /// The changes that failed, in order; never empty.
    pub failures: Vec<Failure>,
}

/// A change that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The change.
    pub op: Op,
    /// Why. `ENODEV` also when the link it names does not exist, `EIO` when the socket broke
    /// before the kernel answered.
    pub refusal: Refusal,
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the kernel refused")?;
        for (i, Failure { op, refusal }) in self.failures.iter().enumerate() {
            let separator = if i == 0 { "" } else { ";" };
            write!(f, "{separator} to {op}: {refusal}")?;
        }
        Ok(())
    }
}
