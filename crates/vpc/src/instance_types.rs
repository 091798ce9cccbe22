//! EC2 instance types and their network limits.

use std::sync::LazyLock;

/// An EC2 instance type: its size and its network limits, as EC2's DescribeInstanceTypes gives
/// them. A field is `None` where AWS has not published the figure.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceType {
    /// EC2's name, e.g. `m5.large`.
    pub name: &'static str,
    /// Virtual CPUs.
    pub vcpus: Option<u32>,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// The hypervisor; `None` on bare metal too.
    pub hypervisor: Option<Hypervisor>,
    /// Whether the instance has the machine to itself, without a hypervisor.
    pub bare_metal: bool,
    /// ENIs of all network cards together, of whatever interface type.
    pub max_enis: u32,
    /// IPv4 addresses per ENI, its primary one included.
    pub ipv4_per_eni: u32,
    /// IPv6 addresses per ENI.
    pub ipv6_per_eni: Option<u32>,
    /// Network cards.
    pub network_cards: u32,
    /// EC2's headline, e.g. `Up to 10 Gigabit`.
    pub network_performance: Option<&'static str>,
    /// Sustained bandwidth of the whole instance in Gbit/s.
    pub baseline_gbps: Option<f64>,
    /// Burst bandwidth of the whole instance in Gbit/s.
    pub peak_gbps: Option<f64>,
    /// Whether the type may have a trunk ENI.
    pub trunking_compatible: Option<bool>,
    /// Branch ENIs per trunk ENI.
    pub branch_enis: Option<u32>,
    /// Processor architectures by EC2's names, joined by `+`.
    pub arch: Option<&'static str>,
}

/// The hypervisor of an instance type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hypervisor {
    /// AWS Nitro.
    Nitro,
    /// Xen, of the older generations.
    Xen,
}

impl InstanceType {
    /// ENIs that fit on one network card; `None` if the type has no such card.
    ///
    /// EC2 divides a type's ENIs evenly among its cards; where that leaves a remainder
    /// (i7ie.48xlarge: 15 on two cards), the first cards take one more.
    #[must_use]
    pub fn card_enis(&self, network_card: u32) -> Option<u32> {
        if network_card >= self.network_cards {
            return None;
        }
        let (share, rest) =
            (self.max_enis / self.network_cards, self.max_enis % self.network_cards);
        Some(share + u32::from(network_card < rest))
    }

    /// ENIs that fit on the default network card, card 0: the ones whose addresses pods use.
    #[must_use]
    pub fn default_card_enis(&self) -> u32 {
        self.card_enis(0).unwrap_or(self.max_enis)
    }

    /// Pods that fit on a node whose pods use secondary addresses, by Amazon EKS's formula:
    /// each ENI of the default card gives all its addresses but the primary one, and two pods
    /// (kube-proxy and the network agent) use the node's own address.
    #[must_use]
    pub fn max_pods(&self) -> u32 {
        self.default_card_enis() * self.ipv4_per_eni.saturating_sub(1) + 2
    }

    /// The processor architectures one by one, e.g. `x86_64`.
    pub fn architectures(&self) -> impl Iterator<Item = &'static str> {
        self.arch.unwrap_or_default().split('+').filter(|name| !name.is_empty())
    }
}

/// The instance type of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static InstanceType> {
    let at = TYPES.binary_search_by(|known| known.name.cmp(name)).ok()?;
    TYPES.get(at)
}

/// All known instance types in the order of their names.
#[must_use]
pub fn all() -> &'static [InstanceType] {
    &TYPES
}

static CSV: &str = include_str!("../../../data/instance-types.csv");

/// The tests hold that every row is read.
static TYPES: LazyLock<Vec<InstanceType>> = LazyLock::new(|| {
    let mut types: Vec<_> = CSV.lines().skip(1).filter_map(read).collect();
    types.sort_by_key(|known| known.name);
    types
});

fn read(line: &'static str) -> Option<InstanceType> {
    let mut fields = line.split(',');
    let mut next = || fields.next();
    let read = InstanceType {
        name: next().filter(|name| !name.is_empty())?,
        vcpus: optional(next()?)?,
        memory_mib: optional(next()?)?,
        hypervisor: match next()? {
            "nitro" => Some(Hypervisor::Nitro),
            "xen" => Some(Hypervisor::Xen),
            "" => None,
            _ => return None,
        },
        bare_metal: next()?.parse().ok()?,
        max_enis: next()?.parse().ok()?,
        ipv4_per_eni: next()?.parse().ok()?,
        ipv6_per_eni: optional(next()?)?,
        network_cards: next()?.parse().ok().filter(|&cards| cards > 0)?,
        network_performance: Some(next()?).filter(|text| !text.is_empty()),
        baseline_gbps: optional(next()?)?,
        peak_gbps: optional(next()?)?,
        trunking_compatible: optional(next()?)?,
        branch_enis: optional(next()?)?,
        arch: Some(next()?).filter(|text| !text.is_empty()),
    };
    fields.next().is_none().then_some(read)
}

/// The value of a field that may be empty; `None` if it is neither empty nor such a value.
#[expect(clippy::option_option, reason = "the outer one says that the field could not be read")]
fn optional<T: std::str::FromStr>(field: &str) -> Option<Option<T>> {
    if field.is_empty() { Some(None) } else { field.parse().ok().map(Some) }
}

#[cfg(test)]
mod tests;
