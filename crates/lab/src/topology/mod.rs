//! What a lab consists of: the typed form of `lab.yaml`.
//!
//! Entry points: [`Topology::from_file`], [`Topology::from_yaml`] and [`Topology::default`] (the
//! commented `data/lab.yaml`, compiled in). A file is read in three steps: `tree` turns bounded
//! YAML into nodes that know their line, `decode` turns nodes into typed values, `check`
//! compares the values with each other. Every step goes on after a mistake, so that one run
//! reports all of them.

mod agent_env;
mod check;
mod decode;
mod error;
mod fields;
mod requests;
mod security_groups;
pub(crate) mod suggest;
mod tree;
mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;

use ipnet::Ipv4Net;
use vpc::instance_types::InstanceType;
use vpc::{AccountId, AvailabilityZone};

use crate::requests::RequestPolicy;

pub use error::{Problem, TopologyError};
pub use security_groups::{CLUSTER, DEFAULT, ENDPOINT, Rule, RulePeer, SecurityGroup};

/// The commented default file, as users copy it.
pub const DEFAULT_YAML: &str = include_str!("../../../../data/lab.yaml");

/// The file name used in messages when the text did not come from a file.
const DEFAULT_NAME: &str = "lab.yaml";

/// A whole lab, checked: every name it mentions exists and every size fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// Name of the lab; part of its run directory, so two labs side by side need two names.
    pub name: String,
    /// Seed of every choice the lab makes (ids, MAC addresses, free addresses).
    pub seed: u64,
    /// The AWS account that owns the VPC and the nodes.
    pub account: AccountId,
    /// The Region, for example `us-west-2`.
    pub region: String,
    /// The VPC.
    pub vpc: Vpc,
    /// Its subnets, in the order of the file; their CIDRs do not overlap.
    pub subnets: Vec<Subnet>,
    /// Security groups beside the VPC's default, the cluster's and the endpoint's.
    pub security_groups: Vec<SecurityGroup>,
    /// The managed control plane, if the lab has one.
    pub control_plane: Option<ControlPlane>,
    /// Interface endpoints: how nodes reach AWS APIs without leaving the VPC.
    pub endpoints: Vec<Endpoint>,
    /// The instances, in the order of the file.
    pub nodes: Vec<Node>,
    /// The pods to start, in the order of the file.
    pub pods: Vec<PodSet>,
    /// The EC2 API on the host.
    pub api: Api,
    /// Throttles, delays and missing permissions.
    pub requests: RequestPolicy,
}

/// The VPC of a lab.
#[derive(Clone, Debug, PartialEq)]
pub struct Vpc {
    /// Its primary CIDR, /16 to /28.
    pub cidr: Ipv4Net,
}

/// A subnet of the VPC.
#[derive(Clone, Debug, PartialEq)]
pub struct Subnet {
    /// Its name, which becomes its `Name` tag.
    pub name: String,
    /// Its CIDR, /16 to /28, inside the VPC's.
    pub cidr: Ipv4Net,
    /// Its Availability Zone, one of the Region's.
    pub availability_zone: AvailabilityZone,
}

/// The managed control plane: in an account of its own, reached through X-ENIs only.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlPlane {
    /// The cluster's name; its X-ENIs carry the description `Amazon EKS <name>`.
    pub name: String,
    /// The account that owns it; never the VPC's own.
    pub account: AccountId,
    /// The DNS name in the API endpoint's certificate.
    pub endpoint_name: String,
    /// Names of the subnets that each get one X-ENI.
    pub subnets: Vec<String>,
}

/// An interface endpoint: an ENI in the VPC behind which an AWS API answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// The API behind it.
    pub service: Service,
    /// Name of the subnet that holds the endpoint's ENI.
    pub subnet: String,
}

/// An AWS API that an interface endpoint can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The EC2 Query API.
    Ec2,
}

/// A node: one instance with its agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its name: namespace, host name and `Name` tag.
    pub name: String,
    /// Its instance type, which sets its ENI and address limits.
    pub instance_type: &'static InstanceType,
    /// Name of the subnet of its primary ENI.
    pub subnet: String,
    /// Names of its security groups; without any, the cluster's, else the VPC's default.
    pub security_groups: Vec<String>,
    /// Its agent.
    pub agent: Agent,
}

/// Configuration of a node's agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agent {
    /// Environment variables, the lab-wide ones overridden by the node's own.
    pub env: BTreeMap<String, String>,
}

/// A number of pods on one node.
#[derive(Clone, Debug, PartialEq)]
pub struct PodSet {
    /// Name of the node they run on.
    pub node: String,
    /// How many.
    pub count: u32,
    /// Their Kubernetes namespace.
    pub namespace: String,
    /// Pods are called `<name_prefix>-1`, `<name_prefix>-2`, …
    pub name_prefix: String,
}

/// The EC2 API as the host sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Api {
    /// Where it listens: a loopback address; port 0 lets the kernel choose.
    pub listen: SocketAddr,
}

/// One pod of a [`PodSet`], with its full name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pod {
    /// Its Kubernetes namespace.
    pub namespace: String,
    /// Its name, unique in its namespace.
    pub name: String,
    /// Name of the node it runs on.
    pub node: String,
}

impl Topology {
    /// Reads a topology from YAML text; messages call the text `lab.yaml`.
    ///
    /// # Errors
    /// [`TopologyError::Invalid`] with every problem found, in the order of the lines.
    pub fn from_yaml(text: &str) -> Result<Self, TopologyError> {
        Self::from_named_yaml(DEFAULT_NAME, text)
    }

    /// Reads a topology from a file of at most 256 KiB.
    ///
    /// # Errors
    /// [`TopologyError::Read`] if the file cannot be read, else as [`Topology::from_yaml`].
    pub fn from_file(path: &Path) -> Result<Self, TopologyError> {
        let failed = |source| TopologyError::Read { path: path.to_owned(), source };
        // One byte more than allowed, so that a file that is too long is seen to be.
        let limit = tree::MAX_BYTES as u64 + 1;
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(limit).read_to_string(&mut text).map_err(failed)?;
        Self::from_named_yaml(&path.display().to_string(), &text)
    }

    /// Reads a topology from YAML text; messages call the text `source_name`.
    ///
    /// # Errors
    /// As [`Topology::from_yaml`].
    pub fn from_named_yaml(source_name: &str, text: &str) -> Result<Self, TopologyError> {
        let mut problems = fields::Problems::default();
        let topology = tree::parse(text, &mut problems)
            .and_then(|root| decode::topology(&root, &mut problems));
        match topology {
            Some(topology) if problems.is_empty() => Ok(topology),
            _ => Err(problems.into_error(source_name)),
        }
    }

    /// The subnet called `name`.
    #[must_use]
    pub fn subnet(&self, name: &str) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.name == name)
    }

    /// The node called `name`.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// Every pod to start, in the order of the file. Sets with the same namespace and prefix
    /// share one numbering, so that names stay unique.
    pub fn pods(&self) -> impl Iterator<Item = Pod> + '_ {
        let mut last: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        self.pods.iter().flat_map(move |set| {
            let before = last.entry((&set.namespace, &set.name_prefix)).or_default();
            let first = *before + 1;
            *before += set.count;
            (first..=*before).map(|number| Pod {
                namespace: set.namespace.clone(),
                name: format!("{}-{number}", set.name_prefix),
                node: set.node.clone(),
            })
        })
    }
}

impl Default for Topology {
    /// The lab of `data/lab.yaml`: three nodes in three subnets, 29 pods, one control plane.
    fn default() -> Self {
        #[expect(clippy::panic, reason = "the text is compiled in and a test reads it")]
        Self::from_yaml(DEFAULT_YAML).unwrap_or_else(|error| panic!("{error}"))
    }
}
