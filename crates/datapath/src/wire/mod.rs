//! Desired state, brought into the kernel: pods here, ENIs and the whole node in `node`.

mod error;
mod node;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use error::{Place, WireError};
pub use node::{restore, setup_eni, setup_node, teardown_eni};

use crate::diff::{drift, repairs};
use crate::kernel::{ApplyError, Kernel, NetlinkError};
use crate::model::{Link, LinkKind};
use crate::op::Op;
use crate::pod::{PodHost, PodSpec};
use crate::state::{DesiredState, KernelState};

/// How often making a veth pair is tried while others make and remove links of the same name:
/// each try but the last gives way to one of them.
const VETH_TRIES: u32 = 4;

/// How long a new veth pair may take to carry packets; the kernel needs microseconds.
const PAIR_STARTS: Duration = Duration::from_millis(100);

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
    add_veth(host, &mut pod, spec)?;
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
    let link = find(host, Place::Node, &pod.veth)?;
    let mut failures = host.apply(&ops).err().map_or_else(Vec::new, |error| error.failures);
    // This very link: one of the same name may have taken its place meanwhile.
    if let Some(link) = link.filter(|link| link.mac == pod.mac)
        && let Err(error) = host.remove_link(&link)
    {
        failures.extend(error.failures);
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(WireError::Apply { place: Place::Node, source: ApplyError { failures } })
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

/// Makes the veth pair; takes a stale host veth out of the way. The DEL of the pod's earlier
/// sandbox may be under way and remove that veth at any moment, so that a name which was taken is
/// free when looked at.
fn add_veth<K: Kernel>(host: &mut K, pod: &mut K, spec: &PodSpec) -> Result<(), WireError> {
    let pair: Vec<_> = repairs(&spec.host_objects(), &KernelState::default())
        .into_iter()
        .filter(|op| matches!(op, Op::AddVeth { .. }))
        .collect();
    let mut tries = 0;
    loop {
        tries += 1;
        let Err(source) = host.apply(&pair) else { return Ok(()) };
        let taken = source.failures.iter().any(|f| f.refusal.is(rustix::io::Errno::EXIST));
        if taken && find(pod, Place::Pod, &spec.ifname)?.is_some() {
            return Err(WireError::InterfaceExists { ifname: spec.ifname.clone() });
        }
        if !taken || tries == VETH_TRIES {
            return Err(WireError::Apply { place: Place::Node, source });
        }
        match find(host, Place::Node, &spec.host.veth)? {
            Some(link) if link.kind == LinkKind::Veth => host
                .remove_link(&link)
                .map_err(|source| WireError::Apply { place: Place::Node, source })?,
            Some(link) => return Err(WireError::HostLinkTaken { name: link.name }),
            None => {}
        }
    }
}

fn find<K: Kernel>(kernel: &mut K, place: Place, name: &str) -> Result<Option<Link>, WireError> {
    kernel.link_by_name(name).map_err(|source| WireError::Read { place, source })
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
