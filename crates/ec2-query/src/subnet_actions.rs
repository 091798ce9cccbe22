//! What changes subnets: create, delete, their attributes.

use crate::{Action, AttributeBooleanValue, Return, Subnet, TagSpecification, action::action};
use serde::{Deserialize, Serialize};

/// Creates a subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSubnet {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The VPC.
    pub vpc_id: String,
    /// IPv4 CIDR block, /16 to /28, of the VPC.
    pub cidr_block: Option<String>,
    /// Availability Zone by name; EC2 picks one if none is given.
    pub availability_zone: Option<String>,
    /// Availability Zone by id.
    pub availability_zone_id: Option<String>,
    /// Tags, for the resource type `subnet`.
    #[serde(rename = "TagSpecification", default)]
    pub tag_specifications: Vec<TagSpecification>,
}

action!(CreateSubnet => CreateSubnetResponse, |_request| false);

/// Answer to [`CreateSubnet`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateSubnetResponse {
    /// The subnet.
    pub subnet: Subnet,
}

/// Deletes a subnet, which must have no ENI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSubnet {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// The subnet.
    pub subnet_id: String,
}

action!(DeleteSubnet => Return, repeatable);

/// Changes one attribute of a subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModifySubnetAttribute {
    /// The subnet.
    pub subnet_id: String,
    /// Whether instances launched in it get a public IPv4 address.
    pub map_public_ip_on_launch: Option<AttributeBooleanValue>,
    /// Whether ENIs made in it get an IPv6 address.
    pub assign_ipv6_address_on_creation: Option<AttributeBooleanValue>,
    /// Whether its DNS answers synthetic IPv6 addresses for IPv4-only names.
    pub enable_dns64: Option<AttributeBooleanValue>,
}

impl Action for ModifySubnetAttribute {
    const NAME: &'static str = "ModifySubnetAttribute";
    type Response = Return;

    fn dry_run(&self) -> bool {
        false
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}
