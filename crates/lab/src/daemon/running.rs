//! A lab that is up: its parts, and what can be asked of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::bail;
use datapath::Netns;
use vpc::VpcId;

use crate::control_plane::AccessLog;
use crate::drops::{Drops, EniDrops};
use crate::fabric::KernelFabric;
use crate::place::Place;
use crate::probe::EchoServer;
use crate::process::NETNS_DIRECTORY;
use crate::protocol::CallCount;
use crate::runtime::{Node, Pod, PodName};
use crate::state::{AccessKey, Fabric, Lab};
use crate::status::{self, ControlPlaneStatus, NodeStatus, PodStatus, RefusedPod, Status};
use crate::topology::Topology;

/// A lab that is up.
#[derive(Debug)]
pub struct Running {
    /// Its name: the topology's, unless another was asked for.
    pub name: String,
    /// What it was built from.
    pub topology: Topology,
    /// What EC2 knows.
    pub lab: Arc<Lab>,
    /// Makes packets follow.
    pub fabric: Arc<KernelFabric>,
    /// The VPC.
    pub vpc: VpcId,
    /// The EC2 API on the host's loopback.
    pub api: SocketAddr,
    /// The EC2 API inside the VPC.
    pub api_in_vpc: Option<Ipv4Addr>,
    /// A key of the account's administrator.
    pub admin: AccessKey,
    /// The control plane.
    pub control_plane: Option<ControlPlane>,
    /// The nodes, in the order of the topology.
    pub nodes: Vec<Arc<Node>>,
    /// An echo server on every node, as something a pod can talk to there.
    pub node_echoes: Vec<EchoServer>,
    /// Where the CNI plugin is.
    pub plugins: PathBuf,
    /// Each subnet's free addresses when the nodes were ready and no pod had started.
    pub free_before_pods: BTreeMap<String, u32>,
    /// Held by whoever experiments on the pods.
    pub(super) experiments: tokio::sync::Mutex<()>,
    pub(super) pods: Mutex<BTreeMap<PodName, Arc<Pod>>>,
    pub(super) refused: Mutex<Vec<RefusedPod>>,
}

/// The control plane's namespace and endpoint.
#[derive(Debug)]
pub struct ControlPlane {
    /// Its namespace, at the far end of the X-ENIs.
    pub place: Place,
    /// The X-ENIs' addresses.
    pub addresses: Vec<Ipv4Addr>,
    /// The certificate of its authority (PEM).
    pub authority: String,
    /// Every request it answered.
    pub log: Arc<AccessLog>,
}

impl Running {
    /// The pods that run, by name.
    #[must_use]
    pub fn pods(&self) -> Vec<Arc<Pod>> {
        lock(&self.pods).values().cloned().collect()
    }

    /// The pods that were refused.
    #[must_use]
    pub fn refused(&self) -> Vec<RefusedPod> {
        lock(&self.refused).clone()
    }

    /// The node of this name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Arc<Node>> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// Everything there is to see.
    ///
    /// # Errors
    /// When the fabric's counters cannot be read.
    pub fn status(&self) -> anyhow::Result<Status> {
        let pods = self.pods();
        let addresses: BTreeSet<Ipv4Addr> = pods.iter().map(|pod| pod.address).collect();
        let is_pod = |address: Ipv4Addr| addresses.contains(&address);
        let drops = self.fabric.drops()?;
        let topology = &self.topology;
        let by_topology =
            |name: &str| topology.subnets.iter().position(|subnet| subnet.name == name);
        let (mut subnets, nodes) = self.lab.read(|world| {
            let nodes = self.nodes.iter().filter_map(|node| {
                let instance = world.instance(&node.instance).ok()?;
                let pods = pods.iter().filter(|pod| pod.node == node.name).map(|pod| PodStatus {
                    namespace: pod.name.namespace.clone(),
                    name: pod.name.name.clone(),
                    address: pod.address,
                    eni: world.eni_at(&self.vpc, pod.address).map(|eni| eni.id.to_string()),
                });
                let subnet = world.subnet(&instance.subnet).ok()?;
                Some(NodeStatus {
                    name: node.name.clone(),
                    instance: node.instance.to_string(),
                    instance_type: instance.instance_type.name.to_string(),
                    subnet: status::name_of(&subnet.tags, &subnet.id),
                    address: node.address,
                    ready: node.is_ready(),
                    agent_pid: node.agent_pid(),
                    agent_restarts: node.agent_restarts(),
                    max_enis: instance.instance_type.max_enis,
                    enis: status::enis(world, instance, &is_pod),
                    pods: pods.collect(),
                })
            });
            (status::subnets(world, &is_pod), nodes.collect())
        });
        subnets.sort_by_key(|subnet| by_topology(&subnet.name).unwrap_or(usize::MAX));
        Ok(Status {
            name: self.name.clone(),
            account: topology.account.to_string(),
            region: topology.region.clone(),
            vpc: self.vpc.to_string(),
            cidr: topology.vpc.cidr.to_string(),
            ec2_endpoint: format!("http://{}", self.api),
            ec2_endpoint_in_vpc: self.api_in_vpc.map(|address| format!("http://{address}")),
            control_plane: self.control_plane_status(),
            subnets,
            nodes,
            refused_pods: self.refused(),
            drops,
        })
    }

    fn control_plane_status(&self) -> Option<ControlPlaneStatus> {
        let (told, runs) = (self.topology.control_plane.as_ref()?, self.control_plane.as_ref()?);
        Some(ControlPlaneStatus {
            name: told.name.clone(),
            account: told.account.to_string(),
            endpoint_name: told.endpoint_name.clone(),
            addresses: runs.addresses.clone(),
        })
    }

    /// What the fabric dropped.
    ///
    /// # Errors
    /// When the fabric's counters cannot be read.
    pub fn drops(&self) -> anyhow::Result<Drops> {
        let (total, by_eni) = (self.fabric.drops()?, self.fabric.drops_by_eni()?);
        let enis = self.lab.read(|world| {
            let of = |(id, drops)| Some(EniDrops::of(world, world.eni(&id).ok()?, drops));
            by_eni.into_iter().filter_map(of).collect()
        });
        Ok(Drops { total, enis })
    }

    /// Each subnet's free addresses by its name.
    #[must_use]
    pub fn free_addresses(&self) -> BTreeMap<String, u32> {
        let subnets = self.lab.read(|world| status::subnets(world, &|_| false));
        subnets.into_iter().map(|subnet| (subnet.name, subnet.free)).collect()
    }

    /// The variables that point an AWS client on the host at the lab.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        client_environment(self.api, &self.admin, &self.topology.region)
    }

    /// How many EC2 calls were made; with `since`, as far as they are kept.
    #[must_use]
    pub fn calls(&self, since: Option<i64>) -> Vec<CallCount> {
        let log = &self.lab.calls;
        let counts =
            since.map_or_else(|| log.counts(), |since| log.counts_since(vpc::Timestamp(since)));
        counts
            .into_iter()
            .map(|count| CallCount {
                action: count.action,
                caller: count.caller,
                outcome: count.outcome,
                calls: count.calls,
            })
            .collect()
    }

    /// The place people mean by `target`, and what it is.
    ///
    /// # Errors
    /// Nothing of that name, with the names there are.
    pub fn place(&self, target: &str) -> anyhow::Result<(String, Place)> {
        if target == "lab" {
            let own = Place::network_only(Netns::current_thread()?);
            return Ok(("the lab".to_owned(), own));
        }
        if target == "router" {
            return Ok((
                "the VPC router".into(),
                Place::network_only(self.fabric.router().clone()),
            ));
        }
        if let Some(node) = self.node(target) {
            return Ok((format!("node {target}"), node.place.clone()));
        }
        if let (Some(control_plane), "control-plane") = (&self.control_plane, target) {
            return Ok(("the control plane".to_owned(), control_plane.place.clone()));
        }
        let pods = self.pods();
        let wanted = |pod: &&Arc<Pod>| pod.name.to_string() == target || pod.name.name == target;
        let found: Vec<&Arc<Pod>> = pods.iter().filter(wanted).collect();
        match found.as_slice() {
            [pod] => Ok((format!("pod {} on {}", pod.name, pod.node), pod.place.clone())),
            [] => bail!("{}", self.unknown_target(target)),
            several => {
                let names: Vec<String> = several.iter().map(|pod| pod.name.to_string()).collect();
                bail!("`{target}` may be any of {}; name the namespace, too", names.join(", "))
            }
        }
    }

    fn unknown_target(&self, target: &str) -> String {
        let nodes: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        let pods = self.pods();
        let example = pods.first().map(|pod| pod.name.to_string()).unwrap_or_default();
        format!(
            "no node or pod is called `{target}`. Nodes: {}. Pods: {} of them (e.g. {example}; see \
             `flatnet lab status`). Also: control-plane, router, lab (whose {NETNS_DIRECTORY} holds all)",
            nodes.join(", "),
            pods.len(),
        )
    }

    /// Makes the fabric match what EC2 knows.
    pub(super) fn converge(&self) -> anyhow::Result<()> {
        Ok(self.lab.read(|world| self.fabric.converge(world))?)
    }
}

/// The variables that point an AWS client at the APIs behind `address`.
pub(super) fn client_environment(
    address: SocketAddr,
    key: &AccessKey,
    region: &str,
) -> BTreeMap<String, String> {
    let endpoint = format!("http://{address}");
    [
        ("AWS_ENDPOINT_URL_EC2", endpoint.as_str()),
        ("AWS_ENDPOINT_URL_STS", &endpoint),
        ("AWS_ENDPOINT_URL_EKS", &endpoint),
        ("AWS_ACCESS_KEY_ID", &key.id),
        ("AWS_SECRET_ACCESS_KEY", &key.secret),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
        // Else the CLI looks for an instance it does not run on when keys are unset again.
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_PAGER", ""),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
