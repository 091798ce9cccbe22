//! What changes ENIs: create, attach, detach, delete, their addresses and attributes.

use crate::{
    Action, Ipv4PrefixSpecification, NetworkInterface, Return, TagSpecification, action::action,
};
use serde::{Deserialize, Serialize};

/// Creates an ENI in a subnet.
///
/// Beyond the primary address, a request names one of: addresses, a count of addresses, prefixes,
/// or a count of prefixes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateNetworkInterface {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The subnet.
    pub subnet_id: String,
    /// Free text.
    pub description: Option<String>,
    /// Primary private IPv4 address; EC2 picks one if none is given.
    pub private_ip_address: Option<String>,
    /// Addresses, of which one may be marked as the primary one.
    #[serde(default)]
    pub private_ip_addresses: Vec<PrivateIpAddressSpecification>,
    /// How many secondary addresses EC2 shall pick.
    pub secondary_private_ip_address_count: Option<u32>,
    /// IPv4 prefixes.
    #[serde(rename = "Ipv4Prefix", default)]
    pub ipv4_prefixes: Vec<Ipv4PrefixSpecificationRequest>,
    /// How many IPv4 prefixes EC2 shall pick.
    pub ipv4_prefix_count: Option<u32>,
    /// Ids of security groups; none means the VPC's default group.
    #[serde(rename = "SecurityGroupId", default)]
    pub groups: Vec<String>,
    /// `efa`, `efa-only`, `branch` or `trunk`; none means an ordinary ENI.
    pub interface_type: Option<String>,
    /// Tags, for the resource type `network-interface`.
    #[serde(rename = "TagSpecification", default)]
    pub tag_specifications: Vec<TagSpecification>,
    /// Makes the request repeatable: EC2 answers a second one of the same token with the same ENI.
    pub client_token: Option<String>,
}

action!(CreateNetworkInterface => CreateNetworkInterfaceResponse, |request| request
    .client_token
    .is_some());

/// An address for an ENI to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrivateIpAddressSpecification {
    /// The address.
    pub private_ip_address: String,
    /// Whether it is the ENI's primary address.
    pub primary: Option<bool>,
}

/// An IPv4 prefix for an ENI to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ipv4PrefixSpecificationRequest {
    /// The prefix, a /28.
    pub ipv4_prefix: String,
}

/// Answer to [`CreateNetworkInterface`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateNetworkInterfaceResponse {
    /// The ENI.
    pub network_interface: NetworkInterface,
    /// The request's token.
    pub client_token: Option<String>,
}

/// Attaches an ENI to an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachNetworkInterface {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The ENI.
    pub network_interface_id: String,
    /// The instance.
    pub instance_id: String,
    /// Device index on the network card.
    pub device_index: u32,
    /// The network card; none means card 0.
    pub network_card_index: Option<u32>,
}

action!(AttachNetworkInterface => AttachNetworkInterfaceResponse, repeatable);

/// Answer to [`AttachNetworkInterface`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachNetworkInterfaceResponse {
    /// Id of the attachment.
    pub attachment_id: String,
    /// The network card.
    pub network_card_index: Option<u32>,
}

/// Detaches an ENI from its instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DetachNetworkInterface {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The attachment.
    pub attachment_id: String,
    /// Do not wait for the instance's operating system.
    pub force: Option<bool>,
}

action!(DetachNetworkInterface => Return, repeatable);

/// Deletes an ENI, which must be detached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteNetworkInterface {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The ENI.
    pub network_interface_id: String,
}

action!(DeleteNetworkInterface => Return, repeatable);

/// Gives an ENI further addresses: named ones, a count, named prefixes, or a count of prefixes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssignPrivateIpAddresses {
    /// The ENI.
    pub network_interface_id: String,
    /// Addresses.
    #[serde(rename = "PrivateIpAddress", default)]
    pub private_ip_addresses: Vec<String>,
    /// How many addresses EC2 shall pick.
    pub secondary_private_ip_address_count: Option<u32>,
    /// IPv4 prefixes.
    #[serde(rename = "Ipv4Prefix", default)]
    pub ipv4_prefixes: Vec<String>,
    /// How many IPv4 prefixes EC2 shall pick.
    pub ipv4_prefix_count: Option<u32>,
    /// Also take named addresses away from another ENI.
    pub allow_reassignment: Option<bool>,
}

impl Action for AssignPrivateIpAddresses {
    const NAME: &'static str = "AssignPrivateIpAddresses";
    type Response = AssignPrivateIpAddressesResponse;

    fn dry_run(&self) -> bool {
        false
    }

    /// A count is not repeatable: each arrival would add that many.
    fn is_repeatable(&self) -> bool {
        self.secondary_private_ip_address_count.is_none() && self.ipv4_prefix_count.is_none()
    }
}

/// Answer to [`AssignPrivateIpAddresses`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AssignPrivateIpAddressesResponse {
    /// The ENI.
    pub network_interface_id: String,
    /// The addresses that are new.
    #[serde(rename = "AssignedPrivateIpAddressesSet")]
    pub assigned_private_ip_addresses: Vec<AssignedPrivateIpAddress>,
    /// The prefixes that are new.
    #[serde(rename = "AssignedIpv4PrefixSet")]
    pub assigned_ipv4_prefixes: Vec<Ipv4PrefixSpecification>,
}

/// An address that an ENI has been given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AssignedPrivateIpAddress {
    /// The address.
    pub private_ip_address: String,
}

/// Takes secondary addresses or prefixes from an ENI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UnassignPrivateIpAddresses {
    /// The ENI.
    pub network_interface_id: String,
    /// Addresses.
    #[serde(rename = "PrivateIpAddress", default)]
    pub private_ip_addresses: Vec<String>,
    /// IPv4 prefixes.
    #[serde(rename = "Ipv4Prefix", default)]
    pub ipv4_prefixes: Vec<String>,
}

impl Action for UnassignPrivateIpAddresses {
    const NAME: &'static str = "UnassignPrivateIpAddresses";
    type Response = Return;

    fn dry_run(&self) -> bool {
        false
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Changes one attribute of an ENI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyNetworkInterfaceAttribute {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The ENI.
    pub network_interface_id: String,
    /// New description.
    pub description: Option<AttributeValue>,
    /// New state of the source/destination check.
    pub source_dest_check: Option<AttributeBooleanValue>,
    /// Ids of security groups that replace the present ones.
    #[serde(rename = "SecurityGroupId", default)]
    pub groups: Vec<String>,
    /// Change of the attachment.
    pub attachment: Option<NetworkInterfaceAttachmentChanges>,
}

action!(ModifyNetworkInterfaceAttribute => Return, repeatable);

/// A text as the new value of an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeValue {
    /// The value, which may be empty.
    pub value: String,
}

/// A flag as the new value of an attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeBooleanValue {
    /// The value.
    pub value: bool,
}

/// Change of an ENI's attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkInterfaceAttachmentChanges {
    /// The attachment.
    pub attachment_id: String,
    /// Whether the ENI goes when its instance goes.
    pub delete_on_termination: Option<bool>,
}
