//! VPCs: CreateVpc, DeleteVpc, their CIDR blocks and attributes.

use ec2_query::{
    AssociateVpcCidrBlock, CreateVpc, CreateVpcResponse, DeleteVpc, DisassociateVpcCidrBlock,
    ModifyVpcAttribute, Return, VpcCidrBlockResponse,
};
use vpc::{VpcAttribute, VpcCidrAssociationId, VpcId, VpcSpec};

use super::cidr;
use super::tags::from_specifications;
use crate::api::error::ApiError;
use crate::api::{Context, describe, ids};

pub(in crate::api) fn create_vpc(
    context: &Context<'_>,
    request: &CreateVpc,
) -> Result<CreateVpcResponse, ApiError> {
    refuse_ipv6(request.amazon_provided_ipv6_cidr_block)?;
    match request.instance_tenancy.as_deref() {
        None | Some("default") => {}
        Some(other @ ("dedicated" | "host")) => {
            return Err(ApiError::unsupported(&format!("InstanceTenancy {other}")));
        }
        Some(other) => {
            return Err(ApiError::invalid_value(format!(
                "Value ({other}) for parameter instanceTenancy is invalid."
            )));
        }
    }
    let spec = VpcSpec {
        owner: context.caller.account.clone(),
        region: context.lab.region.clone(),
        cidr: required_cidr(request.cidr_block.as_deref())?,
        tags: from_specifications(&request.tag_specifications, "vpc")?,
    };
    let vpc = context.change(|world| {
        let id = world.create_vpc(spec)?;
        Ok(describe::vpc(world.vpc(&id)?))
    })?;
    Ok(CreateVpcResponse { vpc })
}

pub(in crate::api) fn delete_vpc(
    context: &Context<'_>,
    request: &DeleteVpc,
) -> Result<Return, ApiError> {
    let id: VpcId = ids::parse(&request.vpc_id)?;
    context.own_vpc(&id)?;
    context.change(|world| world.delete_vpc(&id))?;
    Ok(Return::default())
}

/// Answers `associating`, as EC2 does, though the block is ready at once.
pub(in crate::api) fn associate_vpc_cidr_block(
    context: &Context<'_>,
    request: &AssociateVpcCidrBlock,
) -> Result<VpcCidrBlockResponse, ApiError> {
    refuse_ipv6(request.amazon_provided_ipv6_cidr_block)?;
    let block = required_cidr(request.cidr_block.as_deref())?;
    let id: VpcId = ids::parse(&request.vpc_id)?;
    context.own_vpc(&id)?;
    let new = context.change(|world| world.associate_vpc_cidr(&id, block))?;
    Ok(VpcCidrBlockResponse {
        vpc_id: id.to_string(),
        cidr_block_association: describe::cidr_block(&new, "associating"),
    })
}

/// Answers `disassociating`, as EC2 does, though the block is gone at once.
pub(in crate::api) fn disassociate_vpc_cidr_block(
    context: &Context<'_>,
    request: &DisassociateVpcCidrBlock,
) -> Result<VpcCidrBlockResponse, ApiError> {
    let id: VpcCidrAssociationId = ids::parse(&request.association_id)?;
    let owned = context.lab.read(|world| {
        let mut own = world.vpcs().filter(|vpc| context.owns(&vpc.owner));
        own.any(|vpc| vpc.cidrs().any(|cidr| cidr.association == id))
    });
    if !owned {
        return Err(ids::not_found::<VpcCidrAssociationId>(id.as_str()));
    }
    let (vpc, gone) = context.change(|world| world.disassociate_vpc_cidr(&id))?;
    Ok(VpcCidrBlockResponse {
        vpc_id: vpc.to_string(),
        cidr_block_association: describe::cidr_block(&gone, "disassociating"),
    })
}

/// One attribute per call.
pub(in crate::api) fn modify_vpc_attribute(
    context: &Context<'_>,
    request: &ModifyVpcAttribute,
) -> Result<Return, ApiError> {
    let given: Vec<VpcAttribute> = [
        request.enable_dns_support.as_ref().map(|on| VpcAttribute::DnsSupport(on.value)),
        request.enable_dns_hostnames.as_ref().map(|on| VpcAttribute::DnsHostnames(on.value)),
        request
            .enable_network_address_usage_metrics
            .as_ref()
            .map(|on| VpcAttribute::NetworkAddressUsageMetrics(on.value)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let [change] = given[..] else {
        return Err(match given.len() {
            0 => ApiError::combination("No attributes specified."),
            _ => ApiError::combination("Fields for multiple attribute types specified"),
        });
    };
    let id: VpcId = ids::parse(&request.vpc_id)?;
    context.own_vpc(&id)?;
    context.change(|world| world.set_vpc_attribute(&id, change))?;
    Ok(Return::default())
}

fn required_cidr(text: Option<&str>) -> Result<ipnet::Ipv4Net, ApiError> {
    cidr(text.ok_or_else(|| ApiError::missing("cidrBlock"))?, "cidrBlock")
}

fn refuse_ipv6(asked: Option<bool>) -> Result<(), ApiError> {
    if asked == Some(true) {
        return Err(ApiError::unsupported("An IPv6 CIDR block"));
    }
    Ok(())
}
