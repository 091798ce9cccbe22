//! The kernel's network objects over a blocking route netlink socket.

mod batch;
mod decode;
mod encode;
mod removal;
mod socket;

use std::collections::HashMap;
use std::io;

use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::link::LinkMessage;
use rustix::io::Errno;

use crate::kernel::{ApplyError, Failure, Kernel, NetlinkError, Refusal};
use crate::model::{Address, Link, Mac, Neighbour, Route, Rule};
use crate::netns::Netns;
use crate::op::Op;
use crate::state::{KernelState, Sysctl};
use crate::sysctl::SysctlError;
use socket::{DumpError, RouteSocket};

/// How often an interrupted listing is tried before giving up. Every change on the machine
/// interrupts it, so a burst of pods needs a few.
const DUMP_ATTEMPTS: u32 = 16;

/// A socket to the network objects of one namespace. It stays in that namespace and may be used
/// from any thread; calls block for as long as the kernel works, microseconds mostly.
pub struct Netlink {
    socket: RouteSocket,
    netns: Netns,
}

impl Netlink {
    /// Opens a socket in the calling thread's namespace.
    ///
    /// # Errors
    /// [`NetlinkError::Open`].
    pub fn open() -> Result<Self, NetlinkError> {
        let failed =
            |source| NetlinkError::Open { netns: "this thread's namespace".into(), source };
        let netns = Netns::current_thread().map_err(failed)?;
        Ok(Self { socket: RouteSocket::open().map_err(failed)?, netns })
    }

    /// Opens a socket in another namespace.
    ///
    /// # Errors
    /// [`NetlinkError::Open`]; among its sources `EPERM` when this process has no
    /// `CAP_SYS_ADMIN`.
    pub fn open_in(netns: &Netns) -> Result<Self, NetlinkError> {
        let failed = |source| NetlinkError::Open { netns: netns.id().to_string(), source };
        let socket = netns.run(RouteSocket::open).map_err(failed)?.map_err(failed)?;
        Ok(Self { socket, netns: netns.clone() })
    }

    /// Lists objects, again if they change meanwhile.
    fn dump<T>(
        &mut self,
        what: &'static str,
        request: impl Fn() -> Message,
        pick: impl Fn(Message) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..DUMP_ATTEMPTS {
            match self.socket.dump(request()) {
                Ok(messages) => return Ok(messages.into_iter().filter_map(pick).collect()),
                Err(DumpError::Interrupted) => {}
                Err(DumpError::Refused(refusal)) => {
                    return Err(NetlinkError::Refused { what, refusal });
                }
                Err(DumpError::Io(source)) => return Err(unanswered(what, source)),
            }
        }
        Err(NetlinkError::Interrupted { what, attempts: DUMP_ATTEMPTS })
    }

    /// Every link's name by index.
    fn names(&mut self) -> Result<Names, NetlinkError> {
        Ok(names(&self.links()?))
    }

    fn addresses_on(&mut self, names: &Names) -> Result<Vec<Address>, NetlinkError> {
        self.dump("addresses", encode::address_dump, |message| match message {
            Message::NewAddress(message) => decode::address(message, names),
            _ => None,
        })
    }

    fn routes_on(&mut self, names: &Names) -> Result<Vec<Route>, NetlinkError> {
        self.dump("routes", encode::route_dump, |message| match message {
            Message::NewRoute(message) => decode::route(message, names),
            _ => None,
        })
    }

    fn neighbours_on(&mut self, names: &Names) -> Result<Vec<Neighbour>, NetlinkError> {
        self.dump("neighbours", encode::neighbour_dump, |message| match message {
            Message::NewNeighbour(message) => decode::neighbour(message, names),
            _ => None,
        })
    }
}

/// Link names by index.
type Names = HashMap<u32, String>;

fn names(links: &[Link]) -> Names {
    links.iter().map(|link| (link.index, link.name.clone())).collect()
}

impl Netlink {
    /// What the kernel says about one link.
    fn link_message(&mut self, name: &str) -> Result<Option<LinkMessage>, NetlinkError> {
        let what = "a link";
        let answers = self
            .socket
            .exchange(vec![encode::link_query(name)])
            .map_err(|source| unanswered(what, source))?;
        let Some(answer) = answers.into_iter().next() else { return Ok(None) };
        match answer.refusal {
            None => Ok(found_link(answer.messages)),
            Some(refusal) if refusal.is(Errno::NODEV) => Ok(None),
            Some(refusal) => Err(NetlinkError::Refused { what, refusal }),
        }
    }
}

impl Kernel for Netlink {
    fn netns(&self) -> &Netns {
        &self.netns
    }

    fn open_in(&self, netns: &Netns) -> Result<Self, NetlinkError> {
        Self::open_in(netns)
    }

    fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        self.dump("links", encode::link_dump, |message| match message {
            Message::NewLink(message) => decode::link(message),
            _ => None,
        })
    }

    fn addresses(&mut self) -> Result<Vec<Address>, NetlinkError> {
        let names = self.names()?;
        self.addresses_on(&names)
    }

    fn routes(&mut self) -> Result<Vec<Route>, NetlinkError> {
        let names = self.names()?;
        self.routes_on(&names)
    }

    fn rules(&mut self) -> Result<Vec<Rule>, NetlinkError> {
        self.dump("rules", encode::rule_dump, |message| match message {
            Message::NewRule(message) => decode::rule(message),
            _ => None,
        })
    }

    fn neighbours(&mut self) -> Result<Vec<Neighbour>, NetlinkError> {
        let names = self.names()?;
        self.neighbours_on(&names)
    }

    fn state(&mut self) -> Result<KernelState, NetlinkError> {
        let links = self.links()?;
        let names = names(&links);
        Ok(KernelState {
            links,
            addresses: self.addresses_on(&names)?,
            routes: self.routes_on(&names)?,
            rules: self.rules()?,
            neighbours: self.neighbours_on(&names)?,
        })
    }

    fn set_sysctl(&mut self, sysctl: &Sysctl) -> Result<(), SysctlError> {
        // The thread that calls is mostly in the namespace already.
        if Netns::current_thread().is_ok_and(|current| current == self.netns) {
            return sysctl.write();
        }
        self.netns.run(|| sysctl.write()).unwrap_or_else(|source| {
            let (path, value) = (sysctl.path.clone(), sysctl.value.clone());
            Err(SysctlError { path, value, source })
        })
    }

    fn link_by_name(&mut self, name: &str) -> Result<Option<Link>, NetlinkError> {
        Ok(self.link_message(name)?.and_then(decode::link))
    }

    fn is_running(&mut self, name: &str) -> Result<bool, NetlinkError> {
        Ok(self.link_message(name)?.is_some_and(|message| decode::is_running(&message)))
    }

    fn link_by_mac(&mut self, mac: Mac) -> Result<Option<Link>, NetlinkError> {
        Ok(self.links()?.into_iter().find(|link| link.mac == mac))
    }

    fn apply(&mut self, ops: &[Op]) -> Result<(), ApplyError> {
        let failures = batch::apply(&mut self.socket, ops);
        if failures.is_empty() { Ok(()) } else { Err(ApplyError { failures }) }
    }

    fn remove_link(&mut self, link: &Link) -> Result<(), ApplyError> {
        let refusal = removal::remove(&mut self.socket, &self.netns, link)
            .unwrap_or_else(|error| Some(broken(&error)));
        let op = || Op::DelLink { name: link.name.clone() };
        match refusal {
            None => Ok(()),
            Some(refusal) => Err(ApplyError { failures: vec![Failure { op: op(), refusal }] }),
        }
    }
}

/// The refusal of a request that was not answered.
fn broken(error: &io::Error) -> Refusal {
    Refusal { errno: Errno::IO.raw_os_error(), message: Some(error.to_string()) }
}

fn found_link(messages: Vec<Message>) -> Option<LinkMessage> {
    messages.into_iter().find_map(|message| match message {
        Message::NewLink(message) => Some(message),
        _ => None,
    })
}

fn unanswered(what: &'static str, source: io::Error) -> NetlinkError {
    if source.kind() == io::ErrorKind::InvalidData {
        NetlinkError::Decode { what, reason: source.to_string() }
    } else {
        NetlinkError::Io { what, source }
    }
}
