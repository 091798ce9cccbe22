//! DescribeVpcs.

use crate::{
    Filter, Tag,
    action::{action, paginated},
};
use serde::{Deserialize, Serialize};

/// Lists VPCs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeVpcs {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// Ids of the VPCs to list; none means all.
    #[serde(rename = "VpcId", default)]
    pub vpc_ids: Vec<String>,
    /// Conditions that must all hold.
    #[serde(rename = "Filter", default)]
    pub filters: Vec<Filter>,
    /// Size of a page, 5 to 1000.
    pub max_results: Option<u32>,
    /// The page to answer with, from the answer before.
    pub next_token: Option<String>,
}

action!(DescribeVpcs => DescribeVpcsResponse, repeatable);
paginated!(DescribeVpcs, vpcs: Vpc);

/// Answer to [`DescribeVpcs`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeVpcsResponse {
    /// The VPCs.
    #[serde(rename = "VpcSet")]
    pub vpcs: Vec<Vpc>,
    /// Names the next page, if there is one.
    pub next_token: Option<String>,
}

/// A VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Vpc {
    /// Id.
    pub vpc_id: String,
    /// Account that owns it.
    pub owner_id: String,
    /// `pending` or `available`.
    pub state: String,
    /// Primary IPv4 CIDR block.
    pub cidr_block: String,
    /// All IPv4 CIDR blocks, the primary one included.
    pub cidr_block_association_set: Vec<VpcCidrBlockAssociation>,
    /// Id of its DHCP options, or `default`.
    pub dhcp_options_id: String,
    /// `default` or `dedicated`.
    pub instance_tenancy: String,
    /// Whether it is the Region's default VPC.
    pub is_default: bool,
    /// Tags.
    #[serde(rename = "TagSet")]
    pub tags: Vec<Tag>,
}

/// An IPv4 CIDR block of a VPC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VpcCidrBlockAssociation {
    /// Id of the association, `vpc-cidr-assoc-…`.
    pub association_id: String,
    /// The block.
    pub cidr_block: String,
    /// Its state.
    pub cidr_block_state: VpcCidrBlockState,
}

/// State of a VPC's CIDR block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VpcCidrBlockState {
    /// `associating`, `associated`, `disassociating`, `disassociated`, `failing` or `failed`.
    pub state: String,
    /// Why, if it failed.
    pub status_message: Option<String>,
}
