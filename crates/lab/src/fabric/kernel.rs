//! The fabric's changes as kernel objects.

use std::io;
use std::net::Ipv4Addr;

use datapath::{
    Address, Kernel as _, Mac, Neighbour, Netlink, Netns, Op, Route, Scope, Sysctl, VethPeer,
    write_sysctl,
};
use ipnet::Ipv4Net;

use super::ruleset::{self, SINK};
use super::{ForeignEnd, IMDS_ADDRESS, Port, VPC_MTU, netns_path};
use crate::state::FabricError;

/// The router's end of every veth has the same address, as the gateway of every VPC subnet
/// seems to; the links are never on one segment.
const ROUTER_MAC: Mac = Mac([0x0e, 0x00, 0x00, 0x00, 0x00, 0x01]);

/// What makes a namespace a VPC router. Written before any link exists: new links take over the
/// `default` values (kernel documentation, networking/ip-sysctl).
const ROUTER_SYSCTLS: &[(&str, &str)] = &[
    ("ipv4/ip_forward", "1"),
    // The source check is the ruleset's, where it can be counted.
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
    // Answer ARP for every address there is a route to elsewhere.
    ("ipv4/conf/default/proxy_arp", "1"),
];

/// How long idle flows are tracked, in seconds, where Linux differs from EC2 (EC2 user guide,
/// "Idle connection tracking timeout").
const CONNECTION_TIMEOUTS: &[(&str, &str)] = &[("nf_conntrack_udp_timeout_stream", "180")];

/// A new network namespace, visible to `ip netns` inside the lab under `name`.
pub fn new_namespace(name: &str) -> Result<Netns, FabricError> {
    let make = || {
        let netns = Netns::create()?;
        let path = netns_path(name);
        Netns::unpin(&path)?;
        netns.pin(&path)?;
        Ok(netns)
    };
    make().map_err(|error: io::Error| FabricError {
        doing: format!("making the namespace {name}"),
        source: Some(Box::new(error)),
    })
}

/// Sets up the router's namespace and opens its netlink socket.
pub fn set_up_router(router: &Netns) -> Result<Netlink, FabricError> {
    run_in(router, "setting up the router", || {
        for (name, value) in ROUTER_SYSCTLS {
            write_sysctl(&format!("net/{name}"), value).map_err(|error| FabricError {
                doing: format!("setting net/{name} on the router"),
                source: Some(Box::new(error)),
            })?;
        }
        ruleset::load(&ruleset::text())?;
        // There once a ruleset tracks connections. Where they cannot be set, flows that nobody
        // uses are forgotten earlier, and all is well otherwise.
        for (name, value) in CONNECTION_TIMEOUTS {
            if let Err(error) = write_sysctl(&format!("net/netfilter/{name}"), value) {
                tracing::warn!(%error, name, "could not set a timeout of connection tracking");
            }
        }
        Ok(())
    })??;
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| FabricError {
        doing: "setting up the router".to_owned(),
        source: Some(source),
    };
    let mut netlink = Netlink::open_in(router).map_err(|error| failed(Box::new(error)))?;
    let sink = Op::AddVeth {
        name: SINK.to_owned(),
        mac: Mac([0x0e, 0, 0, 0, 0, 2]),
        mtu: VPC_MTU,
        peer: VethPeer {
            name: "sink-end".to_owned(),
            mac: Mac([0x0e, 0, 0, 0, 0, 3]),
            mtu: VPC_MTU,
            netns: None,
        },
    };
    let everything = Route { link: Some(SINK.to_owned()), scope: Scope::Link, ..Route::default() };
    let ops = [
        Op::up("lo"),
        Op::AddAddress(on_loopback(IMDS_ADDRESS)),
        sink,
        Op::up(SINK),
        Op::up("sink-end"),
        Op::ReplaceRoute(everything),
    ];
    netlink.apply(&ops).map_err(|error| failed(Box::new(error)))?;
    Ok(netlink)
}

/// An attached ENI: the veth pair, the way to its MAC, and a route for every address and prefix it
/// holds.
pub fn add_port(port: &Port, end: &ForeignEnd) -> Vec<Op> {
    let veth = Op::AddVeth {
        name: port.link.clone(),
        mac: ROUTER_MAC,
        mtu: VPC_MTU,
        peer: VethPeer {
            name: end.link.clone(),
            mac: Mac(port.mac.0),
            mtu: VPC_MTU,
            netns: Some(end.netns.clone()),
        },
    };
    let to_mac = Op::ReplaceNeighbour(Neighbour {
        link: port.link.clone(),
        addr: port.primary,
        mac: Mac(port.mac.0),
        permanent: true,
    });
    let routes = port.addresses.iter().map(|address| route(&port.link, port.primary, *address));
    [veth, Op::up(&port.link), to_mac].into_iter().chain(routes).collect()
}

/// What a port needs beside its kernel objects: ARP answered at once, where the kernel would wait
/// up to 0.8 s (kernel documentation, `proxy_delay`). Where a user namespace may not change that,
/// the first packet to a neighbour is late, and all is well otherwise.
pub fn port_sysctl(port: &Port) -> Sysctl {
    let path = format!("net/ipv4/neigh/{}/proxy_delay", port.link);
    Sysctl { path, value: "0".to_owned(), optional: true }
}

/// Both ends go with one, and with them the routes.
pub fn remove_port(port: &Port) -> Vec<Op> {
    vec![Op::DelLink { name: port.link.clone() }]
}

/// `address` is delivered to the ENI behind `link`, whose MAC is known under its primary address.
pub fn route(link: &str, primary: Ipv4Addr, address: Ipv4Net) -> Op {
    Op::ReplaceRoute(Route {
        dst: address,
        via: Some(primary),
        link: Some(link.to_owned()),
        onlink: true,
        ..Route::default()
    })
}

/// `address` is no longer delivered to the ENI behind `link`.
pub fn no_route(link: &str, address: Ipv4Net) -> Op {
    Op::DelRoute(Route { dst: address, link: Some(link.to_owned()), ..Route::default() })
}

/// A subnet's gateway appears on or leaves the router.
pub fn gateway(gateway: Ipv4Addr, present: bool) -> Op {
    let address = on_loopback(gateway);
    if present { Op::AddAddress(address) } else { Op::DelAddress(address) }
}

/// Switches the source check of the ENI behind `link`.
pub fn switch_source_check(router: &Netns, link: &str, on: bool) -> Result<(), FabricError> {
    let change = ruleset::source_check(link, on);
    run_in(router, "switching a source check", || ruleset::load(&change))?
}

/// Loads changes of the ruleset, all of them or none.
pub fn change_filter(router: &Netns, statements: &str) -> Result<(), FabricError> {
    run_in(router, "changing the security groups' rules", || ruleset::load(statements))?
}

/// Runs `work` in a namespace.
pub fn run_in<T: Send>(
    netns: &Netns,
    doing: &str,
    work: impl FnOnce() -> T + Send,
) -> Result<T, FabricError> {
    netns
        .run(work)
        .map_err(|error| FabricError { doing: doing.to_owned(), source: Some(Box::new(error)) })
}

fn on_loopback(address: Ipv4Addr) -> Address {
    Address {
        link: "lo".to_owned(),
        addr: Ipv4Net::from(address),
        scope: Scope::Universe,
        no_prefix_route: false,
    }
}
