//! The values the pool is told about: ids, times, limits, ENIs, assignments.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

/// What a node may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// ENIs, the primary one included.
    pub enis: u32,
    /// Where [`Limits::enis`] comes from; said in refusals.
    pub source: LimitSource,
    /// IPv4 addresses per ENI, its primary one included.
    pub addresses_per_eni: u32,
}

impl Limits {
    /// `T`: the secondary addresses one ENI can hold.
    #[must_use]
    pub fn secondaries_per_eni(&self) -> u32 {
        self.addresses_per_eni.saturating_sub(1)
    }
}

/// What sets the number of ENIs of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitSource {
    /// The instance type.
    InstanceType,
    /// The operator's `MAX_ENI`, lower than what the instance type allows.
    MaxEni,
}

/// How the pool behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// ENIs' worth of addresses to keep available (`WARM_ENI_TARGET`).
    pub warm_eni_target: u32,
    /// How long a released address rests before another pod gets it (`IP_COOLDOWN_PERIOD`).
    pub cooldown: Duration,
    /// How long an ENI stays at least before it may be freed.
    pub eni_min_age: Duration,
    /// Seed of the jitter of back-offs, so that nodes started together do not retry together.
    pub jitter_seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            warm_eni_target: 1,
            cooldown: Duration::from_secs(30),
            eni_min_age: Duration::from_secs(60),
            jitter_seed: 0,
        }
    }
}

/// A moment: milliseconds since an epoch of the caller's choice that must not go backwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// The moment `duration` later; the far future where that overflows.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// How long ago `earlier` was; zero if it is still to come.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The id as EC2 writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: Into<String>> From<T> for $name {
            fn from(id: T) -> Self {
                Self(id.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// The id of an ENI, such as `eni-0123456789abcdef0`.
    EniId
);
id!(
    /// The id of a subnet, such as `subnet-0123456789abcdef0`.
    SubnetId
);

/// An ENI attached to the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eni {
    /// Its id.
    pub id: EniId,
    /// Its device index on the instance; 0 is the primary ENI.
    pub device_index: u32,
    /// The subnet its addresses come from.
    pub subnet: SubnetId,
    /// Its primary private IPv4 address, which no pod gets.
    pub primary: Ipv4Addr,
    /// Its secondary private IPv4 addresses, which pods get.
    pub secondaries: Vec<Ipv4Addr>,
    /// When it was attached.
    pub attached_at: Time,
    /// Whether its addresses are the pool's. One that is not still takes a slot and a device index.
    pub managed: bool,
}

/// What identifies a CNI attachment: one interface of one sandbox on one network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttachmentKey {
    /// The `name` of the network configuration.
    pub network: String,
    /// `CNI_CONTAINERID`.
    pub container_id: String,
    /// `CNI_IFNAME`.
    pub ifname: String,
}

impl fmt::Display for AttachmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.network, self.container_id, self.ifname)
    }
}

/// An address given to an attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The address.
    pub address: Ipv4Addr,
    /// The ENI that holds it.
    pub eni: EniId,
    /// That ENI's device index, by which its route table is known.
    pub device_index: u32,
}
