//! What changes VPCs: create, delete, their CIDR blocks and attributes.

use crate::{
    Action, AttributeBooleanValue, Return, TagSpecification, Vpc, VpcCidrBlockAssociation,
    action::action,
};
use serde::{Deserialize, Serialize};

/// Creates a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateVpc {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// Primary IPv4 CIDR block, /16 to /28.
    pub cidr_block: Option<String>,
    /// `default`, `dedicated` or `host`.
    pub instance_tenancy: Option<String>,
    /// Whether it gets an IPv6 CIDR block of Amazon's.
    pub amazon_provided_ipv6_cidr_block: Option<bool>,
    /// Tags, for the resource type `vpc`.
    #[serde(rename = "TagSpecification", default)]
    pub tag_specifications: Vec<TagSpecification>,
}

action!(CreateVpc => CreateVpcResponse, |_request| false);

/// Answer to [`CreateVpc`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateVpcResponse {
    /// The VPC.
    pub vpc: Vpc,
}

/// Deletes a VPC, which must be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteVpc {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The VPC.
    pub vpc_id: String,
}

action!(DeleteVpc => Return, repeatable);

/// Gives a VPC another CIDR block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssociateVpcCidrBlock {
    /// The VPC.
    pub vpc_id: String,
    /// The IPv4 CIDR block, /16 to /28.
    pub cidr_block: Option<String>,
    /// Whether it gets an IPv6 CIDR block of Amazon's.
    pub amazon_provided_ipv6_cidr_block: Option<bool>,
}

impl Action for AssociateVpcCidrBlock {
    const NAME: &'static str = "AssociateVpcCidrBlock";
    type Response = VpcCidrBlockResponse;

    fn dry_run(&self) -> bool {
        false
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Takes a CIDR block from its VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DisassociateVpcCidrBlock {
    /// The block's association.
    pub association_id: String,
}

impl Action for DisassociateVpcCidrBlock {
    const NAME: &'static str = "DisassociateVpcCidrBlock";
    type Response = VpcCidrBlockResponse;

    fn dry_run(&self) -> bool {
        false
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Answer to [`AssociateVpcCidrBlock`] and [`DisassociateVpcCidrBlock`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VpcCidrBlockResponse {
    /// The VPC.
    pub vpc_id: String,
    /// The block, with its state.
    pub cidr_block_association: VpcCidrBlockAssociation,
}

/// Asks for one attribute of a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeVpcAttribute {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The VPC.
    pub vpc_id: String,
    /// `enableDnsSupport`, `enableDnsHostnames` or `enableNetworkAddressUsageMetrics`.
    pub attribute: String,
}

action!(DescribeVpcAttribute => DescribeVpcAttributeResponse, repeatable);

/// Answer to [`DescribeVpcAttribute`]: one of the attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeVpcAttributeResponse {
    /// The VPC.
    pub vpc_id: String,
    /// Whether the VPC's resolver answers.
    pub enable_dns_support: Option<AttributeBooleanValue>,
    /// Whether its addresses have names.
    pub enable_dns_hostnames: Option<AttributeBooleanValue>,
    /// Whether its network address usage is measured.
    pub enable_network_address_usage_metrics: Option<AttributeBooleanValue>,
}

/// Changes one attribute of a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifyVpcAttribute {
    /// The VPC.
    pub vpc_id: String,
    /// Whether the VPC's resolver answers.
    pub enable_dns_support: Option<AttributeBooleanValue>,
    /// Whether its addresses have names.
    pub enable_dns_hostnames: Option<AttributeBooleanValue>,
    /// Whether its network address usage is measured.
    pub enable_network_address_usage_metrics: Option<AttributeBooleanValue>,
}

impl Action for ModifyVpcAttribute {
    const NAME: &'static str = "ModifyVpcAttribute";
    type Response = Return;

    fn dry_run(&self) -> bool {
        false
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}
