//! What the agent needs of EC2: a seam with the real API behind it ([`ec2::Ec2Cloud`]) and a twin
//! in memory for tests.

pub mod ec2;
#[cfg(test)]
pub(crate) mod twin;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::Ipv4Addr;

use datapath::Mac;
use ipam::{EniId, SubnetId};
use ipnet::Ipv4Net;

/// The tag by which an ENI is known as made by an agent, with the instance it was made for.
pub const TAG_INSTANCE: &str = "node.k8s.amazonaws.com/instance_id";
/// The tag with the time an ENI was made (RFC 3339).
pub const TAG_CREATED: &str = "node.k8s.amazonaws.com/createdAt";
/// The tag by which an operator keeps the agent's hands off an ENI, when its value is `true`.
pub const TAG_NO_MANAGE: &str = "node.k8s.amazonaws.com/no_manage";

/// Who and where the node is, from the instance metadata service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Such as `i-0123456789abcdef0`.
    pub instance_id: String,
    /// Such as `m5.large`.
    pub instance_type: String,
    /// Such as `us-west-2`.
    pub region: String,
    /// Such as `us-west-2a`.
    pub availability_zone: String,
    /// The primary address of the primary ENI.
    pub address: Ipv4Addr,
}

/// How many ENIs of how many addresses an instance type takes on its default network card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeLimits {
    /// ENIs.
    pub enis: u32,
    /// IPv4 addresses per ENI, its primary one included.
    pub addresses_per_eni: u32,
}

/// An ENI as EC2 describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EniInfo {
    /// Its id.
    pub id: EniId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Its primary address; ENIs without addresses (`efa-only`) are left out by [`Cloud`].
    pub primary: Ipv4Addr,
    /// Its secondary addresses.
    pub secondaries: Vec<Ipv4Addr>,
    /// Its security groups.
    pub groups: Vec<String>,
    /// Its description.
    pub description: String,
    /// `interface`, `trunk`, `vpc_endpoint`, …
    pub interface_type: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What it is attached to.
    pub attachment: Option<AttachmentInfo>,
}

/// An ENI's attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentInfo {
    /// Its id.
    pub id: String,
    /// The instance; `None` if the other end is an AWS service.
    pub instance: Option<String>,
    /// The device index.
    pub device_index: u32,
    /// The network card.
    pub network_card: u32,
    /// Whether it is being undone.
    pub detaching: bool,
    /// Whether the ENI goes when its instance goes.
    pub delete_on_termination: bool,
}

/// A subnet as EC2 describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetInfo {
    /// Its id.
    pub id: SubnetId,
    /// Its `Name` tag.
    pub name: Option<String>,
    /// Its CIDR block.
    pub cidr: Ipv4Net,
    /// Addresses EC2 can still hand out.
    pub free: u32,
}

/// An ENI to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEni {
    /// Where.
    pub subnet: SubnetId,
    /// Secondary addresses beside the primary one.
    pub secondaries: u32,
    /// Security groups.
    pub groups: Vec<String>,
    /// Description.
    pub description: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Makes the request repeatable: one token, one ENI.
    pub token: String,
}

impl NewEni {
    /// When it was asked for: the value of [`TAG_CREATED`].
    pub(crate) fn created(&self) -> &str {
        self.tags.get(TAG_CREATED).map_or("", String::as_str)
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct CloudError {
    /// The EC2 action.
    pub action: &'static str,
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// In EC2's or the transport's words.
    pub what: String,
}

/// What a failure means to the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// `InsufficientFreeAddressesInSubnet`.
    SubnetShort,
    /// `RequestLimitExceeded` and its kin.
    Throttled,
    /// `AttachmentLimitExceeded`.
    EniLimit,
    /// `PrivateIpAddressLimitExceeded`.
    AddressLimit,
    /// The device index is taken.
    DeviceIndexTaken,
    /// The ENI, subnet or attachment does not exist.
    NotFound,
    /// The ENI is in use.
    InUse,
    /// No answer: the call may or may not have had its effect.
    Unanswered,
    /// Anything else.
    Other,
}

/// The EC2 API. Each method is one call, but for those that list, which are one per page.
pub trait Cloud: Send + Sync + 'static {
    /// The limits of an instance type.
    fn type_limits(
        &self,
        instance_type: &str,
    ) -> impl Future<Output = Result<TypeLimits, CloudError>> + Send;
    /// The ENIs attached to an instance.
    fn enis_of_instance(
        &self,
        instance: &str,
    ) -> impl Future<Output = Result<Vec<EniInfo>, CloudError>> + Send;
    /// ENIs tagged as an instance's ([`TAG_INSTANCE`]) that are attached to nothing.
    fn orphans_of_instance(
        &self,
        instance: &str,
    ) -> impl Future<Output = Result<Vec<EniInfo>, CloudError>> + Send;
    /// Every ENI in a subnet.
    fn enis_in_subnet(
        &self,
        subnet: &SubnetId,
    ) -> impl Future<Output = Result<Vec<EniInfo>, CloudError>> + Send;
    /// One ENI; `None` if there is no such.
    fn eni(&self, id: &EniId) -> impl Future<Output = Result<Option<EniInfo>, CloudError>> + Send;
    /// Subnets by id.
    fn subnets(
        &self,
        ids: &[SubnetId],
    ) -> impl Future<Output = Result<Vec<SubnetInfo>, CloudError>> + Send;
    /// Creates an ENI.
    fn create_eni(&self, new: &NewEni) -> impl Future<Output = Result<EniInfo, CloudError>> + Send;
    /// Attaches an ENI; the attachment's id.
    fn attach(
        &self,
        eni: &EniId,
        instance: &str,
        device_index: u32,
    ) -> impl Future<Output = Result<String, CloudError>> + Send;
    /// Has an attached ENI go with its instance.
    fn delete_on_termination(
        &self,
        eni: &EniId,
        attachment: &str,
    ) -> impl Future<Output = Result<(), CloudError>> + Send;
    /// Assigns further secondary addresses; only the new ones are answered.
    fn assign_addresses(
        &self,
        eni: &EniId,
        count: u32,
    ) -> impl Future<Output = Result<Vec<Ipv4Addr>, CloudError>> + Send;
    /// Detaches an ENI; EC2 goes on after it has answered.
    fn detach(&self, attachment: &str) -> impl Future<Output = Result<(), CloudError>> + Send;
    /// Deletes a detached ENI.
    fn delete(&self, eni: &EniId) -> impl Future<Output = Result<(), CloudError>> + Send;
    /// Calls made so far, by action.
    fn calls(&self) -> BTreeMap<String, u64>;
}
