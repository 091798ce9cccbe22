//! The control plane: another account's namespace, reached only through its X-ENIs.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use datapath::{Address, Kernel as _, Netlink, Op, Route, Rule, Scope, TABLE_MAIN};
use ipnet::Ipv4Net;
use vpc::{AccountId, EniSpec, ForeignAttachment, InterfaceType, SubnetId};

use super::bring_up::{Subnets, foreign_eni, new_place};
use super::running::ControlPlane;
use super::security_groups::Groups;
use crate::control_plane::{AccessLog, Authority, serve};
use crate::fabric::{ForeignEnd, KernelFabric};
use crate::place::Place;
use crate::state::Lab;

/// The port of the Kubernetes API on EKS.
pub const API_PORT: u16 = 443;
/// The first routing table of a namespace with several ENIs; one per ENI follows.
const FIRST_TABLE: u32 = 101;

/// Where ENIs of other accounts are placed.
pub struct Placement<'a> {
    /// What EC2 knows.
    pub lab: &'a Arc<Lab>,
    /// Makes packets follow.
    pub fabric: &'a Arc<KernelFabric>,
    /// Subnets by name.
    pub subnets: &'a Subnets,
    /// Security groups by name.
    pub groups: &'a Groups,
}

impl Placement<'_> {
    /// The subnet of this name.
    ///
    /// # Errors
    /// When the topology has none (which its own checks rule out).
    pub fn subnet(&self, name: &str) -> anyhow::Result<SubnetId> {
        self.subnets.get(name).cloned().ok_or_else(|| anyhow!("no subnet is called {name}"))
    }
}

/// Makes the control plane's namespace, its X-ENIs and its HTTPS endpoint. Must run within a
/// Tokio runtime.
pub fn start(
    placement: &Placement<'_>,
    told: &crate::topology::ControlPlane,
) -> anyhow::Result<ControlPlane> {
    let place = new_place("control-plane")?;
    let mut addresses = Vec::new();
    for (index, subnet) in (0..).zip(&told.subnets) {
        // The words by which EKS users find them: "Amazon EKS <cluster>" (EKS user guide,
        // "Amazon EKS networking requirements").
        let description = format!("Amazon EKS {}", told.name);
        let requester = told.account.to_string();
        let owner = placement.lab.account.clone();
        let mut eni = foreign_eni(
            placement,
            subnet,
            &owner,
            &requester,
            InterfaceType::Interface,
            description,
        )?;
        eni.groups = placement.groups.of_x_eni();
        let address = attach_foreign(placement, &place, eni, &told.account, index)
            .with_context(|| format!("could not place an X-ENI in {subnet}"))?;
        addresses.push(address);
    }
    let authority = Authority::new(&format!("{} control plane", told.name))?;
    let endpoints: Vec<IpAddr> = addresses.iter().copied().map(IpAddr::V4).collect();
    let identity = authority.server(&[&told.endpoint_name], &endpoints)?;
    let log = Arc::new(AccessLog::default());
    for address in &addresses {
        let at = SocketAddrV4::new(*address, API_PORT);
        let listener = place.listen(at).with_context(|| format!("could not listen on {at}"))?;
        let clock = Arc::clone(&placement.lab.clock);
        let serving = serve(listener, identity.clone(), Arc::clone(&log), clock);
        tokio::spawn(async move {
            let Err(error) = serving.await;
            tracing::error!(%error, "the control plane's endpoint ended");
        });
    }
    Ok(ControlPlane { place, addresses, authority: authority.pem(), log })
}

/// Creates an ENI, attaches it to `account` with its other end in `place` as `eni<index>`, and
/// configures that end: replies leave by the ENI they came in by, as the source check asks.
pub fn attach_foreign(
    placement: &Placement<'_>,
    place: &Place,
    spec: EniSpec,
    account: &AccountId,
    index: u32,
) -> anyhow::Result<Ipv4Addr> {
    let (lab, fabric) = (placement.lab, placement.fabric);
    let link = format!("eni{index}");
    let now = lab.now();
    let description = spec.description.clone();
    let eni = lab.mutate(|world| world.create_eni(spec))?;
    let end = ForeignEnd { netns: place.network().clone(), link: link.clone() };
    fabric.expect_foreign(eni.clone(), end);
    let target = ForeignAttachment { owner_account: account.clone(), description };
    lab.mutate(|world| world.attach_foreign(&eni, target, now))?;
    let (address, gateway) = lab.read(|world| {
        let eni = world.eni(&eni)?;
        let subnet = world.subnet(&eni.subnet)?;
        anyhow::Ok((Ipv4Net::new(eni.primary, subnet.cidr.prefix_len())?, subnet.gateway()))
    })?;
    let mut netlink = Netlink::open_in(place.network())?;
    netlink.apply(&configure(&link, address, gateway, index))?;
    Ok(address.addr())
}

fn configure(link: &str, address: Ipv4Net, gateway: Ipv4Addr, index: u32) -> Vec<Op> {
    let table = FIRST_TABLE + index;
    let default = |table| {
        Op::ReplaceRoute(Route {
            table,
            via: Some(gateway),
            link: Some(link.to_owned()),
            onlink: true,
            src: Some(address.addr()),
            ..Route::default()
        })
    };
    let mut ops = vec![
        Op::up("lo"),
        Op::AddAddress(Address {
            link: link.to_owned(),
            addr: address,
            scope: Scope::Universe,
            no_prefix_route: true,
        }),
        Op::up(link),
        default(table),
        Op::AddRule(Rule {
            priority: table,
            from: Some(Ipv4Net::from(address.addr())),
            table,
            ..Rule::default()
        }),
    ];
    if index == 0 {
        ops.push(default(TABLE_MAIN));
    }
    ops
}
