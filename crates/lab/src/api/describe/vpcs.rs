//! DescribeVpcs and DescribeVpcAttribute.

use ec2_query::{
    AttributeBooleanValue, DescribeVpcAttribute, DescribeVpcAttributeResponse, DescribeVpcs,
    DescribeVpcsResponse, Vpc, VpcCidrBlockAssociation, VpcCidrBlockState,
};
use vpc::{VpcId, World};

use super::{Described, Selection, list, many, never, one, tag_pairs, tags};
use crate::api::error::ApiError;
use crate::api::filter::Filtered;
use crate::api::{Context, ids, refusal};

pub(in crate::api) fn vpcs(
    context: &Context<'_>,
    request: &DescribeVpcs,
) -> Result<DescribeVpcsResponse, ApiError> {
    let all = context.lab.read(|world: &World| {
        world.vpcs().filter(|vpc| context.owns(&vpc.owner)).map(view).collect()
    });
    let selection = Selection {
        ids: &request.vpc_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let (vpcs, next_token) = list::<VpcId, Vpc>(context, &selection, all)?;
    Ok(DescribeVpcsResponse { vpcs, next_token })
}

/// A VPC as EC2 answers it, here and in CreateVpc.
pub(in crate::api) fn view(vpc: &vpc::Vpc) -> Vpc {
    Vpc {
        vpc_id: vpc.id.to_string(),
        owner_id: vpc.owner.to_string(),
        state: "available".into(),
        cidr_block: vpc.cidr.block.to_string(),
        cidr_block_association_set: vpc
            .cidrs()
            .map(|cidr| cidr_block(cidr, "associated"))
            .collect(),
        // No DHCP option set of one's own; EC2's word for it.
        dhcp_options_id: "default".into(),
        instance_tenancy: "default".into(),
        is_default: false,
        tags: tags(&vpc.tags),
    }
}

/// A CIDR block of a VPC in some state of its association.
pub(in crate::api) fn cidr_block(cidr: &vpc::VpcCidr, state: &str) -> VpcCidrBlockAssociation {
    VpcCidrBlockAssociation {
        association_id: cidr.association.to_string(),
        cidr_block: cidr.block.to_string(),
        cidr_block_state: VpcCidrBlockState { state: state.into(), status_message: None },
    }
}

pub(in crate::api) fn vpc_attribute(
    context: &Context<'_>,
    request: &DescribeVpcAttribute,
) -> Result<DescribeVpcAttributeResponse, ApiError> {
    let id: VpcId = ids::parse(&request.vpc_id)?;
    context.own_vpc(&id)?;
    let attributes = context.lab.read(|world| world.vpc(&id).map(|vpc| vpc.attributes));
    let attributes = attributes.map_err(|error| refusal::answer(&error))?;
    let mut answer = DescribeVpcAttributeResponse { vpc_id: id.to_string(), ..Default::default() };
    let (place, value) = match request.attribute.as_str() {
        "enableDnsSupport" => (&mut answer.enable_dns_support, attributes.dns_support),
        "enableDnsHostnames" => (&mut answer.enable_dns_hostnames, attributes.dns_hostnames),
        "enableNetworkAddressUsageMetrics" => (
            &mut answer.enable_network_address_usage_metrics,
            attributes.network_address_usage_metrics,
        ),
        other => {
            return Err(ApiError::invalid_value(format!(
                "Value ({other}) for parameter attribute is invalid. Unknown attribute."
            )));
        }
    };
    *place = Some(AttributeBooleanValue { value });
    Ok(answer)
}

impl Described for Vpc {
    const ACTION: &'static str = "DescribeVpcs";
    const IDS: &'static str = "vpcSet";

    fn key(&self) -> &str {
        &self.vpc_id
    }
}

impl Filtered for Vpc {
    fn attribute(&self, name: &str) -> Option<Vec<String>> {
        let blocks = &self.cidr_block_association_set;
        match name {
            "cidr" | "cidrBlock" | "cidr-block" => one(&self.cidr_block),
            "cidr-block-association.cidr-block" => many(blocks.iter().map(|b| &b.cidr_block)),
            "cidr-block-association.association-id" => {
                many(blocks.iter().map(|b| &b.association_id))
            }
            "cidr-block-association.state" => {
                many(blocks.iter().map(|b| &b.cidr_block_state.state))
            }
            "dhcp-options-id" | "dhcpOptionsId" => one(&self.dhcp_options_id),
            "ipv6-cidr-block-association.ipv6-cidr-block"
            | "ipv6-cidr-block-association.ipv6-pool"
            | "ipv6-cidr-block-association.association-id"
            | "ipv6-cidr-block-association.state" => never(),
            "is-default" | "isDefault" => one(&self.is_default),
            "owner-id" => one(&self.owner_id),
            "state" => one(&self.state),
            "vpc-id" => one(&self.vpc_id),
            _ => None,
        }
    }

    fn tags(&self) -> Option<Vec<(&str, &str)>> {
        tag_pairs(&self.tags)
    }
}
