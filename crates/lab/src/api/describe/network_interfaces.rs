//! DescribeNetworkInterfaces.

use ec2_query::{
    DescribeNetworkInterfaces, DescribeNetworkInterfacesResponse, Ipv4PrefixSpecification,
    NetworkInterface, NetworkInterfaceAttachment, NetworkInterfacePrivateIpAddress,
};
use vpc::{Attachment, AttachmentTarget, Eni, EniId, World};

use super::{Described, Selection, groups, list, many, never, one, tag_pairs, tags};
use crate::api::Context;
use crate::api::error::ApiError;
use crate::api::filter::Filtered;
use crate::state::{facts, iso8601};

pub(in crate::api) fn network_interfaces(
    context: &Context<'_>,
    request: &DescribeNetworkInterfaces,
) -> Result<DescribeNetworkInterfacesResponse, ApiError> {
    let all = context.lab.read(|world| {
        let own = world.enis().filter(|eni| context.owns(&eni.owner));
        let known = own.filter(|eni| !context.lab.requests.hides(eni, context.now));
        known.map(|eni| view(world, eni)).collect()
    });
    let selection = Selection {
        ids: &request.network_interface_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let (network_interfaces, next_token) =
        list::<EniId, NetworkInterface>(context, &selection, all)?;
    Ok(DescribeNetworkInterfacesResponse { network_interfaces, next_token })
}

/// An ENI as EC2 answers it, here and in CreateNetworkInterface.
pub(in crate::api) fn view(world: &World, eni: &Eni) -> NetworkInterface {
    let addresses = private_ip_addresses(world, eni);
    let requester = eni.requester.as_ref();
    NetworkInterface {
        network_interface_id: eni.id.to_string(),
        subnet_id: eni.subnet.to_string(),
        vpc_id: eni.vpc.to_string(),
        availability_zone: eni.availability_zone.to_string(),
        availability_zone_id: Some(eni.availability_zone.zone_id()),
        description: eni.description.clone(),
        owner_id: eni.owner.to_string(),
        requester_id: requester.map(|requester| requester.id.clone()),
        requester_managed: requester.is_some_and(|requester| requester.managed),
        status: facts::status(eni.status()).into(),
        mac_address: eni.mac.to_string(),
        private_ip_address: Some(eni.primary.to_string()),
        private_dns_name: addresses.first().and_then(|first| first.private_dns_name.clone()),
        source_dest_check: eni.source_dest_check,
        groups: groups(world, eni),
        attachment: eni.attachment.as_ref().map(|attachment| self::attachment(world, attachment)),
        tags: tags(&eni.tags),
        private_ip_addresses: addresses,
        ipv4_prefixes: eni
            .prefixes
            .iter()
            .map(|prefix| Ipv4PrefixSpecification { ipv4_prefix: prefix.to_string() })
            .collect(),
        ipv6_addresses: Vec::new(),
        interface_type: eni.interface_type.to_string(),
    }
}

/// An ENI's addresses, the primary one first. They have names if the VPC says so.
pub(super) fn private_ip_addresses(
    world: &World,
    eni: &Eni,
) -> Vec<NetworkInterfacePrivateIpAddress> {
    let named = world.vpc(&eni.vpc).is_ok_and(|vpc| vpc.attributes.dns_hostnames);
    let region = eni.availability_zone.region();
    eni.addresses()
        .map(|address| NetworkInterfacePrivateIpAddress {
            private_ip_address: address.to_string(),
            private_dns_name: named.then(|| facts::private_dns_name(address, region)),
            primary: address == eni.primary,
        })
        .collect()
}

fn attachment(world: &World, attachment: &Attachment) -> NetworkInterfaceAttachment {
    let (instance_id, owner, device_index, network_card) = match &attachment.target {
        AttachmentTarget::Instance { id, device_index, network_card } => {
            let owner = world.instance(id).map(|instance| instance.owner.to_string());
            (Some(id.to_string()), owner.unwrap_or_default(), *device_index, Some(*network_card))
        }
        // The other end is out of the account's sight: no instance, its owner only. EKS attaches
        // X-ENIs as device 1 of machines nobody sees.
        AttachmentTarget::Foreign(foreign) => (None, foreign.owner_account.to_string(), 1, None),
    };
    NetworkInterfaceAttachment {
        attachment_id: attachment.id.to_string(),
        instance_id,
        instance_owner_id: owner,
        device_index,
        network_card_index: network_card,
        status: "attached".into(),
        attach_time: iso8601(attachment.attached_at),
        delete_on_termination: attachment.delete_on_termination,
    }
}

impl Described for NetworkInterface {
    const ACTION: &'static str = "DescribeNetworkInterfaces";
    const IDS: &'static str = "networkInterfaceIdSet";

    fn key(&self) -> &str {
        &self.network_interface_id
    }
}

impl Filtered for NetworkInterface {
    fn attribute(&self, name: &str) -> Option<Vec<String>> {
        let addresses = &self.private_ip_addresses;
        if let Some(name) = name.strip_prefix("attachment.") {
            return attachment_attribute(self.attachment.as_ref(), name);
        }
        match name {
            "addresses.primary" => many(addresses.iter().map(|a| a.primary)),
            "addresses.private-ip-address" => many(addresses.iter().map(|a| &a.private_ip_address)),
            "addresses.association.owner-id"
            | "addresses.association.public-ip"
            | "association.allocation-id"
            | "association.association-id"
            | "association.ip-owner-id"
            | "association.public-dns-name"
            | "association.public-ip"
            | "ipv6-addresses.ipv6-address"
            | "operator.principal" => never(),
            "operator.managed" => one(&false),
            "availability-zone" => one(&self.availability_zone),
            "availability-zone-id" => many(&self.availability_zone_id),
            "description" => one(&self.description),
            "group-id" => many(self.groups.iter().map(|group| &group.group_id)),
            "group-name" => many(self.groups.iter().map(|group| &group.group_name)),
            "interface-type" => one(&self.interface_type),
            "mac-address" => one(&self.mac_address),
            "network-interface-id" => one(&self.network_interface_id),
            "owner-id" => one(&self.owner_id),
            "private-dns-name" => many(&self.private_dns_name),
            "private-ip-address" => many(&self.private_ip_address),
            "requester-id" => many(&self.requester_id),
            "requester-managed" => one(&self.requester_managed),
            "source-dest-check" => one(&self.source_dest_check),
            "status" => one(&self.status),
            "subnet-id" => one(&self.subnet_id),
            "vpc-id" => one(&self.vpc_id),
            _ => None,
        }
    }

    fn tags(&self) -> Option<Vec<(&str, &str)>> {
        tag_pairs(&self.tags)
    }
}

fn attachment_attribute(
    attachment: Option<&NetworkInterfaceAttachment>,
    name: &str,
) -> Option<Vec<String>> {
    let value: fn(&NetworkInterfaceAttachment) -> Option<String> = match name {
        "attach-time" => |a| Some(a.attach_time.clone()),
        "attachment-id" => |a| Some(a.attachment_id.clone()),
        "delete-on-termination" => |a| Some(a.delete_on_termination.to_string()),
        "device-index" => |a| Some(a.device_index.to_string()),
        "instance-id" => |a| a.instance_id.clone(),
        "instance-owner-id" => |a| Some(a.instance_owner_id.clone()),
        "network-card-index" => |a| a.network_card_index.map(|index| index.to_string()),
        "status" => |a| Some(a.status.clone()),
        _ => return None,
    };
    many(attachment.and_then(value))
}
