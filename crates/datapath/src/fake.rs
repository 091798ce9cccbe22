//! The kernel's twin in memory, for tests without privileges.
//!
//! It does what the kernel does with the objects the data path uses: a veth pair vanishes as a
//! whole, a link takes its addresses and routes along, an address on a link that is up brings its
//! subnet's route, and what the kernel refuses is refused with the same errno. It has no `local`
//! table and carries no packets.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::MemfdFlags;
use rustix::io::Errno;

use crate::kernel::{ApplyError, Failure, Kernel, NetlinkError, Refusal};
use crate::model::{
    Address, Link, LinkKind, Mac, Neighbour, PROTOCOL_KERNEL, Route, RouteKind, Rule, Scope,
    TABLE_MAIN,
};
use crate::netns::{Netns, NetnsId};
use crate::op::{Op, VethPeer};
use crate::state::{KernelState, Sysctl};
use crate::sysctl::SysctlError;

/// The network objects of one namespace of a machine in memory. Clones and
/// [`Kernel::open_in`] share the machine.
#[derive(Clone)]
pub struct FakeNetlink {
    machine: Arc<Mutex<Machine>>,
    netns: Netns,
}

/// Decides whether a change is refused, and with which errno.
type Refuse = Box<dyn FnMut(&Op) -> Option<Errno> + Send>;

#[derive(Default)]
struct Machine {
    namespaces: HashMap<NetnsId, Namespace>,
    refuse: Option<Refuse>,
    last_index: u32,
}

struct Namespace {
    state: KernelState,
    sysctls: BTreeMap<String, String>,
    /// Where the other end of a veth is.
    peers: HashMap<u32, NetnsId>,
}

impl FakeNetlink {
    /// A machine with one namespace.
    ///
    /// # Errors
    /// When the system has no descriptor left: namespaces are told apart by descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self { machine: Arc::default(), netns: Self::netns()? })
    }

    /// A handle on a further namespace, for [`Kernel::open_in`] and pods.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn netns() -> io::Result<Netns> {
        Netns::from_fd(rustix::fs::memfd_create("fake-netns", MemfdFlags::CLOEXEC)?)
    }

    /// Makes a link with no other end, such as an ENI.
    pub fn add_device(&mut self, name: &str, mac: Mac) {
        let mut machine = self.lock();
        let index = machine.next_index();
        let link = Link {
            name: name.to_owned(),
            index,
            mac,
            mtu: 1500,
            up: false,
            kind: LinkKind::Device,
            peer: None,
        };
        machine.namespace(self.netns.id()).state.links.push(link);
    }

    /// Removes a namespace, as when a sandbox ends: the other ends of its veths vanish.
    pub fn remove_netns(&mut self, netns: &Netns) {
        let mut machine = self.lock();
        let links = machine.namespace(netns.id()).state.links.clone();
        for link in links {
            machine.remove_link(netns.id(), &link.name);
        }
        machine.namespaces.remove(&netns.id());
    }

    /// From now on, changes for which `refuse` gives an errno fail with it, everywhere.
    pub fn refuse(&mut self, refuse: impl FnMut(&Op) -> Option<Errno> + Send + 'static) {
        self.lock().refuse = Some(Box::new(refuse));
    }

    /// The settings written so far, by path.
    #[must_use]
    pub fn sysctls(&self) -> BTreeMap<String, String> {
        self.lock().namespace(self.netns.id()).sysctls.clone()
    }

    fn read<T>(&self, part: impl FnOnce(&KernelState) -> T) -> T {
        part(&self.lock().namespace(self.netns.id()).state)
    }

    fn lock(&self) -> MutexGuard<'_, Machine> {
        // A panic elsewhere leaves plain data, which a test may still look at.
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kernel for FakeNetlink {
    fn netns(&self) -> &Netns {
        &self.netns
    }

    fn open_in(&self, netns: &Netns) -> Result<Self, NetlinkError> {
        Ok(Self { machine: Arc::clone(&self.machine), netns: netns.clone() })
    }

    fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        Ok(self.read(|state| state.links.clone()))
    }

    fn addresses(&mut self) -> Result<Vec<Address>, NetlinkError> {
        Ok(self.read(|state| state.addresses.clone()))
    }

    fn routes(&mut self) -> Result<Vec<Route>, NetlinkError> {
        Ok(self.read(|state| state.routes.clone()))
    }

    fn rules(&mut self) -> Result<Vec<Rule>, NetlinkError> {
        Ok(self.read(|state| state.rules.clone()))
    }

    fn neighbours(&mut self) -> Result<Vec<Neighbour>, NetlinkError> {
        Ok(self.read(|state| state.neighbours.clone()))
    }

    fn state(&mut self) -> Result<KernelState, NetlinkError> {
        Ok(self.read(Clone::clone))
    }

    fn link_by_name(&mut self, name: &str) -> Result<Option<Link>, NetlinkError> {
        Ok(self.read(|state| state.links.iter().find(|link| link.name == name).cloned()))
    }

    fn is_running(&mut self, name: &str) -> Result<bool, NetlinkError> {
        Ok(self.link_by_name(name)?.is_some_and(|link| link.up))
    }

    fn link_by_mac(&mut self, mac: Mac) -> Result<Option<Link>, NetlinkError> {
        Ok(self.read(|state| state.links.iter().find(|link| link.mac == mac).cloned()))
    }

    fn apply(&mut self, ops: &[Op]) -> Result<(), ApplyError> {
        let mut machine = self.lock();
        let mut failures = Vec::new();
        for op in ops {
            let refused = machine.refuse.as_mut().and_then(|refuse| refuse(op));
            let result = refused.map_or_else(|| machine.change(&self.netns, op), Err);
            if let Err(errno) = result {
                let refusal = Refusal { errno: errno.raw_os_error(), message: None };
                failures.push(Failure { op: op.clone(), refusal });
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(ApplyError { failures }) }
    }

    fn remove_link(&mut self, link: &Link) -> Result<(), ApplyError> {
        let there = self.read(|state| state.links.iter().any(|l| l.index == link.index));
        if there { self.apply(&[Op::DelLink { name: link.name.clone() }]) } else { Ok(()) }
    }

    fn set_sysctl(&mut self, sysctl: &Sysctl) -> Result<(), SysctlError> {
        let mut machine = self.lock();
        let sysctls = &mut machine.namespace(self.netns.id()).sysctls;
        sysctls.insert(sysctl.path.clone(), sysctl.value.clone());
        Ok(())
    }
}

impl Machine {
    /// The namespace, empty but for `lo` and the kernel's rules when it is new.
    fn namespace(&mut self, id: NetnsId) -> &mut Namespace {
        self.namespaces.entry(id).or_insert_with(Namespace::new)
    }

    fn next_index(&mut self) -> u32 {
        self.last_index += 1;
        // 1 is `lo`.
        self.last_index + 1
    }

    fn change(&mut self, netns: &Netns, op: &Op) -> Result<(), Errno> {
        let id = netns.id();
        match op {
            Op::AddVeth { name, mac, mtu, peer } => {
                let end = VethPeer { name: name.clone(), mac: *mac, mtu: *mtu, netns: None };
                self.add_veth(id, &end, peer)
            }
            Op::DelLink { name } => {
                self.remove_link(id, name);
                Ok(())
            }
            _ => self.namespace(id).change(op),
        }
    }

    fn add_veth(&mut self, id: NetnsId, end: &VethPeer, peer: &VethPeer) -> Result<(), Errno> {
        let peer_id = peer.netns.as_ref().map_or(id, Netns::id);
        let clash = id == peer_id && end.name == peer.name;
        if clash
            || self.namespace(id).link(&end.name).is_some()
            || self.namespace(peer_id).link(&peer.name).is_some()
        {
            return Err(Errno::EXIST);
        }
        // The kernel makes the peer first.
        let (peer_index, index) = (self.next_index(), self.next_index());
        for (id, end, index, other, other_id) in
            [(peer_id, peer, peer_index, index, id), (id, end, index, peer_index, peer_id)]
        {
            let namespace = self.namespace(id);
            namespace.peers.insert(index, other_id);
            namespace.state.links.push(Link {
                name: end.name.clone(),
                index,
                mac: end.mac,
                mtu: end.mtu,
                up: false,
                kind: LinkKind::Veth,
                peer: Some(other),
            });
        }
        Ok(())
    }

    fn remove_link(&mut self, id: NetnsId, name: &str) {
        let Some(link) = self.namespace(id).remove_link(name) else { return };
        let Some(peer_id) = self.namespace(id).peers.remove(&link.index) else { return };
        let other = self.namespace(peer_id).state.links.iter();
        let other = other.into_iter().find(|other| Some(other.index) == link.peer);
        if let Some(name) = other.map(|other| other.name.clone()) {
            self.namespace(peer_id).remove_link(&name);
        }
    }
}

impl Namespace {
    fn new() -> Self {
        let lo = Link {
            name: "lo".into(),
            index: 1,
            mac: Mac::default(),
            mtu: 65536,
            up: false,
            kind: LinkKind::Device,
            peer: None,
        };
        // local, main and default, which every namespace has.
        let rule = |priority, table| Rule {
            priority,
            table,
            protocol: PROTOCOL_KERNEL,
            ..Rule::default()
        };
        let state = KernelState {
            links: vec![lo],
            rules: vec![rule(0, 255), rule(32766, TABLE_MAIN), rule(32767, 253)],
            ..KernelState::default()
        };
        Self { state, sysctls: BTreeMap::new(), peers: HashMap::new() }
    }

    fn link(&self, name: &str) -> Option<&Link> {
        self.state.links.iter().find(|link| link.name == name)
    }

    fn remove_link(&mut self, name: &str) -> Option<Link> {
        let position = self.state.links.iter().position(|link| link.name == name)?;
        self.state.addresses.retain(|address| address.link != name);
        self.state.routes.retain(|route| route.link.as_deref() != Some(name));
        self.state.neighbours.retain(|neighbour| neighbour.link != name);
        Some(self.state.links.remove(position))
    }

    fn change(&mut self, op: &Op) -> Result<(), Errno> {
        if let Some(name) = op.indexed_link()
            && self.link(name).is_none()
        {
            return if op.is_removal() { Ok(()) } else { Err(Errno::NODEV) };
        }
        let state = &mut self.state;
        match op {
            Op::SetLink { name, up, mtu, mac } => {
                let link = state.links.iter_mut().find(|link| link.name == *name);
                let link = link.ok_or(Errno::NODEV)?;
                link.mtu = mtu.unwrap_or(link.mtu);
                link.mac = mac.unwrap_or(link.mac);
                link.up = up.unwrap_or(link.up);
                self.follow_link(name, *up);
            }
            Op::AddAddress(address) => {
                let same = |a: &Address| a.link == address.link && a.addr == address.addr;
                if !state.addresses.iter().any(same) {
                    state.addresses.push(address.clone());
                    if self.link(&address.link).is_some_and(|link| link.up) {
                        self.state.routes.extend(connected(address));
                    }
                }
            }
            Op::DelAddress(address) => {
                state.addresses.retain(|a| !(a.link == address.link && a.addr == address.addr));
                if let Some(route) = connected(address) {
                    state.routes.retain(|r| *r != route);
                }
            }
            Op::ReplaceRoute(route) => return self.replace_route(route),
            Op::DelRoute(route) => state.routes.retain(|r| {
                (r.table, r.dst, r.kind, r.protocol, &r.link)
                    != (route.table, route.dst, route.kind, route.protocol, &route.link)
            }),
            Op::AddRule(rule) => {
                let same = |r: &Rule| {
                    Rule { protocol: 0, ..r.clone() } == Rule { protocol: 0, ..rule.clone() }
                };
                if !state.rules.iter().any(same) {
                    let position = state.rules.partition_point(|r| r.priority <= rule.priority);
                    state.rules.insert(position, rule.clone());
                }
            }
            Op::DelRule(rule) => state.rules.retain(|r| r != rule),
            Op::ReplaceNeighbour(neighbour) => {
                state.neighbours.retain(|n| (&n.link, n.addr) != (&neighbour.link, neighbour.addr));
                state.neighbours.push(neighbour.clone());
            }
            Op::DelNeighbour(neighbour) => {
                state.neighbours.retain(|n| (&n.link, n.addr) != (&neighbour.link, neighbour.addr));
            }
            // Those that may touch two namespaces are the machine's.
            Op::AddVeth { .. } | Op::DelLink { .. } => {}
        }
        Ok(())
    }

    /// Routes appear when a link goes up and vanish when it goes down.
    fn follow_link(&mut self, name: &str, up: Option<bool>) {
        let state = &mut self.state;
        match up {
            Some(true) => {
                let mine = state.addresses.iter().filter(|address| address.link == name);
                for route in mine.filter_map(connected) {
                    if !state.routes.contains(&route) {
                        state.routes.push(route);
                    }
                }
            }
            Some(false) => state.routes.retain(|route| route.link.as_deref() != Some(name)),
            None => {}
        }
    }

    fn replace_route(&mut self, route: &Route) -> Result<(), Errno> {
        if route.kind == RouteKind::Unicast {
            let up = |name: &String| self.link(name).is_some_and(|link| link.up);
            if !route.link.as_ref().is_none_or(up) {
                return Err(Errno::NETDOWN);
            }
            if let Some(via) = route.via
                && !route.onlink
                && !self.on_link(route, via)
            {
                return Err(Errno::NETUNREACH);
            }
        }
        self.state.routes.retain(|r| (r.table, r.dst) != (route.table, route.dst));
        self.state.routes.push(route.clone());
        Ok(())
    }

    /// Whether a next hop is reachable without another: by the route's own table or main.
    fn on_link(&self, route: &Route, via: std::net::Ipv4Addr) -> bool {
        self.state.routes.iter().any(|r| {
            (r.table == route.table || r.table == TABLE_MAIN)
                && r.scope == Scope::Link
                && r.dst.contains(&via)
                && route.link.as_ref().is_none_or(|link| r.link.as_ref() == Some(link))
        })
    }
}

/// The route that the kernel adds for an address's subnet.
fn connected(address: &Address) -> Option<Route> {
    let wanted = !address.no_prefix_route && address.addr.prefix_len() < 32;
    wanted.then(|| Route {
        dst: address.addr.trunc(),
        link: Some(address.link.clone()),
        scope: Scope::Link,
        protocol: PROTOCOL_KERNEL,
        src: Some(address.addr.addr()),
        ..Route::default()
    })
}
