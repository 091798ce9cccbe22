//! The clusters that the EKS API shows.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vpc::{SecurityGroupId, SubnetId, Timestamp, VpcId};

/// A cluster, as EKS describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// The Kubernetes version, e.g. `1.35`.
    pub version: String,
    /// Where its API answers: an `https` URL.
    pub endpoint: String,
    /// The certificate that clients trust (PEM).
    pub authority: String,
    /// The VPC of its X-ENIs.
    pub vpc: VpcId,
    /// The subnets of its X-ENIs.
    pub subnets: Vec<SubnetId>,
    /// Groups of its X-ENIs beside its own.
    pub security_groups: Vec<SecurityGroupId>,
    /// The group EKS made for it.
    pub cluster_security_group: SecurityGroupId,
    /// Where services get their addresses.
    pub service_cidr: String,
    /// When it was made.
    pub created: Timestamp,
}

/// All clusters of a lab, by name.
#[derive(Debug, Default)]
pub struct Clusters(Mutex<BTreeMap<String, Arc<Cluster>>>);

impl Clusters {
    /// Shows a cluster, in place of one with its name.
    pub fn add(&self, cluster: Cluster) {
        self.lock().insert(cluster.name.clone(), Arc::new(cluster));
    }

    /// The cluster of this name.
    pub fn find(&self, name: &str) -> Option<Arc<Cluster>> {
        self.lock().get(name).cloned()
    }

    /// All names, in order.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Cluster>>> {
        // Every change is a single insert: the map is whole after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
