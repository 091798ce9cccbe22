//! The EC2 Query protocol's wire types: form-encoded requests and XML answers, in both directions.
//!
//! One set of types serves a client and a server alike. Each action is a request struct that
//! implements [`Action`], which names the action and its answer's type.
//!
//! | direction | client | server |
//! |---|---|---|
//! | request | [`to_form`] then [`encode_body`] | [`decode_body`], [`action_of`], [`from_form`] |
//! | answer | [`from_xml`] | [`to_xml`] |
//! | refusal | [`ErrorResponse::from_xml`] | [`ErrorResponse::to_xml`] |
//!
//! Names of parameters and elements are those of the EC2 API reference, version [`EC2_VERSION`].
//! Identifiers, addresses, states and times are strings, as on the wire; times are ISO 8601 in UTC
//! with milliseconds (`2026-01-02T03:04:05.000Z`). Nothing here does I/O.

mod action;
mod availability_zones;
mod cidr_reservations;
mod common;
mod form;
mod instance_types;
mod instances;
mod network_interface_actions;
mod network_interfaces;
mod security_group_actions;
mod security_group_rules;
mod security_groups;
mod subnet_actions;
mod subnets;
mod tags;
mod tree;
mod vpc_actions;
mod vpcs;
mod xml;

pub use action::{Action, Paginated};
pub use availability_zones::{
    AvailabilityZone, AvailabilityZoneMessage, DescribeAvailabilityZones,
    DescribeAvailabilityZonesResponse,
};
pub use cidr_reservations::{
    CreateSubnetCidrReservation, CreateSubnetCidrReservationResponse, DeleteSubnetCidrReservation,
    DeleteSubnetCidrReservationResponse, GetSubnetCidrReservations,
    GetSubnetCidrReservationsResponse, SubnetCidrReservation,
};
pub use common::{Filter, GroupIdentifier, Return, Tag, TagSpecification};
pub use form::{
    FormError, MAX_INDEX, MAX_NAME_BYTES, MAX_PARAMETERS, action_of, decode_body, encode_body,
    from_form, to_form,
};
pub use instance_types::{
    DescribeInstanceTypes, DescribeInstanceTypesResponse, InstanceTypeInfo, MemoryInfo,
    NetworkCardInfo, NetworkInfo, ProcessorInfo, VCpuInfo,
};
pub use instances::{
    DescribeInstances, DescribeInstancesResponse, IamInstanceProfile, Instance,
    InstanceMetadataOptions, InstanceNetworkInterface, InstanceNetworkInterfaceAttachment,
    InstanceState, Monitoring, Placement, Reservation,
};
pub use network_interface_actions::{
    AssignPrivateIpAddresses, AssignPrivateIpAddressesResponse, AssignedPrivateIpAddress,
    AttachNetworkInterface, AttachNetworkInterfaceResponse, AttributeBooleanValue, AttributeValue,
    CreateNetworkInterface, CreateNetworkInterfaceResponse, DeleteNetworkInterface,
    DetachNetworkInterface, Ipv4PrefixSpecificationRequest, ModifyNetworkInterfaceAttribute,
    NetworkInterfaceAttachmentChanges, PrivateIpAddressSpecification, UnassignPrivateIpAddresses,
};
pub use network_interfaces::{
    DescribeNetworkInterfaces, DescribeNetworkInterfacesResponse, Ipv4PrefixSpecification,
    Ipv6AddressSpecification, NetworkInterface, NetworkInterfaceAttachment,
    NetworkInterfacePrivateIpAddress,
};
pub use security_group_actions::{
    AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupIngress, AuthorizeSecurityGroupResponse,
    CreateSecurityGroup, CreateSecurityGroupResponse, DeleteSecurityGroup,
    DeleteSecurityGroupResponse, RevokeSecurityGroupEgress, RevokeSecurityGroupIngress,
    RevokeSecurityGroupResponse, RevokedSecurityGroupRule,
};
pub use security_group_rules::{
    DescribeSecurityGroupRules, DescribeSecurityGroupRulesResponse, ReferencedSecurityGroup,
    SecurityGroupRule,
};
pub use security_groups::{
    DescribeSecurityGroups, DescribeSecurityGroupsResponse, IpPermission, IpRange, Ipv6Range,
    PrefixListId, SecurityGroup, UserIdGroupPair,
};
pub use subnet_actions::{CreateSubnet, CreateSubnetResponse, DeleteSubnet, ModifySubnetAttribute};
pub use subnets::{DescribeSubnets, DescribeSubnetsResponse, Subnet};
pub use tags::{CreateTags, DeleteTags, TagToDelete};
pub use vpc_actions::{
    AssociateVpcCidrBlock, CreateVpc, CreateVpcResponse, DeleteVpc, DescribeVpcAttribute,
    DescribeVpcAttributeResponse, DisassociateVpcCidrBlock, ModifyVpcAttribute,
    VpcCidrBlockResponse,
};
pub use vpcs::{
    DescribeVpcs, DescribeVpcsResponse, Vpc, VpcCidrBlockAssociation, VpcCidrBlockState,
};
pub use xml::{ErrorResponse, MAX_XML_DEPTH, MAX_XML_ELEMENTS, XmlError, from_xml, to_xml};

/// The API version that every request names.
pub const EC2_VERSION: &str = "2016-11-15";

/// The XML namespace of every successful answer.
pub const EC2_XMLNS: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

#[cfg(test)]
mod tests;
