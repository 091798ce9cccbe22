//! Negative controls: an address works if and only if EC2 says the ENI holds it, now.
//!
//! They send datagrams and ask the receivers what they heard: that shows one-way packets, too,
//! which a failed TCP connection hides.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use datapath::{Address, Kernel as _, Netlink, Op, Scope};
use ec2_query::{AssignPrivateIpAddresses, UnassignPrivateIpAddresses};
use ipnet::Ipv4Net;

use super::WORKS;
use crate::daemon::Running;
use crate::journal::Journal;
use crate::place::Place;
use crate::probe::{EchoServer, blocking, connect, send_datagrams};
use crate::runtime::{ECHO_PORT, Node, Pod};

/// How soon an EC2 answer must show in what packets do.
const TAKES_EFFECT: Duration = Duration::from_millis(100);

/// Who experiments, and on whom.
struct Scene {
    pod: Arc<Pod>,
    node: Arc<Node>,
    /// Another pod of the same node.
    sibling: Arc<Pod>,
    /// A pod of another node.
    elsewhere: Arc<Pod>,
}

impl Scene {
    fn of(running: &Running) -> Option<Self> {
        let pods = running.pods();
        let pod = pods.first()?.clone();
        let sibling = pods.iter().skip(1).find(|other| other.node == pod.node)?.clone();
        let elsewhere = pods.iter().find(|other| other.node != pod.node)?.clone();
        let node = running.node(&pod.node)?.clone();
        Some(Self { pod, node, sibling, elsewhere })
    }
}

/// A pod that sends as a free address, or as another pod, reaches nobody; neither does a node
/// that sends as a free address, and there it is the fabric's source check that stops it.
pub async fn forged(running: &Arc<Running>, journal: &Journal) {
    let started = Instant::now();
    let Some(scene) = Scene::of(running) else {
        return journal
            .note("forged-address not checked: it takes two pods on a node and one elsewhere");
    };
    let (held, text) = match forge(running, &scene).await {
        Ok(text) => (true, text),
        Err(error) => (false, format!("{error:#}")),
    };
    journal.check("forged-address", held, text, started);
}

/// A pod whose address is unassigned behind the node's back is unreachable at once, and
/// reachable at once when the address is assigned back.
pub async fn out_of_band(running: &Arc<Running>, journal: &Journal) {
    let started = Instant::now();
    let Some(scene) = Scene::of(running) else {
        return journal.note(
            "out-of-band-unassign not checked: it takes two pods on a node and one elsewhere",
        );
    };
    let mut result = unassign_and_back(running, &scene.pod, &scene.elsewhere).await;
    // A busy machine delays the probe itself; what the fabric needs shows in the best of three.
    for _ in 1..3 {
        if result.as_ref().is_ok_and(|after| *after > TAKES_EFFECT) {
            result = unassign_and_back(running, &scene.pod, &scene.elsewhere).await;
        }
    }
    let (name, address) = (&scene.pod.name, scene.pod.address);
    let (held, text) = match result {
        Ok(after) => (
            after <= TAKES_EFFECT,
            format!(
                "{name} hears nothing after unassign-private-ip-addresses, and is back {:.1} ms after \
                 assigning {address} again",
                after.as_secs_f64() * 1000.0
            ),
        ),
        Err(error) => (false, format!("{error:#}")),
    };
    journal.check("out-of-band-unassign", held, text, started);
}

/// Somebody who may hear a forged packet.
struct Listener<'a> {
    name: String,
    address: Ipv4Addr,
    echo: &'a EchoServer,
}

async fn forge(running: &Running, scene: &Scene) -> anyhow::Result<String> {
    let in_control_plane = match &running.control_plane {
        Some(plane) => {
            let at = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, ECHO_PORT);
            let echo = EchoServer::start(&plane.place, at, "control-plane")?;
            plane.addresses.first().map(|address| (*address, echo))
        }
        None => None,
    };
    let listeners = listeners(running, scene, in_control_plane.as_ref());
    let Scene { pod, node, sibling, .. } = scene;
    let free = free_address(running, pod)?;
    for claimed in [free, sibling.address] {
        let others: Vec<&Listener<'_>> =
            listeners.iter().filter(|listener| listener.address != claimed).collect();
        let heard = claim(&pod.place, claimed, &others).await?;
        if let Some((listener, _)) = heard.iter().find(|(_, from)| !from.is_empty()) {
            bail!("{} sent as {claimed}, and {} heard it", pod.name, listener.name);
        }
    }
    let before = anti_spoofed(running)?;
    let beyond: Vec<&Listener<'_>> = listeners
        .iter()
        .filter(|listener| listener.address != sibling.address && listener.address != node.address)
        .collect();
    let heard = claim(&node.place, free, &beyond).await?;
    if let Some((listener, _)) = heard.iter().find(|(_, from)| !from.is_empty()) {
        bail!("{} sent as {free}, and {} heard it", node.name, listener.name);
    }
    let dropped = anti_spoofed(running)? - before;
    if dropped == 0 {
        bail!("{} sent as {free}, but the fabric's source check dropped nothing", node.name);
    }
    can_hear(pod, &listeners).await?;
    Ok(format!(
        "{pod} sends as {free} (EC2 assigned it to nobody) and as {twin} ({sibling}'s): none of {all} \
         hears it; {node} sends as {free}: {dropped} packets dropped by the VPC's source check; as \
         {own} all hear {pod}",
        pod = pod.name,
        twin = sibling.address,
        sibling = sibling.name,
        all = listeners.len(),
        node = node.name,
        own = pod.address,
    ))
}

/// The sibling, the pod's node, a pod elsewhere, and the control plane.
fn listeners<'a>(
    running: &'a Running,
    scene: &'a Scene,
    control_plane: Option<&'a (Ipv4Addr, EchoServer)>,
) -> Vec<Listener<'a>> {
    let pods = [&scene.sibling, &scene.elsewhere].into_iter().map(|pod| Listener {
        name: pod.name.to_string(),
        address: pod.address,
        echo: pod.echo(),
    });
    let nodes = running.nodes.iter().zip(&running.node_echoes);
    let own = nodes.filter(|(node, _)| node.name == scene.node.name).map(|(node, echo)| Listener {
        name: node.name.clone(),
        address: node.address,
        echo,
    });
    let beyond = control_plane.map(|(address, echo)| Listener {
        name: "the control plane".to_owned(),
        address: *address,
        echo,
    });
    pods.chain(own).chain(beyond).collect()
}

/// Sends as `claimed` from a place that gives itself this address for the moment. Returns what
/// each listener heard of it.
async fn claim<'a>(
    place: &Place,
    claimed: Ipv4Addr,
    listeners: &[&'a Listener<'a>],
) -> anyhow::Result<Vec<(&'a Listener<'a>, Vec<IpAddr>)>> {
    let address = Address {
        link: "eth0".to_owned(),
        addr: Ipv4Net::from(claimed),
        scope: Scope::Universe,
        no_prefix_route: false,
    };
    let mut netlink = blocking(|| Netlink::open_in(place.network()))?;
    blocking(|| netlink.apply(&[Op::AddAddress(address.clone())]))?;
    let sent = send_datagrams(place, claimed, &targets(listeners)).await;
    blocking(|| netlink.apply(&[Op::DelAddress(address)]))
        .context("could not take the address off")?;
    let payload = sent.with_context(|| format!("could not send as {claimed}"))?;
    Ok(listeners.iter().map(|listener| (*listener, listener.echo.heard(&payload))).collect())
}

/// The control: sent with its own address, the same packets arrive everywhere.
async fn can_hear(pod: &Pod, listeners: &[Listener<'_>]) -> anyhow::Result<()> {
    let all: Vec<&Listener<'_>> = listeners.iter().collect();
    let payload = send_datagrams(&pod.place, pod.address, &targets(&all)).await?;
    for listener in listeners {
        if !listener.echo.heard(&payload).contains(&IpAddr::V4(pod.address)) {
            bail!("{} sent with its own address, and {} did not hear it", pod.name, listener.name);
        }
    }
    Ok(())
}

fn targets(listeners: &[&Listener<'_>]) -> Vec<SocketAddrV4> {
    listeners.iter().map(|listener| SocketAddrV4::new(listener.address, ECHO_PORT)).collect()
}

fn anti_spoofed(running: &Running) -> anyhow::Result<u64> {
    let drops = blocking(|| running.fabric.drops())?;
    drops.get("anti_spoof").copied().context("the fabric counts no spoofed packets")
}

/// An address of the pod's subnet that nobody holds.
fn free_address(running: &Running, pod: &Pod) -> anyhow::Result<Ipv4Addr> {
    running.lab.read(|world| {
        let eni = world.eni_at(&running.vpc, pod.address);
        let eni = eni.ok_or_else(|| anyhow!("no ENI holds {}", pod.address))?;
        let subnet = world.subnet(&eni.subnet)?;
        let reserved = subnet.reserved();
        subnet
            .cidr
            .hosts()
            .find(|address| {
                !reserved.contains(address) && world.eni_at(&running.vpc, *address).is_none()
            })
            .ok_or_else(|| anyhow!("subnet {} has no free address to forge", subnet.id))
    })
}

/// Takes a pod's address away and gives it back; says how long after EC2's answer it worked again.
async fn unassign_and_back(running: &Running, pod: &Pod, peer: &Pod) -> anyhow::Result<Duration> {
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
    let cut = send_datagrams(&peer.place, peer.address, &[to]).await;
    let assign = AssignPrivateIpAddresses {
        network_interface_id: eni,
        private_ip_addresses: addresses,
        ..Default::default()
    };
    // Assigned back in any case: the pod goes on living.
    running.call_ec2(assign).await.context("assign-private-ip-addresses")?;
    let answered = Instant::now();
    if !pod.echo().heard(&cut?).is_empty() {
        bail!("{} was still reachable after its address was unassigned", pod.name);
    }
    connect(&peer.place, None, to, WORKS).await.context("not reachable after assigning back")?;
    Ok(answered.elapsed())
}
