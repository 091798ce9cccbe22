//! From a topology to a running lab, step by step.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use ipnet::Ipv4Net;
use vpc::{
    AddressRequest, EniSpec, InstanceId, InstanceSpec, InterfaceType, SubnetId, SubnetSpec, Tags,
    VpcAttribute, VpcId, VpcSpec, World,
};

use super::control_plane::{self, Placement};
use super::running::{Running, lock};
use super::security_groups::Groups;
use super::servers;
use crate::audit::AuditTrail;
use crate::fabric::KernelFabric;
use crate::journal::Journal;
use crate::place::Place;
use crate::probe::{EchoServer, blocking};
use crate::process::Bootstrap;
use crate::process::LAB_DIRECTORY;
use crate::requests::Requests;
use crate::runtime::{ECHO_PORT, Node, NodeSpec, Pod, PodFailure, PodName, refused_pod};
use crate::state::{Lab, LabConfig, Secret, SystemClock};
use crate::topology::Topology;

/// How long the slowest node may take to become ready.
const NODE_READY_LIMIT: Duration = Duration::from_secs(60);
/// How long the link of a booted node may take to carry packets.
const LINK_STARTS: Duration = Duration::from_secs(1);
/// The role of the nodes' instance profile, as `eksctl` and the EKS guide name it.
pub(super) const NODE_ROLE: &str = "AmazonEKSNodeRole";

/// Builds the lab.
///
/// # Errors
/// The first step that failed, in words for the person who started the lab.
pub async fn bring_up(
    bootstrap: &Bootstrap,
    topology: Topology,
    api: TcpListener,
    journal: &Journal,
) -> anyhow::Result<Running> {
    let started = Instant::now();
    let (mut world, vpc, subnets) = build_world(&topology)?;
    let groups = Groups::create(&mut world, &vpc, &topology)?;
    let fabric = Arc::new(blocking(|| KernelFabric::new(vpc.clone()))?);
    let audit = AuditTrail::in_directory(Path::new(LAB_DIRECTORY))
        .context("could not begin the audit trail")?;
    let requests = Requests::new(topology.requests.clone(), topology.seed);
    let lab = Lab::new(LabConfig {
        account: topology.account.clone(),
        region: topology.region.clone(),
        instance_role: Some(NODE_ROLE.to_owned()),
        world,
        fabric: Box::new(Arc::clone(&fabric)),
        clock: Arc::new(SystemClock),
        secret: Secret::generate().context("no randomness")?,
    });
    let lab = Arc::new(lab.with_requests(requests, audit));
    blocking(|| lab.converge())?;
    journal.step(
        format!("VPC {} in {}: {} subnets", topology.vpc.cidr, topology.region, subnets.len()),
        started,
    );

    let started = Instant::now();
    let placement = Placement { lab: &lab, fabric: &fabric, subnets: &subnets, groups: &groups };
    let admin = lab.credentials.add_user(&topology.account, "admin");
    let api_on_host = api.local_addr().context("the EC2 API's socket")?;
    servers::serve_api(&lab, api)?;
    servers::serve_metadata(&lab, &fabric, &vpc)?;
    let api_in_vpc = servers::serve_api_in_vpc(&placement, &topology)?;
    journal.step(
        match api_in_vpc {
            Some(address) => format!(
                "EC2 API at http://{api_on_host}, for nodes at http://{address}; metadata at 169.254.169.254"
            ),
            None => format!("EC2 API at http://{api_on_host}; metadata at 169.254.169.254"),
        },
        started,
    );

    let control_plane = match &topology.control_plane {
        Some(told) => {
            let started = Instant::now();
            let endpoints = std::iter::once(api_on_host.to_string())
                .chain(api_in_vpc.map(|address| address.to_string()));
            let users = control_plane::Users {
                admin: admin.principal.arn.clone(),
                sts: endpoints.collect(),
            };
            let running = blocking(|| control_plane::start(&placement, told, &users))?;
            let addresses: Vec<String> =
                running.addresses.iter().map(ToString::to_string).collect();
            journal.step(
                format!(
                    "control plane `{}` of account {}, behind X-ENIs {}",
                    told.name,
                    told.account,
                    addresses.join(" and ")
                ),
                started,
            );
            Some(running)
        }
        None => None,
    };

    let nodes = boot_nodes(bootstrap, &topology, &placement, api_in_vpc, journal).await?;
    let node_echoes = nodes
        .iter()
        .map(|node| {
            let at = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, ECHO_PORT);
            EchoServer::start(&node.place, at, &node.name)
        })
        .collect::<std::io::Result<_>>()
        .context("could not start the nodes' echo servers")?;
    let mut running = Running {
        name: bootstrap.name.clone(),
        lab,
        fabric,
        vpc,
        api: api_on_host,
        api_in_vpc,
        admin,
        control_plane,
        nodes,
        node_echoes,
        plugins: bootstrap.binaries.clone(),
        free_before_pods: BTreeMap::new(),
        experiments: tokio::sync::Mutex::default(),
        pods: Mutex::default(),
        refused: Mutex::default(),
        topology,
    };
    running.free_before_pods = running.free_addresses();
    start_pods(&running, journal).await;
    Ok(running)
}

/// Subnet ids by the names of the topology.
pub(super) type Subnets = HashMap<String, SubnetId>;

/// The VPC and its subnets, before anything uses them.
pub(super) fn build_world(topology: &Topology) -> anyhow::Result<(World, VpcId, Subnets)> {
    let mut world = World::new(topology.seed);
    let vpc = world.create_vpc(VpcSpec {
        owner: topology.account.clone(),
        region: topology.region.clone(),
        cidr: topology.vpc.cidr,
        tags: named(&topology.name),
    })?;
    // EKS demands it of a cluster's VPC (Amazon EKS user guide, "VPC requirements").
    world.set_vpc_attribute(&vpc, VpcAttribute::DnsHostnames(true))?;
    let mut subnets = Subnets::new();
    for subnet in &topology.subnets {
        let spec = SubnetSpec {
            vpc: vpc.clone(),
            cidr: subnet.cidr,
            availability_zone: subnet.availability_zone.clone(),
            tags: named(&subnet.name),
        };
        let id = world.create_subnet(spec).with_context(|| format!("subnet {}", subnet.name))?;
        subnets.insert(subnet.name.clone(), id);
    }
    Ok((world, vpc, subnets))
}

pub(super) fn named(name: &str) -> Tags {
    Tags::from([("Name".to_owned(), name.to_owned())])
}

/// Runs the instances, boots them side by side, and waits until all are ready.
async fn boot_nodes(
    bootstrap: &Bootstrap,
    topology: &Topology,
    placement: &Placement<'_>,
    api: Option<Ipv4Addr>,
    journal: &Journal,
) -> anyhow::Result<Vec<Arc<Node>>> {
    let started = Instant::now();
    let mut nodes = Vec::new();
    for told in &topology.nodes {
        let instance = run_instance(topology, placement, told)?;
        let (eni, address, gateway) = placement.lab.read(|world| {
            let eni = world.instance_enis(&instance).into_iter().next();
            let eni = eni.ok_or_else(|| anyhow!("{instance} has no primary ENI"))?;
            let subnet = world.subnet(&eni.subnet)?;
            let address = Ipv4Net::new(eni.primary, subnet.cidr.prefix_len())?;
            anyhow::Ok((eni.id.clone(), address, subnet.gateway()))
        })?;
        let netns = placement.fabric.instance(&instance);
        let spec = NodeSpec {
            name: told.name.clone(),
            netns: netns.ok_or_else(|| anyhow!("{instance} has no namespace"))?,
            instance,
            address,
            gateway,
            agent: bootstrap.binaries.join("flatnet-agent"),
            environment: agent_environment(&told.agent.env, api),
        };
        let node = blocking(|| {
            let node = Node::boot(&spec)?;
            if !placement.fabric.wait_running(&eni, LINK_STARTS)? {
                bail!("the router's link to {} did not start", spec.name);
            }
            node.start_agent(&spec)?;
            anyhow::Ok(node)
        })?;
        nodes.push(Arc::new(node));
    }
    journal.step(format!("{} nodes booted, their agents started", nodes.len()), started);
    let waiting: Vec<_> = nodes.iter().map(|node| node.wait_ready(NODE_READY_LIMIT)).collect();
    for ((node, wait), told) in nodes.iter().zip(waiting).zip(&topology.nodes) {
        wait.await?;
        let (instance_type, address) = (&told.instance_type.name, node.address);
        journal.step(format!("{} ready: {instance_type} at {address}", node.name), started);
    }
    Ok(nodes)
}

fn run_instance(
    topology: &Topology,
    placement: &Placement<'_>,
    told: &crate::topology::Node,
) -> anyhow::Result<InstanceId> {
    let subnet = placement.subnet(&told.subnet)?;
    let groups = placement.groups.of_node(told)?;
    let now = placement.lab.now();
    let ran = blocking(|| {
        placement.lab.mutate(|world| {
            world.run_instance(InstanceSpec {
                owner: topology.account.clone(),
                instance_type: told.instance_type,
                subnet,
                private_ip: None,
                groups,
                tags: named(&told.name),
                now,
            })
        })
    });
    ran.with_context(|| format!("could not run {} for {}", told.instance_type.name, told.name))
}

/// What the agent needs to know beside what the metadata service tells it.
fn agent_environment(
    told: &BTreeMap<String, String>,
    api: Option<Ipv4Addr>,
) -> BTreeMap<String, String> {
    let mut environment = told.clone();
    if let Some(address) = api {
        environment.insert("AWS_ENDPOINT_URL_EC2".to_owned(), format!("http://{address}"));
    }
    environment
}

/// Starts the topology's pods, in order on each node and on all nodes at once; those that are
/// refused are kept with the reason.
async fn start_pods(running: &Running, journal: &Journal) {
    let started = Instant::now();
    let mut wanted: BTreeMap<String, Vec<PodName>> = BTreeMap::new();
    for pod in running.topology.pods() {
        let name = PodName { namespace: pod.namespace, name: pod.name };
        wanted.entry(pod.node).or_default().push(name);
    }
    let total: usize = wanted.values().map(Vec::len).sum();
    let mut nodes = tokio::task::JoinSet::new();
    for (node, names) in wanted {
        let Some(node) = running.node(&node).cloned() else { continue };
        let plugins = running.plugins.clone();
        nodes.spawn(async move {
            let start = |name: &PodName| blocking(|| Pod::start(&node, name, &plugins));
            names.iter().map(start).collect::<Vec<_>>()
        });
    }
    while let Some(joined) = nodes.join_next().await {
        let started = joined.unwrap_or_else(|panic| {
            journal.note(format!("the start of a node's pods was lost: {panic}"));
            Vec::new()
        });
        for pod in started {
            match pod {
                Ok(pod) => {
                    lock(&running.pods).insert(pod.name.clone(), Arc::new(pod));
                }
                Err(failure) => note_refusal(running, journal, &failure),
            }
        }
    }
    let up = running.pods().len();
    if total > 0 {
        journal.step(format!("{up} of {total} pods started through the CNI plugin"), started);
    }
}

fn note_refusal(running: &Running, journal: &Journal, failure: &PodFailure) {
    let refused = refused_pod(failure);
    journal.note(format!(
        "{}/{} on {} refused{}: {}",
        refused.namespace,
        refused.name,
        refused.node,
        refused.code.map(|code| format!(" (CNI error {code})")).unwrap_or_default(),
        refused.message
    ));
    lock(&running.refused).push(refused);
}

/// An ENI of another account or of AWS itself, in the subnet of that name.
pub(super) fn foreign_eni(
    placement: &Placement<'_>,
    subnet: &str,
    owner: &vpc::AccountId,
    requester: &str,
    interface_type: InterfaceType,
    description: String,
) -> anyhow::Result<EniSpec> {
    Ok(EniSpec {
        subnet: placement.subnet(subnet)?,
        owner: owner.clone(),
        requester: Some(vpc::Requester { id: requester.to_owned(), managed: true }),
        interface_type,
        description,
        primary: None,
        secondary: AddressRequest::None,
        groups: Vec::new(),
        tags: Tags::new(),
        client_token: None,
        now: placement.lab.now(),
    })
}

/// The place of a part of the VPC that is no instance.
pub(super) fn new_place(name: &str) -> anyhow::Result<Place> {
    let netns = datapath::Netns::create().context("could not make a namespace")?;
    let path = crate::fabric::netns_path(name);
    netns.pin(&path).with_context(|| format!("could not pin {}", path.display()))?;
    Ok(Place::network_only(netns))
}
