//! What the fabric should be, from the VPC's state alone. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use vpc::{AttachmentTarget, Eni, EniId, InstanceId, MacAddress, VpcId, World};

use super::filter::Filter;

/// Everything the router of one VPC should have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FabricState {
    /// One port per attached ENI.
    pub ports: BTreeMap<EniId, Port>,
    /// The router's address in each subnet (base + 1: AWS, "Subnet CIDR blocks").
    pub gateways: BTreeSet<Ipv4Addr>,
    /// What the security groups let pass.
    pub filter: Filter,
}

/// An attached ENI as the router sees it: a veth whose other end is the ENI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The router's end.
    pub link: String,
    /// Where the other end is.
    pub end: PortEnd,
    /// The ENI's MAC address: that of the other end.
    pub mac: MacAddress,
    /// The ENI's primary address, by which the router reaches the ENI's MAC.
    pub primary: Ipv4Addr,
    /// All the ENI holds now: its addresses as /32, the primary one included, and its prefixes.
    pub addresses: BTreeSet<Ipv4Net>,
    /// Whether packets with a source the ENI does not hold are dropped.
    pub source_check: bool,
}

/// The namespace and link name at the ENI's end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortEnd {
    /// `eth<device index>` of an instance.
    Instance {
        /// The instance whose namespace it is.
        instance: InstanceId,
        /// The device index it is attached at.
        device_index: u32,
    },
    /// The end of an X-ENI or endpoint ENI: another account's namespace.
    Foreign,
}

impl FabricState {
    /// The state the router of `vpc` should have, given everything EC2 knows.
    #[must_use]
    pub fn of(world: &World, vpc: &VpcId) -> Self {
        let ports: BTreeMap<EniId, Port> = world
            .enis()
            .filter(|eni| eni.vpc == *vpc)
            .filter_map(|eni| Some((eni.id.clone(), Port::of(eni)?)))
            .collect();
        let gateways =
            world.subnets().filter(|subnet| subnet.vpc == *vpc).map(vpc::Subnet::gateway).collect();
        let filter = Filter::of(world, vpc, &ports);
        Self { ports, gateways, filter }
    }
}

impl Port {
    fn of(eni: &Eni) -> Option<Self> {
        let end = match &eni.attachment.as_ref()?.target {
            AttachmentTarget::Instance { id, device_index, .. } => {
                PortEnd::Instance { instance: id.clone(), device_index: *device_index }
            }
            AttachmentTarget::Foreign(_) => PortEnd::Foreign,
        };
        Some(Self {
            link: link_name(&eni.id),
            end,
            mac: eni.mac,
            primary: eni.primary,
            addresses: eni
                .addresses()
                .map(Ipv4Net::from)
                .chain(eni.prefixes.iter().copied())
                .collect(),
            source_check: eni.source_dest_check,
        })
    }
}

/// The router's end of an ENI's veth: `e` and the id's last 14 digits, since a link's name has at
/// most 15 characters (IFNAMSIZ).
fn link_name(eni: &EniId) -> String {
    let id = eni.to_string();
    let digits = &id[id.len().saturating_sub(14)..];
    format!("e{digits}")
}

/// One step from what the fabric is to what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An ENI was detached or deleted.
    RemovePort(EniId, Port),
    /// An ENI no longer holds an address or a prefix.
    RemoveAddress {
        /// The router's link to the ENI.
        link: String,
        /// What it lost.
        address: Ipv4Net,
    },
    /// A subnet has gone.
    RemoveGateway(Ipv4Addr),
    /// A subnet was created.
    AddGateway(Ipv4Addr),
    /// An ENI was attached.
    AddPort(EniId, Port),
    /// An ENI holds a further address or prefix.
    AddAddress {
        /// The router's link to the ENI.
        link: String,
        /// The ENI's primary address, the next hop.
        primary: Ipv4Addr,
        /// What it got.
        address: Ipv4Net,
    },
    /// The source check of an ENI was switched.
    SourceCheck {
        /// The router's link to the ENI.
        link: String,
        /// Whether it is on.
        on: bool,
    },
    /// Security groups, their rules or their members are others now.
    Filter(Filter),
}

/// The changes that lead from `actual` to `desired`. Removals come first, so that an address
/// that moved is never held twice; the filter comes last, since an ENI it does not know yet
/// neither sends nor receives.
#[must_use]
pub fn diff(actual: &FabricState, desired: &FabricState) -> Vec<Change> {
    let mut removals = Vec::new();
    let mut additions = Vec::new();
    for (id, port) in &actual.ports {
        match desired.ports.get(id) {
            Some(wanted) if wanted.same_veth(port) => {
                compare_port(port, wanted, &mut removals, &mut additions);
            }
            _ => removals.push(Change::RemovePort(id.clone(), port.clone())),
        }
    }
    for (id, wanted) in &desired.ports {
        if !actual.ports.get(id).is_some_and(|port| wanted.same_veth(port)) {
            additions.push(Change::AddPort(id.clone(), wanted.clone()));
        }
    }
    let gone = actual.gateways.difference(&desired.gateways);
    removals.extend(gone.copied().map(Change::RemoveGateway));
    let new = desired.gateways.difference(&actual.gateways);
    let mut changes = removals;
    changes.extend(new.copied().map(Change::AddGateway));
    changes.extend(additions);
    if actual.filter != desired.filter {
        changes.push(Change::Filter(desired.filter.clone()));
    }
    changes
}

impl Port {
    fn same_veth(&self, other: &Self) -> bool {
        self.link == other.link
            && self.end == other.end
            && self.mac == other.mac
            && self.primary == other.primary
    }
}

fn compare_port(
    port: &Port,
    wanted: &Port,
    removals: &mut Vec<Change>,
    additions: &mut Vec<Change>,
) {
    let link = &port.link;
    for address in port.addresses.difference(&wanted.addresses) {
        removals.push(Change::RemoveAddress { link: link.clone(), address: *address });
    }
    for address in wanted.addresses.difference(&port.addresses) {
        additions.push(Change::AddAddress {
            link: link.clone(),
            primary: wanted.primary,
            address: *address,
        });
    }
    if port.source_check != wanted.source_check {
        additions.push(Change::SourceCheck { link: link.clone(), on: wanted.source_check });
    }
}
