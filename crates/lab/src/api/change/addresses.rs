//! AssignPrivateIpAddresses and UnassignPrivateIpAddresses.

use ec2_query::{
    AssignPrivateIpAddresses, AssignPrivateIpAddressesResponse, AssignedPrivateIpAddress, Return,
    UnassignPrivateIpAddresses,
};
use vpc::AddressRequest;

use super::addresses;
use crate::api::error::ApiError;
use crate::api::{Context, refusal};

/// Answers the new addresses only.
pub(in crate::api) fn assign(
    context: &Context<'_>,
    request: &AssignPrivateIpAddresses,
) -> Result<AssignPrivateIpAddressesResponse, ApiError> {
    let wanted = wanted(request)?;
    let eni = context.own_eni_id(&request.network_interface_id)?;
    let move_allowed = request.allow_reassignment.unwrap_or(false);
    let new = context.change(|world| world.assign(&eni, wanted, move_allowed))?;
    Ok(AssignPrivateIpAddressesResponse {
        network_interface_id: eni.to_string(),
        assigned_private_ip_addresses: new
            .into_iter()
            .map(|address| AssignedPrivateIpAddress { private_ip_address: address.to_string() })
            .collect(),
        ..AssignPrivateIpAddressesResponse::default()
    })
}

fn wanted(request: &AssignPrivateIpAddresses) -> Result<AddressRequest, ApiError> {
    let prefixes = !request.ipv4_prefixes.is_empty() || request.ipv4_prefix_count.is_some();
    let list = &request.private_ip_addresses;
    let ways = [
        !list.is_empty(),
        request.secondary_private_ip_address_count.is_some(),
        !request.ipv4_prefixes.is_empty(),
        request.ipv4_prefix_count.is_some(),
    ];
    match (ways.iter().filter(|given| **given).count(), request.secondary_private_ip_address_count)
    {
        (0, _) => Err(refusal::no_addresses()),
        (2.., _) => Err(more_than_one()),
        _ if prefixes => Err(ApiError::unsupported("Assigning IPv4 prefixes")),
        (_, Some(count)) => Ok(AddressRequest::Count(count)),
        (_, None) => Ok(AddressRequest::List(addresses(list, "privateIpAddress")?)),
    }
}

/// More than one way of saying which secondary addresses.
pub(super) fn more_than_one() -> ApiError {
    ApiError::combination(
        "You may specify one and only one of privateIpAddressSet or \
         secondaryPrivateIpAddressCount or ipv4Prefixes or ipv4PrefixCount, but not more than \
         one of them.",
    )
}

pub(in crate::api) fn unassign(
    context: &Context<'_>,
    request: &UnassignPrivateIpAddresses,
) -> Result<Return, ApiError> {
    if !request.ipv4_prefixes.is_empty() {
        return Err(ApiError::unsupported("Unassigning IPv4 prefixes"));
    }
    if request.private_ip_addresses.is_empty() {
        return Err(ApiError::missing("privateIpAddress"));
    }
    let list = addresses(&request.private_ip_addresses, "privateIpAddress")?;
    let eni = context.own_eni_id(&request.network_interface_id)?;
    context.change(|world| world.unassign(&eni, &list))?;
    Ok(Return::default())
}
