//! The node as the socket's `status` shows it. The JSON names are stable.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipam::LimitSource;
use ipnet::Ipv4Net;
use serde::Serialize;

use crate::cloud::Cloud;
use crate::node::{Node, lock};
use crate::wiring::Wiring;

/// Everything there is to see of a node.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Who and where it is.
    pub node: NodeStatus,
    /// What it may have.
    pub limits: LimitStatus,
    /// Its ENIs by device index.
    pub enis: Vec<EniStatus>,
    /// Its pods by network, container and interface.
    pub pods: Vec<PodStatus>,
    /// The pool in numbers.
    pub pool: PoolStatus,
    /// EC2 calls since the agent started, by action.
    pub ec2_calls: BTreeMap<String, u64>,
}

/// Who and where a node is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// The instance.
    pub instance_id: String,
    /// Its type.
    pub instance_type: String,
    /// Its Region.
    pub region: String,
    /// Its Availability Zone.
    pub availability_zone: String,
    /// The primary address of its primary ENI.
    pub address: Ipv4Addr,
}

/// What a node may have.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitStatus {
    /// ENIs.
    pub enis: u32,
    /// What sets that: `instance type` or `MAX_ENI`.
    pub source: &'static str,
    /// Addresses per ENI, its primary one included.
    pub addresses_per_eni: u32,
}

/// An ENI.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EniStatus {
    /// Its id.
    pub id: String,
    /// Its device index.
    pub device_index: u32,
    /// Its subnet.
    pub subnet: String,
    /// That subnet's CIDR block.
    pub subnet_cidr: Option<Ipv4Net>,
    /// Its Ethernet address.
    pub mac: Option<String>,
    /// Its primary address.
    pub primary: Ipv4Addr,
    /// Whether its secondary addresses are the pods'.
    pub managed: bool,
    /// Whether it is being detached.
    pub releasing: bool,
    /// Its secondary addresses.
    pub secondary: SecondaryStatus,
}

/// Secondary addresses of an ENI.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecondaryStatus {
    /// In use.
    pub used: u32,
    /// Ready for a pod.
    pub free: u32,
    /// Resting after use.
    pub cooldown: u32,
    /// The most it may have.
    pub limit: u32,
}

/// A pod.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// Its Kubernetes namespace.
    pub namespace: Option<String>,
    /// Its Kubernetes name.
    pub name: Option<String>,
    /// The network.
    pub network: String,
    /// The container.
    #[serde(rename = "containerID")]
    pub container_id: String,
    /// Its interface.
    pub ifname: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The ENI that holds the address.
    pub eni: String,
    /// Its link on the node.
    pub host_veth: String,
    /// Whether EC2 lists the address on an ENI of this node.
    pub confirmed: bool,
}

/// The pool in numbers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolStatus {
    /// Secondary addresses of the node.
    pub total: u32,
    /// In use.
    pub used: u32,
    /// Ready for a pod.
    pub free: u32,
    /// Resting after use.
    pub cooldown: u32,
    /// Pods waiting for one.
    pub waiting: u32,
    /// Asked of EC2.
    pub expected: u32,
    /// To be kept free.
    pub target: u32,
}

impl<C: Cloud, W: Wiring> Node<C, W> {
    /// The node as it is now.
    #[must_use]
    pub fn status(&self) -> Status {
        let now = self.now();
        let records: Vec<_> = lock(&self.checkpoint).pods().values().cloned().collect();
        let books = self.books();
        let stats = books.pool.stats(now);
        let limits = books.pool.limits();
        let unconfirmed: Vec<_> = books.pool.unconfirmed().map(|(_, pod)| pod.address).collect();
        let enis = books.pool.enis(now).into_iter().map(|eni| EniStatus {
            mac: books.enis.get(&eni.id).map(|known| known.spec.mac.to_string()),
            subnet_cidr: books.subnets.get(&eni.subnet).copied(),
            id: eni.id.to_string(),
            device_index: eni.device_index,
            subnet: eni.subnet.to_string(),
            primary: eni.primary,
            managed: eni.managed,
            releasing: eni.releasing,
            secondary: SecondaryStatus {
                used: eni.used,
                free: eni.free,
                cooldown: eni.cooling,
                limit: eni.capacity,
            },
        });
        let pods = records.into_iter().map(|record| PodStatus {
            confirmed: !unconfirmed.contains(&record.address),
            namespace: record.namespace,
            name: record.pod,
            network: record.network,
            container_id: record.container_id,
            ifname: record.ifname,
            address: record.address,
            eni: record.eni,
            host_veth: record.veth,
        });
        Status {
            node: NodeStatus {
                instance_id: self.identity.instance_id.clone(),
                instance_type: self.identity.instance_type.clone(),
                region: self.identity.region.clone(),
                availability_zone: self.identity.availability_zone.clone(),
                address: self.identity.address,
            },
            limits: LimitStatus {
                enis: limits.enis,
                source: match limits.source {
                    LimitSource::InstanceType => "instance type",
                    LimitSource::MaxEni => "MAX_ENI",
                },
                addresses_per_eni: limits.addresses_per_eni,
            },
            enis: enis.collect(),
            pods: pods.collect(),
            pool: PoolStatus {
                total: stats.total,
                used: stats.used,
                free: stats.free,
                cooldown: stats.cooling,
                waiting: stats.waiting,
                expected: stats.expected,
                target: stats.target,
            },
            ec2_calls: self.ec2_calls(),
        }
    }
}
