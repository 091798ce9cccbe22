//! A lab's state as `flatnet lab status` shows it. The JSON names are stable.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use vpc::{AttachmentTarget, Eni, World};

/// Everything there is to see of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The lab's name.
    pub name: String,
    /// The AWS account its VPC belongs to.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The VPC's id.
    pub vpc: String,
    /// The VPC's CIDR.
    pub cidr: String,
    /// Where the host reaches the EC2 API.
    pub ec2_endpoint: String,
    /// Where nodes reach the EC2 API, if the VPC has an endpoint for it.
    pub ec2_endpoint_in_vpc: Option<String>,
    /// The control plane, if the lab has one.
    pub control_plane: Option<ControlPlaneStatus>,
    /// The subnets in the order of the topology.
    pub subnets: Vec<SubnetStatus>,
    /// The nodes in the order of the topology.
    pub nodes: Vec<NodeStatus>,
    /// The pods that were refused, with the reasons.
    pub refused_pods: Vec<RefusedPod>,
    /// Packets the fabric dropped, by reason.
    pub drops: BTreeMap<String, u64>,
}

/// The managed control plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlPlaneStatus {
    /// The cluster's name.
    pub name: String,
    /// The account that owns it.
    pub account: String,
    /// The name in its certificate.
    pub endpoint_name: String,
    /// The addresses of its X-ENIs.
    pub addresses: Vec<Ipv4Addr>,
}

/// A subnet and who uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubnetStatus {
    /// Its `Name` tag.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its CIDR.
    pub cidr: String,
    /// Its Availability Zone.
    pub availability_zone: String,
    /// Addresses EC2 hands out: all but the five reserved.
    pub usable: u32,
    /// Addresses nobody holds and no CIDR reservation keeps back.
    pub free: u32,
    /// Addresses that CIDR reservations keep back and nobody holds.
    pub withheld: u32,
    /// How its /28 blocks are used.
    pub blocks: BlocksStatus,
    /// Who holds the others.
    pub used_by: UsedBy,
    /// One character per address, in order, for subnets of up to 256: `#` reserved by EC2,
    /// `N` a node's ENI, `p` a pod, `w` warm, `P` in a node's prefix and no pod's, `X` an X-ENI,
    /// `E` an endpoint, `o` other, `r` kept back by a CIDR reservation, `.` free.
    pub map: Option<String>,
}

/// Who holds a subnet's addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsedBy {
    /// Primary addresses of nodes' ENIs.
    pub eni_primaries: u32,
    /// Secondary addresses that are a running pod's.
    pub pods: u32,
    /// Secondary addresses kept warm for pods to come.
    pub warm: u32,
    /// Addresses in nodes' prefixes that are no pod's.
    pub prefix_spares: u32,
    /// X-ENIs of the control plane.
    pub x_enis: u32,
    /// Interface endpoints.
    pub endpoints: u32,
    /// Anything else, e.g. an ENI that is not attached.
    pub other: u32,
}

/// How many of a subnet's /28 blocks are used in which way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlocksStatus {
    /// Can become prefixes.
    pub free: u32,
    /// ENIs hold some of their addresses, so that they cannot.
    pub fragmented: u32,
    /// ENIs hold each of their addresses by itself.
    pub full: u32,
    /// Prefixes of ENIs.
    pub prefix: u32,
    /// The first and the last, which hold AWS's own addresses.
    pub reserved: u32,
}

impl From<vpc::BlockCounts> for BlocksStatus {
    fn from(counts: vpc::BlockCounts) -> Self {
        let vpc::BlockCounts { free, fragmented, full, prefix, reserved } = counts;
        Self { free, fragmented, full, prefix, reserved }
    }
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// The instance.
    pub instance: String,
    /// The instance's type.
    pub instance_type: String,
    /// The subnet of its primary ENI.
    pub subnet: String,
    /// Its primary ENI's primary address.
    pub address: Ipv4Addr,
    /// Whether its agent says so.
    pub ready: bool,
    /// Its agent's pid inside the lab.
    pub agent_pid: Option<u32>,
    /// How often its agent ended by itself.
    pub agent_restarts: u32,
    /// The most ENIs its type may have.
    pub max_enis: u32,
    /// Its ENIs by device index.
    pub enis: Vec<EniStatus>,
    /// The pods that run on it.
    pub pods: Vec<PodStatus>,
}

/// An ENI of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EniStatus {
    /// Its id.
    pub id: String,
    /// Its device index.
    pub device_index: u32,
    /// Its subnet's name.
    pub subnet: String,
    /// Its primary address.
    pub primary: Ipv4Addr,
    /// Secondary addresses, and addresses in prefixes, that are a running pod's.
    pub used: u32,
    /// The others, kept warm.
    pub free: u32,
    /// Its prefixes.
    pub prefixes: u32,
    /// The most secondary addresses and prefixes its instance type allows per ENI.
    pub limit: u32,
}

/// A running pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// Its Kubernetes namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The ENI that holds the address; absent when EC2 says none does.
    pub eni: Option<String>,
}

/// A pod that did not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedPod {
    /// Its Kubernetes namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The node it was to run on.
    pub node: String,
    /// The CNI error code, when the plugin refused it.
    pub code: Option<u64>,
    /// Why.
    pub message: String,
    /// What would help.
    pub details: String,
}

/// The `Name` tag of anything that has tags, else its id.
pub(crate) fn name_of(tags: &vpc::Tags, id: &impl ToString) -> String {
    tags.get("Name").cloned().unwrap_or_else(|| id.to_string())
}

/// The subnets of `world`, given which addresses are running pods'.
pub(crate) fn subnets(world: &World, pods: &dyn Fn(Ipv4Addr) -> bool) -> Vec<SubnetStatus> {
    let status = |subnet: &vpc::Subnet| {
        let usage = world.subnet_usage(&subnet.id).ok()?;
        let mut map = AddressMap::of(subnet);
        let mut used_by = UsedBy::default();
        for (address, eni) in &usage.primaries {
            let (count, letter) = match world.eni(eni).ok().map(kind) {
                Some(EniKind::Node) => (&mut used_by.eni_primaries, 'N'),
                Some(EniKind::CrossAccount) => (&mut used_by.x_enis, 'X'),
                Some(EniKind::Endpoint) => (&mut used_by.endpoints, 'E'),
                Some(EniKind::Unattached) | None => (&mut used_by.other, 'o'),
            };
            *count += 1;
            map.set(*address, letter);
        }
        for (address, eni) in &usage.secondaries {
            let of_node = world.eni(eni).is_ok_and(|eni| kind(eni) == EniKind::Node);
            let (count, letter) = match (of_node, pods(*address)) {
                (true, true) => (&mut used_by.pods, 'p'),
                (true, false) => (&mut used_by.warm, 'w'),
                (false, _) => (&mut used_by.other, 'o'),
            };
            *count += 1;
            map.set(*address, letter);
        }
        for (prefix, eni) in &usage.prefixes {
            let of_node = world.eni(eni).is_ok_and(|eni| kind(eni) == EniKind::Node);
            for address in prefix_addresses(prefix) {
                let (count, letter) = match (of_node, pods(address)) {
                    (true, true) => (&mut used_by.pods, 'p'),
                    (true, false) => (&mut used_by.prefix_spares, 'P'),
                    (false, _) => (&mut used_by.other, 'o'),
                };
                *count += 1;
                map.set(address, letter);
            }
        }
        Some(SubnetStatus {
            name: name_of(&subnet.tags, &subnet.id),
            id: subnet.id.to_string(),
            cidr: subnet.cidr.to_string(),
            availability_zone: subnet.availability_zone.to_string(),
            usable: usage.usable,
            free: usage.free,
            withheld: usage.withheld,
            blocks: usage.blocks.into(),
            used_by,
            map: map.text(),
        })
    };
    world.subnets().filter_map(status).collect()
}

/// One letter per address of a small subnet.
struct AddressMap {
    first: u32,
    letters: Option<Vec<char>>,
}

impl AddressMap {
    fn of(subnet: &vpc::Subnet) -> Self {
        let net = subnet.cidr;
        let letters = (net.prefix_len() >= 24).then(|| vec!['.'; 1 << (32 - net.prefix_len())]);
        let mut map = Self { first: net.network().into(), letters };
        if map.letters.is_some() {
            for kept in subnet.cidr_reservations.values() {
                for address in prefix_addresses(&kept.cidr) {
                    map.set(address, 'r');
                }
            }
        }
        for reserved in subnet.reserved() {
            map.set(reserved, '#');
        }
        map
    }

    fn set(&mut self, address: Ipv4Addr, letter: char) {
        let offset = u32::from(address).wrapping_sub(self.first);
        let mut letters = self.letters.iter_mut().flatten();
        if let Some(place) = usize::try_from(offset).ok().and_then(|at| letters.nth(at)) {
            *place = letter;
        }
    }

    fn text(self) -> Option<String> {
        self.letters.map(|letters| letters.into_iter().collect())
    }
}

/// Every address of a block.
fn prefix_addresses(block: &ipnet::Ipv4Net) -> impl Iterator<Item = Ipv4Addr> {
    (u32::from(block.network())..=u32::from(block.broadcast())).map(Ipv4Addr::from)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EniKind {
    Node,
    CrossAccount,
    Endpoint,
    Unattached,
}

fn kind(eni: &Eni) -> EniKind {
    match eni.attachment.as_ref().map(|attachment| &attachment.target) {
        Some(AttachmentTarget::Instance { .. }) => EniKind::Node,
        Some(AttachmentTarget::Foreign(_))
            if eni.interface_type == vpc::InterfaceType::VpcEndpoint =>
        {
            EniKind::Endpoint
        }
        Some(AttachmentTarget::Foreign(_)) => EniKind::CrossAccount,
        None => EniKind::Unattached,
    }
}

/// The ENIs of an instance, given which addresses are running pods'.
pub(crate) fn enis(
    world: &World,
    instance: &vpc::Instance,
    pods: &dyn Fn(Ipv4Addr) -> bool,
) -> Vec<EniStatus> {
    let status = |eni: &Eni| {
        let AttachmentTarget::Instance { device_index, .. } = &eni.attachment.as_ref()?.target
        else {
            return None;
        };
        let subnet = world.subnet(&eni.subnet).ok()?;
        let secondary =
            || eni.addresses().skip(1).chain(eni.prefixes.iter().flat_map(prefix_addresses));
        let used = secondary().filter(|address| pods(*address)).count();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Some(EniStatus {
            id: eni.id.to_string(),
            device_index: *device_index,
            subnet: name_of(&subnet.tags, &subnet.id),
            primary: eni.primary,
            used: count(used),
            free: count(secondary().count() - used),
            prefixes: count(eni.prefixes.len()),
            limit: instance.instance_type.ipv4_per_eni.saturating_sub(1),
        })
    };
    world.instance_enis(&instance.id).into_iter().filter_map(status).collect()
}
