//! A small VPC in namespaces: a router that delivers each address to one ENI only, and accepts it
//! as a source only from there, and two nodes, the first with a secondary ENI in the same subnet.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use datapath::{
    Address, DEFAULT_ROUTE, EniSpec, Kernel, Mac, Neighbour, Netlink, Netns, Op, PodHost, PodSpec,
    Route, Scope, Sysctl, VethPeer, host_veth_name, setup_eni, setup_node,
};

use super::{address, ip, link_route, mac, net, netlink, netns};

pub const MTU: u32 = 9001;

pub struct Vpc {
    pub router: Netlink,
    pub a: Node,
    pub b: Node,
}

pub struct Node {
    pub netns: Netns,
    pub netlink: Netlink,
    pub enis: Vec<EniSpec>,
}

/// A pod as a test sees it: what it was wired by.
pub struct Pod {
    pub spec: PodSpec,
}

impl Vpc {
    /// Boots both nodes and sets up their ENIs.
    pub fn up() -> Self {
        let mut router = netlink(&netns());
        for (path, value) in [("ip_forward", "1"), ("conf/all/rp_filter", "0")] {
            router.set_sysctl(&Sysctl::new(format!("net/ipv4/{path}"), value)).unwrap();
        }
        let gateway = |addr: &str| Op::AddAddress(address("lo", addr));
        router.apply(&[gateway("10.20.1.1/32"), gateway("10.20.2.1/32")]).unwrap();
        let mut a = Node::boot();
        let mut b = Node::boot();
        attach(&mut router, &mut a, eni(0, mac(0x10), "10.20.1.10", "10.20.1.0/24"));
        attach(&mut router, &mut a, eni(1, mac(0x11), "10.20.1.11", "10.20.1.0/24"));
        attach(&mut router, &mut b, eni(0, mac(0x20), "10.20.2.10", "10.20.2.0/24"));
        for node in [&mut a, &mut b] {
            setup_node(&mut node.netlink).unwrap();
            for eni in &node.enis {
                setup_eni(&mut node.netlink, eni).unwrap();
            }
        }
        Self { router, a, b }
    }

    /// Assigns a secondary address to an ENI, as EC2 does.
    pub fn assign(&mut self, eni: &EniSpec, address: Ipv4Addr) {
        deliver(&mut self.router, eni, address);
    }
}

impl Node {
    fn boot() -> Self {
        let netns = netns();
        Self { netlink: netlink(&netns), netns, enis: vec![] }
    }

    /// What a pod with this address on this ENI is wired by.
    pub fn pod(&self, name: &str, address: &str, eni: usize) -> Pod {
        let address = ip(address);
        let last = address.octets()[3];
        Pod {
            spec: PodSpec {
                netns: netns(),
                ifname: "eth0".into(),
                mac: Mac::locally_administered([0xff, 1, 0, 0, 0, last]),
                host: PodHost {
                    address,
                    veth: host_veth_name(&"eni".parse().unwrap(), "default", name),
                    mac: Mac::locally_administered([0xff, 2, 0, 0, 0, last]),
                    mtu: MTU,
                    table: self.enis[eni].table(),
                },
            },
        }
    }
}

fn eni(device_index: u32, mac: Mac, primary: &str, subnet: &str) -> EniSpec {
    EniSpec { device_index, mac, primary: ip(primary), subnet: net(subnet), mtu: MTU }
}

/// Attaches an ENI; the primary one is configured as a machine image does.
fn attach(router: &mut Netlink, node: &mut Node, eni: EniSpec) {
    let link = format!("eth{}", eni.device_index);
    let port = port(&eni);
    let peer =
        VethPeer { name: link.clone(), mac: eni.mac, mtu: 1500, netns: Some(node.netns.clone()) };
    router
        .apply(&[Op::AddVeth { name: port.clone(), mac: mac(1), mtu: MTU, peer }, Op::up(&port)])
        .unwrap();
    // Answers ARP for everything, and checks the source of every packet.
    for (name, value) in [("proxy_arp", "1"), ("proxy_arp_pvlan", "1"), ("rp_filter", "1")] {
        router.set_sysctl(&Sysctl::new(format!("net/ipv4/conf/{port}/{name}"), value)).unwrap();
    }
    deliver(router, &eni, eni.primary);
    if eni.device_index == 0 {
        let addr = format!("{}/{}", eni.primary, eni.subnet.prefix_len());
        let default = Route {
            dst: DEFAULT_ROUTE,
            via: Some(eni.gateway()),
            link: Some(link.clone()),
            protocol: 4,
            ..Route::default()
        };
        node.netlink
            .apply(&[
                Op::AddAddress(address(&link, &addr)),
                Op::up(link),
                Op::ReplaceRoute(default),
            ])
            .unwrap();
    }
    node.enis.push(eni);
}

fn deliver(router: &mut Netlink, eni: &EniSpec, address: Ipv4Addr) {
    let port = port(eni);
    let neighbour = Neighbour { link: port.clone(), addr: address, mac: eni.mac, permanent: true };
    let route = link_route(&format!("{address}/32"), &port);
    router.apply(&[Op::ReplaceRoute(route), Op::ReplaceNeighbour(neighbour)]).unwrap();
}

fn port(eni: &EniSpec) -> String {
    format!("port{:x}", eni.mac.0[5])
}

/// Sends `bytes` bytes by TCP from one namespace to an address in another; gives the source the
/// server saw, after checking that every byte arrived.
pub fn tcp(from: &Netns, to: &Netns, addr: Ipv4Addr, bytes: usize) -> std::io::Result<SocketAddr> {
    let listener = to.run(|| TcpListener::bind((addr, 0)).unwrap()).unwrap();
    let server = listener.local_addr().unwrap();
    std::thread::scope(|scope| {
        let client = scope.spawn(move || -> std::io::Result<u64> {
            let timeout = Duration::from_secs(2);
            let mut stream = from.run(|| TcpStream::connect_timeout(&server, timeout)).unwrap()?;
            stream.set_read_timeout(Some(Duration::from_secs(20)))?;
            stream.write_all(&vec![7; bytes])?;
            stream.shutdown(std::net::Shutdown::Write)?;
            let mut count = [0; 8];
            stream.read_exact(&mut count)?;
            Ok(u64::from_be_bytes(count))
        });
        listener.set_nonblocking(true).unwrap();
        let (mut stream, peer) = loop {
            match listener.accept() {
                Ok(accepted) => break accepted,
                Err(_) if client.is_finished() => {
                    return Err(client.join().unwrap().expect_err("nobody accepted"));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let count = std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
        stream.write_all(&count.to_be_bytes()).unwrap();
        assert_eq!(client.join().unwrap()?, bytes as u64, "every byte arrives");
        Ok(peer)
    })
}

/// Sends one UDP datagram of `payload` bytes; gives its size at the other end.
pub fn udp(from: &Netns, to: &Netns, addr: Ipv4Addr, payload: usize) -> std::io::Result<usize> {
    let server = to.run(|| UdpSocket::bind((addr, 0)).unwrap()).unwrap();
    server.set_read_timeout(Some(Duration::from_secs(2)))?;
    let client = from.run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap()).unwrap();
    client.send_to(&vec![7; payload], server.local_addr()?)?;
    let mut buffer = vec![0; 65536];
    server.recv(&mut buffer)
}

/// How many fragments a namespace has made of packets that were too large.
pub fn fragments(netns: &Netns) -> u64 {
    let snmp =
        netns.run(|| std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap()).unwrap();
    let mut lines = snmp.lines().filter(|line| line.starts_with("Ip:"));
    let position = lines.next().unwrap().split(' ').position(|name| name == "FragCreates").unwrap();
    lines.next().unwrap().split(' ').nth(position).unwrap().parse().unwrap()
}

/// An address that nobody desired.
pub fn stray(link: &str, addr: &str) -> Address {
    Address { scope: Scope::Universe, ..address(link, addr) }
}
