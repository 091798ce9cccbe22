//! Three sets of values for every knob.

use super::{Span, Timing};

/// How EC2 behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// Nothing is limited, nothing takes time, everything shows at once.
    #[default]
    Instant,
    /// As on an ordinary day, for an account that has its buckets to itself.
    Realistic,
    /// The worst that users report, all of it at once.
    Hostile,
}

impl Profile {
    /// All of them, by the names people use.
    pub const ALL: [(&'static str, Self); 3] =
        [("instant", Self::Instant), ("realistic", Self::Realistic), ("hostile", Self::Hostile)];

    /// The profile of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, profile)| *profile)
    }

    /// Its values.
    ///
    /// What is published: the buckets; up to 10 s to create and attach an ENI and less than 1 s to
    /// assign addresses (EKS Best Practices Guide). What users report of the metadata service: up
    /// to 30 s until it shows a new ENI, MAC addresses listed whose fields are not found, more than
    /// five minutes until it forgets an ENI. The other figures are estimates.
    #[must_use]
    pub fn timing(self) -> Timing {
        match self {
            Self::Instant => Timing {
                throttle: false,
                share: 100,
                latency: [].into(),
                other_latency: Span::NONE,
                new_eni: Span::NONE,
                metadata: Span::NONE,
                half_visible: 0,
            },
            Self::Realistic => timing(&REALISTIC),
            Self::Hostile => timing(&HOSTILE),
        }
    }
}

struct Values {
    share: u32,
    latency: &'static [(&'static str, Span)],
    other_latency: Span,
    new_eni: Span,
    metadata: Span,
    half_visible: u32,
}

const REALISTIC: Values = Values {
    share: 100,
    latency: &[
        ("AssignPrivateIpAddresses", Span::new(250, 900)),
        ("AttachNetworkInterface", Span::new(500, 2000)),
        ("CreateNetworkInterface", Span::new(300, 1000)),
        ("DetachNetworkInterface", Span::new(500, 3000)),
        ("RunInstances", Span::new(1000, 3000)),
        ("UnassignPrivateIpAddresses", Span::new(250, 900)),
    ],
    other_latency: Span::new(50, 300),
    new_eni: Span::new(0, 500),
    metadata: Span::new(1000, 30_000),
    half_visible: 20,
};

const HOSTILE: Values = Values {
    share: 10,
    latency: &[
        ("AssignPrivateIpAddresses", Span::new(500, 3000)),
        ("AttachNetworkInterface", Span::new(2000, 6000)),
        ("CreateNetworkInterface", Span::new(1000, 4000)),
        ("DetachNetworkInterface", Span::new(2000, 6000)),
        ("RunInstances", Span::new(3000, 10_000)),
        ("UnassignPrivateIpAddresses", Span::new(500, 3000)),
    ],
    other_latency: Span::new(200, 1500),
    new_eni: Span::new(0, 3000),
    metadata: Span::new(10_000, 360_000),
    half_visible: 100,
};

fn timing(values: &Values) -> Timing {
    Timing {
        throttle: true,
        share: values.share,
        latency: values.latency.iter().map(|(name, span)| ((*name).to_owned(), *span)).collect(),
        other_latency: values.other_latency,
        new_eni: values.new_eni,
        metadata: values.metadata,
        half_visible: values.half_visible,
    }
}
