//! Instances.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::{
    AccountId, AvailabilityZone, EniId, InstanceId, InstanceType, SecurityGroupId, SubnetId, Tags,
    Timestamp,
};

/// An instance: a virtual machine, seen by its network.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The instance's ID.
    pub id: InstanceId,
    /// The account it belongs to.
    pub owner: AccountId,
    /// Its type, which sets its network limits.
    pub instance_type: &'static InstanceType,
    /// The subnet of its primary ENI.
    pub subnet: SubnetId,
    /// Its Availability Zone.
    pub availability_zone: AvailabilityZone,
    /// Its DNS name inside the VPC, e.g. `ip-10-0-0-5.us-west-2.compute.internal`.
    pub private_dns_name: String,
    /// Its state.
    pub state: InstanceState,
    /// When it was launched.
    pub launched: Timestamp,
    /// Its tags.
    pub tags: Tags,
    /// Its ENIs by network card and device index.
    pub(crate) enis: BTreeMap<(u32, u32), EniId>,
    /// Network cards and device indexes that a forced detach has left unusable.
    pub(crate) unusable: BTreeSet<(u32, u32)>,
}

/// The state of an instance. A terminated instance has no ENIs and does not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// It runs.
    Running,
    /// It is gone.
    Terminated,
}

/// What to run an instance from.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceSpec {
    /// The account it will belong to.
    pub owner: AccountId,
    /// Its type.
    pub instance_type: &'static InstanceType,
    /// The subnet of its primary ENI.
    pub subnet: SubnetId,
    /// The primary address of its primary ENI; `None` takes any free one.
    pub private_ip: Option<Ipv4Addr>,
    /// The security groups of its primary ENI; if there are none, the VPC's default group.
    pub groups: Vec<SecurityGroupId>,
    /// Tags of the instance.
    pub tags: Tags,
    /// The time of the launch.
    pub now: Timestamp,
}

/// The name EC2 gives an instance by its primary address (Amazon EC2 user guide, "IP name").
pub(crate) fn private_dns_name(primary: Ipv4Addr, region: &str) -> String {
    let [a, b, c, d] = primary.octets();
    if region == "us-east-1" {
        format!("ip-{a}-{b}-{c}-{d}.ec2.internal")
    } else {
        format!("ip-{a}-{b}-{c}-{d}.{region}.compute.internal")
    }
}
