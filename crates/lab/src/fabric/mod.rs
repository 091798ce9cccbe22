//! The VPC's fabric: one router namespace, a veth pair for every attached ENI.
//!
//! ```text
//!   node-1            router of vpc-…                    node-2
//!  ┌────────┐   ┌───────────────────────────────┐      ┌────────┐
//!  │   eth0 ├───┤ e…  10.10.1.17/32 via ENI MAC  e… ├──┤ eth0   │
//!  │   eth1 ├───┤ e…  10.10.1.40/32 …            e… ├──┤ eth1   │
//!  └────────┘   │     default dev sink (counted)    │  └────────┘
//!               └───────────────────────────────┘
//! ```
//!
//! - Layer 3 only: the router answers ARP for every address (proxy_arp, and a default route, so
//!   that there is always a route to answer for), and nobody hears anybody's broadcast.
//! - One fact, one place: "this ENI holds this address" is a /32 route to the ENI, and a prefix is
//!   one /28 route. Delivery
//!   follows it, and the source check asks it backwards (see [`ruleset`]).
//! - Security groups are chains and sets of the router's ruleset (see [`filter`]).
//! - [`desired`] computes what should be from the [`World`] alone; [`Fabric::converge`] applies
//!   the difference before EC2's answer is sent.

mod desired;
mod filter;
mod kernel;
mod ruleset;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use datapath::{Kernel as _, Netlink, Netns};
use vpc::{EniId, Instance, InstanceId, InstanceState, VpcId, World};

pub use desired::{Change, FabricState, Port, PortEnd, diff};

use crate::state::{Fabric, FabricError};

/// The MTU inside a VPC, in bytes (AWS, "Network MTU for your EC2 instance").
pub const VPC_MTU: u32 = 9001;
/// Where the instance metadata service answers (AWS, "Access instance metadata").
pub const IMDS_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// A VPC in the kernel.
#[derive(Debug)]
pub struct KernelFabric {
    vpc: VpcId,
    router: Netns,
    state: Mutex<State>,
}

struct State {
    netlink: Netlink,
    /// What was applied: the router's namespace has no other author.
    applied: FabricState,
    instances: BTreeMap<InstanceId, InstanceEnd>,
    foreign: BTreeMap<EniId, ForeignEnd>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("applied", &self.applied).finish_non_exhaustive()
    }
}

/// An instance's namespace and the name it is pinned under.
#[derive(Debug)]
struct InstanceEnd {
    name: String,
    netns: Netns,
}

/// Where the other end of an X-ENI or endpoint ENI goes.
#[derive(Debug, Clone)]
pub struct ForeignEnd {
    /// The other account's namespace.
    pub netns: Netns,
    /// What the link is called there.
    pub link: String,
}

impl KernelFabric {
    /// Makes the router of `vpc`: a namespace with its ruleset, the sink and the metadata
    /// service's address.
    ///
    /// # Errors
    /// What the kernel or `nft` refused.
    pub fn new(vpc: VpcId) -> Result<Self, FabricError> {
        let router = kernel::new_namespace("router")?;
        let netlink = kernel::set_up_router(&router)?;
        let state = State {
            netlink,
            applied: FabricState::default(),
            instances: BTreeMap::new(),
            foreign: BTreeMap::new(),
        };
        Ok(Self { vpc, router, state: Mutex::new(state) })
    }

    /// The router's namespace.
    #[must_use]
    pub const fn router(&self) -> &Netns {
        &self.router
    }

    /// Tells where the other end of `eni` goes once it is attached to another account.
    pub fn expect_foreign(&self, eni: EniId, end: ForeignEnd) {
        self.lock().foreign.insert(eni, end);
    }

    /// The namespace of an instance, once the fabric has converged with it.
    #[must_use]
    pub fn instance(&self, id: &InstanceId) -> Option<Netns> {
        self.lock().instances.get(id).map(|end| end.netns.clone())
    }

    /// Waits until the router can send to `eni`, whose end was set up; says whether it can.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    pub fn wait_running(&self, eni: &EniId, limit: Duration) -> Result<bool, FabricError> {
        let mut state = self.lock();
        let Some(link) = state.applied.ports.get(eni).map(|port| port.link.clone()) else {
            return Ok(false);
        };
        datapath::wait_running(&mut state.netlink, &link, limit).map_err(|error| FabricError {
            doing: format!("waiting for the link of {eni}"),
            source: Some(Box::new(error)),
        })
    }

    /// Packets dropped since the lab started, by reason.
    ///
    /// # Errors
    /// When `nft` cannot list its counters.
    pub fn drops(&self) -> Result<BTreeMap<String, u64>, FabricError> {
        kernel::run_in(&self.router, "reading the drop counters", ruleset::counters)?
            .map(|counters| counters.into_iter().collect())
    }

    /// Packets dropped since the lab started, by the ENI that sent them, or to which they were
    /// addressed where its security groups refused them, and by reason.
    ///
    /// # Errors
    /// When `nft` cannot list its counters.
    pub fn drops_by_eni(&self) -> Result<BTreeMap<EniId, BTreeMap<String, u64>>, FabricError> {
        let counts =
            kernel::run_in(&self.router, "reading the drop counters", ruleset::counters_by_link)??;
        let state = self.lock();
        let mut by_eni: BTreeMap<EniId, BTreeMap<String, u64>> = BTreeMap::new();
        for (reason, link, packets) in counts {
            let port = state.applied.ports.iter().find(|(_, port)| port.link == link);
            if let Some((eni, _)) = port {
                by_eni.entry(eni.clone()).or_default().insert(reason.to_owned(), packets);
            }
        }
        Ok(by_eni)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What was applied is recorded change by change, so it is right after a panic, too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fabric for KernelFabric {
    fn converge(&self, world: &World) -> Result<(), FabricError> {
        let mut state = self.lock();
        state.make_instances(world)?;
        let desired = FabricState::of(world, &self.vpc);
        for change in diff(&state.applied, &desired) {
            if let Err(error) = state.apply(&change, &self.router) {
                state.undo(&change);
                return Err(error);
            }
            state.applied.record(change);
        }
        state.forget_instances(world);
        Ok(())
    }
}

impl State {
    /// Makes a namespace for every instance that has none yet.
    fn make_instances(&mut self, world: &World) -> Result<(), FabricError> {
        for instance in running(world) {
            if !self.instances.contains_key(&instance.id) {
                let name = instance.tags.get("Name").cloned();
                let name = name.unwrap_or_else(|| instance.id.to_string());
                let netns = kernel::new_namespace(&name)?;
                self.instances.insert(instance.id.clone(), InstanceEnd { name, netns });
            }
        }
        Ok(())
    }

    /// Lets go of the namespaces of instances that were terminated.
    fn forget_instances(&mut self, world: &World) {
        let alive: BTreeSet<&InstanceId> = running(world).map(|instance| &instance.id).collect();
        self.instances.retain(|id, end| {
            let keep = alive.contains(id);
            if !keep && let Err(error) = Netns::unpin(&netns_path(&end.name)) {
                tracing::warn!(%error, name = end.name, "a namespace could not be unpinned");
            }
            keep
        });
        self.foreign.retain(|id, _| world.eni(id).is_ok());
    }

    fn end_of(&self, eni: &EniId, port: &Port) -> Result<ForeignEnd, FabricError> {
        let end = match &port.end {
            PortEnd::Instance { instance, device_index } => self
                .instances
                .get(instance)
                .map(|end| (end.netns.clone(), format!("eth{device_index}")))
                .map(|(netns, link)| ForeignEnd { netns, link }),
            PortEnd::Foreign => self.foreign.get(eni).cloned(),
        };
        end.ok_or_else(|| FabricError {
            doing: format!("looking for the namespace that {eni} is attached to"),
            source: None,
        })
    }

    /// Removes what a half-made port left, so that it can be made again.
    fn undo(&mut self, change: &Change) {
        if let Change::AddPort(eni, port) = change
            && let Err(error) = self.netlink.apply(&kernel::remove_port(port))
        {
            tracing::warn!(%eni, %error, "a half-made port could not be removed");
        }
    }

    fn apply(&mut self, change: &Change, router: &Netns) -> Result<(), FabricError> {
        if let Change::Filter(desired) = change {
            let statements = self.applied.filter.statements(desired);
            return kernel::change_filter(router, &statements);
        }
        if let Change::SourceCheck { link, on } = change {
            return kernel::switch_source_check(router, link, *on);
        }
        let (doing, ops) = match change {
            Change::AddPort(eni, port) => {
                (format!("attaching {eni}"), kernel::add_port(port, &self.end_of(eni, port)?))
            }
            Change::RemovePort(eni, port) => {
                (format!("detaching {eni}"), kernel::remove_port(port))
            }
            Change::AddAddress { link, primary, address } => (
                format!("routing {address} to its ENI"),
                vec![kernel::route(link, *primary, *address)],
            ),
            Change::RemoveAddress { link, address } => {
                (format!("removing the route of {address}"), vec![kernel::no_route(link, *address)])
            }
            Change::AddGateway(gateway) => {
                (format!("adding the gateway {gateway}"), vec![kernel::gateway(*gateway, true)])
            }
            Change::RemoveGateway(gateway) => {
                (format!("removing the gateway {gateway}"), vec![kernel::gateway(*gateway, false)])
            }
            Change::SourceCheck { .. } | Change::Filter(_) => return Ok(()),
        };
        self.netlink
            .apply(&ops)
            .map_err(|error| FabricError { doing, source: Some(Box::new(error)) })?;
        if let Change::AddPort(eni, port) = change {
            self.netlink.set_sysctl(&kernel::port_sysctl(port)).map_err(|error| FabricError {
                doing: format!("attaching {eni}"),
                source: Some(Box::new(error)),
            })?;
        }
        match change {
            Change::AddPort(_, port) if !port.source_check => {
                kernel::switch_source_check(router, &port.link, false)
            }
            Change::RemovePort(_, port) if !port.source_check => {
                kernel::switch_source_check(router, &port.link, true)
            }
            _ => Ok(()),
        }
    }
}

/// The instances that have a namespace: all but those that were terminated, which EC2 keeps
/// listing for a while.
fn running(world: &World) -> impl Iterator<Item = &Instance> {
    world.instances().filter(|instance| instance.state != InstanceState::Terminated)
}

impl FabricState {
    /// Notes that `change` was made.
    fn record(&mut self, change: Change) {
        let by_link = |ports: &mut BTreeMap<EniId, Port>, link: &str, set: &dyn Fn(&mut Port)| {
            ports.values_mut().filter(|port| port.link == link).for_each(set);
        };
        match change {
            Change::RemovePort(eni, _) => {
                self.ports.remove(&eni);
            }
            Change::AddPort(eni, port) => {
                self.ports.insert(eni, port);
            }
            Change::RemoveGateway(gateway) => {
                self.gateways.remove(&gateway);
            }
            Change::AddGateway(gateway) => {
                self.gateways.insert(gateway);
            }
            Change::RemoveAddress { link, address } => {
                by_link(&mut self.ports, &link, &|port| {
                    port.addresses.remove(&address);
                });
            }
            Change::AddAddress { link, address, .. } => {
                by_link(&mut self.ports, &link, &|port| {
                    port.addresses.insert(address);
                });
            }
            Change::Filter(filter) => self.filter = filter,
            Change::SourceCheck { link, on } => {
                by_link(&mut self.ports, &link, &|port| port.source_check = on);
            }
        }
    }
}

/// Where a namespace of this name is pinned inside the lab.
#[must_use]
pub fn netns_path(name: &str) -> std::path::PathBuf {
    Path::new(crate::process::NETNS_DIRECTORY).join(name)
}
