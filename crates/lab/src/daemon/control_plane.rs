//! The control plane: another account's namespace, reached only through its X-ENIs.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use datapath::{Address, Kernel as _, Netlink, Op, Route, Rule, Scope, TABLE_MAIN};
use ipnet::Ipv4Net;
use vpc::{AccountId, EniSpec, ForeignAttachment, InterfaceType, SubnetId, VpcId};

use super::bring_up::{Subnets, foreign_eni, new_place};
use super::running::ControlPlane;
use super::security_groups::Groups;
use crate::control_plane::{
    AccessLog, Authenticator, Authority, Complaints, Endpoint, serve, version_name,
};
use crate::fabric::{ForeignEnd, KernelFabric};
use crate::place::Place;
use crate::state::{Cluster, Lab};

/// The port of the Kubernetes API on EKS.
pub const API_PORT: u16 = 443;
/// The first routing table of a namespace with several ENIs; one per ENI follows.
const FIRST_TABLE: u32 = 101;

/// EKS makes a cluster only in subnets with this many free addresses (EKS user guide, "Amazon EKS
/// networking requirements").
pub const FREE_ADDRESSES: u32 = 6;

/// Who may use the control plane.
pub struct Users {
    /// The administrator's ARN.
    pub admin: String,
    /// The STS endpoints that their tokens may be made for.
    pub sts: BTreeSet<String>,
}

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
    users: &Users,
) -> anyhow::Result<ControlPlane> {
    let place = new_place("control-plane")?;
    let subnets: Vec<SubnetId> =
        told.subnets.iter().map(|name| placement.subnet(name)).collect::<anyhow::Result<_>>()?;
    require_free(placement.lab, &subnets)?;
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
    let endpoint = Arc::new(Endpoint {
        log: Arc::clone(&log),
        authenticator: Authenticator {
            lab: Arc::clone(placement.lab),
            cluster: told.name.clone(),
            admin: users.admin.clone(),
            hosts: users.sts.clone(),
        },
        complaints: Complaints::default(),
    });
    for address in &addresses {
        let at = SocketAddrV4::new(*address, API_PORT);
        let listener = place.listen(at).with_context(|| format!("could not listen on {at}"))?;
        let serving = serve(listener, identity.clone(), Arc::clone(&endpoint));
        tokio::spawn(async move {
            let Err(error) = serving.await;
            tracing::error!(%error, "the control plane's endpoint ended");
        });
    }
    let vpc = vpc_of(placement.lab, &subnets)?;
    let service_cidr = service_cidr(placement.lab, &vpc)?;
    placement.lab.clusters.add(Cluster {
        name: told.name.clone(),
        version: version_name(),
        endpoint: format!("https://{}", told.endpoint_name),
        authority: authority.pem(),
        vpc,
        subnets,
        security_groups: Vec::new(),
        cluster_security_group: placement.groups.cluster()?,
        service_cidr,
        created: placement.lab.now(),
    });
    Ok(ControlPlane { place, addresses, authority: authority.pem(), log })
}

/// Refuses subnets that are too full for a cluster.
pub(crate) fn require_free(lab: &Lab, subnets: &[SubnetId]) -> anyhow::Result<()> {
    for id in subnets {
        let free = lab.read(|world| Ok::<_, vpc::Error>(world.subnet(id)?.free_addresses()))?;
        anyhow::ensure!(
            free >= FREE_ADDRESSES,
            "subnet {id} has {free} free addresses, but a control plane needs at least \
             {FREE_ADDRESSES} in each of its subnets; give it a larger subnet"
        );
    }
    Ok(())
}

/// The VPC of a cluster's subnets.
pub(crate) fn vpc_of(lab: &Lab, subnets: &[SubnetId]) -> anyhow::Result<VpcId> {
    let subnet = subnets.first().context("a control plane without subnets")?;
    Ok(lab.read(|world| Ok::<_, vpc::Error>(world.subnet(subnet)?.vpc.clone()))?)
}

/// The block of services: the one of EKS's two that the VPC does not overlap (EKS API reference,
/// `serviceIpv4Cidr`).
pub(crate) fn service_cidr(lab: &Lab, vpc: &VpcId) -> anyhow::Result<String> {
    let block = lab.read(|world| Ok::<_, vpc::Error>(world.vpc(vpc)?.cidr.block))?;
    let ten = Ipv4Addr::new(10, 0, 0, 0);
    let in_ten = u32::from(block.network()) >> 24 == u32::from(ten) >> 24;
    Ok(if in_ten { "172.20.0.0/16" } else { "10.100.0.0/16" }.to_owned())
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
