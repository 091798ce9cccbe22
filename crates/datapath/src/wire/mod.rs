//! Desired state, brought into the kernel: ENIs, pods, and the whole node after a restart.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::diff::{Drift, diff, drift, repairs};
use crate::eni::{self, EniSpec};
use crate::kernel::{ApplyError, Kernel, NetlinkError};
use crate::op::Op;
use crate::pod::{PodHost, PodSpec};
use crate::state::{DesiredState, KernelState};
use crate::sysctl::SysctlError;

/// How often a namespace is compared and changed before giving up: once, once more for what the
/// first round's removals took along, and once to see that nothing is left to do.
const ROUNDS: u32 = 3;

/// How long a new veth pair may take to carry packets; the kernel needs microseconds.
const PAIR_STARTS: Duration = Duration::from_millis(100);
/// How long an ENI's link may take: a real one negotiates with the hypervisor.
const ENI_STARTS: Duration = Duration::from_secs(5);

/// Why a node, ENI or pod could not be brought into shape.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The ENI's link is not there: attaching takes the hypervisor up to seconds. Try again.
    #[error("no link with the Ethernet address {mac} (ENI with device index {device_index})")]
    NoEniLink {
        /// The ENI's device index.
        device_index: u32,
        /// The ENI's Ethernet address.
        mac: crate::Mac,
    },
    /// The pod's namespace is the node's own: the runtime passed a wrong path, or a pod with
    /// `hostNetwork`, for which it must not call.
    #[error("the pod's network namespace is the node's own")]
    HostNamespace,
    /// The pod has a link of that name already.
    #[error("the pod already has a link named {ifname}")]
    InterfaceExists {
        /// The name.
        ifname: String,
    },
    /// The pod's namespace cannot be entered.
    #[error("cannot enter the pod's network namespace")]
    PodNamespace {
        /// Why.
        #[source]
        source: NetlinkError,
    },
    /// The kernel could not be asked.
    #[error("cannot read the network objects of the {place}")]
    Read {
        /// Node or pod.
        place: Place,
        /// Why.
        #[source]
        source: NetlinkError,
    },
    /// The kernel refused changes.
    #[error("cannot change the network objects of the {place}")]
    Apply {
        /// Node or pod.
        place: Place,
        /// Which, and why.
        #[source]
        source: ApplyError,
    },
    /// A kernel setting could not be written.
    #[error("cannot change a kernel setting of the {place}")]
    Sysctl {
        /// Node or pod.
        place: Place,
        /// Which, and why.
        #[source]
        source: SysctlError,
    },
    /// Things are not as they should be: what CHECK finds, or what somebody keeps undoing.
    #[error("{}", list(drifts))]
    Drifted {
        /// Where and what, in order.
        drifts: Vec<(Place, Drift)>,
    },
}

/// One of the two namespaces a pod is wired in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The node's.
    Node,
    /// The pod's.
    Pod,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Node => "node",
            Self::Pod => "pod",
        })
    }
}

fn list(drifts: &[(Place, Drift)]) -> String {
    let lines: Vec<_> = drifts.iter().map(|(place, drift)| format!("{place}: {drift}")).collect();
    lines.join("; ")
}

/// Makes a pod's veth pair and everything that belongs to it, in both namespaces. A host veth of
/// the same name from an earlier sandbox is replaced.
///
/// No listing and no waiting: a few requests to the kernel.
///
/// # Errors
/// Any [`WireError`] but those about ENIs; nothing of the pod is left then.
pub fn add_pod<K: Kernel>(host: &mut K, spec: &PodSpec) -> Result<(), WireError> {
    if *host.netns() == spec.netns {
        return Err(WireError::HostNamespace);
    }
    let mut pod = host.open_in(&spec.netns).map_err(|source| WireError::PodNamespace { source })?;
    add_veth(host, spec)?;
    let wired = create(host, Place::Node, &spec.host_objects())
        .and_then(|()| create(&mut pod, Place::Pod, &spec.pod_objects()))
        .and_then(|()| started(host, Place::Node, &spec.host.veth, PAIR_STARTS))
        .and_then(|()| started(&mut pod, Place::Pod, &spec.ifname, PAIR_STARTS));
    if wired.is_err() {
        // The first error is the one to report; the runtime's DEL tries the removal again.
        let _ = del_pod(host, &spec.host);
    }
    wired
}

/// Removes a pod from the node. Succeeds when it is gone already, wholly or in part; its own
/// namespace may be gone as well. A host veth that a later sandbox of the same pod made in the
/// meantime stays.
///
/// # Errors
/// When the kernel cannot be asked or refuses.
pub fn del_pod<K: Kernel>(host: &mut K, pod: &PodHost) -> Result<(), WireError> {
    let objects = pod.objects();
    let mut ops: Vec<_> = objects.rules.into_iter().map(Op::DelRule).collect();
    ops.extend(objects.routes.into_iter().map(Op::DelRoute));
    let link = host
        .link_by_name(&pod.veth)
        .map_err(|source| WireError::Read { place: Place::Node, source })?;
    if link.is_some_and(|link| link.mac == pod.mac) {
        ops.push(Op::DelLink { name: pod.veth.clone() });
    }
    apply(host, Place::Node, &ops)
}

/// Verifies that everything [`add_pod`] made is there, and changes nothing. Additions by others
/// are fine.
///
/// # Errors
/// [`WireError::Drifted`] with everything that is missing or different.
pub fn check_pod<K: Kernel>(host: &mut K, spec: &PodSpec) -> Result<(), WireError> {
    let mut pod = host.open_in(&spec.netns).map_err(|source| WireError::PodNamespace { source })?;
    let mut drifts = Vec::new();
    for (kernel, place, desired) in
        [(host, Place::Node, spec.host.objects()), (&mut pod, Place::Pod, spec.pod_objects())]
    {
        let actual = kernel.state().map_err(|source| WireError::Read { place, source })?;
        drifts.extend(drift(&desired, &actual).into_iter().map(|drift| (place, drift)));
    }
    if drifts.is_empty() { Ok(()) } else { Err(WireError::Drifted { drifts }) }
}

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
/// have ended, and nothing of them is left.
///
/// # Errors
/// As [`setup_eni`]; ENIs without a link are skipped.
pub fn restore<'a, K: Kernel>(
    host: &mut K,
    enis: &[EniSpec],
    pods: &'a [PodHost],
) -> Result<Vec<&'a PodHost>, WireError> {
    let links = host.links().map_err(|source| WireError::Read { place: Place::Node, source })?;
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
    converge(host, &desired, diff)?;
    Ok(gone)
}

fn eni_link<K: Kernel>(host: &mut K, eni: &EniSpec) -> Result<String, WireError> {
    let EniSpec { device_index, mac, .. } = *eni;
    host.link_by_mac(mac)
        .map_err(|source| WireError::Read { place: Place::Node, source })?
        .map(|link| link.name)
        .ok_or(WireError::NoEniLink { device_index, mac })
}

/// Makes the veth pair; takes a stale host veth out of the way.
/// Waits until packets can leave by a link that was set up, `limit` at most; says whether they
/// can. What is sent before is lost, and the first connection with it a second late.
///
/// # Errors
/// When the kernel cannot be asked.
pub fn wait_running<K: Kernel>(
    kernel: &mut K,
    link: &str,
    limit: Duration,
) -> Result<bool, NetlinkError> {
    let started = Instant::now();
    while !kernel.is_running(link)? {
        if started.elapsed() > limit {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(true)
}

/// As [`wait_running`]; a link that does not run is for CHECK and the operator to notice.
fn started<K: Kernel>(
    kernel: &mut K,
    place: Place,
    link: &str,
    limit: Duration,
) -> Result<(), WireError> {
    wait_running(kernel, link, limit).map(drop).map_err(|source| WireError::Read { place, source })
}

fn add_veth<K: Kernel>(host: &mut K, spec: &PodSpec) -> Result<(), WireError> {
    let exists = rustix::io::Errno::EXIST;
    let name = &spec.host.veth;
    let pair: Vec<_> = repairs(&spec.host_objects(), &KernelState::default())
        .into_iter()
        .filter(|op| matches!(op, Op::AddVeth { .. }))
        .collect();
    let failed = |source: ApplyError| {
        if source.failures.iter().any(|failure| failure.refusal.is(exists)) {
            WireError::InterfaceExists { ifname: spec.ifname.clone() }
        } else {
            WireError::Apply { place: Place::Node, source }
        }
    };
    let Err(error) = host.apply(&pair) else { return Ok(()) };
    let stale = error.failures.iter().any(|failure| failure.refusal.is(exists))
        && host
            .link_by_name(name)
            .map_err(|source| WireError::Read { place: Place::Node, source })?
            .is_some();
    if !stale {
        return Err(failed(error));
    }
    apply(host, Place::Node, &[Op::DelLink { name: name.clone() }])?;
    host.apply(&pair).map_err(failed)
}

/// Makes objects on links that were just made, without asking what is there.
fn create<K: Kernel>(
    kernel: &mut K,
    place: Place,
    desired: &DesiredState,
) -> Result<(), WireError> {
    write_sysctls(kernel, place, desired)?;
    let mut ops: Vec<_> = desired.links.iter().map(|link| Op::up(link.name.clone())).collect();
    let others = repairs(desired, &KernelState::default());
    ops.extend(
        others.into_iter().filter(|op| !matches!(op, Op::AddVeth { .. } | Op::SetLink { .. })),
    );
    apply(kernel, place, &ops)
}

/// Compares and changes until nothing is left to change.
fn converge<K: Kernel>(
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
    let drifts: Vec<_> = drift(desired, &actual).into_iter().map(|drift| (place, drift)).collect();
    if drifts.is_empty() { Ok(()) } else { Err(WireError::Drifted { drifts }) }
}

fn apply<K: Kernel>(kernel: &mut K, place: Place, ops: &[Op]) -> Result<(), WireError> {
    kernel.apply(ops).map_err(|source| WireError::Apply { place, source })
}

fn write_sysctls<K: Kernel>(
    kernel: &mut K,
    place: Place,
    desired: &DesiredState,
) -> Result<(), WireError> {
    for sysctl in &desired.sysctls {
        kernel.set_sysctl(sysctl).map_err(|source| WireError::Sysctl { place, source })?;
    }
    Ok(())
}
