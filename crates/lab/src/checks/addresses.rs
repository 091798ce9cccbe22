//! Negative controls: an address works if and only if EC2 says the ENI holds it, now.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use datapath::{Address, Kernel as _, Netlink, Op, Scope};
use ec2_query::{AssignPrivateIpAddresses, UnassignPrivateIpAddresses};
use ipnet::Ipv4Net;

use super::{FAILS, WORKS};
use crate::daemon::Running;
use crate::journal::Journal;
use crate::probe::{blocking, connect};
use crate::runtime::{ECHO_PORT, Pod};

/// How soon an EC2 answer must show in what packets do.
const TAKES_EFFECT: Duration = Duration::from_millis(100);

/// A pod that gives itself a free address of its subnet gets nowhere with it, and it is the
/// fabric's source check that stops it.
pub async fn forged(running: &Arc<Running>, journal: &Journal) {
    let started = Instant::now();
    let Some((pod, peers)) = subject(running) else { return };
    let (held, text) = match forge(running, &pod, &peers).await {
        Ok(text) => (true, text),
        Err(error) => (false, format!("{error:#}")),
    };
    journal.check("forged-address", held, text, started);
}

/// A pod whose address is unassigned behind the node's back is unreachable at once, and
/// reachable at once when the address is assigned back.
pub async fn out_of_band(running: &Arc<Running>, journal: &Journal) {
    let started = Instant::now();
    let Some((pod, peers)) = subject(running) else { return };
    let Some(peer) = peers.into_iter().find(|peer| peer.node != pod.node) else { return };
    let (held, text) = match unassign_and_back(running, &pod, &peer).await {
        Ok(text) => (true, text),
        Err(error) => (false, format!("{error:#}")),
    };
    journal.check("out-of-band-unassign", held, text, started);
}

/// A pod to experiment on, and others: one on its node, one elsewhere.
fn subject(running: &Running) -> Option<(Arc<Pod>, Vec<Arc<Pod>>)> {
    let pods = running.pods();
    let pod = pods.first()?.clone();
    let same = pods.iter().skip(1).find(|other| other.node == pod.node).cloned();
    let elsewhere = pods.iter().find(|other| other.node != pod.node).cloned();
    Some((pod, same.into_iter().chain(elsewhere).collect()))
}

async fn forge(running: &Running, pod: &Pod, peers: &[Arc<Pod>]) -> anyhow::Result<String> {
    let forged = free_address(running, pod)?;
    let address = Address {
        link: "eth0".to_owned(),
        addr: Ipv4Net::from(forged),
        scope: Scope::Universe,
        no_prefix_route: false,
    };
    let mut netlink = blocking(|| Netlink::open_in(pod.place.network()))?;
    blocking(|| netlink.apply(&[Op::AddAddress(address.clone())]))?;
    let dropped = || {
        blocking(|| running.fabric.drops())
            .map(|drops| drops.get("anti_spoof").copied().unwrap_or(0))
    };
    let before = dropped()?;
    let tried = try_forged(running, pod, peers, forged).await;
    blocking(|| netlink.apply(&[Op::DelAddress(address)]))
        .context("could not take the address off")?;
    tried?;
    // It was the fabric's doing, not the node's or an accident's.
    let dropped = dropped()? - before;
    if dropped == 0 {
        bail!("nothing reached {forged}'s peers, but the fabric's source check dropped no packet");
    }
    // The control: with its own address, the same pod reaches the same peers.
    for peer in peers {
        let to = SocketAddrV4::new(peer.address, ECHO_PORT);
        connect(&pod.place, Some(pod.address), to, WORKS).await.with_context(|| {
            format!("{} cannot reach {} with its own address", pod.name, peer.name)
        })?;
    }
    Ok(format!(
        "{} with {forged}, which EC2 assigned to nobody, reaches neither {} nor the API endpoint \
         ({dropped} packets dropped by the source check); with its own {} it does",
        pod.name,
        peers.iter().map(|peer| peer.name.to_string()).collect::<Vec<_>>().join(" nor "),
        pod.address
    ))
}

async fn try_forged(
    running: &Running,
    pod: &Pod,
    peers: &[Arc<Pod>],
    forged: Ipv4Addr,
) -> anyhow::Result<()> {
    let endpoint = running.control_plane.as_ref().and_then(|plane| plane.addresses.first());
    let pods = peers.iter().map(|peer| SocketAddrV4::new(peer.address, ECHO_PORT));
    let targets = pods.chain(endpoint.map(|address| SocketAddrV4::new(*address, 443)));
    for to in targets {
        if connect(&pod.place, Some(forged), to, FAILS).await.is_ok() {
            bail!("{} reached {to} with {forged}, which EC2 did not assign", pod.name);
        }
    }
    let elsewhere = peers.iter().find(|peer| peer.node != pod.node);
    if let Some(peer) = elsewhere
        && peer.served().iter().any(|(client, _)| *client == IpAddr::V4(forged))
    {
        bail!("{} saw a connection from {forged}", peer.name);
    }
    Ok(())
}

/// An address of the pod's subnet that nobody holds.
fn free_address(running: &Running, pod: &Pod) -> anyhow::Result<Ipv4Addr> {
    running.lab.read(|world| {
        let eni = world.eni_at(&running.vpc, pod.address);
        let eni = eni.ok_or_else(|| anyhow!("no ENI holds {}", pod.address))?;
        let subnet = world.subnet(&eni.subnet)?;
        let reserved = subnet.reserved();
        let net: Ipv4Net = subnet.cidr;
        net.hosts()
            .find(|address| {
                !reserved.contains(address) && world.eni_at(&running.vpc, *address).is_none()
            })
            .ok_or_else(|| anyhow!("subnet {} has no free address to forge", subnet.id))
    })
}

async fn unassign_and_back(running: &Running, pod: &Pod, peer: &Pod) -> anyhow::Result<String> {
    let to = SocketAddrV4::new(pod.address, ECHO_PORT);
    connect(&peer.place, None, to, WORKS).await.context("not reachable to begin with")?;
    let eni = running.lab.read(|world| {
        let eni = world.eni_at(&running.vpc, pod.address).map(|eni| eni.id.to_string());
        eni.ok_or_else(|| anyhow!("no ENI holds {}", pod.address))
    })?;
    let addresses = vec![pod.address.to_string()];
    let unassign = UnassignPrivateIpAddresses {
        network_interface_id: eni.clone(),
        private_ip_addresses: addresses.clone(),
        ..Default::default()
    };
    running.call_ec2(unassign).await.context("unassign-private-ip-addresses")?;
    let cut = connect(&peer.place, None, to, FAILS).await;
    let assign = AssignPrivateIpAddresses {
        network_interface_id: eni,
        private_ip_addresses: addresses,
        ..Default::default()
    };
    // Assigned back in any case: the pod goes on living.
    running.call_ec2(assign).await.context("assign-private-ip-addresses")?;
    let answered = Instant::now();
    if cut.is_ok() {
        bail!("{} was still reachable after its address was unassigned", pod.name);
    }
    connect(&peer.place, None, to, WORKS).await.context("not reachable after assigning back")?;
    let after = answered.elapsed();
    if after > TAKES_EFFECT {
        bail!("{} was reachable only {} ms after the answer", pod.name, after.as_millis());
    }
    Ok(format!(
        "{} is cut off by unassign-private-ip-addresses, and back {:.1} ms after assigning {} again",
        pod.name,
        after.as_secs_f64() * 1000.0,
        pod.address
    ))
}
