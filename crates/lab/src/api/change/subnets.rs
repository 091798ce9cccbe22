//! CreateSubnet, DeleteSubnet and ModifySubnetAttribute.

use ec2_query::{CreateSubnet, CreateSubnetResponse, DeleteSubnet, ModifySubnetAttribute, Return};
use vpc::{AvailabilityZone, SubnetId, SubnetSpec, VpcId};

use super::cidr;
use super::tags::from_specifications;
use crate::api::error::ApiError;
use crate::api::{Context, describe, ids};

pub(in crate::api) fn create_subnet(
    context: &Context<'_>,
    request: &CreateSubnet,
) -> Result<CreateSubnetResponse, ApiError> {
    let block = request.cidr_block.as_deref().ok_or_else(|| ApiError::missing("cidrBlock"))?;
    let vpc: VpcId = ids::parse(&request.vpc_id)?;
    let spec = SubnetSpec {
        vpc: vpc.clone(),
        cidr: cidr(block, "cidrBlock")?,
        availability_zone: zone(context, request)?,
        tags: from_specifications(&request.tag_specifications, "subnet")?,
    };
    context.own_vpc(&vpc)?;
    let subnet = context.change(|world| {
        let id = world.create_subnet(spec)?;
        let view = describe::subnet(context, world, world.subnet(&id)?);
        view.ok_or(vpc::Error::UnknownSubnet { subnet: id })
    })?;
    Ok(CreateSubnetResponse { subnet })
}

/// The zone asked for by name or id, or the Region's first.
fn zone(context: &Context<'_>, request: &CreateSubnet) -> Result<AvailabilityZone, ApiError> {
    let zones = context.lab.read(|world| describe::zones_of(&context.lab.region, world));
    let (found, parameter, asked) =
        match (&request.availability_zone, &request.availability_zone_id) {
            (Some(_), Some(_)) => {
                return Err(ApiError::combination(
                    "The parameter availabilityZone cannot be used with the parameter \
                 availabilityZoneId",
                ));
            }
            (Some(name), None) => (
                zones.iter().find(|zone| zone.zone_name == *name),
                "availabilityZone",
                name.as_str(),
            ),
            (None, Some(id)) => {
                (zones.iter().find(|zone| zone.zone_id == *id), "availabilityZoneId", id.as_str())
            }
            (None, None) => (zones.first(), "availabilityZone", ""),
        };
    found.and_then(|zone| zone.zone_name.parse().ok()).ok_or_else(|| {
        let names: Vec<&str> = zones.iter().map(|zone| zone.zone_name.as_str()).collect();
        ApiError::invalid_value(format!(
            "Value ({asked}) for parameter {parameter} is invalid. Subnets can currently only be \
             created in the following availability zones: {}.",
            names.join(", ")
        ))
    })
}

pub(in crate::api) fn delete_subnet(
    context: &Context<'_>,
    request: &DeleteSubnet,
) -> Result<Return, ApiError> {
    let id: SubnetId = ids::parse(&request.subnet_id)?;
    context.own_subnet(&id)?;
    context.change(|world| world.delete_subnet(&id))?;
    Ok(Return::default())
}

/// One attribute per call; of those that need IPv6 the lab knows only that they are off.
pub(in crate::api) fn modify_subnet_attribute(
    context: &Context<'_>,
    request: &ModifySubnetAttribute,
) -> Result<Return, ApiError> {
    let given = [
        ("AssignIpv6AddressOnCreation", &request.assign_ipv6_address_on_creation),
        ("EnableDns64", &request.enable_dns64),
        ("MapPublicIpOnLaunch", &request.map_public_ip_on_launch),
    ];
    let given: Vec<(&str, bool)> =
        given.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?.value))).collect();
    let [(name, on)] = given[..] else {
        return Err(match given.len() {
            0 => ApiError::combination("No attributes specified."),
            _ => ApiError::combination("Fields for multiple attribute types specified"),
        });
    };
    let id: SubnetId = ids::parse(&request.subnet_id)?;
    context.own_subnet(&id)?;
    if name == "MapPublicIpOnLaunch" {
        context.change(|world| world.set_map_public_ip_on_launch(&id, on))?;
    } else if on {
        return Err(ApiError::unsupported(name));
    }
    Ok(Return::default())
}
