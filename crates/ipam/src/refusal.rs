//! Why an attachment gets no address, in terms its user can act on.

use std::fmt;

use crate::model::{LimitSource, Limits, Time};
use crate::subnet::SubnetReport;

/// Why no address can be given now.
///
/// `Display` says what is missing and what uses it; [`Refusal::help`] what to do about it;
/// [`Refusal::wait`] whether waiting can help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// EC2 has been, or is about to be, asked for addresses.
    AwaitingAddresses {
        /// Attachments that wait, this one included.
        waiting: u32,
        /// Addresses asked for.
        expected: u32,
    },
    /// Every address the node can have is in use or rests after use.
    CoolingDown {
        /// Addresses in cool-down.
        addresses: u32,
        /// When the first of them can be used.
        until: Time,
    },
    /// The node has all the ENIs it may have, and all their addresses are in use.
    EniLimit {
        /// ENIs attached.
        enis: u32,
        /// The limits.
        limits: Limits,
        /// Addresses in use by pods.
        pods: u32,
    },
    /// ENIs that are not the pool's take the slots, or EC2 allows fewer addresses than its limits.
    AddressLimit {
        /// ENIs whose addresses are the pool's.
        managed: u32,
        /// ENIs attached.
        enis: u32,
        /// Addresses in use by pods.
        pods: u32,
    },
    /// The subnet has too few free addresses.
    SubnetExhausted {
        /// The subnet, and what uses it.
        subnet: Box<SubnetReport>,
        /// Addresses of this node in use by pods.
        pods: u32,
        /// Addresses of this node in cool-down.
        cooling: u32,
        /// Whether one free address would do (for an ENI with room) or two are needed (a new ENI).
        needed: u32,
        /// When EC2 is asked again.
        retry_at: Time,
        /// When the first address leaves cool-down.
        ready_at: Option<Time>,
    },
    /// EC2 throttles the account.
    Throttled {
        /// When EC2 is asked again.
        until: Time,
    },
    /// EC2 failed in another way.
    Ec2Failed {
        /// What it said.
        what: String,
        /// When EC2 is asked again.
        until: Time,
        /// When the first address leaves cool-down.
        ready_at: Option<Time>,
    },
}

/// Whether waiting can turn a [`Refusal`] into an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// An answer of EC2 is on its way.
    ForEvent,
    /// An address becomes usable then, or EC2 is asked again then.
    Until(Time),
    /// Nothing is known that would help: answer now.
    Hopeless,
}

impl Refusal {
    /// Whether waiting can help.
    #[must_use]
    pub fn wait(&self) -> Wait {
        match self {
            Self::AwaitingAddresses { .. } => Wait::ForEvent,
            Self::CoolingDown { until, .. } | Self::Throttled { until } => Wait::Until(*until),
            Self::SubnetExhausted { ready_at: Some(ready), .. }
            | Self::Ec2Failed { ready_at: Some(ready), .. } => Wait::Until(*ready),
            Self::SubnetExhausted { .. }
            | Self::EniLimit { .. }
            | Self::AddressLimit { .. }
            | Self::Ec2Failed { .. } => Wait::Hopeless,
        }
    }

    /// A short stable name, for logs and counters.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AwaitingAddresses { .. } => "AwaitingAddresses",
            Self::CoolingDown { .. } => "CoolingDown",
            Self::EniLimit { .. } => "EniLimit",
            Self::AddressLimit { .. } => "AddressLimit",
            Self::SubnetExhausted { .. } => "SubnetExhausted",
            Self::Throttled { .. } => "Throttled",
            Self::Ec2Failed { .. } => "Ec2Failed",
        }
    }

    /// What would help, for the one who reads the refusal at `now`.
    #[must_use]
    pub fn help(&self, now: Time) -> String {
        match self {
            Self::AwaitingAddresses { .. } => {
                "EC2 has been asked for addresses; the next attempt should find one. Attaching an \
                 ENI can take 10 s."
                    .to_owned()
            }
            Self::CoolingDown { until, .. } => format!(
                "The first address can be used in {}. A shorter IP_COOLDOWN_PERIOD, or a larger \
                 instance type, leaves more room for restarts.",
                seconds(now, *until)
            ),
            Self::EniLimit { limits, .. } => match limits.source {
                LimitSource::InstanceType => {
                    "Run the pod on another node, or use an instance type that takes more ENIs or \
                     more addresses per ENI; a kubelet max-pods of ENIs × (addresses per ENI − 1) \
                     + 2 keeps the scheduler from sending more pods than fit."
                        .to_owned()
                }
                LimitSource::MaxEni => {
                    "Raise MAX_ENI, or run the pod on another node; the instance type itself \
                     allows more ENIs."
                        .to_owned()
                }
            },
            Self::AddressLimit { .. } => {
                "Detach ENIs that other software attached to this instance, or run the pod on \
                 another node."
                    .to_owned()
            }
            Self::SubnetExhausted { subnet, retry_at, .. } => format!(
                "Free addresses in {id} (delete unused ENIs; lower WARM_ENI_TARGET on nodes that \
                 hold spare ones), or run the pod on a node of a larger subnet: a subnet cannot be \
                 resized. EC2 is asked again in {when}.",
                id = subnet.id,
                when = seconds(now, *retry_at),
            ),
            Self::Throttled { until } => format!(
                "EC2 is asked again in {}. Start fewer nodes at once, or ask AWS to raise the \
                 account's request limits.",
                seconds(now, *until)
            ),
            Self::Ec2Failed { until, .. } => format!(
                "EC2 is asked again in {}. Check the node's role (ec2:CreateNetworkInterface, \
                 ec2:AttachNetworkInterface, ec2:AssignPrivateIpAddresses, …) and that the EC2 \
                 endpoint can be reached.",
                seconds(now, *until)
            ),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AwaitingAddresses { waiting, expected } => write!(
                f,
                "no free address yet: {expected} asked of EC2, {} waiting",
                count(*waiting, "pod", "pods")
            ),
            Self::CoolingDown { addresses, .. } => write!(
                f,
                "no free address: {} rest in cool-down after use, all others are in use",
                count(*addresses, "address", "addresses")
            ),
            Self::EniLimit { enis, limits, pods } => {
                let source = match limits.source {
                    LimitSource::InstanceType => "the instance type allows",
                    LimitSource::MaxEni => "MAX_ENI allows",
                };
                write!(
                    f,
                    "no free address: the node has {enis} of {} ENIs {source}, each with {} pod \
                     addresses, and {} use them",
                    limits.enis,
                    limits.secondaries_per_eni(),
                    count(*pods, "pod", "pods")
                )
            }
            Self::AddressLimit { managed, enis, pods } => write!(
                f,
                "no free address: only {managed} of the node's {enis} ENIs carry pods or EC2 \
                 allows no further address on them, and {} use them",
                count(*pods, "pod", "pods")
            ),
            Self::SubnetExhausted { subnet, pods, cooling, needed, .. } => {
                exhausted(f, subnet, *pods, *cooling, *needed)
            }
            Self::Throttled { .. } => {
                f.write_str("no free address: EC2 throttles this account's requests")
            }
            Self::Ec2Failed { what, .. } => write!(f, "no free address, and EC2 failed: {what}"),
        }
    }
}

fn exhausted(
    f: &mut fmt::Formatter<'_>,
    subnet: &SubnetReport,
    pods: u32,
    cooling: u32,
    needed: u32,
) -> fmt::Result {
    match &subnet.name {
        Some(name) => write!(f, "subnet {name} ({}) {}", subnet.id, subnet.cidr)?,
        None => write!(f, "subnet {} {}", subnet.id, subnet.cidr)?,
    }
    if subnet.free == 0 {
        f.write_str(" has no free address")?;
    } else {
        let free = count(subnet.free, "free address", "free addresses");
        write!(f, " has {free}, too few ({needed} needed)")?;
    }
    write!(f, ": {} usable", subnet.usable())?;
    let Some(uses) = &subnet.uses else {
        return Ok(());
    };
    let mut parts = Vec::new();
    let mut part = |n: u32, one: &str, many: &str| {
        if n > 0 {
            parts.push(count(n, one, many));
        }
    };
    part(uses.own_primaries, "ENI primary", "ENI primaries");
    let pods = pods.min(uses.own_secondaries);
    let cooling = cooling.min(uses.own_secondaries - pods);
    part(pods, "pod", "pods");
    part(cooling, "in cool-down", "in cool-down");
    part(uses.own_secondaries - pods - cooling, "spare", "spare");
    let mut known = uses.own_primaries + uses.own_secondaries;
    if !parts.is_empty() {
        write!(f, ", this node has {}", parts.join(" + "))?;
    }
    let mut others = Vec::new();
    for other in &uses.others {
        known = known.saturating_add(other.addresses);
        others.push(format!("{} has {}", other.who, other.addresses));
    }
    if others.len() > SHOWN {
        let more = others.len() - SHOWN;
        let addresses: u32 = uses.others[SHOWN..].iter().map(|other| other.addresses).sum();
        others.truncate(SHOWN);
        others.push(format!("{more} others have {addresses}"));
    }
    let rest = subnet.usable().saturating_sub(known).saturating_sub(subnet.free);
    if rest > 0 {
        others.push(format!("{rest} reserved or just changed"));
    }
    for other in others {
        write!(f, ", {other}")?;
    }
    Ok(())
}

/// Other users named in a refusal before the rest is summed up.
const SHOWN: usize = 4;

fn count(n: u32, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn seconds(now: Time, until: Time) -> String {
    format!("{} s", until.since(now).as_millis().div_ceil(1000))
}
