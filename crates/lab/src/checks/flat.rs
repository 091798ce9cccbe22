//! The flat network itself: everyone reaches everyone, without NAT, at full packet size.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

use super::{WORKS, with_failures};
use crate::daemon::Running;
use crate::fabric::VPC_MTU;
use crate::journal::Journal;
use crate::place::Place;
use crate::probe::{blocking, echo_once, full_size_packet};
use crate::runtime::{ECHO_PORT, Pod};

/// A client: its name, where it is, and the address it must be seen with.
struct Client {
    name: String,
    place: Place,
    address: Ipv4Addr,
}

/// A server: its name and address.
#[derive(Clone)]
struct Server {
    name: String,
    address: Ipv4Addr,
}

/// What became of a number of connections.
#[derive(Default)]
struct Tally {
    wanted: usize,
    connected: usize,
    source_kept: usize,
    failures: Vec<String>,
}

impl Tally {
    fn held(&self) -> bool {
        self.wanted > 0 && self.source_kept == self.wanted && self.failures.is_empty()
    }

    fn add(&mut self, other: Self) {
        self.wanted += other.wanted;
        self.connected += other.connected;
        self.source_kept += other.source_kept;
        self.failures.extend(other.failures);
    }
}

/// Every ordered pair of pods connects, and the server sees the client's pod address.
pub async fn pods_to_pods(running: &Arc<Running>, journal: &Journal) {
    let started = Instant::now();
    let pods = running.pods();
    if pods.len() < 2 {
        return journal.note("flat and bulk not checked: it takes two pods");
    }
    let work = pods.iter().map(|pod| {
        let others = pods.iter().filter(|other| other.name != pod.name);
        (client(pod), others.map(server).collect())
    });
    let mut tally = connect_all(work.collect()).await;
    tally.failures.extend(misplaced(running, &pods));
    let text = format!(
        "{} of {} pod pairs connect, source address kept in {}",
        tally.connected, tally.wanted, tally.source_kept
    );
    journal.check("flat", tally.held(), with_failures(text, &tally.failures), started);
}

/// Pods whose address another pod has, too, or that EC2 holds for another node.
fn misplaced(running: &Running, pods: &[Arc<Pod>]) -> Vec<String> {
    let mut failures = Vec::new();
    for (index, pod) in pods.iter().enumerate() {
        let twin = pods[..index].iter().find(|other| other.address == pod.address);
        failures.extend(
            twin.map(|other| format!("{} and {} both have {}", other.name, pod.name, pod.address)),
        );
        let holder = running.lab.read(|world| {
            world.eni_at(&running.vpc, pod.address).and_then(vpc::Eni::instance).cloned()
        });
        if holder.as_ref() != running.node(&pod.node).map(|node| &node.instance) {
            failures.push(format!("{}'s {} is held by {holder:?}", pod.name, pod.address));
        }
    }
    failures
}

/// Every pod reaches every node's primary address, and every node reaches its own pods.
pub async fn pods_and_nodes(running: &Arc<Running>, journal: &Journal) {
    let pods = running.pods();
    if pods.is_empty() {
        return journal.note("pod-to-node and node-to-pod not checked: there are no pods");
    }
    let started = Instant::now();
    let nodes: Vec<Server> = running
        .nodes
        .iter()
        .map(|node| Server { name: node.name.clone(), address: node.address })
        .collect();
    let tally = connect_all(pods.iter().map(|pod| (client(pod), nodes.clone())).collect()).await;
    let text = format!(
        "{} of {} pod-to-node connections, source address kept in {}",
        tally.connected, tally.wanted, tally.source_kept
    );
    journal.check("pod-to-node", tally.held(), with_failures(text, &tally.failures), started);

    let started = Instant::now();
    let work = running.nodes.iter().map(|node| {
        let own = pods.iter().filter(|pod| pod.node == node.name);
        let client =
            Client { name: node.name.clone(), place: node.place.clone(), address: node.address };
        (client, own.map(server).collect())
    });
    let tally = connect_all(work.collect()).await;
    let text = format!(
        "{} of {} node-to-own-pod connections, seen as the node's primary address in {}",
        tally.connected, tally.wanted, tally.source_kept
    );
    journal.check("node-to-pod", tally.held(), with_failures(text, &tally.failures), started);
}

/// Between every two nodes (and within each), one pair of pods moves bulk TCP and a packet as
/// large as the MTU: a path that drops large or segmented packets passes a ping, and fails here.
pub async fn bulk(running: &Arc<Running>, journal: &Journal) {
    /// Enough for TCP to fill its window and every offload to engage.
    const BYTES: usize = 4 << 20;
    let started = Instant::now();
    let pods = running.pods();
    let mut pairs = Vec::new();
    for from in &running.nodes {
        for to in &running.nodes {
            let on = |name: &str, last: bool| {
                let mut found = pods.iter().filter(|pod| pod.node == name);
                if last { found.next_back().cloned() } else { found.next().cloned() }
            };
            if let (Some(client), Some(server)) = (on(&from.name, false), on(&to.name, true))
                && client.name != server.name
            {
                pairs.push((client, server));
            }
        }
    }
    if pairs.is_empty() {
        // Said by the check of the pods.
        return;
    }
    let payload: Vec<u8> = (0..BYTES).map(|i| (i % 251).to_le_bytes()[0]).collect();
    let mut failures = Vec::new();
    for (client, server) in &pairs {
        if let Err(error) = move_bulk(client, server, &payload).await {
            failures.push(format!("{} to {}: {error}", client.name, server.name));
        }
    }
    let text = format!(
        "{} of {} node pairs move 4 MiB of TCP both ways and unfragmented {VPC_MTU}-byte packets",
        pairs.len() - failures.len(),
        pairs.len()
    );
    journal.check("bulk", failures.is_empty(), with_failures(text, &failures), started);
}

async fn move_bulk(client: &Pod, server: &Pod, payload: &[u8]) -> std::io::Result<()> {
    let to = SocketAddrV4::new(server.address, ECHO_PORT);
    let socket = blocking(|| client.place.sockets(1, None))?.into_iter().next();
    let socket = socket.ok_or_else(|| std::io::Error::other("no socket"))?;
    echo_once(socket, to, payload, WORKS).await?;
    let mtu = usize::try_from(VPC_MTU).unwrap_or(usize::MAX);
    full_size_packet(&client.place, to, mtu, WORKS).await
}

fn client(pod: &Arc<Pod>) -> Client {
    Client { name: pod.name.to_string(), place: pod.place.clone(), address: pod.address }
}

fn server(pod: &Arc<Pod>) -> Server {
    Server { name: pod.name.to_string(), address: pod.address }
}

/// Every client connects to each of its servers, all at once per client, a few clients at a time.
async fn connect_all(work: Vec<(Client, Vec<Server>)>) -> Tally {
    /// Each connection has two ends in this process, and its descriptors are not without limit.
    const CONNECTIONS_AT_ONCE: usize = 400;
    let most = work.iter().map(|(_, servers)| servers.len()).max().unwrap_or(1).max(1);
    let turns = Arc::new(tokio::sync::Semaphore::new((CONNECTIONS_AT_ONCE / most).max(1)));
    let mut tasks = tokio::task::JoinSet::new();
    for (client, servers) in work {
        let turns = Arc::clone(&turns);
        tasks.spawn(async move {
            let _turn = turns.acquire_owned().await;
            connect_one(&client, &servers).await
        });
    }
    let mut tally = Tally::default();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(one) => tally.add(one),
            Err(error) => {
                tally.wanted += 1;
                tally.failures.push(error.to_string());
            }
        }
    }
    tally
}

async fn connect_one(client: &Client, servers: &[Server]) -> Tally {
    let mut tally = Tally { wanted: servers.len(), ..Tally::default() };
    let sockets = match blocking(|| client.place.sockets(servers.len(), None)) {
        Ok(sockets) => sockets,
        Err(error) => {
            tally.failures.push(format!("{}: {error}", client.name));
            return tally;
        }
    };
    let mut tasks = tokio::task::JoinSet::new();
    for (socket, server) in sockets.into_iter().zip(servers.iter().cloned()) {
        let to = SocketAddrV4::new(server.address, ECHO_PORT);
        tasks.spawn(async move { (echo_once(socket, to, b"flatnet", WORKS).await, server) });
    }
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok((Ok(echoed), server)) => {
                if echoed.server != server.name {
                    let (name, wanted, other) = (&client.name, &server.name, echoed.server);
                    tally.failures.push(format!("{name} asked for {wanted} and got {other}"));
                    continue;
                }
                tally.connected += 1;
                if echoed.seen_as == IpAddr::V4(client.address) {
                    tally.source_kept += 1;
                } else {
                    let (name, address) = (&client.name, client.address);
                    let seen = echoed.seen_as;
                    tally
                        .failures
                        .push(format!("{} saw {name} as {seen}, not {address}", server.name));
                }
            }
            Ok((Err(error), server)) => {
                tally.failures.push(format!("{} to {}: {error}", client.name, server.name));
            }
            Err(error) => tally.failures.push(error.to_string()),
        }
    }
    tally
}
