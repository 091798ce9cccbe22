//! DescribeInstances.

use ec2_query::{
    DescribeInstances, DescribeInstancesResponse, GroupIdentifier, IamInstanceProfile, Instance,
    InstanceMetadataOptions, InstanceNetworkInterface, InstanceNetworkInterfaceAttachment,
    InstanceState, Monitoring, Placement, Reservation,
};
use vpc::{Eni, InstanceId, World};

use super::network_interfaces::private_ip_addresses;
use super::{Described, Selection, groups, list, many, never, one, tag_pairs, tags};
use crate::api::Context;
use crate::api::error::ApiError;
use crate::api::filter::Filtered;
use crate::state::{facts, iso8601};

pub(in crate::api) fn instances(
    context: &Context<'_>,
    request: &DescribeInstances,
) -> Result<DescribeInstancesResponse, ApiError> {
    let all = context.lab.read(|world| {
        let own = world.instances().filter(|instance| context.owns(&instance.owner));
        own.map(|instance| view(context, world, instance)).collect()
    });
    let selection = Selection {
        ids: &request.instance_ids,
        filters: &request.filters,
        max_results: request.max_results,
        next_token: request.next_token.as_deref(),
    };
    let (launched, next_token) = list::<InstanceId, Launched>(context, &selection, all)?;
    let reservations = launched.into_iter().map(Reservation::from).collect();
    Ok(DescribeInstancesResponse { reservations, next_token })
}

/// An instance and the owner its reservation names.
#[derive(Debug, Default)]
struct Launched {
    owner: String,
    instance: Instance,
}

impl From<Launched> for Reservation {
    fn from(launched: Launched) -> Self {
        Self {
            reservation_id: launched.reservation_id(),
            owner_id: launched.owner,
            requester_id: None,
            groups: Vec::new(),
            instances: vec![launched.instance],
        }
    }
}

impl Launched {
    fn reservation_id(&self) -> String {
        facts::reservation_id(&self.instance.instance_id)
    }
}

fn view(context: &Context<'_>, world: &World, instance: &vpc::Instance) -> Launched {
    let enis = world.instance_enis(&instance.id);
    let primary = enis.first();
    let zone = &instance.availability_zone;
    let kind = instance.instance_type;
    let (state_code, state_name) = facts::state(instance.state);
    let profile = context.lab.instance_role.as_ref().map(|role| IamInstanceProfile {
        arn: facts::instance_profile_arn(&instance.owner, role),
        id: facts::instance_profile_id(role),
    });
    let shown = Instance {
        instance_id: instance.id.to_string(),
        image_id: facts::IMAGE_ID.into(),
        state: InstanceState { code: state_code, name: state_name.into() },
        // Gone with the primary ENI when the instance is terminated.
        private_dns_name: primary.map(|_| instance.private_dns_name.clone()).unwrap_or_default(),
        public_dns_name: String::new(),
        state_transition_reason: String::new(),
        ami_launch_index: 0,
        instance_type: kind.name.to_string(),
        launch_time: iso8601(instance.launched),
        placement: Placement {
            availability_zone: zone.to_string(),
            availability_zone_id: Some(zone.zone_id()),
            group_name: String::new(),
            tenancy: "default".into(),
        },
        monitoring: Monitoring { state: "disabled".into() },
        subnet_id: primary.map(|eni| eni.subnet.to_string()),
        vpc_id: primary.map(|eni| eni.vpc.to_string()),
        private_ip_address: primary.map(|eni| eni.primary.to_string()),
        architecture: facts::architecture(kind).into(),
        root_device_type: Some("ebs".into()),
        virtualization_type: Some("hvm".into()),
        // EC2 says so of Nitro too (API reference, Instance).
        hypervisor: Some("xen".into()),
        client_token: String::new(),
        ebs_optimized: false,
        ena_support: Some(true),
        iam_instance_profile: profile,
        network_interfaces: enis.iter().map(|eni| interface(world, eni)).collect(),
        security_groups: primary.map(|eni| groups(world, eni)).unwrap_or_default(),
        source_dest_check: primary.map(|eni| eni.source_dest_check),
        tags: tags(&instance.tags),
        metadata_options: Some(InstanceMetadataOptions {
            state: "applied".into(),
            http_tokens: "required".into(),
            http_put_response_hop_limit: 1,
            http_endpoint: "enabled".into(),
        }),
    };
    Launched { owner: instance.owner.to_string(), instance: shown }
}

fn interface(world: &World, eni: &Eni) -> InstanceNetworkInterface {
    let addresses = private_ip_addresses(world, eni);
    let (device_index, network_card) = facts::slot(eni).unwrap_or_default();
    let attachment = eni.attachment.as_ref().map(|attachment| InstanceNetworkInterfaceAttachment {
        attachment_id: attachment.id.to_string(),
        device_index,
        network_card_index: Some(network_card),
        status: "attached".into(),
        attach_time: iso8601(attachment.attached_at),
        delete_on_termination: attachment.delete_on_termination,
    });
    InstanceNetworkInterface {
        network_interface_id: eni.id.to_string(),
        subnet_id: eni.subnet.to_string(),
        vpc_id: eni.vpc.to_string(),
        description: eni.description.clone(),
        owner_id: eni.owner.to_string(),
        status: facts::status(eni.status()).into(),
        mac_address: eni.mac.to_string(),
        private_ip_address: Some(eni.primary.to_string()),
        private_dns_name: addresses.first().and_then(|first| first.private_dns_name.clone()),
        source_dest_check: eni.source_dest_check,
        groups: groups(world, eni),
        attachment: attachment.unwrap_or_default(),
        private_ip_addresses: addresses,
        ipv4_prefixes: Vec::new(),
        interface_type: eni.interface_type.to_string(),
    }
}

impl Described for Launched {
    const ACTION: &'static str = "DescribeInstances";
    const IDS: &'static str = "instancesSet";

    fn key(&self) -> &str {
        &self.instance.instance_id
    }
}

impl Filtered for Launched {
    fn attribute(&self, name: &str) -> Option<Vec<String>> {
        if let Some(name) = name.strip_prefix("network-interface.") {
            return interface_attribute(self, name);
        }
        let instance = &self.instance;
        let groups = &instance.security_groups;
        match name {
            "architecture" => one(&instance.architecture),
            "availability-zone" => one(&instance.placement.availability_zone),
            "availability-zone-id" => many(&instance.placement.availability_zone_id),
            "client-token" => one(&instance.client_token),
            "dns-name" => one(&instance.public_dns_name),
            "ebs-optimized" => one(&instance.ebs_optimized),
            "ena-support" => many(instance.ena_support),
            "enclave-options.enabled" | "hibernation-options.configured" => one(&false),
            "group-id" | "instance.group-id" => many(groups.iter().map(|group| &group.group_id)),
            "group-name" | "instance.group-name" => {
                many(groups.iter().map(|group| &group.group_name))
            }
            "hypervisor" => many(&instance.hypervisor),
            "iam-instance-profile.arn" => {
                many(instance.iam_instance_profile.as_ref().map(|profile| &profile.arn))
            }
            "iam-instance-profile.id" => {
                many(instance.iam_instance_profile.as_ref().map(|profile| &profile.id))
            }
            "image-id" => one(&instance.image_id),
            "instance-id" => one(&instance.instance_id),
            "instance-state-code" => one(&instance.state.code),
            "instance-state-name" => one(&instance.state.name),
            "instance-type" => one(&instance.instance_type),
            "launch-index" => one(&instance.ami_launch_index),
            "launch-time" => one(&instance.launch_time),
            "monitoring-state" => one(&instance.monitoring.state),
            "operator.managed" => one(&false),
            "owner-id" => one(&self.owner),
            "platform-details" => one("Linux/UNIX"),
            "private-dns-name" => one(&instance.private_dns_name),
            "private-dns-name-options.enable-resource-name-dns-a-record"
            | "private-dns-name-options.enable-resource-name-dns-aaaa-record" => one(&false),
            "private-dns-name-options.hostname-type" => one("ip-name"),
            "private-ip-address" => many(&instance.private_ip_address),
            "reservation-id" => one(&self.reservation_id()),
            "root-device-type" => many(&instance.root_device_type),
            "source-dest-check" => many(instance.source_dest_check),
            "subnet-id" => many(&instance.subnet_id),
            "tenancy" => one(&instance.placement.tenancy),
            "virtualization-type" => many(&instance.virtualization_type),
            "vpc-id" => many(&instance.vpc_id),
            _ => {
                metadata_attribute(instance, name).or_else(|| ABSENT.contains(&name).then(Vec::new))
            }
        }
    }

    fn tags(&self) -> Option<Vec<(&str, &str)>> {
        tag_pairs(&self.instance.tags)
    }
}

fn metadata_attribute(instance: &Instance, name: &str) -> Option<Vec<String>> {
    let options = instance.metadata_options.as_ref();
    match name.strip_prefix("metadata-options.")? {
        "http-endpoint" => many(options.map(|options| &options.http_endpoint)),
        "http-protocol-ipv4" => one("enabled"),
        "http-protocol-ipv6" => one("disabled"),
        "http-put-response-hop-limit" => {
            many(options.map(|options| options.http_put_response_hop_limit))
        }
        "http-tokens" => many(options.map(|options| &options.http_tokens)),
        "instance-metadata-tags" => one("enabled"),
        "state" => many(options.map(|options| &options.state)),
        _ => None,
    }
}

/// Documented filters on what the lab's instances do not have.
const ABSENT: &[&str] = &[
    "affinity",
    "block-device-mapping.attach-time",
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.status",
    "block-device-mapping.volume-id",
    "boot-mode",
    "capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-preference",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
    "current-instance-boot-mode",
    "host-id",
    "instance-lifecycle",
    "ip-address",
    "ipv6-address",
    "kernel-id",
    "key-name",
    "maintenance-options.auto-recovery",
    "network-performance-options.bandwidth-weighting",
    "operator.principal",
    "outpost-arn",
    "placement-group-name",
    "placement-partition-number",
    "platform",
    "product-code",
    "product-code.type",
    "ramdisk-id",
    "reason",
    "requester-id",
    "root-device-name",
    "spot-instance-request-id",
    "state-reason-code",
    "state-reason-message",
    "tpm-support",
    "usage-operation",
    "usage-operation-update-time",
];

/// `network-interface.NAME`: the values over all of the instance's ENIs.
fn interface_attribute(launched: &Launched, name: &str) -> Option<Vec<String>> {
    let enis = &launched.instance.network_interfaces;
    let each = |value: fn(&InstanceNetworkInterface) -> String| many(enis.iter().map(value));
    let groups = || enis.iter().flat_map(|eni| &eni.groups);
    let addresses = || enis.iter().flat_map(|eni| &eni.private_ip_addresses);
    match name {
        "addresses.primary" => many(addresses().map(|address| address.primary)),
        "addresses.private-dns-name" => {
            many(addresses().filter_map(|address| address.private_dns_name.as_ref()))
        }
        "addresses.private-ip-address" => {
            many(addresses().map(|address| &address.private_ip_address))
        }
        "attachment.attach-time" => each(|eni| eni.attachment.attach_time.clone()),
        "attachment.attachment-id" => each(|eni| eni.attachment.attachment_id.clone()),
        "attachment.delete-on-termination" => {
            each(|eni| eni.attachment.delete_on_termination.to_string())
        }
        "attachment.device-index" => each(|eni| eni.attachment.device_index.to_string()),
        "attachment.instance-id" => many(enis.iter().map(|_| &launched.instance.instance_id)),
        "attachment.instance-owner-id" => many(enis.iter().map(|_| &launched.owner)),
        "attachment.network-card-index" => {
            many(enis.iter().filter_map(|eni| eni.attachment.network_card_index))
        }
        "attachment.status" => each(|eni| eni.attachment.status.clone()),
        "availability-zone" => {
            many(enis.iter().map(|_| &launched.instance.placement.availability_zone))
        }
        "description" => each(|eni| eni.description.clone()),
        "group-id" => many(groups().map(|GroupIdentifier { group_id, .. }| group_id)),
        "group-name" => many(groups().map(|GroupIdentifier { group_name, .. }| group_name)),
        "mac-address" => each(|eni| eni.mac_address.clone()),
        "network-interface-id" => each(|eni| eni.network_interface_id.clone()),
        "owner-id" => each(|eni| eni.owner_id.clone()),
        "private-dns-name" => many(enis.iter().filter_map(|eni| eni.private_dns_name.as_ref())),
        "private-ip-address" => many(enis.iter().filter_map(|eni| eni.private_ip_address.as_ref())),
        "requester-managed" | "operator.managed" => each(|_| "false".into()),
        "source-dest-check" => each(|eni| eni.source_dest_check.to_string()),
        "status" => each(|eni| eni.status.clone()),
        "subnet-id" => each(|eni| eni.subnet_id.clone()),
        "vpc-id" => each(|eni| eni.vpc_id.clone()),
        _ if ABSENT_OF_INTERFACES.contains(&name) => never(),
        _ => None,
    }
}

const ABSENT_OF_INTERFACES: &[&str] = &[
    "addresses.association.allocation-id",
    "addresses.association.association-id",
    "addresses.association.carrier-ip",
    "addresses.association.customer-owned-ip",
    "addresses.association.ip-owner-id",
    "addresses.association.public-dns-name",
    "addresses.association.public-ip",
    "association.allocation-id",
    "association.association-id",
    "association.carrier-ip",
    "association.customer-owned-ip",
    "association.ip-owner-id",
    "association.public-dns-name",
    "association.public-ip",
    "deny-all-igw-traffic",
    "ipv4-prefixes.ipv4-prefix",
    "ipv6-address",
    "ipv6-addresses.ipv6-address",
    "ipv6-addresses.is-primary-ipv6",
    "ipv6-native",
    "ipv6-prefixes.ipv6-prefix",
    "operator.principal",
    "outpost-arn",
    "public-dns-name",
    "requester-id",
    "tag-key",
    "tag-value",
];
