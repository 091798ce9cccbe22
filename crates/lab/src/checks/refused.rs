//! Pods that do not fit are refused, in words that help.

use std::time::Instant;

use super::with_failures;
use crate::daemon::Running;
use crate::journal::Journal;
use crate::status::RefusedPod;
use crate::topology::Topology;

/// "Try again later": what a runtime is told when no address can be had (CNI specification,
/// "Well-known error codes").
const TRY_AGAIN_LATER: u64 = 11;

/// Exactly the pods that cannot fit were refused, each with CNI error 11 and a message that names
/// the subnet.
pub fn refused_pods(running: &Running, journal: &Journal) {
    let started = Instant::now();
    let refused = running.refused();
    let topology = &running.topology;
    let mut failures: Vec<String> =
        refused.iter().filter_map(|pod| unhelpful(topology, pod)).collect();
    let mut expected = 0;
    for node in &topology.nodes {
        let wanted: u32 =
            topology.pods.iter().filter(|pods| pods.node == node.name).map(|pods| pods.count).sum();
        let Some(room) = room_alone(topology, node) else { continue };
        let too_many = wanted.saturating_sub(room);
        expected += too_many;
        let seen = refused.iter().filter(|pod| pod.node == node.name).count();
        if u32::try_from(seen) != Ok(too_many) {
            failures.push(format!(
                "{}: {wanted} pods wanted, room for {room}, yet {seen} refused",
                node.name
            ));
        }
    }
    if refused.is_empty() && expected == 0 {
        return;
    }
    let text = match refused.first() {
        Some(pod) => format!(
            "{} of {expected} pods that cannot fit refused with CNI error {TRY_AGAIN_LATER}: “{}”",
            refused.len(),
            pod.message
        ),
        None => format!("0 of {expected} pods that cannot fit were refused"),
    };
    journal.check("refused-pods", failures.is_empty(), with_failures(text, &failures), started);
}

/// What a refusal should say and does not.
fn unhelpful(topology: &Topology, pod: &RefusedPod) -> Option<String> {
    let node = topology.nodes.iter().find(|node| node.name == pod.node)?;
    let subnet = topology.subnets.iter().find(|subnet| subnet.name == node.subnet)?;
    let who = format!("{}/{}", pod.namespace, pod.name);
    if pod.code != Some(TRY_AGAIN_LATER) {
        return Some(format!("{who}: CNI error code {:?}: {}", pod.code, pod.message));
    }
    let by_type = node.instance_type.default_card_enis() * (node.instance_type.ipv4_per_eni - 1);
    let facts = if room_alone(topology, node) == Some(by_type) {
        // The instance type is the limit.
        vec![node.instance_type.name.to_string(), "ENI".to_owned()]
    } else {
        let usable = (1_u32 << (32 - u32::from(subnet.cidr.prefix_len()))).saturating_sub(5);
        let subnet_facts =
            [subnet.name.clone(), subnet.cidr.to_string(), format!("{usable} usable")];
        let others = ["ENI primaries", "pods", "larger subnet"].map(str::to_owned);
        subnet_facts.into_iter().chain(others).collect()
    };
    let missing: Vec<&String> = facts.iter().filter(|fact| !pod.message.contains(*fact)).collect();
    (!missing.is_empty()).then(|| format!("{who}: {missing:?} not in: {}", pod.message))
}

/// How many pods a node has room for when it is the only one in its subnet: ENIs are added while
/// the type and the subnet allow, each costing its primary address. `None` when others share the
/// subnet, where it depends on who comes first.
fn room_alone(topology: &Topology, node: &crate::topology::Node) -> Option<u32> {
    let others = topology.nodes.iter().filter(|other| other.subnet == node.subnet).count() > 1;
    if others {
        return None;
    }
    let subnet = topology.subnets.iter().find(|subnet| subnet.name == node.subnet)?;
    let foreign =
        topology.endpoints.iter().filter(|endpoint| endpoint.subnet == node.subnet).count()
            + topology
                .control_plane
                .iter()
                .flat_map(|plane| &plane.subnets)
                .filter(|name| **name == node.subnet)
                .count();
    let size = 1_u32 << (32 - u32::from(subnet.cidr.prefix_len()));
    let mut free = size.checked_sub(5)?.checked_sub(u32::try_from(foreign).ok()?)?;
    let mut room = 0;
    for _ in 0..node.instance_type.default_card_enis() {
        if free < 2 {
            break;
        }
        let pods = (node.instance_type.ipv4_per_eni - 1).min(free - 1);
        free -= 1 + pods;
        room += pods;
    }
    Some(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_topology_has_room_for_all_but_one_pod() {
        let topology = Topology::default();
        let room: Vec<Option<u32>> =
            topology.nodes.iter().map(|node| room_alone(&topology, node)).collect();
        // m5.large 3 × 9; t3.medium 3 × 5; t3.small 3 + 3 + 2 in the eleven addresses of a /28.
        assert_eq!(room, [Some(27), Some(15), Some(8)]);
    }
}
