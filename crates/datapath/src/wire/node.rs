//! The node: its ENIs, and the whole of it after a restart.

use std::time::Duration;

use super::{Place, WireError, apply, started, write_sysctls};
use crate::diff::{diff, drift, repairs};
use crate::eni::{self, EniSpec};
use crate::kernel::Kernel;
use crate::model::Link;
use crate::op::Op;
use crate::pod::PodHost;
use crate::state::{DesiredState, KernelState};

/// How often a namespace is compared and changed before giving up: once, once more for what the
/// first round's removals took along, and once to see that nothing is left to do.
const ROUNDS: u32 = 3;

/// The same for the whole node, whose pods may end meanwhile: one that ends in a round makes
/// another one necessary. A round takes milliseconds.
const NODE_ROUNDS: u32 = 50;

/// How long an ENI's link may take to carry packets: a real one negotiates with the hypervisor.
const ENI_STARTS: Duration = Duration::from_secs(5);

/// Brings the node into the state that every ENI and pod builds on.
///
/// # Errors
/// [`WireError::Sysctl`].
pub fn setup_node<K: Kernel>(host: &mut K) -> Result<(), WireError> {
    write_sysctls(host, Place::Node, &eni::node())
}

/// Brings an ENI's link, addresses, table and rule into shape. May be called again at any time.
///
/// # Errors
/// [`WireError::NoEniLink`] until the link appears; otherwise when the kernel cannot be asked or
/// refuses.
pub fn setup_eni<K: Kernel>(host: &mut K, eni: &EniSpec) -> Result<(), WireError> {
    let link = eni_link(host, eni)?;
    converge(host, &eni.desired(&link), repairs)?;
    started(host, Place::Node, &link, ENI_STARTS)
}

/// Removes what [`setup_eni`] made for an ENI that is being detached, or is detached already.
///
/// # Errors
/// When the kernel cannot be asked or refuses.
pub fn teardown_eni<K: Kernel>(host: &mut K, eni: &EniSpec) -> Result<(), WireError> {
    let link = match eni_link(host, eni) {
        Ok(link) => link,
        // The kernel removed the routes with the link; the rule stays.
        Err(WireError::NoEniLink { .. }) => String::new(),
        Err(error) => return Err(error),
    };
    let desired = eni.desired(&link);
    let mut ops: Vec<_> = desired.rules.into_iter().map(Op::DelRule).collect();
    if !link.is_empty() {
        ops.extend(desired.routes.into_iter().rev().map(Op::DelRoute));
        ops.extend(desired.addresses.into_iter().map(Op::DelAddress));
    }
    apply(host, Place::Node, &ops)
}

/// Brings a whole node into shape after a restart, without disturbing a pod that is wired
/// correctly: everything of these ENIs and pods exists afterwards, and no route or rule of ours
/// that belongs to none of them. Gives back the pods whose host veth is gone: their sandboxes
/// have ended, and nothing of them is left. A pod may end at any moment meanwhile.
///
/// # Errors
/// As [`setup_eni`]; ENIs without a link are skipped.
pub fn restore<'a, K: Kernel>(
    host: &mut K,
    enis: &[EniSpec],
    pods: &'a [PodHost],
) -> Result<Vec<&'a PodHost>, WireError> {
    for _ in 1..NODE_ROUNDS {
        // A link that vanishes between the listing and a change fails the change; the next
        // listing lacks it.
        if let Ok(Some(gone)) = restore_round(host, enis, pods) {
            return Ok(gone);
        }
    }
    if let Some(gone) = restore_round(host, enis, pods)? {
        return Ok(gone);
    }
    let place = Place::Node;
    let actual = host.state().map_err(|source| WireError::Read { place, source })?;
    let (desired, gone) = whole(&actual.links, enis, pods);
    settled(&desired, &actual).map(|()| gone)
}

/// Compares and changes once. Gives the pods that are gone when there was nothing to change.
fn restore_round<'a, K: Kernel>(
    host: &mut K,
    enis: &[EniSpec],
    pods: &'a [PodHost],
) -> Result<Option<Vec<&'a PodHost>>, WireError> {
    let place = Place::Node;
    let actual = host.state().map_err(|source| WireError::Read { place, source })?;
    let (desired, gone) = whole(&actual.links, enis, pods);
    let written = write_sysctls(host, place, &desired);
    let ops = diff(&desired, &actual);
    // Also when a setting could not be written, so that every round brings the node nearer.
    apply(host, place, &ops).and(written)?;
    if !ops.is_empty() {
        return Ok(None);
    }
    settled(&desired, &actual).map(|()| Some(gone))
}

/// What should be on a node with these links, and the pods that are not on it.
fn whole<'a>(
    links: &[Link],
    enis: &[EniSpec],
    pods: &'a [PodHost],
) -> (DesiredState, Vec<&'a PodHost>) {
    let mut desired = eni::node();
    for eni in enis {
        if let Some(link) = links.iter().find(|link| link.mac == eni.mac) {
            desired.extend(eni.desired(&link.name));
        }
    }
    let (alive, gone): (Vec<_>, Vec<_>) = pods
        .iter()
        .partition(|pod| links.iter().any(|link| link.name == pod.veth && link.mac == pod.mac));
    for pod in alive {
        desired.extend(pod.objects());
    }
    (desired, gone)
}

fn eni_link<K: Kernel>(host: &mut K, eni: &EniSpec) -> Result<String, WireError> {
    let EniSpec { device_index, mac, .. } = *eni;
    host.link_by_mac(mac)
        .map_err(|source| WireError::Read { place: Place::Node, source })?
        .map(|link| link.name)
        .ok_or(WireError::NoEniLink { device_index, mac })
}

/// Compares and changes until nothing is left to change.
pub(super) fn converge<K: Kernel>(
    host: &mut K,
    desired: &DesiredState,
    changes: fn(&DesiredState, &KernelState) -> Vec<Op>,
) -> Result<(), WireError> {
    let place = Place::Node;
    write_sysctls(host, place, desired)?;
    let mut actual = KernelState::default();
    for _ in 0..ROUNDS {
        actual = host.state().map_err(|source| WireError::Read { place, source })?;
        let ops = changes(desired, &actual);
        if ops.is_empty() {
            break;
        }
        apply(host, place, &ops)?;
    }
    settled(desired, &actual)
}

/// Everything is there, or what is missing is the error.
fn settled(desired: &DesiredState, actual: &KernelState) -> Result<(), WireError> {
    let drifts: Vec<_> =
        drift(desired, actual).into_iter().map(|drift| (Place::Node, drift)).collect();
    if drifts.is_empty() { Ok(()) } else { Err(WireError::Drifted { drifts }) }
}
