//! Typed values compared with each other: references, duplicates, address space, limits.

mod address_space;

use std::collections::{BTreeMap, BTreeSet};

use super::Service;
use super::decode::{Draft, DraftSubnet, MAX_PODS};
use super::fields::{Located, Problems, list, quoted};
use super::suggest;

/// EKS places its X-ENIs in subnets of at least two zones (EKS user guide, "Network requirements").
const MIN_ZONES: usize = 2;
/// Addresses that EKS wants free in every subnet of a control plane.
const X_ENI_ROOM: u32 = 6;
/// Names that commands use for parts of the lab that are not nodes.
const RESERVED_NODE_NAMES: &[&str] = &["control-plane", "ec2-endpoint", "lab", "router"];
/// Reports everything in `draft` that contradicts something else in it.
pub(super) fn all(draft: &Draft, problems: &mut Problems) {
    let usable = address_space::check(draft, problems);
    zones(draft, problems);
    names(draft, problems);
    let subnets = subnet_references(draft, problems);
    control_plane(draft, &subnets, problems);
    endpoints(draft, problems);
    super::security_groups::check(draft, problems);
    capacity(draft, &subnets, &usable, problems);
    pods(draft, problems);
}

fn zones(draft: &Draft, problems: &mut Problems) {
    let Some(region) = &draft.region else { return };
    for zone in draft.subnets.iter().filter_map(|subnet| subnet.availability_zone.as_ref()) {
        if zone.value.region() != region.value {
            problems.refuse(
                zone,
                format!(
                    "{} is not in the Region {region}; allowed: {region}a, {region}b, …",
                    zone.value,
                    region = region.value
                ),
            );
        }
    }
}

fn names(draft: &Draft, problems: &mut Problems) {
    unique("subnet", draft.subnets.iter().filter_map(|subnet| subnet.name.as_ref()), problems);
    unique("node", draft.nodes.iter().filter_map(|node| node.name.as_ref()), problems);
    for name in draft.nodes.iter().filter_map(|node| node.name.as_ref()) {
        if RESERVED_NODE_NAMES.contains(&name.value.as_str()) {
            let taken = list(RESERVED_NODE_NAMES);
            problems
                .refuse(name, format!("{} is a part of the lab; not allowed: {taken}", name.value));
        }
    }
}

pub(super) fn unique<'a>(
    what: &str,
    names: impl Iterator<Item = &'a Located<String>>,
    problems: &mut Problems,
) {
    let mut first: BTreeMap<&str, u64> = BTreeMap::new();
    for name in names {
        match first.get(name.value.as_str()) {
            Some(line) => problems
                .refuse(name, format!("another {what} on line {line} is called {}", name.value)),
            None => {
                first.insert(&name.value, name.line);
            }
        }
    }
}

/// The subnets by name, after reporting references to names that none of them has.
fn subnet_references<'a>(
    draft: &'a Draft,
    problems: &mut Problems,
) -> BTreeMap<&'a str, &'a DraftSubnet> {
    let subnets: BTreeMap<&str, &DraftSubnet> = draft
        .subnets
        .iter()
        .filter_map(|subnet| Some((subnet.name.as_ref()?.value.as_str(), subnet)))
        .collect();
    // A subnet whose name could not be read may be the one that is meant.
    if draft.subnets_complete && draft.subnets.iter().all(|subnet| subnet.name.is_some()) {
        let known: Vec<&str> = subnets.keys().copied().collect();
        let uses = draft
            .control_plane
            .iter()
            .flat_map(|control_plane| &control_plane.subnets)
            .chain(draft.endpoints.iter().filter_map(|endpoint| endpoint.subnet.as_ref()))
            .chain(draft.nodes.iter().filter_map(|node| node.subnet.as_ref()));
        for name in uses {
            known_name("subnet", name, &known, problems);
        }
    }
    subnets
}

pub(super) fn known_name(
    what: &str,
    name: &Located<String>,
    known: &[&str],
    problems: &mut Problems,
) {
    if known.contains(&name.value.as_str()) {
        return;
    }
    let hint = match suggest::nearest(&name.value, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if known.is_empty() => format!("the file has no {what}s"),
        None => format!("allowed: {}", list(known)),
    };
    problems.refuse(name, format!("unknown {what} {}; {hint}", quoted(&name.value)));
}

fn control_plane(draft: &Draft, subnets: &BTreeMap<&str, &DraftSubnet>, problems: &mut Problems) {
    let Some(control_plane) = &draft.control_plane else { return };
    if let (Some(own), Some(owner)) = (&control_plane.account, &draft.account)
        && own.value == owner.value
    {
        problems.refuse(
            own,
            format!("the control plane's account must differ from the VPC's own, {}", owner.value),
        );
    }
    for (index, name) in control_plane.subnets.iter().enumerate() {
        if control_plane.subnets[..index].iter().any(|earlier| earlier.value == name.value) {
            problems.refuse(name, format!("{} is on the list already", name.value));
        }
    }
    let zones: Option<BTreeSet<&str>> = control_plane
        .subnets
        .iter()
        .map(|name| {
            Some(subnets.get(name.value.as_str())?.availability_zone.as_ref()?.value.as_str())
        })
        .collect();
    if let (Some(at), Some(zones)) = (&control_plane.subnets_at, zones)
        && control_plane.subnets_complete
        && zones.len() < MIN_ZONES
    {
        let count = zones.len();
        problems.refuse(
            at,
            format!(
                "these subnets are in {count} Availability Zone{}; a control plane needs at \
                 least {MIN_ZONES}",
                if count == 1 { "" } else { "s" }
            ),
        );
    }
}

fn endpoints(draft: &Draft, problems: &mut Problems) {
    let mut ec2 = draft.endpoints.iter().filter_map(|endpoint| {
        endpoint.service.as_ref().filter(|service| service.value == Service::Ec2)
    });
    let first = ec2.next();
    for another in ec2 {
        problems.refuse(another, "the VPC already has an endpoint for ec2; allowed: one");
    }
    let unread = draft.endpoints.iter().any(|endpoint| endpoint.service.is_none());
    if let (None, false, false, Some(nodes)) =
        (first, unread, draft.nodes.is_empty(), &draft.nodes_at)
    {
        let entry = "endpoints: [{service: ec2, subnet: SUBNET}]";
        problems
            .refuse(nodes, format!("nodes reach EC2 through an interface endpoint; add {entry}"));
    }
}

/// Counts the primary addresses that the file itself asks for. What agents add while the lab
/// runs is theirs to find out.
fn capacity(
    draft: &Draft,
    subnets: &BTreeMap<&str, &DraftSubnet>,
    usable: &BTreeMap<&str, u32>,
    problems: &mut Problems,
) {
    let x_enis = draft.control_plane.iter().flat_map(|control_plane| &control_plane.subnets);
    let endpoints = draft.endpoints.iter().filter_map(|endpoint| endpoint.subnet.as_ref());
    let nodes = draft.nodes.iter().filter_map(|node| node.subnet.as_ref());
    let mut users: BTreeMap<&str, [u32; 3]> = BTreeMap::new();
    for (kind, names) in
        [x_enis.collect::<Vec<_>>(), endpoints.collect(), nodes.collect()].iter().enumerate()
    {
        for name in names {
            users.entry(&name.value).or_default()[kind] += 1;
        }
    }
    for (name, [x_enis, endpoints, nodes]) in users {
        let cidr = subnets.get(name).and_then(|subnet| subnet.cidr.as_ref());
        let (Some(cidr), Some(&usable)) = (cidr, usable.get(name)) else { continue };
        let needed = x_enis + endpoints + nodes;
        if needed > usable {
            problems.refuse(
                cidr,
                format!(
                    "{} has {usable} usable addresses, but needs {needed} primary ones: \
                     {nodes} nodes, {x_enis} X-ENIs, {endpoints} endpoints",
                    cidr.value
                ),
            );
        } else if x_enis > 0
            && let Some(at) = draft
                .control_plane
                .iter()
                .flat_map(|control_plane| &control_plane.subnets)
                .find(|subnet| subnet.value == name)
        {
            x_eni_room(at, usable.saturating_sub(endpoints + nodes), problems);
        }
    }
}

/// A control plane needs six addresses of each of its subnets for itself, to place its X-ENIs now
/// and their successors at an upgrade (EKS user guide, "Amazon EKS networking requirements").
fn x_eni_room(at: &Located<String>, left: u32, problems: &mut Problems) {
    if left < X_ENI_ROOM {
        problems.refuse(
            at,
            format!(
                "{} has {left} addresses left beside its nodes and endpoints; a control plane \
                 needs at least {X_ENI_ROOM} in each of its subnets",
                at.value
            ),
        );
    }
}

fn pods(draft: &Draft, problems: &mut Problems) {
    let nodes: Vec<&str> =
        draft.nodes.iter().filter_map(|node| Some(node.name.as_ref()?.value.as_str())).collect();
    let all_named = draft.nodes_complete && nodes.len() == draft.nodes.len();
    let mut total: usize = 0;
    for set in &draft.pods {
        if let Some(node) = set.node.as_ref().filter(|_| all_named) {
            known_name("node", node, &nodes, problems);
        }
        let Some(count) = &set.count else { continue };
        let before = total;
        total += count.value as usize;
        if before <= MAX_PODS && total > MAX_PODS {
            problems.refuse(
                count,
                format!("makes {total} pods in all; a lab starts at most {MAX_PODS}"),
            );
        }
        if let Some(name) = clashing_node(set, &nodes) {
            problems.refuse(
                count,
                format!("a pod would be called {name} like a node; set another namePrefix"),
            );
        }
    }
}

/// A node whose name a pod of this set may get: `<prefix>-<number>`.
fn clashing_node<'a>(set: &super::decode::DraftPods, nodes: &[&'a str]) -> Option<&'a str> {
    let prefix = set.name_prefix.as_deref()?;
    nodes.iter().copied().find(|node| {
        node.strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('-'))
            .is_some_and(|number| !number.starts_with('0') && number.parse::<u32>().is_ok())
    })
}
