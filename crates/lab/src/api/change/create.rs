//! CreateNetworkInterface.

use std::net::Ipv4Addr;

use ec2_query::{CreateNetworkInterface, CreateNetworkInterfaceResponse};
use vpc::{AddressRequest, EniSpec, InterfaceType, PrefixRequest, SubnetId};

use super::addresses::more_than_one;
use super::tags::from_specifications;
use super::{address, addresses, prefixes};
use crate::api::error::ApiError;
use crate::api::{Context, describe, ids, refusal};

/// EC2 takes descriptions up to this many characters.
const MAX_DESCRIPTION: usize = 255;

pub(in crate::api) fn create(
    context: &Context<'_>,
    request: &CreateNetworkInterface,
) -> Result<CreateNetworkInterfaceResponse, ApiError> {
    let spec = spec(context, request)?;
    let with_prefixes = matches!(spec.secondary, AddressRequest::Prefixes(_));
    let create = |world: &mut vpc::World| {
        let id = world.create_eni(spec)?;
        Ok(describe::network_interface(world, world.eni(&id)?))
    };
    let eni = context.change_or(create, |error| match error {
        vpc::Error::InsufficientFreePrefixes { .. }
        | vpc::Error::InsufficientFreeAddresses { .. }
            if with_prefixes =>
        {
            refusal::create_without_blocks()
        }
        other => refusal::answer(other),
    })?;
    Ok(CreateNetworkInterfaceResponse {
        network_interface: eni,
        client_token: request.client_token.clone(),
    })
}

fn spec(context: &Context<'_>, request: &CreateNetworkInterface) -> Result<EniSpec, ApiError> {
    let subnet: SubnetId = ids::parse(&request.subnet_id)?;
    context.own_subnet(&subnet)?;
    let (primary, secondary) = wanted(request)?;
    Ok(EniSpec {
        subnet,
        owner: context.caller.account.clone(),
        requester: None,
        interface_type: interface_type(request.interface_type.as_deref())?,
        description: description(request.description.as_deref())?,
        primary,
        secondary,
        groups: ids::parse_all(&request.groups)?,
        tags: from_specifications(&request.tag_specifications, "network-interface")?,
        client_token: request.client_token.clone().filter(|token| !token.is_empty()),
        now: context.now,
    })
}

/// Primary address, if one is asked for, and secondary ones.
fn wanted(
    request: &CreateNetworkInterface,
) -> Result<(Option<Ipv4Addr>, AddressRequest), ApiError> {
    let (mut primaries, mut secondaries) = (Vec::new(), Vec::new());
    for asked in &request.private_ip_addresses {
        let address = asked.private_ip_address.clone();
        let list = if asked.primary.unwrap_or(false) { &mut primaries } else { &mut secondaries };
        list.push(address);
    }
    let ways = [
        !secondaries.is_empty(),
        request.secondary_private_ip_address_count.is_some(),
        !request.ipv4_prefixes.is_empty(),
        request.ipv4_prefix_count.is_some(),
    ];
    if ways.iter().filter(|given| **given).count() > 1 {
        return Err(more_than_one());
    }
    primaries.extend(request.private_ip_address.clone());
    let primary = match &primaries[..] {
        [] => None,
        [only] => Some(address(only, "privateIpAddress")?),
        _ => {
            return Err(ApiError::combination(
                "Only one primary private IP address can be specified.",
            ));
        }
    };
    let named = &request.ipv4_prefixes;
    let secondary = match (request.secondary_private_ip_address_count, request.ipv4_prefix_count) {
        (Some(count), _) => AddressRequest::Count(count),
        (_, Some(count)) => AddressRequest::Prefixes(PrefixRequest::Count(count)),
        _ if !named.is_empty() => {
            let named = named.iter().map(|prefix| &prefix.ipv4_prefix);
            AddressRequest::Prefixes(PrefixRequest::List(prefixes(named)?))
        }
        _ if secondaries.is_empty() => AddressRequest::None,
        _ => AddressRequest::List(addresses(&secondaries, "privateIpAddresses")?),
    };
    Ok((primary, secondary))
}

fn interface_type(text: Option<&str>) -> Result<InterfaceType, ApiError> {
    match text {
        None | Some("interface") => Ok(InterfaceType::Interface),
        Some("efa" | "efa-only" | "branch" | "trunk") => {
            Err(ApiError::unsupported(&format!("InterfaceType {}", text.unwrap_or_default())))
        }
        Some(other) => Err(ApiError::invalid_value(format!(
            "Value ({other}) for parameter interfaceType is invalid."
        ))),
    }
}

/// Checks a description's length.
pub(super) fn description(text: Option<&str>) -> Result<String, ApiError> {
    let text = text.unwrap_or_default();
    if text.chars().count() > MAX_DESCRIPTION {
        return Err(ApiError::invalid_value(format!(
            "Value ({text}) for parameter description is invalid. \
             Character length cannot exceed {MAX_DESCRIPTION}."
        )));
    }
    Ok(text.to_owned())
}
