//! AssignPrivateIpAddresses and UnassignPrivateIpAddresses.

use ec2_query::{
    AssignPrivateIpAddresses, AssignPrivateIpAddressesResponse, AssignedPrivateIpAddress,
    Ipv4PrefixSpecification, Return, UnassignPrivateIpAddresses,
};
use vpc::{AddressRequest, PrefixRequest};

use super::{addresses, prefixes};
use crate::api::error::ApiError;
use crate::api::{Context, refusal};

/// Answers the new addresses or prefixes only.
pub(in crate::api) fn assign(
    context: &Context<'_>,
    request: &AssignPrivateIpAddresses,
) -> Result<AssignPrivateIpAddressesResponse, ApiError> {
    let wanted = wanted(request)?;
    let eni = context.own_eni_id(&request.network_interface_id)?;
    let move_allowed = request.allow_reassignment.unwrap_or(false);
    let (addresses, prefixes) = context.change(|world| match wanted {
        AddressRequest::Prefixes(wanted) => Ok((Vec::new(), world.assign_prefixes(&eni, &wanted)?)),
        wanted => Ok((world.assign(&eni, wanted, move_allowed)?, Vec::new())),
    })?;
    Ok(AssignPrivateIpAddressesResponse {
        network_interface_id: eni.to_string(),
        assigned_private_ip_addresses: addresses
            .into_iter()
            .map(|address| AssignedPrivateIpAddress { private_ip_address: address.to_string() })
            .collect(),
        assigned_ipv4_prefixes: prefixes
            .into_iter()
            .map(|prefix| Ipv4PrefixSpecification { ipv4_prefix: prefix.to_string() })
            .collect(),
    })
}

fn wanted(request: &AssignPrivateIpAddresses) -> Result<AddressRequest, ApiError> {
    let (list, named) = (&request.private_ip_addresses, &request.ipv4_prefixes);
    match (
        list.as_slice(),
        request.secondary_private_ip_address_count,
        named.as_slice(),
        request.ipv4_prefix_count,
    ) {
        ([], None, [], None) => Err(refusal::no_addresses()),
        (list, None, [], None) => Ok(AddressRequest::List(addresses(list, "privateIpAddress")?)),
        ([], Some(count), [], None) => Ok(AddressRequest::Count(count)),
        ([], None, named, None) => {
            Ok(AddressRequest::Prefixes(PrefixRequest::List(prefixes(named)?)))
        }
        ([], None, [], Some(count)) => Ok(AddressRequest::Prefixes(PrefixRequest::Count(count))),
        _ => Err(more_than_one()),
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
    if request.private_ip_addresses.is_empty() && request.ipv4_prefixes.is_empty() {
        return Err(ApiError::missing("privateIpAddress"));
    }
    let list = addresses(&request.private_ip_addresses, "privateIpAddress")?;
    let prefixes = prefixes(&request.ipv4_prefixes)?;
    let eni = context.own_eni_id(&request.network_interface_id)?;
    context.change(|world| world.unassign_all(&eni, &list, &prefixes))?;
    Ok(Return::default())
}
